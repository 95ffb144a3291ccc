//! Deterministic simulation of durable objects, for whoever writes one. `GUIDE.md` simulates an object step by step.
//!
//! [`engine`] simulates the platform: it crashes the object, evicts it, runs its alarms late and twice, all within what
//! the platform guarantees; and a seed repeats each run. Its items are those of this crate's root too.
//!
//! With the feature `mutants`, `planter` plants mistakes into a copy of a workspace, to see which of them its checks
//! find; with `cargo-mutants` it reads those that cargo-mutants lists. With `nearest`, `nearest` says which known name an
//! unknown one was probably meant to be.

#![forbid(unsafe_code)]

pub mod engine;
#[cfg(feature = "nearest")]
mod nearest;
#[cfg(feature = "mutants")]
pub mod planter;

pub use engine::{
    CallError, Chance, Commit, CrashAt, Decision, Decisions, Draw, Draws, Eviction, Fault, Faults, InstanceId, Line,
    MINUTE, Micros, Minimiser, Object, ObjectId, Place, Recorder, SECOND, Script, Sim, Sizes, TimeUp, Turn, Value,
    World, ddmin, effort, purpose, smallest, try_ddmin, try_smallest,
};
#[cfg(feature = "nearest")]
pub use nearest::nearest;
