//! A seed fixes everything: on whatever thread, in whatever order, watched or not.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch_sim::proxy::{Profile, Report, Watch, run_seed};
use std::{collections::BTreeMap, thread};

const SEEDS: u64 = 100;

fn run(seed: u64, profile: Profile) -> Report {
    run_seed(seed, profile, Watch { lines: true, digests: true, ..Watch::default() })
}

fn all(seeds: impl Iterator<Item = u64>, profile: Profile) -> BTreeMap<u64, Report> {
    seeds.map(|seed| (seed, run(seed, profile))).collect()
}

#[test]
fn the_same_seed_twice_is_the_same_run() {
    for profile in [Profile::Swarm, Profile::Calm] {
        let (first, second) = thread::scope(|scope| {
            let forward = scope.spawn(move || all(0..SEEDS, profile));
            let backward = scope.spawn(move || all((0..SEEDS).rev(), profile));
            (forward.join(), backward.join())
        });
        let (Ok(first), Ok(second)) = (first, second) else { panic!("a run panicked") };
        for (seed, report) in &first {
            let other = &second[seed];
            let differs = report.digests.iter().zip(&other.digests).position(|(a, b)| a != b);
            assert_eq!(differs, None, "seed {seed} of {} differs at this step for the first time", profile.name());
            assert_eq!(report.digests.len() as u64, report.steps, "a digest per step");
            assert_eq!(report.digest, other.digest, "seed {seed}");
            assert_eq!(report.lines, other.lines, "seed {seed}");
            assert_eq!(report.violation, other.violation, "seed {seed}");
            assert_eq!(report.outcomes, other.outcomes, "seed {seed}");
        }
    }
}

/// Watching must not change what is watched: the campaign's runs are those that a replay shows.
#[test]
fn a_run_is_the_same_without_its_trace_and_without_the_laws() {
    for seed in 0..SEEDS {
        let watched = run(seed, Profile::Swarm);
        let plain = run_seed(seed, Profile::Swarm, Watch { laws: false, ..Watch::default() });
        assert_eq!(watched.digest, plain.digest, "seed {seed}");
        assert_eq!(watched.steps, plain.steps, "seed {seed}");
    }
}

/// The digest sees a difference: seeds differ, and so do the steps of one run.
#[test]
fn digests_tell_runs_apart() {
    let digests: std::collections::BTreeSet<u64> =
        (0..SEEDS).map(|seed| run_seed(seed, Profile::Swarm, Watch::default()).digest).collect();
    assert_eq!(digests.len() as u64, SEEDS);
}
