//! The platform's faults: what may go wrong, how often, and until when.

use super::{
    Chance, Micros,
    alarm::{HANDLER_LIMIT, MAX_BACKOFF, MAX_RETRIES, longest_wait},
    run::COMMIT_LIMIT,
};
use std::fmt;

/// A fault by its number in the list of faults. The engine injects F1-F8 and F10-F20; a world injects the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault(pub u8);

impl Fault {
    /// A crash at an await point, or right after a commit.
    pub const CRASH: Self = Self(1);
    /// A crash before the commit of a turn.
    pub const CRASH_BEFORE_COMMIT: Self = Self(2);
    /// A commit fails.
    pub const COMMIT_FAILS: Self = Self(3);
    /// A commit is slow.
    pub const COMMIT_SLOW: Self = Self(4);
    /// An exception in mid-turn.
    pub const EXCEPTION: Self = Self(5);
    /// Eviction.
    pub const EVICTION: Self = Self(6);
    /// Timers and running work vanish with their instance.
    pub const WORK_VANISHES: Self = Self(7);
    /// A deploy.
    pub const DEPLOY: Self = Self(8);
    /// An instance that was replaced runs on for a while.
    pub const ZOMBIE: Self = Self(9);
    /// The memory of the machine is lost, and nothing else of its instance.
    pub const GHOST_RESTART: Self = Self(10);
    /// The constructor throws, or a limit kills the isolate.
    pub const ISOLATE_KILLED: Self = Self(11);
    /// An alarm is late.
    pub const ALARM_LATE: Self = Self(12);
    /// An alarm runs twice.
    pub const ALARM_TWICE: Self = Self(13);
    /// An alarm runs for an old time.
    pub const ALARM_STALE: Self = Self(14);
    /// An alarm handler fails.
    pub const ALARM_FAILS: Self = Self(15);
    /// An alarm handler hangs and is killed after 15 minutes.
    pub const ALARM_HANGS: Self = Self(16);
    /// An alarm is stored but will never fire.
    pub const ALARM_STUCK: Self = Self(17);
    /// An alarm among other events.
    pub const ALARM_INTERLEAVED: Self = Self(18);
    /// The clock differs after a move.
    pub const CLOCK_MOVES: Self = Self(19);
    /// No connection slot is free.
    pub const CONNECTIONS_FULL: Self = Self(20);
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "F{}", self.0)
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

/// One crash at a chosen place: of the commit with this number, from 1, the last that anybody sees is …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashAt {
    /// nothing: the crash comes before the commit.
    Before(u64),
    /// the commit, and so many of its effects.
    After(u64, usize),
}

/// How often the platform injects each of its faults, per occasion. None by default.
///
/// F7, the loss of work that runs, comes with each reset; F8, a deploy, is a world's [`super::Sim::reset`]; F18, an alarm
/// among other events, needs no rate; F20 comes with [`Sizes::connections`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// F1, at each commit: before or between its effects.
    pub crash_after_commit: Chance,
    /// F1 or F2, once, and not by chance.
    pub crash_at: Option<CrashAt>,
    /// F2, at each turn that writes.
    pub crash_before_commit: Chance,
    /// F3, at each turn that writes: half of them at once, half when the commit should be through.
    pub commit_fails: Chance,
    /// F4, at each commit: up to 30 s; one in ten longer, which resets the object.
    pub commit_slow: Chance,
    /// F5, at each turn: half before the commit, half between commit and effects.
    pub exception: Chance,
    /// F6: which objects are evicted, 70 to 140 s after their last incoming event.
    pub eviction: Eviction,
    /// F10, at each turn: the machine panics in it.
    pub ghost_restart: Chance,
    /// F11, at each construction. At most 6 in a row.
    pub constructor_throws: Chance,
    /// F12, at each alarm: up to 60 s late.
    pub alarm_late: Chance,
    /// F13, at each alarm that ran: it runs again.
    pub alarm_twice: Chance,
    /// F14, at each alarm that was replaced by a later one: it runs all the same.
    pub alarm_stale: Chance,
    /// F15, at each alarm: its handler throws before it did anything.
    pub alarm_fails: Chance,
    /// F15: whether an alarm whose handler failed seven times is abandoned. If not, the seventh run succeeds.
    pub alarm_abandoned: bool,
    /// F16, at each alarm: its handler runs, and then hangs until the object is reset after 15 minutes.
    pub alarm_hangs: Chance,
    /// F17, at each alarm that is stored: it will never fire. Only an event that comes in can help the object then.
    pub alarm_stuck: Chance,
    /// F19, at each construction: the new host's clock is up to this many ms off, either way.
    pub clock_skew_ms: u64,
}

impl Faults {
    /// After these cease: the longest time until the retry of a stored alarm, in µs. A handler that throws waits for its
    /// last retry at most, one that cannot run or commit for the longest wait of all, and one that hangs is killed before. Faults that are
    /// played have no rates.
    pub(super) fn recovery(&self, are_played: bool) -> Micros {
        let occurs = |chance: Chance| are_played || chance != Chance::NEVER;
        let uncounted = [self.commit_fails, self.commit_slow, self.constructor_throws];
        let retry = if uncounted.into_iter().any(occurs) {
            COMMIT_LIMIT + longest_wait(MAX_BACKOFF)
        } else {
            longest_wait(MAX_RETRIES - 1)
        };
        if occurs(self.alarm_hangs) { retry + HANDLER_LIMIT } else { retry }
    }
}

/// The platform's sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// How long a turn waits for more events to share its commit, in µs.
    pub gather_us: Micros,
    /// A commit takes from this, in µs …
    pub commit_us_min: Micros,
    /// … to this.
    pub commit_us_max: Micros,
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
            commit_us_min: 1_000,
            commit_us_max: 5_000,
            serial_commits: false,
            connections: 6,
            calls_per_second: 1_000,
        }
    }
}
