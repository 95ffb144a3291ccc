//! A lease lock on the engine: a durable object that is nothing like proxy-fetch, with its laws.
//!
//! ```sh
//! cargo run -p durable-sim --example lock                  # a campaign: no law breaks
//! cargo run -p durable-sim --example lock -- --bug         # with a bug: found, made small, explained
//! cargo run -p durable-sim --example lock -- --help        # the other bugs
//! ```
//!
//! `object.rs` is the object, `laws.rs` what must hold; here is the plan of a run and what becomes of it.

mod laws;
mod object;
mod text;
mod world;

use clap::{Parser, ValueEnum};
use durable_sim::{Chance, Draws, Eviction, Fault, Faults, MINUTE, Recorder, Sim, Sizes, ddmin, smallest};
use object::{Ask, Event};
use std::{collections::BTreeMap, fmt, fmt::Write as _, process::ExitCode};
use world::LockWorld;

/// When a run begins: 2026-01-01T00:00:00Z.
pub const START_MS: u64 = 1_767_225_600_000;

/// A run that is not at rest after so many steps never will be.
const MAX_STEPS: u64 = 20_000;

/// A bug to plant. Each breaks a law of its own.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Bug {
    /// The alarm is set only if none is: a shorter lease that is granted later ends too late
    AlarmIfNone,
    /// The alarm is set to the very time of the one that runs, which the platform drops
    AlarmAgain,
    /// The alarm ends the lease that is to end first, without a look at the clock
    AlarmTrusted,
    /// The lease of one who waited is counted from the end of the one before, not from its grant
    LeaseFromLast,
    /// The last in line is served first
    LastFirst,
    /// A release does not grant to the next in line
    ReleaseAlone,
    /// That one in line gives up is remembered, but not written
    LeavingUnwritten,
    /// The reply leaves though the commit failed
    ReplyAnyway,
    /// What is stored of a free lock is deleted, its last token too
    TokenForgotten,
}

/// What a run is made of besides its seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Who asks what, each at its time in ms since the run began.
    pub asks: Vec<(u64, Event)>,
    /// Which faults there are.
    pub faults: Vec<Fault>,
}

/// Every fault that the lock has to survive: those that keep the promise that an alarm runs at least once.
pub const FAULTS: [Fault; 12] = [
    Fault::CRASH,
    Fault::CRASH_BEFORE_COMMIT,
    Fault::COMMIT_FAILS,
    Fault::COMMIT_SLOW,
    Fault::EXCEPTION,
    Fault::EVICTION,
    Fault::ISOLATE_KILLED,
    Fault::ALARM_LATE,
    Fault::ALARM_TWICE,
    Fault::ALARM_STALE,
    Fault::ALARM_FAILS,
    Fault::CLOCK_MOVES,
];

impl Plan {
    /// What this seed draws: 4 to 40 asks in ten minutes, and about half of the faults.
    pub fn draw(seed: u64) -> Self {
        let draws = Draws::new(seed);
        let ask = |number| {
            let mut draw = draws.at(100, 0, number, 0);
            let at_ms = draw.below(10 * MINUTE / 1_000);
            let (lock, client) = (draw.pick(&['a', 'b']), draw.pick(&[1, 2, 3, 4]));
            let lease_ms = draw.pick(&[1_000, 10_000, 60_000, 180_000]);
            let ask = draw.pick(&[Ask::Acquire { lease_ms }, Ask::Acquire { lease_ms }, Ask::Renew, Ask::Release]);
            (at_ms, Event::Asked(lock, client, ask))
        };
        let mut asks: Vec<_> = (0..draws.at(101, 0, 0, 0).between(4, 40)).map(ask).collect();
        asks.sort_by_key(|(at_ms, _)| *at_ms);
        let mut draw = draws.at(102, 0, 0, 0);
        Self { asks, faults: FAULTS.into_iter().filter(|_| draw.chance(Chance::percent(50))).collect() }
    }

    fn rates(&self) -> Faults {
        let has = |fault| self.faults.contains(&fault);
        let rate = |fault| if has(fault) { Chance::percent(10) } else { Chance::NEVER };
        Faults {
            crash_after_commit: rate(Fault::CRASH),
            crash_before_commit: rate(Fault::CRASH_BEFORE_COMMIT),
            commit_fails: rate(Fault::COMMIT_FAILS),
            commit_slow: rate(Fault::COMMIT_SLOW),
            exception: rate(Fault::EXCEPTION),
            eviction: if has(Fault::EVICTION) { Eviction::Busy } else { Eviction::Never },
            constructor_throws: rate(Fault::ISOLATE_KILLED),
            alarm_late: rate(Fault::ALARM_LATE),
            alarm_twice: rate(Fault::ALARM_TWICE),
            alarm_stale: rate(Fault::ALARM_STALE),
            alarm_fails: rate(Fault::ALARM_FAILS),
            clock_skew_ms: if has(Fault::CLOCK_MOVES) { 2_000 } else { 0 },
            ..Faults::default()
        }
    }

