//! The Queue variant's consumer: a seed is one run.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch_sim::{
    proxy::Profile,
    queue::{Report, Watch, run_seed},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

const SEEDS: u64 = 60;

fn all(seeds: impl Iterator<Item = u64>) -> BTreeMap<u64, Report> {
    let watch = Watch { lines: true, digests: true, ..Watch::default() };
    seeds.map(|seed| (seed, run_seed(seed, Profile::Swarm, watch))).collect()
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
        let watched = run_seed(seed, Profile::Swarm, Watch { lines: true, ..Watch::default() });
        let plain = run_seed(seed, Profile::Swarm, Watch { laws: false, ..Watch::default() });
        assert_eq!((watched.digest, watched.steps), (plain.digest, plain.steps), "seed {seed}");
    }
}
