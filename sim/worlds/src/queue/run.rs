//! One run: from a seed to a verdict.

use super::{coverage::Coverage, plan::Plan, world::QueueWorld};
use crate::{laws::Violation, proxy::panic_text};
use durable_sim::{Faults, Line, Micros, Recorder, Sim, Sizes};
use proxy_fetch::Outcome;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// When every run begins: 2026-01-01.
const START_MS: u64 = 1_767_225_600_000;
/// A run that has not come to rest after so many steps never will.
const MAX_STEPS: u64 = 1_000_000;

/// What to keep of a run besides its verdict.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Check the laws.
    pub laws: bool,
    /// Keep the trace.
    pub lines: bool,
    /// Keep the digest of each step.
    pub digests: bool,
    /// Stop after this step.
    pub until: Option<u64>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { laws: true, lines: false, digests: false, until: None }
    }
}

/// What a run showed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Steps: events that the engine took from its queue.
    pub steps: u64,
    /// Simulated time.
    pub simulated: Micros,
    /// The digest of everything.
    pub digest: u64,
    /// The digest of each step, if it was kept.
    pub digests: Vec<u64>,
    /// The first broken law and its step.
    pub violation: Option<(u64, Violation)>,
    /// Requests by how they ended.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Faults by the states that they hit.
    pub coverage: Coverage,
    /// What the seed drew, in a line.
    pub mix: String,
    /// The trace, if it was kept, with requests by their names.
    pub lines: Vec<Line>,
    /// The consumers at the end, if lines were kept.
    pub consumers: Vec<String>,
}

/// Runs a seed. A panic of the machine is a violation of S13.
#[must_use]
pub fn run_seed(seed: u64, watch: Watch) -> Report {
    run_plan(seed, Plan::draw(seed), watch)
}

/// Runs a plan with the draws of this seed.
#[must_use]
pub fn run_plan(seed: u64, plan: Plan, watch: Watch) -> Report {
    let mix = if watch.lines { plan.to_string() } else { String::new() };
    let mut recorder = Recorder::default();
    if watch.lines {
        recorder = recorder.with_lines();
    }
    if watch.digests {
        recorder = recorder.with_digests();
    }
    let mut sim = Sim::new(seed, START_MS, Faults::default(), Sizes::default(), recorder);
    let mut world = QueueWorld::new(plan, watch.laws);
    let done = catch_unwind(AssertUnwindSafe(|| {
        world.begin(&mut sim);
        let at_rest = sim.run(&mut world, watch.until.unwrap_or(MAX_STEPS));
        if at_rest {
            world.end(&mut sim);
        } else if world.violation.is_none() && watch.until.is_none() {
            let what = format!("the run has not come to rest after {MAX_STEPS} steps");
            world.violated(&mut sim, Violation { law: "L2", what });
        }
    }));
    if let Err(panic) = done {
        let what = format!("panic: {}", panic_text(&*panic));
        world.violated(&mut sim, Violation { law: "S13", what });
    }
    report(seed, mix, watch, &sim, world)
}

fn report(seed: u64, mix: String, watch: Watch, sim: &Sim<QueueWorld>, world: QueueWorld) -> Report {
    let mut outcomes = BTreeMap::new();
    for entry in &world.ledger.entries {
        let how = match (entry.ended_at, entry.outcome) {
            (Some(_), Some(outcome)) => Outcome::name(outcome),
            (Some(_), None) => "nobody to tell",
            (None, _) if entry.unread.is_some() => "unreadable, never acked",
            (None, _) if entry.copies == 0 => "never stored",
            (None, _) if entry.copies == entry.deleted => "deleted by the platform",
            (None, _) => "live",
        };
        *outcomes.entry(how).or_default() += 1;
    }
    let names: Vec<(String, String)> = if watch.lines {
        (0..)
            .zip(&world.ledger.entries)
            .map(|(number, entry): (u32, _)| (entry.id.to_string(), format!("r{number}")))
            .collect()
    } else {
        Vec::new()
    };
    let named = |text: &str| names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name));
    let lines = sim.recorder.lines().iter().map(|line| Line { what: named(&line.what), ..line.clone() }).collect();
    let consumers = if watch.lines { world.consumers() } else { Vec::new() };
    Report {
        seed,
        steps: sim.recorder.steps,
        simulated: sim.now(),
        digest: sim.recorder.digest(),
        digests: sim.recorder.digests().to_vec(),
        violation: world.violation,
        outcomes,
        coverage: world.coverage,
        mix,
        lines,
        consumers: consumers.iter().map(|text| named(text)).collect(),
    }
}
