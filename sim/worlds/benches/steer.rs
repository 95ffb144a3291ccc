//! Whether steering helps: runs until a planted bug is found, drawn and steered, from the same starts, and what a run costs.
//! `cargo bench -p proxy-fetch-sim --bench steer`; `STEER_STARTS` says how many starts.
#![allow(missing_docs, reason = "a benchmark")]

use durable_sim::{
    campaign::{Campaign, Summary, run},
    planter::{PlantedCopy, planted_name},
};
use proxy_fetch_sim::{
    bugs,
    laws::LAWS,
    proxy::{ProxyRuns, run_seed},
};
use std::{env, panic, time::Instant};

/// Runs at the most; who finds nothing counts as so many.
const MOST: u64 = 4_000;
/// Runs without a bug, for what a run costs.
const GREEN: u64 = 2_000;

/// What drawn seeds are slow to find, whether steering was tuned on it (from other starts than these), and by which law
/// alone, if not by any: bugs that all laws together find at once are slow to find by some.
#[rustfmt::skip]
const BUGS: [(&str, Option<&str>, bool); 16] = [
    ("DueUnbounded", None, false),
    ("StartsAtExpiry", None, true),
    ("ExpiryMovesAtRetry", None, false),
    ("AttemptNumberIgnored", None, true),
    ("AlarmAtItsOwnTime", None, true),
    ("SecretsCrossOrigins", None, true),
    ("LateAnswerBeatsExpiry", None, false),
    ("UnsentFetchLeaves", None, true),
    ("QueueOneOver", None, false),
    ("DueOneLate", None, false),
    ("RedirectUnchecked", None, false),
    ("TickKeepsAlarm", None, true),
    ("CompletionEndsDelays", Some("S14"), false),
    ("RequestRowStays", Some("S10"), false),
    ("RequestRowStays", Some("S14"), false),
    ("MarkNotStored", Some("S10"), false),
];

/// How many times as long drawn seeds take for a bug as steered ones: in runs, and in steps.
struct Row {
    ratio: f64,
    in_steps: f64,
    is_slow: bool,
    tuned: bool,
}

/// Whether a row is one of those that a mean is over.
type IsIn = fn(&Row) -> bool;

/// Searches for one bug.
#[derive(Default)]
struct Searches {
    runs: u64,
    steps: u64,
    failed: u64,
}

impl Searches {
    fn add(&mut self, found_at: Option<u64>, steps: u64) {
        self.runs += found_at.unwrap_or(MOST);
        self.failed += u64::from(found_at.is_none());
        self.steps += steps;
    }
}

fn drawn(start: u64, only: Option<&'static str>, searches: &mut Searches) {
    let mut steps = 0;
    let found = (0..MOST).find(|number| {
        let run = run_seed(start + number, ProxyRuns { only, ..ProxyRuns::SWARM });
        steps += run.sim.recorder.steps;
        run.breaks().is_some()
    });
    searches.add(found.map(|number| number + 1), steps);
}

fn steered(start: u64, only: Option<&'static str>, searches: &mut Searches) {
    let campaign = Campaign { start, seeds: MOST, jobs: 1, steer: true, fail_fast: true, ..Campaign::default() };
    let found = campaign_of(only, &campaign);
    let count = found.findings.first().map(|first| first.seed - start + 1);
    // The round is run to its end: its steps are shared out.
    searches.add(count, found.steps * count.unwrap_or(found.seeds) / found.seeds);
}

fn campaign_of(only: Option<&'static str>, campaign: &Campaign) -> Summary {
    run(&ProxyRuns { only, ..ProxyRuns::SWARM }, campaign, &()).unwrap_or_else(|error| panic!("{error}"))
}

/// ms per run without a bug, and steps per run.
#[expect(clippy::disallowed_methods, reason = "a benchmark")]
fn cost(campaign: &Campaign) -> (f64, u64) {
    let began = Instant::now();
    let found = campaign_of(None, campaign);
    assert!(found.findings.is_empty(), "a law is broken without a bug: {:?}", found.findings[0]);
    (began.elapsed().as_secs_f64() * 1e3 / found.seeds as f64, found.steps / found.seeds)
}

fn geometric_mean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}

fn starts() -> u64 {
    match env::var("STEER_STARTS") {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("STEER_STARTS={text:?} is no number: {error}")),
        Err(_) => 5,
    }
}

