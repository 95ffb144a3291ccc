//! The engine with the real machine: the whole platform, storage and commits included.

use super::{Done, NETWORK, REQUESTS, Rng, SERVICE, SPREAD};
use durable_sim::Sizes;
use proxy_fetch_sim::proxy::{Plan, Profile, Watch, plan::PlannedRequest, run_plan, run_seed};

pub fn run_with_laws(seed: u64) -> Done {
    run(seed, true)
}

pub fn run_without_laws(seed: u64) -> Done {
    run(seed, false)
}

fn run(seed: u64, laws: bool) -> Done {
    let report = run_plan(plan(seed), Watch { laws, ..Watch::default() });
    assert_eq!(report.violation, None);
    assert_eq!(report.outcomes.get("response"), Some(&REQUESTS));
    Done { events: report.steps, requests: REQUESTS, simulated_us: report.simulated }
}

/// Another workload: what `cargo sim run` does.
pub fn run_default(seed: u64) -> Done {
    let report = run_seed(seed, Profile::Swarm, Watch::default());
    assert_eq!(report.violation, None);
    Done { events: report.steps, requests: report.outcomes.values().sum(), simulated_us: report.simulated }
}

fn plan(seed: u64) -> Plan {
    let mut rng = Rng(seed);
    let mut plan = Plan::draw(seed, Profile::Calm);
    plan.sizes = Sizes::default();
    plan.network_us = NETWORK.1;
    plan.requests = (0..REQUESTS)
        .map(|number| {
            let at = rng.between((0, SPREAD));
            (number as u32, PlannedRequest { at, service_us: SERVICE.1, ..PlannedRequest::default() })
        })
        .collect();
    plan.heal_at = SPREAD;
    plan
}
