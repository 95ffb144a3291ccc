//! What the engine decides in a run, and where. Whatever goes wrong with the platform is one of these decisions.

use super::{DAY, MINUTE, alarm::HANDLER_LIMIT, run::COMMIT_LIMIT};
use crate::{decide::Point, points, words};

/// All points of the engine.
#[must_use]
pub fn all() -> Vec<&'static Point> {
    vec![&TURN, &COMMIT, &FIRING, &REPLACED, &CONSTRUCTION, &IDLE]
}

/// When a turn throws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// It does not.
    Never,
    /// Before its commit: nothing is written.
    BeforeCommit,
    /// Once its commit is durable, or if it has none: no effect leaves.
    AfterCommit,
}

words!(Exception {
    Exception::Never => "never",
    Exception::BeforeCommit => "before_commit",
    Exception::AfterCommit => "after_commit",
});

/// When the storage refuses a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFails {
    /// It does not.
    Never,
    /// As the turn hands it over.
    AtOnce,
    /// When it should be through.
    Late,
}

words!(CommitFails {
    CommitFails::Never => "never",
    CommitFails::AtOnce => "at_once",
    CommitFails::Late => "late",
});

/// Whether an object is evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evicted {
    /// It is not.
    Never,
    /// If it does nothing.
    Idle,
    /// Whatever it does.
    Busy,
}

words!(Evicted { Evicted::Never => "never", Evicted::Idle => "idle", Evicted::Busy => "busy" });

points! {
    /// A turn, by the first call or result that it takes in, or else by its alarm.
    pub TURN: Turn = "turn of" (engine) {
        /// It throws.
        exception: Choice<Exception>,
        /// The machine panics, and its memory is lost with the turn; what the instance had started runs on.
        ghost_restart: Flag,
        /// Its alarm comes before what else waits, not after it.
        alarm_first: Flag,
        /// The storage refuses its commit.
        commit_fails: Choice<CommitFails>,
        /// The instance crashes before its commit.
        crash: Flag,
        /// How long its commit takes.
        commit: Time(0..=COMMIT_LIMIT),
        /// How long its commit takes in the place of that, since the storage is slow.
        slow_commit: Time(0..=COMMIT_LIMIT),
        /// Its commit takes over 30 s, and resets the object.
        commit_times_out: Flag,
    }

    /// What comes of a commit, by its turn.
    pub COMMIT: CommitPoint = "commit of" (engine) {
        /// The instance crashes after so many of its effects.
        crash_after_effects: Whole(0..=1_000_000, tries [1]),
        /// It is durable though its instance was lost before it was told.
        survives: Flag,
        /// The alarm whose turn it was runs again so much later.
        alarm_again: Time(0..=MINUTE),
        /// The alarm that it stores will never fire.
        alarm_stuck: Flag,
        /// The alarm that it stores fires so much later: up to a minute, as Cloudflare's documents have it.
        alarm_late: Time(0..=MINUTE),
    }

    /// A stored alarm fires.
    pub FIRING: Firing = "firing of" (engine) {
        /// Its handler throws before it did anything.
        fails: Flag,
        /// It has failed for the seventh time, and is not tried again.
        abandoned: Flag,
        /// Its handler never ends, and is killed after 15 minutes.
        hangs: Flag,
        /// By so many parts per million of it the wait for its next run is longer, if it failed.
        jitter_ppm: Whole(0..=250_000),
        /// It runs again so much later, if a reset interrupted it.
        rerun: Time(0..=HANDLER_LIMIT),
    }

    /// The time has come of an alarm that was replaced by another one.
    pub REPLACED: Replaced = "replaced" (engine) {
        /// It runs all the same.
        runs: Flag,
    }

    /// An instance is constructed, by what it is needed for.
    pub CONSTRUCTION: Construction = "construction for" (engine) {
        /// The constructor throws.
        throws: Flag,
        /// The clock of the new host is so many ms ahead of true time, or behind it. Else it is as it was.
        clock_ms: Whole(-86_400_000..=86_400_000, tries [0, 500, -500]),
    }

    /// Nothing calls the object any more: by the call or the alarm after which nothing came for a while.
    pub IDLE: Idle = "idle after" (engine) {
        /// It is evicted.
        evicted: Choice<Evicted>,
        /// So much later than 70 s after it.
        after: Time(0..=DAY),
    }
}
