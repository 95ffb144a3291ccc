//! The experiments on the real runtime (`worker/experiments`), made on the simulated platform as well.
//!
//! Each asks the same questions, and its snapshot holds both answers. `PROXY_FETCH_OBSERVED` names another file with
//! what workerd answered than the one in the repository.
#![allow(missing_docs, reason = "a test")]

mod alarms;
mod ends;
mod findings;
mod platform;
#[path = "../reviewed/mod.rs"]
mod reviewed;
mod rig;
mod storage;
mod subject;
mod work;
