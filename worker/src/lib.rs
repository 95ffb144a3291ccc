//! proxy-fetch on Cloudflare's runtime: the Durable Object [`ProxyFetchDO`], its rival [`ProxyFetchQueue`], and the
//! [`client`] for both.
//!
//! - `object`: the class that the runtime constructs; each of its handlers only puts events into the shell.
//! - `queue`: the consumer's invocations.
//! - `fetch` and `deliver`: one attempt, one callback; of both variants.
//! - `panics`: what a panic leads to.
//! - `shell`: turns: events in, one commit, effects out.
//! - `sql`: the rows, in the object's SQLite.
//! - `settings`: the object's configuration, from the worker's variables.
//! - `glue`: the few functions in JavaScript.

pub mod client;
mod deliver;
mod fetch;
mod glue;
mod object;
mod panics;
mod queue;
mod settings;
mod shell;
mod sql;
mod thrown;

pub use object::ProxyFetchDO;
pub use queue::ProxyFetchQueue;

#[cfg(feature = "handlers")]
mod handlers;
