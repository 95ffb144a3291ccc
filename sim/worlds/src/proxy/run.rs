//! One run: from a seed to a verdict.

use super::{
    coverage::Coverage,
    document::SCHEMA,
    features::{Feature, Features},
    names::Names,
    object::ProxyObject,
    plan::Plan,
    profile::Profile,
    world::{OBJECT, ProxyWorld},
};
use crate::history::storage::Storage;
use crate::laws::{Laws, Violation};
use durable_sim::{
    Breaks, Decisions, Line, Micros, Recorder, START_MS, Sim,
    plan::{Conflict, Document, Run, Schema, Simulation},
};
use std::collections::BTreeMap;

/// Runs of the object.
#[derive(Clone, Copy, Debug)]
pub struct ProxyRuns {
    /// What a seed draws.
    pub profile: Profile,
    /// Whether the laws are checked.
    pub laws: bool,
    /// Of the laws only this one, by its id; see [`Laws::only`](crate::laws::Laws).
    pub only: Option<&'static str>,
    /// Whether features are kept.
    pub features: bool,
}

impl Default for ProxyRuns {
    fn default() -> Self {
        Self { profile: Profile::default(), laws: true, only: None, features: false }
    }
}

impl ProxyRuns {
    fn begin_plan(&self, plan: Plan, decisions: Decisions, recorder: Recorder) -> (Sim<ProxyWorld>, ProxyWorld) {
        let mut sim = Sim::new(decisions, START_MS, plan.faults.clone(), plan.sizes.clone(), recorder);
        sim.add_object(plan.config.clone(), Storage::default());
        let laws = self.laws.then(|| self.only.map_or_else(Laws::new, Laws::only));
        let mut world = ProxyWorld::new(plan, laws);
        world.seen.features = self.features.then(Features::default);
        world.begin(&mut sim);
        (sim, world)
    }
}

impl Simulation for ProxyRuns {
    type World = ProxyWorld;

    const SCHEMA: &'static Schema = &SCHEMA;
    const MAX_STEPS: u64 = 5_000_000;
    const COMES_TO_REST: &'static str = "L2";
    const NEVER_PANICS: &'static str = "S13";

    fn draw(&self, seed: u64) -> Document {
        Plan::draw(seed, self.profile).to_document()
    }

    fn conflict(&self, document: &Document) -> Option<Conflict> {
        Plan::fault_in_calm(document)
    }

    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<ProxyWorld>, ProxyWorld) {
        self.begin_plan(Plan::of_document(document), decisions, recorder)
    }

    fn end(&self, sim: &mut Sim<ProxyWorld>, world: &mut ProxyWorld, at_rest: bool) {
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
    /// Of the laws only this one, by its id; see [`Laws::only`](crate::laws::Laws).
    pub only: Option<&'static str>,
    /// Keep the trace.
    pub lines: bool,
    /// Keep the digest of each step.
    pub digests: bool,
    /// Keep the features.
    pub features: bool,
    /// Stop after this step.
    pub until: Option<u64>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { laws: true, only: None, lines: false, digests: false, features: false, until: None }
    }
}

/// What a run showed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The seed; 0 if the plan has none.
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
    /// Accepted requests by how they ended.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Faults by the states that they hit.
    pub coverage: Coverage,
    /// What it went through, by number, if features were kept.
    pub features: Vec<Feature>,
    /// What the seed drew, in a line.
    pub mix: String,
    /// The trace, if it was kept, with requests by their names.
    pub lines: Vec<Line>,
    /// What the plan says and the run did not do.
    pub notes: Vec<String>,
    /// The machine at the end, if it was in memory and lines were kept.
    pub machine: Option<String>,
}

/// Runs a seed. A panic of the machine is a violation of S13.
#[must_use]
pub fn run_seed(seed: u64, profile: Profile, watch: Watch) -> Report {
    run_plan(Plan::draw(seed, profile), watch)
}

/// Runs a plan.
#[must_use]
pub fn run_plan(plan: Plan, watch: Watch) -> Report {
    let seed = plan.seed.unwrap_or_default();
    let mix = if watch.lines { plan.to_string() } else { String::new() };
    let mut recorder = Recorder::default();
    if watch.lines {
        recorder = recorder.with_lines();
    }
    if watch.digests {
        recorder = recorder.with_digests();
    }
    let runs = ProxyRuns { profile: plan.profile, laws: watch.laws, only: watch.only, features: watch.features };
    let decisions = Decisions::of(plan.seed, &plan.script);
    let (sim, world) = runs.begin_plan(plan, decisions, recorder);
    let run = runs.run_begun(sim, world, watch.until.unwrap_or(ProxyRuns::MAX_STEPS));
    report(seed, mix, watch, run)
}

fn report(seed: u64, mix: String, watch: Watch, run: Run<ProxyWorld>) -> Report {
    let Run { sim, world } = run;
    let names = if watch.lines { Names::of(&world.seen.ledger) } else { Names::default() };
    let lines = sim.recorder.lines().iter();
    let lines = lines.map(|line| Line { what: names.in_text(&line.what), ..line.clone() }).collect();
    let machine = sim.machine(OBJECT).filter(|_| watch.lines);
    let violation = |Breaks { law, step, what }| (step, Violation { law, what });
    Report {
        seed,
        steps: sim.recorder.steps,
        simulated: sim.now(),
        digest: sim.recorder.digest(),
        digests: sim.recorder.digests().to_vec(),
        violation: sim.broken().cloned().map(violation),
        outcomes: world.outcomes(),
        coverage: world.seen.coverage,
        features: world.seen.features.map_or_else(Vec::new, Features::list),
        mix,
        lines,
        notes: sim.notes(),
        machine: machine.map(|object: &ProxyObject| names.in_text(&object.machine.to_string())),
    }
}