    /// Runs it; the world then tells what broke.
    pub fn run(&self, seed: u64, bug: Option<Bug>, recorder: Recorder) -> (LockWorld, Recorder) {
        let mut sim = Sim::new(seed, START_MS, self.rates(), Sizes::default(), recorder);
        let mut world = LockWorld::default();
        sim.add_object(bug, BTreeMap::new());
        for (at_ms, event) in &self.asks {
            sim.after(at_ms * 1_000, *event);
        }
        let at_rest = sim.run(&mut world, MAX_STEPS);
        world.ended(&mut sim, at_rest);
        (world, sim.recorder)
    }

    fn breaks(&self, seed: u64, bug: Option<Bug>) -> Option<&'static str> {
        self.run(seed, bug, Recorder::default()).0.broken.map(|(law, _)| law)
    }

    /// A plan that breaks the same law with as few faults and asks as can be, each ask as early as can be.
    pub fn minimise(mut self, seed: u64, bug: Option<Bug>) -> Self {
        let law = self.breaks(seed, bug);
        loop {
            let before = self.clone();
            let fails = |faults: &[Fault]| Self { faults: faults.into(), ..before.clone() }.breaks(seed, bug) == law;
            self.faults = ddmin(self.faults.clone(), fails);
            let with = |asks: &[(u64, Event)]| Self { asks: asks.into(), faults: self.faults.clone() };
            let mut asks = ddmin(self.asks.clone(), |asks| with(asks).breaks(seed, bug) == law);
            for place in 0..asks.len() {
                let not_before = if place == 0 { 0 } else { asks[place - 1].0 };
                let fails = |at_ms| {
                    let mut asks = asks.clone();
                    asks[place].0 = at_ms;
                    with(&asks).breaks(seed, bug) == law
                };
                asks[place].0 = smallest(not_before, asks[place].0, fails);
            }
            self.asks = asks;
            // As long as that takes something away: a time alone could be moved by a millisecond for very long.
            if (self.faults.len(), self.asks.len()) == (before.faults.len(), before.asks.len()) {
                return self;
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at_ms, event) in &self.asks {
            writeln!(f, "  {:>8}  {event}", text::time(START_MS + at_ms))?;
        }
        let faults: Vec<_> = self.faults.iter().map(|fault| text::words(*fault)).collect();
        writeln!(f, "  with {}", if faults.is_empty() { "no fault".into() } else { faults.join(", ") })
    }
}

/// What a campaign over many seeds showed.
#[derive(Default)]
pub struct Summary {
    /// Grants that became durable.
    pub grants: usize,
    /// How often each fault hit.
    pub hits: BTreeMap<Fault, u64>,
    /// The seeds that broke a law.
    pub failing: Vec<u64>,
}

/// Runs the seeds from 0, until this many have broken a law.
pub fn campaign(bug: Option<Bug>, seeds: u64, enough: usize) -> Summary {
    let mut summary = Summary::default();
    for seed in 0..seeds {
        let (world, _) = Plan::draw(seed).run(seed, bug, Recorder::default());
        summary.grants += world.laws.grants.len();
        world.hits.iter().for_each(|(fault, count)| *summary.hits.entry(*fault).or_default() += count);
        if world.broken.is_some() {
            summary.failing.push(seed);
        }
        if summary.failing.len() >= enough {
            break;
        }
    }
    summary
}

/// The smallest run of any of these seeds that breaks the law which the first of them breaks.
pub fn minimal(failing: &[u64], bug: Option<Bug>) -> Option<(u64, Plan)> {
    let breaks = |seed| Plan::draw(seed).breaks(seed, bug);
    let law = breaks(*failing.first()?);
    let same = failing.iter().copied().filter(|seed| breaks(*seed) == law);
    let small = same.map(|seed| (seed, Plan::draw(seed).minimise(seed, bug)));
    small.min_by_key(|(_, plan)| plan.faults.len() + plan.asks.len())
}

/// What happens in this run, up to the law that breaks.
pub fn explain(seed: u64, plan: &Plan, bug: Option<Bug>) -> String {
    let (world, recorder) = plan.run(seed, bug, Recorder::default().with_lines());
    let whole = Plan::draw(seed);
    let mut text = format!("The law \"{}\" is broken.\n", world.broken.map_or("none", |(law, _)| law));
    let _ = write!(text, "Of the {} asks and {} faults of seed {seed}", whole.asks.len(), whole.faults.len());
    let _ = writeln!(text, " these suffice:\n\n{plan}\nStep by step:\n");
    for line in recorder.lines().iter().filter(|line| !line.who.is_empty()) {
        let _ = writeln!(text, "{line}");
        if line.who == "LAW" {
            break;
        }
    }
    text
}

/// A campaign over a lease lock: a durable object on a platform that crashes, evicts, and is late.
#[derive(Parser)]
struct Args {
    /// Plant a bug, and explain the smallest run in which a law sees it
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "alarm-if-none")]
    bug: Option<Bug>,
    /// How many seeds to run at most
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
}

fn main() -> ExitCode {
    let Args { bug, seeds } = Args::parse();
    let Summary { grants, hits, failing } = campaign(bug, seeds, 20);
    match minimal(&failing, bug) {
        Some((seed, plan)) => println!("{}", explain(seed, &plan, bug)),
        None => {
            println!("{seeds} seeds and {grants} grants: no law is broken. The faults:");
            hits.iter().for_each(|(fault, count)| println!("{count:>8} x {}", text::words(*fault)));
        }
    }
    if failing.is_empty() == bug.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
