//! The platform's faults: what may go wrong, how often, and until when.

use super::{Chance, Micros};
use crate::decide::Draw;
use std::fmt;

/// A fault: something that goes wrong, by its name. A world declares its own where they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault {
    /// Its name.
    pub name: &'static str,
    /// What happens, in a few words.
    pub says: &'static str,
}

impl Fault {
    /// A fault of this name.
    #[must_use]
    pub const fn new(name: &'static str, says: &'static str) -> Self {
        Self { name, says }
    }

    /// At an await point, or between a commit and its effects, or among them.
    pub const CRASH: Self = Self::new("crash", "crash");
    /// Before the commit of a turn.
    pub const CRASH_BEFORE_COMMIT: Self = Self::new("crash before commit", "crash before the commit");
    /// The storage refuses a commit.
    pub const COMMIT_FAILS: Self = Self::new("commit fails", "the commit failed");
    /// A commit takes up to 30 s, or resets the object when it takes longer.
    pub const COMMIT_SLOW: Self = Self::new("commit slow", "the commit took over 30 s");
    /// An exception in mid-turn.
    pub const EXCEPTION: Self = Self::new("exception", "exception in mid-turn");
    /// Cloudflare evicts what has not been needed for a while.
    pub const EVICTION: Self = Self::new("eviction", "evicted");
    /// Timers and running work vanish with their instance.
    pub const WORK_VANISHES: Self = Self::new("work vanishes", "running work is gone");
    /// A new version is deployed: every instance ends.
    pub const DEPLOY: Self = Self::new("deploy", "deploy");
    /// An instance that was replaced runs on for a while.
    pub const ZOMBIE: Self = Self::new("zombie", "a replaced instance runs on");
    /// The memory of the machine is lost, and nothing else of its instance.
    pub const GHOST_RESTART: Self = Self::new("ghost restart", "the machine panics; what it had started runs on");
    /// The constructor throws, or a limit kills the isolate.
    pub const ISOLATE_KILLED: Self = Self::new("isolate killed", "the isolate was killed");
    /// An alarm runs later than it was set for.
    pub const ALARM_LATE: Self = Self::new("alarm late", "the alarm is late");
    /// An alarm runs though it has run.
    pub const ALARM_TWICE: Self = Self::new("alarm twice", "the alarm runs twice");
    /// An alarm runs though another one has replaced it.
    pub const ALARM_STALE: Self = Self::new("alarm stale", "the alarm runs though it was replaced");
    /// An alarm's handler throws.
    pub const ALARM_FAILS: Self = Self::new("alarm fails", "the alarm's handler throws");
    /// An alarm's handler never ends, and is killed.
    pub const ALARM_HANGS: Self = Self::new("alarm hangs", "the alarm handler was killed after 15 minutes");
    /// An alarm is stored but will never fire.
    pub const ALARM_STUCK: Self = Self::new("alarm stuck", "the alarm will never fire");
    /// An alarm comes among other events.
    pub const ALARM_INTERLEAVED: Self = Self::new("alarm interleaved", "the alarm comes among other events");
    /// The next host's clock is behind that of the one before.
    pub const CLOCK_MOVES: Self = Self::new("clock moves", "the clock goes back");
    /// Too many connections are open.
    pub const CONNECTIONS_FULL: Self = Self::new("connections full", "no connection is free");

    /// The names of those that the platform brings about by itself, as the rows of a [`Grid`](super::Grid).
    pub const PLATFORM: &'static [&'static str] = &[
        Self::CRASH.name,
        Self::CRASH_BEFORE_COMMIT.name,
        Self::COMMIT_FAILS.name,
        Self::COMMIT_SLOW.name,
        Self::EXCEPTION.name,
        Self::EVICTION.name,
        Self::GHOST_RESTART.name,
        Self::ISOLATE_KILLED.name,
        Self::ALARM_LATE.name,
        Self::ALARM_TWICE.name,
        Self::ALARM_STALE.name,
        Self::ALARM_FAILS.name,
        Self::ALARM_HANGS.name,
        Self::ALARM_STUCK.name,
        Self::ALARM_INTERLEAVED.name,
        Self::CLOCK_MOVES.name,
    ];

    /// For such a [`Grid`](super::Grid): why a fault that [`Faults::drawn`] leaves out cannot be.
    #[must_use]
    pub fn not_drawn(name: &str, _: &str) -> Option<&'static str> {
        (name == Self::ALARM_STUCK.name).then_some("not drawn")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Whether work that is pending keeps an object in memory: Cloudflare's documents say both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eviction {
    /// Nothing is evicted.
    #[default]
    Never,
    /// Only what has no event, no commit and no connection, and no call or alarm for 70 s or more.
    Idle,
    /// Whatever got no call and no alarm for so long, its work too.
    Busy,
}

