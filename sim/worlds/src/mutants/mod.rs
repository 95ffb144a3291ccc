//! The checkers are checked: each planted bug must be found by a law, and each law must be the first to find one.
//!
//! The bugs are tables in `sim/worlds/mutants`, which the planter plants into a copy of the workspace ([`bugs`](crate::bugs)).
//! A lens is a way to look for a bug there. Its cost is what it looked at before it found one.

mod board;
pub mod generic;
mod lens;

pub use board::{Board, Found, OTHER_VERDICTS, each, law_ids, run};
pub use lens::{Kill, LENSES, Lens, lens, lenses, look};
