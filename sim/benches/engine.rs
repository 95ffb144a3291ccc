//! What the engine and the laws cost, beside a bare loop over a binary heap and beside madsim: the same workload, in
//! alternating rounds of one run.
//!
//! `cargo bench -p proxy-fetch-sim --bench engine -- laws` runs only the variants whose name has the word.
#![allow(missing_docs, clippy::disallowed_methods, reason = "a benchmark reads the clock")]

#[cfg(madsim)]
mod variants;

#[cfg(not(madsim))]
compile_error!("RUSTFLAGS in the environment replaces .cargo/config.toml's --cfg madsim; unset it");

#[cfg(madsim)]
use std::{
    env,
    time::{Duration, Instant},
};
#[cfg(madsim)]
use variants::{REQUESTS, VARIANTS, Variant};

#[cfg(madsim)]
const ROUNDS: usize = 7;
#[cfg(madsim)]
const ROUND: Duration = Duration::from_millis(500);

/// Events and requests per second.
#[cfg(madsim)]
#[derive(Clone, Copy)]
struct Rate {
    events: f64,
    requests: f64,
}

#[cfg(madsim)]
fn main() {
    let word = env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let chosen: Vec<&Variant> = VARIANTS.iter().filter(|variant| variant.name.contains(&word)).collect();
    let mut rates = vec![Vec::new(); chosen.len()];
    let mut seed = 0;
    for round in 0..=ROUNDS {
        for (variant, rates) in chosen.iter().zip(&mut rates) {
            let rate = measure(variant, &mut seed);
            // The first round warms up.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    let rates: Vec<Rate> = rates.iter().map(|rates| median(rates)).collect();
    print(&chosen, &rates);
}

#[cfg(madsim)]
fn measure(variant: &Variant, seed: &mut u64) -> Rate {
    let begin = Instant::now();
    let (mut events, mut runs) = (0, 0);
    while begin.elapsed() < ROUND {
        events += (variant.run)(*seed);
        *seed += 1;
        runs += 1;
    }
    let seconds = begin.elapsed().as_secs_f64();
    Rate { events: events as f64 / seconds, requests: (runs * REQUESTS) as f64 / seconds }
}

#[cfg(madsim)]
fn median(rates: &[Rate]) -> Rate {
    let middle = |of: fn(&Rate) -> f64| {
        let mut all: Vec<f64> = rates.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Rate { events: middle(|rate| rate.events), requests: middle(|rate| rate.requests) }
}

#[cfg(madsim)]
fn print(chosen: &[&Variant], rates: &[Rate]) {
    let rate_of = |name: &str| {
        chosen.iter().zip(rates).find(|(variant, _)| variant.name.starts_with(name)).map(|(_, rate)| *rate)
    };
    let (heap, madsim) = (rate_of("a "), rate_of("c "));
    println!("\n{REQUESTS} requests a run, 5 in flight, 10-500 ms each, timers; medians of {ROUNDS} rounds\n");
    println!(
        "{:<32} {:>11} {:>9} {:>11} | {:^15} | {:^15}",
        "", "events/s", "ns/event", "requests/s", "of a: events/rq", "of c: events/rq"
    );
    for (variant, rate) in chosen.iter().zip(rates) {
        let of = |base: Option<Rate>| match base {
            Some(base) => format!("{:>7.3} {:>7.3}", rate.events / base.events, rate.requests / base.requests),
            None => format!("{:>7} {:>7}", "-", "-"),
        };
        println!(
            "{:<32} {:>11.0} {:>9.0} {:>11.0} | {} | {}",
            variant.name,
            rate.events,
            1e9 / rate.events,
            rate.requests,
            of(heap),
            of(madsim)
        );
    }
    if let (Some(laws), Some(heap), Some(madsim)) = (rate_of("b engine, all laws"), heap, madsim) {
        println!(
            "\nb with all laws, by events: {:.2} of a (aim: 0.25 or more), {:.1} times c (aim: 5 or more)",
            laws.events / heap.events,
            laws.events / madsim.events
        );
    }
    println!(
        "a and b count what they take from their queue; c's events are counted as a's are, so many for each request"
    );
}