crate::words!(Eviction {
    Eviction::Never => "never",
    Eviction::Idle => "idle",
    Eviction::Busy => "busy",
});

/// How often the platform injects each of its faults, per occasion. None by default.
///
/// The loss of work that runs comes with each reset; a deploy is a world's [`super::Sim::reset`]; an alarm among other
/// events needs no rate; that no connection is free comes with [`Sizes::connections`]. In a run that is played from a
/// script no rate counts: the script says what goes wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// At each commit: before or between its effects.
    pub crash_after_commit: Chance,
    /// At each turn that writes.
    pub crash_before_commit: Chance,
    /// At each turn that writes: half of them at once, half when the commit should be through.
    pub commit_fails: Chance,
    /// At each commit: up to 30 s; one in ten longer, which resets the object.
    pub commit_slow: Chance,
    /// At each turn: half before the commit, half between commit and effects.
    pub exception: Chance,
    /// Which objects are evicted, 70 to 140 s after their last incoming event.
    pub eviction: Eviction,
    /// At each turn: the machine panics in it.
    pub ghost_restart: Chance,
    /// At each construction. At most 6 in a row.
    pub constructor_throws: Chance,
    /// At each alarm: up to 60 s late.
    pub alarm_late: Chance,
    /// At each alarm that ran: it runs again.
    pub alarm_twice: Chance,
    /// At each alarm that was replaced by a later one: it runs all the same.
    pub alarm_stale: Chance,
    /// At each alarm: its handler throws before it did anything.
    pub alarm_fails: Chance,
    /// Whether an alarm whose handler failed seven times is abandoned. If not, the seventh run succeeds.
    pub alarm_abandoned: bool,
    /// At each alarm: its handler runs, and then hangs until the object is reset after 15 minutes.
    pub alarm_hangs: Chance,
    /// At each alarm that is stored: it will never fire. Only an event that comes in can help the object then.
    pub alarm_stuck: Chance,
    /// At each construction: the new host's clock is up to this many ms off, either way.
    pub clock_skew_ms: u64,
}

impl Faults {
    /// About half of the faults that every durable object has to survive, each at one occasion in ten: those that keep the
    /// promise that an alarm runs at least once.
    #[must_use]
    pub fn drawn(draw: &mut Draw) -> Self {
        let mut rate = || draw.pick(&[Chance::NEVER, Chance::percent(10)]);
        Self {
            crash_after_commit: rate(),
            crash_before_commit: rate(),
            commit_fails: rate(),
            commit_slow: rate(),
            exception: rate(),
            ghost_restart: rate(),
            constructor_throws: rate(),
            alarm_late: rate(),
            alarm_twice: rate(),
            alarm_stale: rate(),
            alarm_fails: rate(),
            alarm_hangs: rate(),
            eviction: draw.pick(&[Eviction::Never, Eviction::Busy]),
            clock_skew_ms: draw.pick(&[0, 2_000]),
            ..Self::default()
        }
    }
}

/// The platform's sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// How long a turn waits for more events to share its commit, in µs.
    pub gather_us: Micros,
    /// A commit takes so long, in µs …
    pub commit_us: Micros,
    /// … or up to so much longer.
    pub commit_spread_us: Micros,
    /// Whether a turn waits for the commit of the one before, as in a process that blocks on its disk.
    pub serial_commits: bool,
    /// Connections that an instance may have open at once.
    pub connections: u32,
    /// Calls per second over which the object is overloaded.
    pub calls_per_second: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            gather_us: 0,
            commit_us: 1_000,
            commit_spread_us: 4_000,
            serial_commits: false,
            connections: 6,
            calls_per_second: 1_000,
        }
    }
}
