//! What the tests of scenarios and of records share: scenario files, the world that plays them on the simulated
//! platform under all laws, and a recording of what the object does.

// Each test binary uses its own part.
#![allow(dead_code)]

pub mod calls;
pub mod file;
pub mod json;
pub mod recording;
pub mod verdict;
pub mod world;

pub use file::{Scenario, all};
pub use world::play;
