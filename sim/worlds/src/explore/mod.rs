//! Every schedule of a small scope: a search of all that can happen to one object, with the laws of the campaigns.
//!
//! [`search`](durable_sim::search::search) goes through any space; [`ProxySpace`] is proxy-fetch's, driven
//! by the core's own [`turn`](proxy_fetch::turn). A step is one turn, or the loss of the instance; time moves only with
//! alarms, so that there are finitely many moments: that of the stored alarm, 1 ms before it, 60 s after it, and the
//! expiry of the oldest request.
//!
//! The host is a part of the state (`step.rs`), and not that of [`proxy`](crate::proxy). A search goes on from a state in
//! several ways, and must know when two states are one: so a state is cloned, and has a digest. The host of `proxy` lives
//! on the engine's calendar, where all that is under way has its time and a decision is made once; a run of it cannot be
//! cloned, and its digest is of all that has happened, not of where that has led.

mod action;
mod digest;
mod scope;
mod space;
mod state;
mod step;
mod trace;

pub use action::{Action, Answer, Fate, What, When, read_path};
pub use scope::{Kind, Kinds, Scope};
pub use space::ProxySpace;
pub use state::{START, State};
pub use step::Broken;
pub use trace::{Trace, retrace};
