//! What the engine and the laws cost, beside a bare loop over a binary heap and beside madsim: the same workload, on one
//! thread and on two, in alternating rounds of one run. Each round is a process of its own: a heap that another variant
//! left in pieces would slow down what allocates.
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
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};
#[cfg(madsim)]
use variants::{REQUESTS, VARIANTS, Variant};

#[cfg(madsim)]
const ROUNDS: usize = 7;
#[cfg(madsim)]
const ROUND: Duration = Duration::from_millis(400);
#[cfg(madsim)]
const THREADS: [usize; 2] = [1, 2];
/// Tells a process of one round which variant it measures, on how many threads, from which seed.
#[cfg(madsim)]
const TASK: &str = "ENGINE_BENCH_TASK";

/// Of one variant, per second.
#[cfg(madsim)]
#[derive(Clone, Copy, Default)]
struct Rate {
    events: f64,
    requests: f64,
    seeds: f64,
    /// Simulated seconds.
    simulated: f64,
}

#[cfg(madsim)]
fn main() {
    if let Some(task) = env::var_os(TASK) {
        return work(&task.to_string_lossy());
    }
    let word = env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let chosen: Vec<&Variant> = VARIANTS.iter().filter(|variant| variant.name.contains(&word)).collect();
    println!("\n{REQUESTS} requests a run, 5 in flight, 10-500 ms each, timers; medians of {ROUNDS} rounds");
    for threads in THREADS {
        let mut rates = vec![Vec::new(); chosen.len()];
        for round in 0..ROUNDS {
            for (variant, rates) in chosen.iter().zip(&mut rates) {
                rates.push(round_of(variant.name, threads, round));
            }
        }
        let rates: Vec<Rate> = rates.iter().map(|rates| median(rates)).collect();
        print(threads, &chosen, &rates);
    }
    println!(
        "\nan event: what is taken from the queue in a and b; madsim's are counted as a's are, so many for each request"
    );
}

/// Lets a process of its own measure.
#[cfg(madsim)]
fn round_of(variant: &str, threads: usize, round: usize) -> Rate {
    let started = env::current_exe().and_then(|program| {
        let task = format!("{variant}|{threads}|{}", round * 1_000_000);
        Command::new(program).env(TASK, task).stderr(Stdio::inherit()).output()
    });
    let output = started.unwrap_or_else(|error| panic!("no process for {variant}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [events, requests, seeds, simulated] if output.status.success() => Rate { events, requests, seeds, simulated },
        _ => panic!("{variant} has failed: {text}"),
    }
}

#[cfg(madsim)]
fn work(task: &str) {
    let mut parts = task.split('|');
    let name = parts.next().unwrap_or_default();
    let numbers: Vec<u64> = parts.filter_map(|part| part.parse().ok()).collect();
    let variant = VARIANTS.iter().find(|variant| variant.name == name);
    let (Some(variant), &[threads, start]) = (variant, numbers.as_slice()) else {
        panic!("{TASK}: {task:?} is no task")
    };
    let threads = usize::try_from(threads).unwrap_or(1);
    let seed = AtomicU64::new(start);
    // The first warms up.
    measure(variant, threads, &seed, ROUND / 8);
    let Rate { events, requests, seeds, simulated } = measure(variant, threads, &seed, ROUND);
    println!("{events} {requests} {seeds} {simulated}");
}

#[cfg(madsim)]
fn measure(variant: &Variant, threads: usize, seed: &AtomicU64, time: Duration) -> Rate {
    let begin = Instant::now();
    let work = || {
        let mut sum = Rate::default();
        while begin.elapsed() < time {
            let done = (variant.run)(seed.fetch_add(1, Ordering::Relaxed));
            sum.events += done.events as f64;
            sum.requests += done.requests as f64;
            sum.seeds += 1.0;
            sum.simulated += done.simulated_us as f64 / 1e6;
        }
        sum
    };
    let sums: Vec<Rate> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(sum) => sum,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    let seconds = begin.elapsed().as_secs_f64();
    let total = |of: fn(&Rate) -> f64| sums.iter().map(of).sum::<f64>() / seconds;
    Rate {
        events: total(|rate| rate.events),
        requests: total(|rate| rate.requests),
        seeds: total(|rate| rate.seeds),
        simulated: total(|rate| rate.simulated),
    }
}

#[cfg(madsim)]
fn median(rates: &[Rate]) -> Rate {
    let middle = |of: fn(&Rate) -> f64| {
        let mut all: Vec<f64> = rates.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Rate {
        events: middle(|rate| rate.events),
        requests: middle(|rate| rate.requests),
        seeds: middle(|rate| rate.seeds),
        simulated: middle(|rate| rate.simulated),
    }
}

#[cfg(madsim)]
fn print(threads: usize, chosen: &[&Variant], rates: &[Rate]) {
    let rate_of = |name: &str| {
        chosen.iter().zip(rates).find(|(variant, _)| variant.name.starts_with(name)).map(|(_, rate)| *rate)
    };
    let (heap, madsim) = (rate_of("a "), rate_of("c "));
    println!(
        "\n{:<34} {:>11} {:>9} {:>9} {:>13}  events, requests",
        "", "events/s", "ns/event", "seeds/s", "simulated"
    );
    let name = format!("on {threads} thread{}", if threads == 1 { "" } else { "s" });
    println!("{name:<34} {:>11} {:>9} {:>9} {:>13}  {:^13} {:^13}", "", "", "", ": wall", "of a", "of c");
    for (variant, rate) in chosen.iter().zip(rates) {
        let of = |base: Option<Rate>| match base {
            Some(base) => format!("{:>6.3} {:>6.3}", rate.events / base.events, rate.requests / base.requests),
            None => format!("{:>6} {:>6}", "-", "-"),
        };
        println!(
            "{:<34} {:>11.0} {:>9.0} {:>9.0} {:>11.0}:1  {} {}",
            variant.name,
            rate.events,
            1e9 / rate.events,
            rate.seeds,
            rate.simulated,
            of(heap),
            of(madsim)
        );
    }
    let laws = rate_of("b engine, all laws");
    if let (Some(laws), Some(heap), Some(madsim)) = (laws, heap, madsim) {
        println!(
            "b with all laws, by events: {:.2} of a (aim: 0.25 or more), {:.1} times c (aim: 5 or more)",
            laws.events / heap.events,
            laws.events / madsim.events
        );
    }
    if let (Some(laws), Some(heap), Some(madsim)) = (laws, rate_of("a'"), rate_of("c'")) {
        println!(
            "the same with the machine on both sides: {:.2} of a', {:.1} times c'; by requests {:.2} and {:.1}",
            laws.events / heap.events,
            laws.events / madsim.events,
            laws.requests / heap.requests,
            laws.requests / madsim.requests
        );
    }
    if let (Some(ours), Some(shell)) = (rate_of("b'"), rate_of("d ")) {
        println!("b', by requests: {:.1} times d", ours.requests / shell.requests);
    }
}
