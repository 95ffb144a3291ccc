//! The tests of the object's world: campaigns, what they come to, runs written out, and the scenario files with their
//! snapshots. `SIM_SEEDS` and `SIM_START` say how many seeds and from where: a long campaign is this same test.
//!
//! It is a test of the core's package, so that `cargo test` comes to it first: of all that a mistake in the machine
//! breaks, this says best what is wrong.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch_sim::{bugs::MUTANTS, proxy::ProxyRuns};

durable_sim::tests! {
    ProxyRuns::SWARM,
    seeds: 3_000,
    command: "cargo sim",
    profiles: [("calm", 500), ("soak", 10)],
    scenarios: "sim/worlds/scenarios",
    snapshots: "snapshots/scenarios",
    mutants: MUTANTS,
}
