//! What a run is made of, as a document: drawn from a seed, written, read, and made small.
//!
//! A [`Document`] holds what is not plain: settings, lists of what happens when, and the decisions of the run. What it
//! does not say is plain: it has its default, or does not happen. Written out, a seed is a document that needs no seed
//! any more and gives the same run.
//!
//! A world says in a [`Schema`] what its documents can have. Keys, bounds, error messages and the table in its
//! documentation come from there.

mod deviations;
mod document;
mod error;
mod fields;
mod minimise;
mod platform;
mod read;
mod schema;
mod simplify;
mod simulation;
mod smaller;
#[cfg(test)]
mod testing;
mod vary;
mod write;

pub use deviations::{Budget, Searched, deviations};
pub use document::{Document, Item};
pub use error::DocumentError;
pub use fields::Fields;
pub use minimise::{Minimised, Tried, minimise};
pub use read::{conflict_at, head_error, read, text_at};
pub use schema::{List, Schema};
pub use simulation::{Conflict, Difference, NotMinimised, Run, Simulation};
pub use vary::{Feature, Material, Moment, graft, vary};
pub use write::{decision_lines, write};
