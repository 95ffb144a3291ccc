//! The Queue variant in a simulated world: producers, a broker, isolates with a consumer each, upstreams, origins.
//!
//! The engine gives the loop, the draws and the trace; there is no durable object in this world. The broker is a queue
//! with a dead-letter queue as `docs/platform.md` (A6) describes, with the faults F29 and F30; the laws are in `laws/`,
//! one file each.

mod broker;
pub mod campaign;
pub mod coverage;
mod host;
mod laws;
mod ledger;
mod plan;
mod run;
mod shrink;
mod upstream;
mod world;

pub use laws::{ids as law_ids, law_says};
pub use plan::Plan;
pub use run::{Report, Watch, run_plan, run_seed};
pub use shrink::{Shrunk, shrink_seed};
