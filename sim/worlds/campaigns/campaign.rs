//! Seeded campaigns of the object. `SIM_SEEDS` and `SIM_START` say how many seeds and from where: a long campaign is this
//! same test.
//!
//! It is a test of the core's package, so that `cargo test` comes to it first: of all that a mistake in the machine
//! breaks, this says best what is wrong.
#![allow(missing_docs, reason = "a test")]

#[path = "../../tests/settings/mod.rs"]
mod settings;

use proxy_fetch_sim::{
    campaign::{self, Campaign},
    finding::{Finding, tell_once, unless_a_law_is_broken, without_panic_messages},
    proxy::Profile,
};
use settings::{SHRINK_WITHIN, jobs, number};

/// A failure shows its law, the scenario that is left of it with its trace, and the command that repeats it.
fn campaign(profile: Profile, seeds: u64) {
    let (start, jobs) = (number("SIM_START", 0), jobs());
    let finding = without_panic_messages(|| {
        let found = campaign::run(Campaign { start, seeds, profile, jobs, fail_fast: true }, |_| {});
        let report = found.failures.first();
        assert!(report.is_some() || found.seeds == seeds, "{} of {seeds} seeds were run", found.seeds);
        report.and_then(|report| Finding::of_seed(report, profile, SHRINK_WITHIN))
    });
    if let Some(finding) = finding {
        tell_once(&finding.headline, &finding.to_string());
    }
}

#[test]
fn swarm() {
    campaign(Profile::Swarm, number("SIM_SEEDS", 2_000));
}

#[test]
fn calm() {
    campaign(Profile::Calm, number("SIM_SEEDS", 2_000).div_ceil(4));
}

#[test]
fn soak() {
    campaign(Profile::Soak, number("SIM_SEEDS", 2_000).div_ceil(200));
}

/// A green run that reached little proves little.
#[test]
fn a_campaign_reaches_every_state_with_every_fault() {
    unless_a_law_is_broken(|| {
        let swarm = Campaign { start: 0, seeds: 3_000, profile: Profile::Swarm, jobs: jobs(), fail_fast: false };
        let found = campaign::run(swarm, |_| {});
        let coverage = &found.coverage;
        let faults = coverage.missing().into_iter().map(|(fault, state)| format!("{fault} never hit {}", state.name()));
        let events = coverage.missing_events().into_iter();
        let events = events.map(|(event, state)| format!("{} never found {}", event.name(), state.name()));
        let sometimes = coverage.missing_sometimes().into_iter().map(|what| format!("never: {}", what.what()));
        let outcomes = ["response", "failed", "expired", "cancelled", "interrupted", "unknown", "unreadable"];
        let outcomes = outcomes.into_iter().filter(|outcome| !found.outcomes.contains_key(outcome));
        let outcomes = outcomes.map(|outcome| format!("no request ended as {outcome}"));
        let missing: Vec<String> = faults.chain(events).chain(sometimes).chain(outcomes).collect();
        assert!(missing.is_empty(), "3000 seeds did not reach all that they should:\n{}", missing.join("\n"));
    });
}
