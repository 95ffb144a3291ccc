//! The lease lock of `examples/lock`: its campaign is green, and each bug that can be planted breaks its own law, in a
//! small run whose trace a person reviews. `SIM_SEEDS` says how many seeds.
#![allow(missing_docs, reason = "a test")]

#[allow(dead_code, reason = "its main is not called")]
#[path = "../examples/lock/main.rs"]
mod lock;

mod reviewed;
mod settings;

use clap::ValueEnum;
use durable_sim::Recorder;
use lock::{Bug, FAULTS, Plan, campaign, explain, minimal};

fn seeds() -> u64 {
    settings::number("SIM_SEEDS", 1_000)
}

#[test]
fn no_seed_breaks_a_law_and_every_fault_hits() {
    let summary = campaign(None, seeds(), 1);
    if let Some((seed, plan)) = minimal(&summary.failing, None) {
        panic!("{}", explain(seed, &plan, None));
    }
    assert!(summary.grants as u64 > seeds(), "only {} grants", summary.grants);
    for fault in FAULTS {
        assert!(summary.hits.contains_key(&fault), "{fault} never hit");
    }
}

/// The asks and faults that suffice to show any of the bugs.
const SMALL: usize = 4;

fn law_of(bug: Bug) -> &'static str {
    match bug {
        Bug::AlarmIfNone => "the alarm is in time",
        Bug::AlarmAgain => "leases end by themselves",
        Bug::AlarmTrusted => "mutual exclusion",
        Bug::LeaseFromLast => "a lease is whole",
        Bug::LastFirst => "first come, first served",
        Bug::ReleaseAlone => "nobody waits for a free lock",
        Bug::LeavingUnwritten => "memory is storage",
        Bug::ReplyAnyway => "what was granted is durable",
        Bug::TokenForgotten => "tokens grow",
    }
}

#[test]
fn each_bug_breaks_its_law_in_a_small_run() {
    for bug in Bug::value_variants() {
        let name = format!("{bug:?}");
        let failing = campaign(Some(*bug), 500, 20).failing;
        let Some((seed, plan)) = minimal(&failing, Some(*bug)) else { panic!("no seed finds {name}") };
        let (world, _) = plan.run(seed, Some(*bug), Recorder::default());
        assert_eq!(world.broken.map(|(law, _)| law), Some(law_of(*bug)), "{name}");
        assert!(plan.asks.len() + plan.faults.len() <= SMALL, "{name} is not small:\n{plan}");
        assert_eq!(plan.clone().minimise(seed, Some(*bug)).asks.len(), plan.asks.len(), "{name} could be smaller");
        let (sound, _) = plan.run(seed, None, Recorder::default());
        assert_eq!(sound.broken, None, "without {name} the same run breaks a law");

        let snapshot = bug.to_possible_value().map(|value| format!("lock_{}", value.get_name().replace('-', "_")));
        reviewed::snapshot(&snapshot.unwrap_or(name), &explain(seed, &plan, Some(*bug)), || ());
    }
}

#[test]
fn a_seed_is_one_run() {
    for seed in 0..50 {
        let run = |recorder| Plan::draw(seed).run(seed, None, recorder).1;
        let (first, second) = (run(Recorder::default().with_lines()), run(Recorder::default().with_lines()));
        assert_eq!(first.lines(), second.lines(), "seed {seed}");
        assert_eq!(first.digest(), second.digest(), "seed {seed}");
        assert_eq!(run(Recorder::default()).digest(), first.digest(), "seed {seed} differs without its trace");
    }
}
