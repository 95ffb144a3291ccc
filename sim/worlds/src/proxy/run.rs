//! Runs of the object, as the framework has them.

use super::{
    coverage::{GRIDS, MARKS},
    document::SCHEMA,
    features::Features,
    names::Names,
    object::ProxyObject,
    plan::Plan,
    profile::Profile,
    world::{OBJECT, ProxyWorld},
};
use crate::{
    history::storage::Storage,
    laws::{LAWS, Laws},
    readable::readable,
};
use durable_sim::{
    Decisions, Grid, Law, Mark, Recorder, START_MS, Sim,
    plan::{Conflict, Document, Feature, Run, Schema, Simulation},
};

/// Runs of the object.
#[derive(Clone, Copy, Debug)]
pub struct ProxyRuns {
    /// What a seed draws.
    pub profile: Profile,
    /// Whether the laws are checked.
    pub laws: bool,
    /// Of the laws only this one, by its name; see [`Laws::only`](crate::laws::Laws).
    pub only: Option<&'static str>,
    /// Whether features are kept.
    pub features: bool,
}

impl ProxyRuns {
    /// Of what a swarm draws, with all laws.
    pub const SWARM: Self = Self { profile: Profile::Swarm, laws: true, only: None, features: false };

    /// The same of what this profile draws.
    #[must_use]
    pub const fn of(profile: Profile) -> Self {
        Self { profile, ..Self::SWARM }
    }
}

impl Simulation for ProxyRuns {
    type World = ProxyWorld;

    const NAME: &'static str = "object";
    const LAWS: &'static [&'static Law] = LAWS;
    const MARKS: &'static [&'static Mark] = &MARKS;
    const GRIDS: &'static [&'static Grid] = &GRIDS;
    const PROFILES: &'static [&'static str] = &Profile::NAMES;
    const SCHEMA: &'static Schema = &SCHEMA;
    const MAX_STEPS: u64 = 5_000_000;
    const COMES_TO_REST: &'static str = "L2";
    const NEVER_PANICS: &'static str = "S13";
    const PLAN: &'static str = "\
about = \"Two requests, one of them tried once more and cancelled, and one whose status is asked for.\"

[requests]
r0 = { max_retries = 1, cancel_at_ms = 2000 }
r1 = { at_ms = 1, status_at_ms = 100 }
";

    fn set_profile(&mut self, profile: &'static str) {
        self.profile = Profile::named(profile);
    }

    fn draw(&self, seed: u64) -> Document {
        Plan::draw(seed, self.profile).to_document()
    }

    fn conflict(&self, document: &Document) -> Option<Conflict> {
        Plan::fault_in_calm(document)
    }

    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<ProxyWorld>, ProxyWorld) {
        let plan = Plan::of_document(document);
        let mut sim = Sim::new(decisions, START_MS, plan.faults.clone(), plan.sizes.clone(), recorder);
        sim.add_object(plan.config.clone(), Storage::default());
        let laws = self.laws.then(|| self.only.map_or_else(Laws::new, Laws::only));
        let mut world = ProxyWorld::new(plan, laws);
        world.seen.features = self.features.then(Features::default);
        world.begin(&mut sim);
        (sim, world)
    }

    fn end(&self, sim: &mut Sim<ProxyWorld>, world: &mut ProxyWorld, at_rest: bool) {
        if at_rest {
            world.end(sim);
        }
    }

    fn over(&self, sim: &mut Sim<ProxyWorld>, world: &mut ProxyWorld) {
        world.over(sim);
    }

    fn about(&self, document: &Document) -> String {
        Plan::of_document(document).to_string()
    }

    fn state(&self, run: &Run<ProxyWorld>) -> Vec<String> {
        let object: Option<&ProxyObject> = run.sim.machine(OBJECT);
        vec![object.map_or("the object is not in memory".to_owned(), |object| object.machine.to_string())]
    }

    fn reader(&self, run: &Run<ProxyWorld>) -> Box<dyn Fn(&str) -> String> {
        let names = Names::of(&run.world.seen.ledger);
        Box::new(move |text| readable(&names.in_text(text)))
    }

    fn leave_features(&mut self) {
        self.features = true;
    }

    fn features(&self, run: &Run<ProxyWorld>) -> Vec<Feature> {
        run.world.features().into_iter().map(super::features::Feature::to_framework).collect()
    }

    /// Calm laws hold for calm plans alone.
    fn may_make_up(&self) -> bool {
        self.profile != Profile::Calm
    }
}

/// Runs what a seed draws.
#[must_use]
pub fn run_seed(seed: u64, runs: ProxyRuns) -> Run<ProxyWorld> {
    runs.run(&runs.draw(seed), Recorder::default())
}

/// Runs a plan, with this record.
#[must_use]
pub fn run_plan(plan: &Plan, recorder: Recorder) -> Run<ProxyWorld> {
    ProxyRuns::of(plan.profile).run(&plan.to_document(), recorder)
}
