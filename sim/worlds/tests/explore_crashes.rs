//! A crash at every step of a run: before each commit, after it, and between each two of its effects; each run goes on
//! to its end, with all laws. `SIM_CRASH_SEEDS` says how many runs are taken apart so.
#![allow(missing_docs, reason = "a test")]

use durable_sim::{
    Chance, MINUTE, Place, Recorder, Script, Value,
    plan::{Run, Simulation},
};
use proxy_fetch::Options;
use proxy_fetch_sim::proxy::{Plan, Profile, ProxyRuns, ProxyWorld, coverage::REQUESTS};
use std::env;

/// A run of up to 8 requests without faults, but for upstreams that fail now and then. Nothing is strict: a crash comes.
fn plan(seed: u64) -> Plan {
    let mut plan = Plan::draw(seed, Profile::Calm);
    plan.profile = Profile::Swarm;
    plan.heal_at = 60 * MINUTE;
    plan.requests.retain(|number, _| *number < 8);
    for (number, request) in &mut plan.requests {
        request.options = Options { max_retries: i64::from(number % 3), ..request.options };
    }
    plan.world.fetch_fails = Chance::percent(if seed.is_multiple_of(2) { 0 } else { 30 });
    plan
}

const RUNS: ProxyRuns = ProxyRuns { profile: Profile::Swarm, laws: true, only: None, features: false };

/// The run with this decision in it; the others are drawn as before.
fn crashed(seed: u64, place: Place, name: &'static str, value: Value) -> Run<ProxyWorld> {
    let script: Script = [(place, name, value)].into_iter().collect();
    let run = RUNS.run(&Plan { script, ..plan(seed) }.to_document(), Recorder::default());
    assert_eq!(run.breaks(), None, "seed {seed}, \"{place}\" {name} {value:?}");
    assert!(run.sim.decisions.unplayed().is_empty(), "seed {seed} did not come to \"{place}\"");
    run
}

#[test]
fn a_crash_at_every_step_of_a_run() {
    let seeds = env::var("SIM_CRASH_SEEDS").map_or(Ok(20), |text| text.parse::<u64>()).expect("a number");
    let (mut runs, mut longest, mut interrupted) = (0_u64, 0, 0);
    for seed in 0..seeds {
        let document = plan(seed).to_document();
        let listing = document.decisions().listing();
        let asked = RUNS.run_until(&document, listing, Recorder::default(), ProxyRuns::MAX_STEPS).sim.decisions.asked();
        let mut commits = 0;
        for (place, name) in asked {
            match name {
                "crash" => {
                    let run = crashed(seed, place, name, Value::Flag(true));
                    runs += 1;
                    interrupted += run.sim.coverage().of_row(&REQUESTS, "interrupted");
                }
                "crash_after_effects" => {
                    commits += 1;
                    for effects in 0.. {
                        let run = crashed(seed, place, name, Value::Number(effects));
                        if !run.sim.notes().is_empty() {
                            // There were no more effects than the last time.
                            break;
                        }
                        runs += 1;
                        interrupted += run.sim.coverage().of_row(&REQUESTS, "interrupted");
                    }
                }
                _ => {}
            }
        }
        assert!(commits > 0, "seed {seed} made no commit");
        longest = longest.max(commits);
    }
    println!("{runs} runs of {seeds} seeds; up to {longest} commits; {interrupted} requests interrupted");
    assert!(runs > 20 * seeds, "only {runs} crashes");
    assert!(interrupted > 0, "no crash cost a request its last attempt");
}
