//! One run: from a document, or from a seed, to a verdict.

use super::{
    coverage::Coverage,
    plan::{Plan, SCHEMA},
    world::QueueWorld,
};
use crate::{
    laws::Violation,
    proxy::{Profile, panic_text},
};
use durable_sim::{
    Decisions, Faults, Line, Micros, Note, Recorder, Script, Sim, Sizes,
    plan::{Breaks, Document, Run, Schema, Simulation},
};
use proxy_fetch::Outcome;
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// When every run begins: 2026-01-01.
const START_MS: u64 = 1_767_225_600_000;

/// Runs of the queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueRuns {
    /// What a seed draws.
    pub profile: Profile,
    /// Whether the laws are checked.
    pub laws: bool,
}

impl Simulation for QueueRuns {
    type World = QueueWorld;

    const SCHEMA: &'static Schema = &SCHEMA;

    fn draw(&self, seed: u64) -> Document {
        Plan::draw(seed, self.profile).document(seed)
    }

    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<QueueWorld>, QueueWorld) {
        let mut sim = Sim::new(decisions, START_MS, Faults::default(), Sizes::default(), recorder);
        let world = QueueWorld::new(Plan::of(document), self.laws);
        world.begin(&mut sim);
        (sim, world)
    }

    fn end(&self, sim: &mut Sim<QueueWorld>, world: &mut QueueWorld, at_rest: bool) {
        if at_rest {
            world.end(sim);
        } else {
            let what = format!("the run has not come to rest after {} steps", Self::MAX_STEPS);
            world.seen.violated(sim, Violation { law: "L2", what });
        }
    }

    /// None if the document is one that no file can be: one that fails is not made into such a one.
    fn breaks(world: &QueueWorld) -> Option<Breaks> {
        if world.plan.crash_of_none().is_some() {
            return None;
        }
        let (step, Violation { law, what }) = world.seen.violation.clone()?;
        Some(Breaks { law, step, what })
    }

    /// A panic of the consumer is a violation of S13.
    fn run_until(&self, document: &Document, decisions: Decisions, recorder: Recorder, most: u64) -> Run<QueueWorld> {
        let (mut sim, mut world) = self.begin(document, decisions, recorder);
        let done = catch_unwind(AssertUnwindSafe(|| {
            let at_rest = sim.run(&mut world, most.min(Self::MAX_STEPS));
            if world.seen.violation.is_none() && (at_rest || most >= Self::MAX_STEPS) {
                self.end(&mut sim, &mut world, at_rest);
            }
        }));
        if let Err(panic) = done {
            let what = format!("panic: {}", panic_text(&*panic));
            world.seen.violated(&mut sim, Violation { law: "S13", what });
        }
        let breaks = Self::breaks(&world);
        Run { sim, world, breaks }
    }
}

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
    /// The seed; 0 if there is none.
    pub seed: u64,
    /// What drew its plan.
    pub profile: Profile,
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
    /// What the run is made of, in a line, if lines were kept.
    pub mix: String,
    /// The trace, if it was kept, with requests by their names.
    pub lines: Vec<Line>,
    /// The consumers at the end, if lines were kept.
    pub consumers: Vec<String>,
    /// Decisions of the document that the run did not come to.
    pub unplayed: Script,
    /// Decisions of the document that could not be done as they are said.
    pub notes: Vec<Note>,
}

/// Runs a seed. A panic of the machine is a violation of S13.
#[must_use]
pub fn run_seed(seed: u64, profile: Profile, watch: Watch) -> Report {
    let runs = QueueRuns { profile, laws: watch.laws };
    run(runs, &runs.draw(seed), watch)
}

/// Runs a document.
#[must_use]
pub fn run_document(document: &Document, watch: Watch) -> Report {
    run(QueueRuns { profile: Profile::default(), laws: watch.laws }, document, watch)
}

fn run(runs: QueueRuns, document: &Document, watch: Watch) -> Report {
    let mut recorder = Recorder::default();
    if watch.lines {
        recorder = recorder.with_lines();
    }
    if watch.digests {
        recorder = recorder.with_digests();
    }
    let most = watch.until.unwrap_or(QueueRuns::MAX_STEPS);
    let run = runs.run_until(document, document.decisions(), recorder, most);
    report(runs.profile, document.seed, watch, run)
}

fn report(profile: Profile, seed: Option<u64>, watch: Watch, run: Run<QueueWorld>) -> Report {
    let Run { sim, world, .. } = run;
    let mut outcomes = BTreeMap::new();
    for entry in &world.seen.ledger.entries {
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
    let names: Vec<(String, String)> = if watch.lines { world.seen.named().collect() } else { Vec::new() };
    let named = |text: &str| names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name));
    let lines = sim.recorder.lines().iter().map(|line| Line { what: named(&line.what), ..line.clone() }).collect();
    let consumers = if watch.lines { world.host.consumers() } else { Vec::new() };
    Report {
        seed: seed.unwrap_or_default(),
        profile,
        steps: sim.recorder.steps,
        simulated: sim.now(),
        digest: sim.recorder.digest(),
        digests: sim.recorder.digests().to_vec(),
        outcomes,
        mix: if watch.lines { world.plan.to_string() } else { String::new() },
        lines,
        consumers: consumers.iter().map(|text| named(text)).collect(),
        unplayed: sim.decisions.unplayed(),
        notes: sim.decisions.notes(),
        violation: world.seen.violation,
        coverage: world.seen.coverage,
    }
}
