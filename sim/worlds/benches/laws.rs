//! What each law costs: `cargo bench -p proxy-fetch-sim --bench laws`. Each law alone, beside none of them, on seeds of the
//! default campaign, in alternating rounds of one run.
#![allow(missing_docs, clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use proxy_fetch_sim::{
    laws::LAWS,
    proxy::{ProxyRuns, run_seed},
};
use std::time::Instant;

const ROUNDS: u64 = 15;
const SEEDS: u64 = 24;
/// No law has this id.
const NONE: &str = "none";

/// ns per event, of one round.
fn measure(round: u64, only: Option<&'static str>) -> f64 {
    let began = Instant::now();
    let seeds = round * SEEDS..(round + 1) * SEEDS;
    let steps: u64 = seeds.map(|seed| run_seed(seed, ProxyRuns { only, ..ProxyRuns::SWARM }).sim.recorder.steps).sum();
    began.elapsed().as_secs_f64() * 1e9 / steps as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let ids: Vec<&str> = LAWS.iter().map(|law| law.name).collect();
    // What each costs more than none does in the same round; the last: all of them.
    let mut costs = vec![Vec::new(); ids.len() + 1];
    let mut bases = Vec::new();
    for round in 0..=ROUNDS {
        let base = measure(round, Some(NONE));
        let all = measure(round, None);
        let each: Vec<f64> = ids.iter().map(|id| measure(round, Some(id))).collect();
        // The first round warms up.
        if round == 0 {
            continue;
        }
        bases.push(base);
        for (costs, cost) in costs.iter_mut().zip(each.into_iter().chain([all])) {
            costs.push(cost - base);
        }
    }
    let base = median(&mut bases);
    println!("an event of the default campaign, no law looked at: {base:.0} ns; medians of {ROUNDS} rounds\n");
    println!("{:<6} {:>12} {:>8}", "law", "ns per event", "share");
    for (id, costs) in ids.iter().chain([&"all"]).zip(&mut costs) {
        let cost = median(costs);
        println!("{id:<6} {cost:>12.1} {:>7.1}%", 100.0 * cost / base);
    }
}
