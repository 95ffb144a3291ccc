//! proxy-fetch in a simulated world: callers, upstreams, origins, and one object on the simulated platform.

mod callbacks;
mod callers;
pub mod coverage;
mod decisions;
pub mod document;
mod draw;
pub mod features;
mod host;
mod message;
pub mod names;
pub mod object;
pub mod plan;
mod profile;
mod reached;
mod rows;
mod run;
mod seen;
mod stage;
mod upstream;
mod world;

pub use message::Message;
pub use plan::Plan;
pub use profile::Profile;
pub use run::{ProxyRuns, run_plan, run_seed};
pub use world::ProxyWorld;
