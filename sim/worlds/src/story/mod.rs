//! Stories: files of a few requests that say how each must end, and the world that plays them on the simulated platform
//! under all laws. `worker/test/runtime/scenarios.test.ts` plays the same files on workerd.
//!
//! It has a host of its own, smaller than that of [`proxy`](crate::proxy), though it is on the same engine. A story is a
//! script: a request is repeated and cancelled as often as it says, each reply is compared with the one that it expects,
//! an upstream and an origin do what it says call by call. The host of `proxy` follows a plan, which hands in a request
//! once and cancels it once at the most; it compares no reply, decides what an upstream does attempt by attempt, and
//! knows of `Retry-After` only the few texts that can be decided. The object here records its turns, too, which
//! [`verify`](crate::verify) takes again; in `proxy` nothing records.

mod calls;
pub mod file;
mod json;
mod message;
mod play;
pub mod recording;
mod tell;
mod verdict;
mod world;

pub use file::{Story, all};
pub use play::{Played, play};
pub use tell::{SEEDS, Told, tell};
pub use verdict::judge;
pub use world::Request;
