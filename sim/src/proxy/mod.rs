//! The proxy-fetch world.
pub mod ledger;
