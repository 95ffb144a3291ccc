//! The Queue variant's consumer: a seed is one run, and a failing one becomes small.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch::planted::{Bug, plant};
use proxy_fetch_sim::queue::{Report, Watch, run_seed, shrink_seed};
use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};

/// A failure is made small within this.
const SHRINK_WITHIN: Duration = Duration::from_secs(10);

/// Of a failing seed little is left, and it breaks the same law.
#[test]
fn what_is_left_of_a_failing_seed_is_small() {
    for (bug, most) in [(Bug::SixthMessage, 12), (Bug::EndNotRemembered, 5), (Bug::DelayRoundedDown, 3)] {
        plant(Some(bug));
        let fails = |seed: &u64| run_seed(*seed, Watch::default()).violation;
        let (seed, (_, violation)) =
            (0..400).find_map(|seed| Some((seed, fails(&seed)?))).unwrap_or_else(|| panic!("no seed finds {bug}"));
        let shrunk = shrink_seed(seed, SHRINK_WITHIN);
        plant(None);
        let shrunk = shrunk.unwrap_or_else(|| panic!("{bug}: no law is broken"));
        assert_eq!(shrunk.report.violation.as_ref().map(|(_, left)| left.law), Some(violation.law), "{bug}");
        assert!(shrunk.items <= most && shrunk.items < shrunk.items_before, "{bug}: {}", shrunk.effort());
    }
}

const SEEDS: u64 = 60;

fn all(seeds: impl Iterator<Item = u64>) -> BTreeMap<u64, Report> {
    seeds.map(|seed| (seed, run_seed(seed, Watch { lines: true, digests: true, ..Watch::default() }))).collect()
}

#[test]
fn the_same_seed_twice_is_the_same_run() {
    let (first, second) = thread::scope(|scope| {
        let forward = scope.spawn(|| all(0..SEEDS));
        let backward = scope.spawn(|| all((0..SEEDS).rev()));
        (forward.join(), backward.join())
    });
    let (Ok(first), Ok(second)) = (first, second) else { panic!("a run panicked") };
    for (seed, report) in &first {
        let other = &second[seed];
        let differs = report.digests.iter().zip(&other.digests).position(|(a, b)| a != b);
        assert_eq!(differs, None, "seed {seed} differs at this step for the first time");
        assert_eq!(report.digests.len() as u64, report.steps, "a digest per step");
        assert_eq!(report.digest, other.digest, "seed {seed}");
        assert_eq!(report.lines, other.lines, "seed {seed}");
        assert_eq!(report.violation, other.violation, "seed {seed}");
        assert_eq!(report.outcomes, other.outcomes, "seed {seed}");
    }
    let digests: BTreeSet<u64> = first.values().map(|report| report.digest).collect();
    assert_eq!(digests.len() as u64, SEEDS, "seeds differ");
}

/// Watching must not change what is watched: the campaign's runs are those that a replay shows.
#[test]
fn a_run_is_the_same_without_its_trace_and_without_the_laws() {
    for seed in 0..SEEDS {
        let watched = run_seed(seed, Watch { lines: true, ..Watch::default() });
        let plain = run_seed(seed, Watch { laws: false, ..Watch::default() });
        assert_eq!((watched.digest, watched.steps), (plain.digest, plain.steps), "seed {seed}");
    }
}
