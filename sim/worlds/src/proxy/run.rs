//! One run: from a seed to a verdict.

use super::{
    coverage::Coverage,
    features::{Feature, Features},
    names::Names,
    object::ProxyObject,
    plan::Plan,
    profile::Profile,
    upstream::START,
    world::{OBJECT, ProxyWorld},
};
use crate::history::{ledger::Stored, storage::Storage};
use crate::laws::{Laws, Violation};
use durable_sim::{Decisions, Line, Micros, Note, Place, Recorder, Script, Sim};
use proxy_fetch::Outcome;
use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A run that has not come to rest after so many steps never will (laws L2 and S20).
const MAX_STEPS: u64 = 5_000_000;

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
    /// Keep the decisions.
    pub script: bool,
    /// Keep what was decided, plain or not.
    pub asked: bool,
    /// Keep the features.
    pub features: bool,
    /// Stop after this step.
    pub until: Option<u64>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            laws: true,
            only: None,
            lines: false,
            digests: false,
            script: false,
            asked: false,
            features: false,
            until: None,
        }
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
    /// The decisions that were not plain, if they were kept.
    pub script: Script,
    /// The decisions of the plan that the run did not come to.
    pub unplayed: Script,
    /// Decisions of the plan that could not be done as they are said.
    pub notes: Vec<Note>,
    /// All that was decided, if that was kept.
    pub asked: Vec<(Place, &'static str)>,
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
    let decisions = Decisions::of(plan.seed, &plan.script);
    run_decided(plan, decisions, watch)
}

/// Runs a plan with these decisions, which are its own.
pub(crate) fn run_decided(plan: Plan, mut decisions: Decisions, watch: Watch) -> Report {
    let seed = plan.seed.unwrap_or_default();
    let mix = if watch.lines { plan.to_string() } else { String::new() };
    let mut recorder = Recorder::default();
    if watch.lines {
        recorder = recorder.with_lines();
    }
    if watch.digests {
        recorder = recorder.with_digests();
    }
    if watch.script {
        decisions = decisions.recording();
    }
    if watch.asked {
        decisions = decisions.listing();
    }
    let mut sim = Sim::new(decisions, START.0, plan.faults.clone(), plan.sizes.clone(), recorder);
    sim.add_object(plan.config.clone(), Storage::default());
    let laws = watch.laws.then(|| watch.only.map_or_else(Laws::new, Laws::only));
    let mut world = ProxyWorld::new(plan, laws);
    world.seen.features = watch.features.then(Features::default);
    world.begin(&mut sim);
    let done = catch_unwind(AssertUnwindSafe(|| {
        let at_rest = sim.run(&mut world, watch.until.unwrap_or(MAX_STEPS));
        if at_rest {
            world.end(&mut sim);
        } else if world.seen.violation.is_none() && watch.until.is_none() {
            let what = format!("the run has not come to rest after {MAX_STEPS} steps");
            world.seen.violated(&mut sim, Violation { law: "L2", what });
        }
    }));
    if let Err(panic) = done {
        let what = format!("panic: {}", panic_text(&*panic));
        world.seen.violated(&mut sim, Violation { law: "S13", what });
    }
    report(seed, mix, watch, &sim, world)
}

fn report(seed: u64, mix: String, watch: Watch, sim: &Sim<ProxyWorld>, world: ProxyWorld) -> Report {
    let mut outcomes = BTreeMap::new();
    for entry in &world.seen.ledger.entries {
        let how = match &entry.stored {
            Stored::Live(_) => "live",
            // A request whose row was unreadable leaves none when it ends.
            Stored::Finished(_) | Stored::Forgotten => entry.outcome.map_or("unreadable", Outcome::name),
        };
        *outcomes.entry(how).or_default() += 1;
    }
    let names = if watch.lines { Names::of(&world.seen.ledger) } else { Names::default() };
    let lines = sim.recorder.lines().iter();
    let lines = lines.map(|line| Line { what: names.in_text(&line.what), ..line.clone() }).collect();
    let machine = sim.machine(OBJECT).filter(|_| watch.lines);
    Report {
        seed,
        steps: sim.recorder.steps,
        simulated: sim.now(),
        digest: sim.recorder.digest(),
        digests: sim.recorder.digests().to_vec(),
        violation: world.seen.violation,
        outcomes,
        coverage: world.seen.coverage,
        features: world.seen.features.map_or_else(Vec::new, Features::list),
        mix,
        lines,
        script: sim.decisions.recorded(),
        unplayed: sim.decisions.unplayed(),
        notes: sim.decisions.notes(),
        asked: sim.decisions.asked(),
        machine: machine.map(|object: &ProxyObject| names.in_text(&object.machine.to_string())),
    }
}

/// What a panic says.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a message").to_owned()
}
