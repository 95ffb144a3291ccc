//! The platform as a part of a plan: how often what goes wrong with it, and how large it is.

use crate::{
    engine::{Eviction, Faults, Sizes},
    fields,
};

fields!(Faults {
    /// At each commit: before or between its effects.
    crash_after_commit: chance "crash_after_commit" (0..=60_000),
    /// At each turn that writes.
    crash_before_commit: chance "crash_before_commit" (0..=60_000),
    /// At each turn that writes: half of them at once, half when the commit should be through.
    commit_fails: chance "commit_fails" (0..=60_000),
    /// At each commit: up to 30 s; one in ten longer, which resets the object.
    commit_slow: chance "commit_slow" (0..=60_000),
    /// At each turn: half before the commit, half between commit and effects.
    exception: chance "exception" (0..=60_000),
    /// Which objects are evicted, 70 to 140 s after their last incoming event.
    eviction: word<Eviction> "eviction",
    /// At each turn: the machine panics in it.
    ghost_restart: chance "ghost_restart" (0..=60_000),
    /// At each construction.
    constructor_throws: chance "constructor_throws",
    /// At each alarm: up to 60 s late.
    alarm_late: chance "alarm_late",
    /// At each alarm that ran: it runs again.
    alarm_twice: chance "alarm_twice",
    /// At each alarm that was replaced by a later one: it runs all the same.
    alarm_stale: chance "alarm_stale",
    /// At each alarm: its handler throws before it did anything.
    alarm_fails: chance "alarm_fails",
    /// Whether an alarm whose handler failed seven times is abandoned.
    alarm_abandoned: flag "alarm_abandoned",
    /// At each alarm: its handler runs, and then hangs until the object is reset.
    alarm_hangs: chance "alarm_hangs" (0..=50_000),
    /// At each alarm that is stored: it will never fire.
    alarm_stuck: chance "alarm_stuck" (0..=50_000),
    /// At each construction the new host's clock is up to this many ms off, either way.
    clock_skew_ms: whole "clocks_apart_ms" (0..=86_400_000),
});

fields!(Sizes {
    /// How long a turn waits for more events to share its commit.
    gather_us: time "gather_ms" (0..=60_000_000),
    /// How long a commit takes.
    commit_us: time "commit_ms" (0..=15_000_000),
    /// By up to so much longer it takes, if that is drawn.
    commit_spread_us: time "commit_spread_ms" (0..=15_000_000),
    /// Whether a turn waits for the commit of the one before.
    serial_commits: flag "serial_commits",
    /// Connections that an instance may have open at once.
    connections: whole "connections" (1..=1_000),
    /// Calls per second over which the object is overloaded.
    calls_per_second: whole "calls_per_second" (1..=1_000_000),
});
