//! One run: from a document, or from a seed, to a verdict.

use super::{
    coverage::Coverage,
    plan::{Plan, SCHEMA},
    world::QueueWorld,
};
use crate::{laws::Violation, proxy::Profile};
use durable_sim::{
    Breaks, Decisions, Faults, Line, Micros, Recorder, START_MS, Sim, Sizes,
    plan::{Conflict, Document, Run, Schema, Simulation},
};
use proxy_fetch::Outcome;
use std::collections::BTreeMap;

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
    const MAX_STEPS: u64 = 5_000_000;
    const COMES_TO_REST: &'static str = "L2";
    const NEVER_PANICS: &'static str = "S13";

    fn draw(&self, seed: u64) -> Document {
        Plan::draw(seed, self.profile).document(seed)
    }

    fn conflict(&self, document: &Document) -> Option<Conflict> {
        Plan::of(document).crash_of_none()
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
        }
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
    /// What the document says and the run did not do.
    pub notes: Vec<String>,
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
    let Run { sim, world } = run;
    let violation = |Breaks { law, step, what }| (step, Violation { law, what });
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
        notes: sim.notes(),
        violation: sim.broken().cloned().map(violation),
        coverage: world.seen.coverage,
    }
}
