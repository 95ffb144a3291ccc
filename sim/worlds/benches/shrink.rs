//! How small failing runs of planted bugs become, and how fast: `cargo bench -p proxy-fetch-sim --bench shrink`.
#![allow(missing_docs, reason = "a benchmark")]

use durable_sim::{plan::Simulation, planter::planted_name};
use proxy_fetch_sim::{
    bugs,
    proxy::{ProxyRuns, run_seed},
};
use std::{panic, time::Duration};

/// Failing seeds per bug.
const SEEDS: usize = 15;
const MOST: Duration = Duration::from_secs(60);

const BUGS: [&str; 10] = [
    "AttemptCountedLate",
    "SlotLostAtCancel",
    "RetryAfterIgnored",
    "CompletionEndsDelays",
    "EarlierIncarnationHeeded",
    "FlightForgotten",
    "AlarmOnlyIfNone",
    "AlarmAtItsOwnTime",
    "EffectsAfterFailedCommit",
    "LateAnswerBeatsExpiry",
];

fn median<T: Copy + Ord>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// In a process of the planted copy: its bug's failing seeds, a line for each: items before, items left, runs, ms.
fn shrink() {
    panic::set_hook(Box::new(|_| {}));
    let runs = ProxyRuns::SWARM;
    let failing = (0..).filter(|seed| run_seed(*seed, runs).breaks().is_some());
    for small in failing.take(SEEDS).filter_map(|seed| runs.minimise(&runs.draw(seed), MOST).ok()) {
        println!("{} {} {} {}", small.of, small.document.items(), small.runs, small.took.as_millis());
    }
}

fn main() {
    if planted_name().is_some() {
        return shrink();
    }
    let copy = bugs::build("--bench", "shrink", "bench").unwrap_or_else(|error| panic!("{error}"));
    println!("{:<26} {:>6} {:>8} {:>6} {:>6} {:>8}", "bug", "seeds", "before", "left", "runs", "ms");
    let (mut items, mut times) = (Vec::new(), Vec::new());
    for bug in BUGS {
        let output = copy.command(Some(bug)).output().unwrap_or_else(|error| panic!("{bug}: {error}"));
        assert!(output.status.success(), "{bug}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = |word: &str| word.parse::<u64>().unwrap_or_else(|error| panic!("{bug}: {word}: {error}"));
        let rows: Vec<Vec<u64>> = text.lines().map(|line| line.split(' ').map(number).collect()).collect();
        let of = |column: usize| rows.iter().map(|row| row[column]).collect::<Vec<_>>();
        let [before, left, runs, ms] = [0, 1, 2, 3].map(|column| median(&of(column)));
        println!("{bug:<26} {:>6} {before:>8} {left:>6} {runs:>6} {ms:>8}", rows.len());
        items.extend(of(1));
        times.extend(of(3));
    }
    println!("\nmedians over {} seeds: {} items left, {} ms", items.len(), median(&items), median(&times));
    let most = |all: &[u64]| all.iter().max().copied().unwrap_or_default();
    println!("the largest: {} items, {} ms", most(&items), most(&times));
}
