//! proxy-fetch in a simulated world: callers, upstreams, origins, and one object on the simulated platform.

mod callers;
pub mod coverage;
pub mod features;
mod host;
pub mod names;
pub mod object;
pub mod plan;
mod reached;
mod run;
mod upstream;
mod world;

pub use plan::{Plan, Profile};
pub use run::{Report, Watch, panic_text, run_plan, run_seed};
pub use world::{Message, ProxyWorld};
