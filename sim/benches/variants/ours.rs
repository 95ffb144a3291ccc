//! This crate's engine with the real machine: the whole platform, storage and commits included.

use super::{NETWORK, REQUESTS, Rng, SERVICE, SPREAD};
use proxy_fetch_sim::{
    engine::Sizes,
    proxy::{Plan, Profile, Watch, plan::PlannedRequest, run_plan},
};

pub fn run_with_laws(seed: u64) -> u64 {
    run(seed, true)
}

pub fn run_without_laws(seed: u64) -> u64 {
    run(seed, false)
}

fn run(seed: u64, laws: bool) -> u64 {
    let report = run_plan(seed, plan(seed), Watch { laws, ..Watch::default() });
    assert_eq!(report.violation, None);
    assert_eq!(report.outcomes.get("response"), Some(&REQUESTS));
    report.steps
}

fn plan(seed: u64) -> Plan {
    let mut rng = Rng(seed);
    let mut plan = Plan::draw(seed, Profile::Calm);
    plan.sizes = Sizes::default();
    plan.network_us = NETWORK.1;
    plan.requests = (0..REQUESTS)
        .map(|_| {
            Some(PlannedRequest { at: rng.between((0, SPREAD)), service_us: SERVICE.1, ..PlannedRequest::default() })
        })
        .collect();
    plan.heal_at = SPREAD;
    plan
}
