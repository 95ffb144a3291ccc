//! proxy-fetch in a simulated world: callers, upstreams, origins, and one object on the simulated platform.

mod callbacks;
mod callers;
pub mod coverage;
pub mod features;
mod host;
mod message;
pub mod names;
pub mod object;
pub mod plan;
mod profile;
mod reached;
mod run;
mod upstream;
mod world;

pub use message::Message;
pub use plan::Plan;
pub use profile::Profile;
pub use run::{Report, Watch, panic_text, run_plan, run_seed};
pub use world::ProxyWorld;
