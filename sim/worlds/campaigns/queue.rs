//! Seeded campaigns of the Queue variant's consumer. `SIM_SEEDS` and `SIM_START` say how many seeds and from where.
//!
//! Like `campaign.rs` a test of the core's package, so that it comes early.
#![allow(missing_docs, reason = "a test")]

#[path = "../../tests/settings/mod.rs"]
mod settings;

use proxy_fetch_sim::{
    finding::{Finding, tell_once, unless_a_law_is_broken, without_panic_messages},
    proxy::Profile,
    queue::campaign,
};
use settings::{SHRINK_WITHIN, jobs, number};

#[test]
fn no_seed_breaks_a_law() {
    let (start, seeds) = (number("SIM_START", 0), number("SIM_SEEDS", 1_000));
    let finding = without_panic_messages(|| {
        let found = campaign::run(start, seeds, Profile::Swarm, jobs(), |_| {});
        let report = found.failures.first();
        assert!(report.is_some() || found.seeds == seeds, "{} of {seeds} seeds were run", found.seeds);
        report.and_then(|report| Finding::of_queue(report, Profile::Swarm, SHRINK_WITHIN))
    });
    if let Some(finding) = finding {
        tell_once(&finding.headline, &finding.to_string());
    }
}

#[test]
fn no_calm_seed_and_no_long_one_breaks_a_law() {
    let seeds = number("SIM_SEEDS", 1_000);
    let finding = without_panic_messages(|| {
        [(Profile::Calm, seeds.div_ceil(5)), (Profile::Soak, seeds.div_ceil(50))].into_iter().find_map(
            |(profile, seeds)| {
                let found = campaign::run(number("SIM_START", 0), seeds, profile, jobs(), |_| {});
                Finding::of_queue(found.failures.first()?, profile, SHRINK_WITHIN)
            },
        )
    });
    if let Some(finding) = finding {
        tell_once(&finding.headline, &finding.to_string());
    }
}

/// A green run that reached little proves little.
#[test]
fn a_campaign_reaches_every_state_with_every_fault() {
    unless_a_law_is_broken(|| {
        let found = campaign::run(0, 2_000, Profile::Swarm, jobs(), |_| {});
        let faults = found.coverage.missing().into_iter();
        let faults = faults.map(|(fault, state)| format!("{} never hit {}", fault.name().trim(), state.name()));
        let outcomes = ["response", "failed", "expired", "interrupted", "deleted by the platform"];
        let outcomes = outcomes.into_iter().filter(|outcome| !found.outcomes.contains_key(outcome));
        let outcomes = outcomes.map(|outcome| format!("no request ended as {outcome}"));
        let missing: Vec<String> = faults.chain(outcomes).collect();
        assert!(missing.is_empty(), "2000 seeds did not reach all that they should:\n{}", missing.join("\n"));
    });
}
