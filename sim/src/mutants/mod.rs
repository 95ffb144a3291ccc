//! The checkers are checked: each planted bug must be found by a law, and each law must be the first to find one.
//!
//! A [`Lens`] is a way to look for a bug. Its cost is what it looked at before it found one.

mod board;
mod lens;

pub use board::{Board, Found, OTHER_VERDICTS, law_ids, run};
pub use lens::{Kill, LENSES, Lens, lens};