/// In a process of the planted copy: both searches for its bug, by all laws or by one alone; of each a line.
fn search_here() {
    panic::set_hook(Box::new(|_| {}));
    let only = env::args().find_map(|word| LAWS.iter().map(|law| law.name).find(|law| *law == word));
    for search in [drawn, steered] {
        let mut searches = Searches::default();
        (0..starts()).for_each(|start| search(start * 1_000_000, only, &mut searches));
        println!("{} {} {}", searches.runs, searches.steps, searches.failed);
    }
}

/// Both searches, in a process of their own.
fn search(copy: &PlantedCopy, bug: &str, only: Option<&str>) -> (Searches, Searches) {
    let output = copy.command(Some(bug)).args(only).output().unwrap_or_else(|error| panic!("{bug}: {error}"));
    assert!(output.status.success(), "{bug}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |word: &str| word.parse().unwrap_or_else(|error| panic!("{bug}: {word}: {error}"));
    match text.split_whitespace().map(number).collect::<Vec<u64>>()[..] {
        [a, b, c, d, e, f] => (Searches { runs: a, steps: b, failed: c }, Searches { runs: d, steps: e, failed: f }),
        _ => panic!("{bug}: {text}"),
    }
}

fn main() {
    if planted_name().is_some() {
        return search_here();
    }
    let starts = starts();
    let copy = bugs::build("--bench", "steer", "bench").unwrap_or_else(|error| panic!("{error}"));
    // The machine's panics are findings.
    panic::set_hook(Box::new(|_| {}));
    println!("runs until the bug is found, means of {starts} starts; who finds none in {MOST} counts as {MOST}");
    println!(
        "(so often in brackets); steps: the same in steps of the engine, in thousands; * tuned on;\nBug/law: that law alone is checked\n"
    );
    let head = ["bug", "drawn", "steered", "ratio", "drawn", "steered", "ratio"];
    println!(
        "{:<25} {:>12} {:>12} {:>6} {:>9} {:>9} {:>6}",
        head[0], head[1], head[2], head[3], head[4], head[5], head[6]
    );
    let mut ratios = Vec::new();
    for (bug, only, tuned) in BUGS {
        let (drawn, steered) = search(&copy, bug, only);
        let mean = |sum: u64| sum as f64 / starts as f64;
        let runs = |of: &Searches| {
            let failed = if of.failed > 0 { format!(" ({})", of.failed) } else { String::new() };
            format!("{:.1}{failed}", mean(of.runs))
        };
        let (ratio, in_steps) = (mean(drawn.runs) / mean(steered.runs), mean(drawn.steps) / mean(steered.steps));
        println!(
            "{:<25} {:>12} {:>12} {ratio:>6.2} {:>8.0}k {:>8.0}k {in_steps:>6.2}",
            format!("{}{}{}", bug, only.map_or(String::new(), |law| format!("/{law}")), if tuned { " *" } else { "" }),
            runs(&drawn),
            runs(&steered),
            mean(drawn.steps) / 1e3,
            mean(steered.steps) / 1e3,
        );
        ratios.push(Row { ratio, in_steps, is_slow: mean(drawn.runs) >= 20.0, tuned });
    }
    let _ = panic::take_hook();
    println!("\ngeometric means of the ratios, in runs and in steps:");
    let rows: [(&str, IsIn); 4] = [
        ("all", |_| true),
        ("20 drawn runs or more", |row| row.is_slow),
        ("  of these tuned on", |row| row.is_slow && row.tuned),
        ("  of these not tuned on", |row| row.is_slow && !row.tuned),
    ];
    for (name, is_in) in rows {
        let (runs, steps): (Vec<f64>, Vec<f64>) =
            ratios.iter().filter(|row| is_in(row)).map(|row| (row.ratio, row.in_steps)).unzip();
        println!("{name:<25} {:.2} {:.2} ({} bugs)", geometric_mean(&runs), geometric_mean(&steps), runs.len());
    }
    let campaign = Campaign { seeds: GREEN, jobs: 1, ..Campaign::default() };
    let drawn = cost(&campaign);
    let steered = cost(&Campaign { steer: true, ..campaign });
    println!(
        "\na steered run without a bug takes {:.2} times as long as a drawn one, and {:.2} times as many steps",
        steered.0 / drawn.0,
        steered.1 as f64 / drawn.1 as f64
    );
}
