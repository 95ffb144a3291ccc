//! The machine by itself, in a host in memory: what a campaign never brings about, such as rows that no machine wrote, and
//! bounds that no run comes to.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

#[path = "../reviewed/mod.rs"]
mod reviewed;
#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod damage;
mod hops;
mod machine;
mod pure;
mod refusals;
mod rows;
mod total;
