//! The engine with the real machine: the whole platform, storage and commits included.

use super::{Done, NETWORK, REQUESTS, Rng, SERVICE, SPREAD};
use durable_sim::{Recorder, Sizes, plan::Simulation};
use proxy_fetch_sim::proxy::{Plan, Profile, ProxyRuns, coverage::REQUESTS as ENDS, plan::PlannedRequest, run_seed};

pub fn run_with_laws(seed: u64) -> Done {
    run(seed, true)
}

pub fn run_without_laws(seed: u64) -> Done {
    run(seed, false)
}

fn run(seed: u64, laws: bool) -> Done {
    let run = ProxyRuns { laws, ..ProxyRuns::of(Profile::Calm) }.run(&plan(seed).to_document(), Recorder::default());
    assert_eq!(run.breaks(), None);
    assert_eq!(run.sim.coverage().of_row(&ENDS, "response"), REQUESTS);
    Done { events: run.sim.recorder.steps, requests: REQUESTS, simulated_us: run.sim.now() }
}

/// Another workload: what `cargo sim run` does.
pub fn run_default(seed: u64) -> Done {
    let run = run_seed(seed, ProxyRuns::SWARM);
    assert_eq!(run.breaks(), None);
    Done {
        events: run.sim.recorder.steps,
        requests: ENDS.rows.iter().map(|end| run.sim.coverage().of_row(&ENDS, end)).sum(),
        simulated_us: run.sim.now(),
    }
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
