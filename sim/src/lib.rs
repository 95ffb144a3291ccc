//! Deterministic simulation of durable objects, and of proxy-fetch in particular.
//!
//! [`engine`] simulates a platform for any durable object. [`proxy`] is the world of proxy-fetch on it, [`laws`] is
//! what must hold in that world, and [`campaign`] runs many seeds.

#![forbid(unsafe_code)]

pub mod campaign;
pub mod engine;
pub mod laws;
pub mod proxy;
