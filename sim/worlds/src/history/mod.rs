//! What happened, as laws read it, and what was stored: they stand below the worlds and the laws, and know neither.

pub mod ledger;
pub mod storage;
