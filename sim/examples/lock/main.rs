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
use durable_sim::{
    Chance, Decisions, Draws, Eviction, Fault, Faults, MINUTE, Micros, Recorder, START_MS, Sim, Sizes, Subject, fields,
    plan::{Document, Fields, List, Run, Schema, Simulation, write},
    words,
};
use object::{Ask, Event};
use std::{collections::BTreeMap, fmt::Write as _, process::ExitCode, time::Duration};
use world::LockWorld;

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

/// What a client asks, as a part of a plan.
struct Planned {
    at: Micros,
    lock: Name,
    client: u8,
    what: What,
    lease_ms: u64,
}

impl Default for Planned {
    fn default() -> Self {
        Self { at: 0, lock: Name::A, client: 0, what: What::Acquire, lease_ms: 10_000 }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Name {
    A,
    B,
}
words!(Name { Name::A => "a", Name::B => "b" });

#[derive(Clone, Copy, PartialEq)]
enum What {
    Acquire,
    Renew,
    Release,
}
words!(What { What::Acquire => "acquire", What::Renew => "renew", What::Release => "release" });

fields!(Planned {
    /// When.
    at: moment "at_ms",
    /// Which lock.
    lock: word<Name> "lock",
    /// Who.
    client: whole "client" (0..=9),
    /// What.
    what: word<What> "what",
    /// For how long, if it is acquired; 10 s unless it says so.
    lease_ms: whole "lease_ms" (1..=1_000_000),
});

static ASKS: List = List { name: "asks", prefix: "ask", fields: Planned::FIELDS, says: "What a client asks." };
static ASK: Subject = Subject::of("asks", "ask {}");

static SCHEMA: Schema = Schema { rates: &[Faults::FIELDS], lists: &[&ASKS], subjects: &[&ASK], ..Schema::EMPTY };

impl Planned {
    fn event(&self) -> Event {
        let ask = match self.what {
            What::Acquire => Ask::Acquire { lease_ms: self.lease_ms },
            What::Renew => Ask::Renew,
            What::Release => Ask::Release,
        };
        let lock = match self.lock {
            Name::A => 'a',
            Name::B => 'b',
        };
        Event::Asked(lock, self.client, ask)
    }
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

/// Runs of the lock, perhaps with a bug.
pub struct LockRuns(pub Option<Bug>);

impl Simulation for LockRuns {
    type World = LockWorld;
    const SCHEMA: &'static Schema = &SCHEMA;
    const MAX_STEPS: u64 = 20_000;

    /// 4 to 40 asks in ten minutes, and about half of the faults.
    fn draw(&self, seed: u64) -> Document {
        let draws = Draws::new(seed);
        let ask = |number| {
            let mut draw = draws.at("ask", number);
            Planned {
                at: draw.below(10 * MINUTE / 1_000) * 1_000,
                lock: draw.pick(&[Name::A, Name::B]),
                client: draw.pick(&[1, 2, 3, 4]),
                lease_ms: draw.pick(&[1_000, 10_000, 60_000, 180_000]),
                what: draw.pick(&[What::Acquire, What::Acquire, What::Renew, What::Release]),
            }
        };
        let mut asks: Vec<_> = (0..draws.at("asks", 0).between(4, 40)).map(ask).collect();
        asks.sort_by_key(|ask| ask.at);
        let mut draw = draws.at("faults", 0);
        let mut rate = || draw.pick(&[Chance::NEVER, Chance::percent(10)]);
        let faults = Faults {
            crash_after_commit: rate(),
            crash_before_commit: rate(),
            commit_fails: rate(),
            commit_slow: rate(),
            exception: rate(),
            constructor_throws: rate(),
            alarm_late: rate(),
            alarm_twice: rate(),
            alarm_stale: rate(),
            alarm_fails: rate(),
            eviction: draw.pick(&[Eviction::Never, Eviction::Busy]),
            clock_skew_ms: draw.pick(&[0, 2_000]),
            ..Faults::default()
        };
        let mut document = Document { rates: faults.table(), ..Document::drawn(seed) };
        document.put_list(&ASKS, (0..).zip(&asks));
        document
    }

    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<LockWorld>, LockWorld) {
        let faults = Faults::of_table(&document.rates);
        let mut sim = Sim::new(decisions, START_MS, faults, Sizes::default(), recorder);
        sim.add_object(self.0, BTreeMap::new());
        for (number, ask) in document.list::<Planned>(&ASKS) {
            sim.plan(ask.at, ASK.key(number), ask.event());
        }
        (sim, LockWorld::default())
    }

    fn end(&self, sim: &mut Sim<LockWorld>, world: &mut LockWorld, at_rest: bool) {
        world.ended(sim, at_rest);
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
pub fn campaign(runs: &LockRuns, seeds: u64, enough: usize) -> Summary {
    let mut summary = Summary::default();
    for seed in 0..seeds {
        let Run { sim, world } = runs.run(&runs.draw(seed), Recorder::default());
        summary.grants += world.laws.grants.len();
        world.hits.iter().for_each(|(fault, count)| *summary.hits.entry(*fault).or_default() += count);
        if sim.broken().is_some() {
            summary.failing.push(seed);
        }
        if summary.failing.len() >= enough {
            break;
        }
    }
    summary
}

/// The smallest document that these seeds come to, of those that break the law which the first of them breaks.
pub fn minimal(runs: &LockRuns, failing: &[u64]) -> Option<(u64, Document)> {
    let breaks = |seed: &u64| Some(runs.run(&runs.draw(*seed), Recorder::default()).breaks()?.law);
    let law = failing.first().and_then(breaks);
    let same = failing.iter().filter(|seed| breaks(seed) == law);
    let small =
        same.filter_map(|seed| Some((*seed, runs.minimise(&runs.draw(*seed), Duration::from_secs(20)).ok()?.document)));
    small.min_by_key(|(_, document)| document.items())
}

/// What happens in the run of this document, up to the law that breaks.
pub fn explain(runs: &LockRuns, seed: u64, document: &Document) -> String {
    let run = runs.run(document, Recorder::default().with_lines());
    let of = runs.written_out(&runs.draw(seed)).0.items();
    let law = run.breaks().map_or("none", |breaks| breaks.law);
    let mut text = format!("The law \"{law}\" is broken.\nOf the {of} items of seed {seed} these suffice:\n\n");
    text.push_str(&write(&SCHEMA, &[], &[], document));
    text.push_str("\nStep by step:\n\n");
    for line in run.sim.recorder.lines().iter().filter(|line| !line.who.is_empty()) {
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
    let runs = LockRuns(bug);
    let Summary { grants, hits, failing } = campaign(&runs, seeds, 20);
    match minimal(&runs, &failing) {
        Some((seed, document)) => println!("{}", explain(&runs, seed, &document)),
        None => {
            println!("{seeds} seeds and {grants} grants: no law is broken. The faults:");
            hits.iter().for_each(|(fault, count)| println!("{count:>8} x {fault}"));
        }
    }
    if failing.is_empty() == bug.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
