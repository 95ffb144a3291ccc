//! How small failing runs of planted bugs become, and how fast: `cargo bench -p proxy-fetch-sim --bench shrink`.
#![allow(missing_docs, reason = "a benchmark")]

use proxy_fetch::planted::{Bug, plant};
use proxy_fetch_sim::{
    proxy::{Plan, Profile, Watch, run_seed},
    scenario::shrink_run,
};
use std::{panic, time::Duration};

/// Failing seeds per bug.
const SEEDS: usize = 15;
const MOST: Duration = Duration::from_secs(60);

const BUGS: [Bug; 10] = [
    Bug::AttemptCountedLate,
    Bug::SlotLostAtCancel,
    Bug::RetryAfterIgnored,
    Bug::CompletionEndsDelays,
    Bug::EarlierLifeHeeded,
    Bug::FlightForgotten,
    Bug::AlarmOnlyIfNone,
    Bug::AlarmAtItsOwnTime,
    Bug::EffectsAfterFailedCommit,
    Bug::LateAnswerBeatsExpiry,
];

fn median<T: Copy + Ord>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

fn main() {
    panic::set_hook(Box::new(|_| {}));
    println!("{:<26} {:>6} {:>8} {:>6} {:>6} {:>8}", "bug", "seeds", "before", "left", "runs", "ms");
    let (mut items, mut times) = (Vec::new(), Vec::new());
    for bug in BUGS {
        plant(Some(bug));
        let failing = (0..).filter(|seed| run_seed(*seed, Profile::Swarm, Watch::default()).violation.is_some());
        let shrunk: Vec<_> =
            failing.take(SEEDS).filter_map(|seed| shrink_run(seed, Plan::draw(seed, Profile::Swarm), MOST)).collect();
        let left: Vec<usize> = shrunk.iter().map(|shrunk| shrunk.items).collect();
        let took: Vec<Duration> = shrunk.iter().map(|shrunk| shrunk.took).collect();
        let before = median(&shrunk.iter().map(|shrunk| shrunk.items_before).collect::<Vec<_>>());
        let runs = median(&shrunk.iter().map(|shrunk| shrunk.runs).collect::<Vec<_>>());
        let (middle, name) = (median(&took).as_millis(), bug.name());
        println!("{name:<26} {:>6} {before:>8} {:>6} {runs:>6} {middle:>8}", shrunk.len(), median(&left));
        items.extend(left);
        times.extend(took);
    }
    plant(None);
    println!("\nmedians over {} seeds: {} items left, {} ms", items.len(), median(&items), median(&times).as_millis());
    println!(
        "the largest: {} items, {} ms",
        items.iter().max().unwrap_or(&0),
        times.iter().max().map_or(0, Duration::as_millis)
    );
}
