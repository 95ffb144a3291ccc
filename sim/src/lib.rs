//! Deterministic simulation.

pub mod laws;
pub mod proxy;
