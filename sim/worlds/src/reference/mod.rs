//! A reference model of the machine, and a judge that runs both side by side: generated operations and faults run on a
//! small platform, and each reply, fetch, callback, abort, row and alarm is compared with what a few plain lists
//! predict.
//!
//! It shares no code with the simulated world and its laws: it is a second opinion on the same promises. So its platform
//! has a host of its own, which does little: it remembers what runs and what it holds, and performs nothing. That an
//! attempt or a callback ends, and how a turn's commit comes out, are operations of the sequence, which proptest
//! generates and makes small; the host of [`proxy`](crate::proxy) decides both by itself.

mod asks;
mod compare;
pub mod inputs;
mod judge;
mod lifecycle;
mod model;
mod ops;
mod platform;
mod sequence;

pub use judge::{Difference, Judge};
pub use ops::{Reference, refused_calls};
pub use sequence::run_sequence;
