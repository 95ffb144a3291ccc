//! Deterministic simulation of durable objects, for whoever writes one. `GUIDE.md` simulates an object step by step.
//!
//! [`engine`] simulates the platform: it crashes the object, evicts it, runs its alarms late and twice, all within what
//! the platform guarantees. [`decide`] is what happens in a run, as decisions with names that are drawn from a seed or
//! played. With the feature `plans`, which is on unless it is turned off, `plan` is runs as documents: what a seed draws
//! is written, read, and made small when a law breaks.
//!
//! With the feature `mutants`, `planter` plants mistakes into a copy of a workspace, to see which of them its checks
//! find; with `cargo-mutants` it reads those that cargo-mutants lists.

#![forbid(unsafe_code)]

#[cfg(feature = "plans")]
pub mod campaign;
#[cfg(feature = "cli")]
pub mod cli;
pub mod decide;
pub mod engine;
#[cfg(feature = "plans")]
pub mod finding;
#[cfg(feature = "plans")]
mod nearest;
#[cfg(feature = "plans")]
pub mod plan;
#[cfg(feature = "mutants")]
pub mod planter;
#[cfg(feature = "plans")]
pub mod search;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
pub mod verify;
mod watch;

pub use decide::{
    Chance, Choice, Decision, Decisions, Draw, Draws, Field, Flag, Key, Kind, MOST_ITEMS, MOST_TIME, Note, Place,
    Point, Script, Subject, Table, Time, Value, Valued, Whole, Words,
};
pub use engine::{
    Breaks, CallError, Commit, Coverage, Eviction, Fault, Faults, Grid, InstanceId, Law, Line, Mark, Minimiser,
    NoObject, Object, ObjectId, Recorder, Sim, Sizes, TimeUp, Turn, World, ddmin, effort, panic_text, smallest,
    try_ddmin, try_smallest,
};
#[cfg(feature = "plans")]
pub use nearest::nearest;
pub use time::{DAY, MINUTE, Micros, SECOND, START_MS};
pub use watch::is_to_stop;
