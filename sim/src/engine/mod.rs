//! A simulator for any durable object: a discrete-event loop over a pure machine on a simulated platform.
//!
//! Time is a number, a seed fixes everything, and nothing here is global: runs go in parallel. The engine knows the
//! platform (one object's storage, its implicit transaction, its gates, its one alarm, its eviction) and nothing of
//! what the object is for; that is the [`World`]'s.
//!
//! The platform's rules and the faults F1-F8 and F11-F20 that it injects are those of Cloudflare's Durable Objects,
//! each within its guarantee; [`Faults`] says which.

mod alarm;
mod draw;
mod faults;
mod object;
mod platform;
mod queue;
mod run;
mod trace;

pub use draw::{Chance, Draw, Draws};
pub use faults::{CrashAt, Eviction, Fault, Faults, Sizes};
pub use object::{Object, Turn, World};
pub use platform::{CallError, Commit, InstanceId, ObjectId, Sim};
pub use trace::{Line, Recorder};

/// True time in microseconds since the run began.
pub type Micros = u64;

/// A second.
pub const SECOND: Micros = 1_000_000;
/// A minute.
pub const MINUTE: Micros = 60 * SECOND;
