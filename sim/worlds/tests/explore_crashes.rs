//! A crash at every step of a run: before each commit, after it, and between each two of its effects; each run goes on
//! to its end, with all laws. `SIM_CRASH_SEEDS` says how many runs are taken apart so.
#![allow(missing_docs, reason = "a test")]

use durable_sim::{Chance, CrashAt, Fault, MINUTE};
use proxy_fetch::Options;
use proxy_fetch_sim::proxy::{Plan, Profile, Report, Watch, coverage::State, run_plan};
use std::env;

/// A run of up to 8 requests without faults, but for upstreams that fail now and then. Nothing is strict: a crash comes.
fn plan(seed: u64) -> Plan {
    let mut plan = Plan::draw(seed, Profile::Calm);
    plan.profile = Profile::Swarm;
    plan.heal_at = 60 * MINUTE;
    plan.requests.truncate(8);
    for (number, request) in (0..).zip(plan.requests.iter_mut().flatten()) {
        request.options = Options { max_retries: number % 3, ..request.options };
    }
    plan.world.fetch_fails = Chance::percent(if seed.is_multiple_of(2) { 0 } else { 30 });
    plan
}

/// The run with this crash, if it comes to that.
fn crashed(seed: u64, at: CrashAt) -> Option<Report> {
    let mut plan = plan(seed);
    plan.faults.crash_at = Some(at);
    let report = run_plan(seed, plan, Watch::default());
    if let Some((step, violation)) = &report.violation {
        panic!("seed {seed}, crash at {at:?}: step {step} broke {violation}");
    }
    let fault = match at {
        CrashAt::Before(_) => Fault::CRASH_BEFORE_COMMIT,
        CrashAt::After(..) => Fault::CRASH,
    };
    let came = State::ALL.into_iter().any(|state| report.coverage.hits(fault, state) > 0);
    came.then_some(report)
}

#[test]
fn a_crash_at_every_step_of_a_run() {
    let seeds = env::var("SIM_CRASH_SEEDS").map_or(Ok(20), |text| text.parse::<u64>()).expect("a number");
    let (mut runs, mut longest, mut interrupted) = (0_u64, 0, 0);
    for seed in 0..seeds {
        let mut commit = 1;
        while let Some(report) = crashed(seed, CrashAt::Before(commit)) {
            runs += 1;
            interrupted += report.outcomes.get("interrupted").copied().unwrap_or_default();
            for effects in 0.. {
                let Some(report) = crashed(seed, CrashAt::After(commit, effects)) else {
                    assert!(effects > 0, "commit {commit} of seed {seed} never came");
                    break;
                };
                runs += 1;
                interrupted += report.outcomes.get("interrupted").copied().unwrap_or_default();
            }
            commit += 1;
        }
        assert!(commit > 1, "seed {seed} made no commit");
        longest = longest.max(commit - 1);
    }
    println!("{runs} runs of {seeds} seeds; up to {longest} commits; {interrupted} requests interrupted");
    assert!(runs > 20 * seeds, "only {runs} crashes");
    assert!(interrupted > 0, "no crash cost a request its last attempt");
}
