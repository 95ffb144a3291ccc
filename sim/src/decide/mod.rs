//! What is decided in a run, and where: declared once, drawn from a seed, recorded, and played.
//!
//! A *decision* is a choice with a name, bounds and a plain outcome: it does not happen, or is the least or the first.
//! Decisions stand at a *place*: a [`Point`] (what is going on: a turn, a fetch) and a [`Key`] (what it is about: the
//! third call, the second attempt of request 7). What stands in no script is plain, so what is taken out of one no
//! longer happens, and what is left still happens, at its place.
//!
//! [`points!`](crate::points) declares them. The call's types, the keys of scenario files, the table in the
//! documentation and every error message come from that declaration.

mod decision;
mod decisions;
mod declare;
mod draw;
mod kind;
mod mode;
mod place;
mod script;

pub use decision::Decision;
pub use decisions::Decisions;
pub use declare::{Choice, Flag, Point, Time, Whole, Words};
pub use draw::{Chance, Draw, Draws};
pub use kind::{Field, Kind, MOST_TIME, Value, Valued};
pub(crate) use place::hash_of;
pub use place::{Key, MOST_ITEMS, Place, Subject};
pub use script::{Note, Script, Table};

/// What a panic begins with that says how a world uses the framework wrongly: no finding about its object.
pub(crate) const MISUSE: &str = "durable-sim: ";
