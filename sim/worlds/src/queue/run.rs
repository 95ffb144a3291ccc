//! Runs of the queue, as the framework has them.

use super::{
    coverage::GRIDS,
    laws::PROMISES,
    plan::{Plan, SCHEMA},
    world::QueueWorld,
};
use crate::{proxy::Profile, readable::readable};
use durable_sim::{
    Decisions, Faults, Grid, Law, Recorder, START_MS, Sim, Sizes,
    plan::{Conflict, Document, Run, Schema, Simulation},
};

/// Runs of the queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueRuns {
    /// What a seed draws.
    pub profile: Profile,
    /// Whether the laws are checked.
    pub laws: bool,
}

impl QueueRuns {
    /// Of what a swarm draws, with all laws.
    pub const SWARM: Self = Self { profile: Profile::Swarm, laws: true };
}

impl Simulation for QueueRuns {
    type World = QueueWorld;

    const NAME: &'static str = "queue";
    const LAWS: &'static [&'static Law] = &PROMISES;
    const GRIDS: &'static [&'static Grid] = &GRIDS;
    const PROFILES: &'static [&'static str] = &Profile::NAMES;
    const SCHEMA: &'static Schema = &SCHEMA;
    const MAX_STEPS: u64 = 5_000_000;
    const COMES_TO_REST: &'static str = "L2";
    const NEVER_PANICS: &'static str = "S13";
    const PLAN: &'static str = "\
about = \"Two requests in one batch, one of them tried once more.\"
world = \"queue\"

[requests]
r0 = { max_retries = 1 }
r1 = { at_ms = 1 }
";

    fn set_profile(&mut self, profile: &'static str) {
        self.profile = Profile::named(profile);
    }

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

    fn over(&self, sim: &mut Sim<QueueWorld>, world: &mut QueueWorld) {
        world.seen.over(sim);
    }

    fn about(&self, document: &Document) -> String {
        Plan::of(document).to_string()
    }

    fn state(&self, run: &Run<QueueWorld>) -> Vec<String> {
        run.world.host.consumers()
    }

    fn reader(&self, run: &Run<QueueWorld>) -> Box<dyn Fn(&str) -> String> {
        let names: Vec<(String, String)> = run.world.seen.named().collect();
        Box::new(move |text| readable(&names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name))))
    }

    fn may_make_up(&self) -> bool {
        self.profile != Profile::Calm
    }
}
