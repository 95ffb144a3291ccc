//! A seed fixes everything: on whatever thread, in whatever order, watched or not.
#![allow(missing_docs, reason = "a test")]

use durable_sim::{
    Breaks, Line, Recorder,
    plan::{Run, Simulation},
};
use proxy_fetch_sim::{
    proxy::{Profile, ProxyRuns},
    queue::QueueRuns,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

const SEEDS: u64 = 80;

/// All of a run that can be seen.
#[derive(Debug, PartialEq)]
struct Watched {
    digests: Vec<u64>,
    lines: Vec<Line>,
    breaks: Option<Breaks>,
    counts: Vec<u64>,
}

fn all<S: Simulation>(runs: &S, seeds: impl Iterator<Item = u64>) -> BTreeMap<u64, Watched> {
    let watched = |seed| {
        let run: Run<S::World> = runs.run(&runs.draw(seed), Recorder::default().with_lines().with_digests());
        let recorder = &run.sim.recorder;
        let (digests, lines) = (recorder.digests().to_vec(), recorder.lines().to_vec());
        assert_eq!(digests.len() as u64, recorder.steps, "a digest per step");
        (seed, Watched { digests, lines, breaks: run.breaks().cloned(), counts: run.sim.coverage().counts().collect() })
    };
    seeds.map(watched).collect()
}

fn is_one_run<S: Simulation + Sync>(runs: &S) {
    let (forward, backward) = thread::scope(|scope| {
        let forward = scope.spawn(|| all(runs, 0..SEEDS));
        let backward = scope.spawn(|| all(runs, (0..SEEDS).rev()));
        (forward.join(), backward.join())
    });
    let (Ok(forward), Ok(backward)) = (forward, backward) else { panic!("a run panicked") };
    for (seed, one) in &forward {
        let other = &backward[seed];
        let differs = one.digests.iter().zip(&other.digests).position(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed} differs at this step for the first time");
        assert_eq!(one, other, "seed {seed}");
    }
    // The digest sees a difference.
    let digests: BTreeSet<&[u64]> = forward.values().map(|watched| watched.digests.as_slice()).collect();
    assert_eq!(digests.len() as u64, SEEDS);
}

#[test]
fn the_same_seed_twice_is_the_same_run() {
    is_one_run(&ProxyRuns::SWARM);
    is_one_run(&ProxyRuns::of(Profile::Calm));
    is_one_run(&QueueRuns::SWARM);
}

/// Watching must not change what is watched: the campaign's runs are those that a replay shows.
fn is_the_same<S: Simulation>(runs: &S, without_laws: &S, seeds: u64) {
    for seed in 0..seeds {
        let document = runs.draw(seed);
        let watched = runs.run(&document, Recorder::default().with_lines()).sim.recorder;
        let plain = without_laws.run(&document, Recorder::default()).sim.recorder;
        assert_eq!((watched.digest(), watched.steps), (plain.digest(), plain.steps), "seed {seed}");
    }
}

#[test]
fn a_run_is_the_same_without_its_trace_without_the_laws_and_with_features() {
    is_the_same(&ProxyRuns::SWARM, &ProxyRuns { laws: false, ..ProxyRuns::SWARM }, SEEDS);
    is_the_same(&ProxyRuns::SWARM, &ProxyRuns { features: true, ..ProxyRuns::SWARM }, SEEDS);
    is_the_same(&QueueRuns::SWARM, &QueueRuns { laws: false, ..QueueRuns::SWARM }, SEEDS);
}
