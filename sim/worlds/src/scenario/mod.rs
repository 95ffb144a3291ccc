//! Scenario files: a plan as plain text (TOML) that a person can read, write, diff and keep.
//!
//! A file holds what is not plain: requests by name with what differs from the defaults, and decisions by place.
//! Whatever it leaves out does not happen, or has the least or the first value of its kind; no seed is involved.
//! `scenarios/README.md` lists all keys.

mod error;
mod file;
mod places;
mod read;
mod says;
mod schema;
mod shrink;
mod simplify;
mod write;

pub use error::ScenarioError;
pub use file::Scenario;
pub use places::{parse_place, place_text};
pub use says::{law_says, readable, to_first_break, told};
pub use shrink::{Shrunk, shrink_run, written_out};
pub use write::decision_lines;
