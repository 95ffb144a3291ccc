//! Scenario files: runs of the object or of the queue as plain text (TOML) that people can read, write, diff and keep.
//!
//! A file is a [`Document`](durable_sim::plan::Document) and what is known of it: what it shows, the law that it breaks,
//! and the bug that is on. It holds what is not plain: requests by name with what differs from the defaults, and
//! decisions, each at its place. Whatever it leaves out does not happen, or has the least or the first of its values; no
//! seed is involved, unless it names one. `scenarios/README.md` lists all keys.

mod deviate;
mod file;
mod says;
mod shown;
mod shrink;

pub use deviate::deviate;
pub use file::{Scenario, schema};
pub use says::{law_says, readable, to_first_break, told};
pub use shown::Shown;
pub use shrink::{Shrunk, shrink_queue, shrink_run};
