//! Whether steering helps: runs until a planted bug is found, drawn and steered, from the same starts.
//! `cargo bench -p proxy-fetch-sim --bench steer --features planted`; `STEER_STARTS` says how many starts.
#![allow(missing_docs, reason = "a benchmark")]

use proxy_fetch::planted::{Bug, plant};
use proxy_fetch_sim::{
    proxy::{Profile, Watch, run_seed},
    steer,
};
use std::env;

/// Runs at the most; who finds nothing counts as so many.
const MOST: u64 = 5_000;

/// Those that need more than a few seeds.
const BUGS: [Bug; 8] = [
    Bug::AlarmAtItsOwnTime,
    Bug::AttemptNumberIgnored,
    Bug::DueOneLate,
    Bug::DueUnbounded,
    Bug::ExpiryMovesAtRetry,
    Bug::LateAnswerBeatsExpiry,
    Bug::StartsAtExpiry,
    Bug::TornCommit,
];

fn drawn(start: u64) -> u64 {
    let breaks = |seed: &u64| run_seed(start + seed, Profile::Swarm, Watch::default()).violation.is_some();
    (0..MOST).find(breaks).map_or(MOST, |seed| seed + 1)
}

fn steered(start: u64) -> u64 {
    let (_, first) = steer::run((start, MOST), Profile::Swarm, 1, true, |_| {});
    first.map_or(MOST, |first| first.seed - start + 1)
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

fn main() {
    let starts: u64 = match env::var("STEER_STARTS") {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("STEER_STARTS={text:?} is no number: {error}")),
        Err(_) => 5,
    };
    println!("runs until the bug is found, medians of {starts} starts; {MOST} at the most\n");
    println!("{:<24} {:>8} {:>8} {:>8}", "bug", "drawn", "steered", "ratio");
    let mut product = 1.0;
    for bug in BUGS {
        plant(Some(bug));
        let of = |find: fn(u64) -> u64| median((0..starts).map(|start| find(start * 1_000_000)).collect());
        let (drawn, steered) = (of(drawn), of(steered));
        let ratio = drawn as f64 / steered as f64;
        println!("{:<24} {drawn:>8} {steered:>8} {ratio:>8.2}", bug.name());
        product *= ratio;
    }
    plant(None);
    println!("\ngeometric mean of the ratios: {:.2}", f64::powf(product, 1.0 / BUGS.len() as f64));
}
