//! proxy-fetch as one process on one machine.
//!
//! - [`shell`]: the loop around the machine. It runs on any runtime, because all it knows of the world is the trait
//!   [`Platform`](shell::Platform); without the feature `server` nothing else is left of this crate.
//! - `adapters`: the real world behind the platform: tokio, SQLite, an HTTP client.
//! - `api`: the HTTP API, which puts calls into the shell's mailbox.
//! - `cli` and `serve`: the command line, and one process put together.

pub mod shell;

#[cfg(feature = "server")]
pub mod adapters;
#[cfg(feature = "server")]
pub mod api;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod serve;
