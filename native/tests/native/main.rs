//! Tests of the native host: its parts on loopback, and the real binary from end to end.

#![allow(clippy::unwrap_used)]

mod endings;
mod fetch;
mod serving;
mod shell;
mod store;
mod support;
