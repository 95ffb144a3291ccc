//! The Queue variant in a simulated world: producers, a broker, isolates with a consumer each, upstreams, origins.
//!
//! The engine gives the loop, the decisions and the trace; there is no durable object in this world. The broker is a
//! queue with a dead-letter queue as `docs/platform.md` (A6) describes, with the faults F29 and F30; the laws are in
//! `laws/`, one file each. What a run is made of is a document: `plan.rs` has its parts, `decisions.rs` its decisions,
//! `draw.rs` what a seed makes of them.

mod broker;
pub mod coverage;
mod decisions;
mod draw;
mod host;
mod laws;
mod ledger;
mod message;
mod plan;
mod producers;
mod run;
mod seen;
mod stage;
mod upstream;
mod world;

pub use plan::{Plan, SCHEMA};
pub use run::QueueRuns;
pub use world::QueueWorld;
