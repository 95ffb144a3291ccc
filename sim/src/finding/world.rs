//! A world as the command line sees it, whatever its types.

use crate::{
    campaign::{self, Campaign, Listener, Summary},
    engine::{Breaks, Law, Line, Recorder},
    plan::{Budget, Conflict, Document, Minimised, NotMinimised, Run, Schema, Searched, Simulation, deviations},
    time::Micros,
};
use std::time::Duration;

/// A run as it is shown.
pub struct Shown {
    /// The first law that it broke.
    pub breaks: Option<Breaks>,
    /// Its steps.
    pub steps: u64,
    /// Its time, in µs.
    pub simulated: Micros,
    /// Its digest.
    pub digest: u64,
    /// Its trace.
    pub lines: Vec<Line>,
    /// What its document says and it did not do.
    pub notes: Vec<String>,
    /// The state at its end: [`Simulation::state`].
    pub state: Vec<String>,
    /// What it is made of, in a line: [`Simulation::about`].
    pub about: String,
    /// What it counted in each grid of a single column, in a line each.
    pub ends: Vec<String>,
}

/// Any [`Simulation`] that can be copied, whatever its types: for `cli::main` and for tests.
pub trait AnyWorld: Sync {
    #[doc(hidden)]
    fn name(&self) -> &'static str;
    #[doc(hidden)]
    fn laws(&self) -> Vec<(&'static str, &'static str)>;
    #[doc(hidden)]
    fn profiles(&self) -> &'static [&'static str];
    #[doc(hidden)]
    fn schema(&self) -> &'static Schema;
    #[doc(hidden)]
    fn plan(&self) -> &'static str;
    #[doc(hidden)]
    fn conflict(&self, document: &Document) -> Option<Conflict>;
    #[doc(hidden)]
    fn draw(&self, profile: &'static str, seed: u64) -> Document;
    #[doc(hidden)]
    fn campaign(&self, profile: &'static str, asked: &Campaign, told: &dyn Listener) -> Result<Summary, String>;
    #[doc(hidden)]
    fn run(&self, document: &Document, until: Option<u64>) -> Shown;
    #[doc(hidden)]
    fn minimise(&self, document: &Document, within: Duration) -> Result<Minimised, NotMinimised>;
    #[doc(hidden)]
    fn deviations(&self, document: &Document, most: usize, runs: u64) -> (Searched, Option<(Document, Breaks)>);
}

impl<S: Simulation + Clone + Sync> AnyWorld for S {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn laws(&self) -> Vec<(&'static str, &'static str)> {
        let own = || S::LAWS.iter().map(|Law { name, promises }| (*name, *promises));
        let of_all = [
            (S::COMES_TO_REST, "Nothing is left to happen in the end."),
            (S::NEVER_PANICS, "Neither the object nor its world panics."),
            (campaign::REPEATS, "The same seed gives the same run, in each of its steps."),
        ];
        own().chain(of_all.into_iter().filter(|(name, _)| !own().any(|(known, _)| known == *name))).collect()
    }

    fn profiles(&self) -> &'static [&'static str] {
        S::PROFILES
    }

    fn schema(&self) -> &'static Schema {
        S::SCHEMA
    }

    fn plan(&self) -> &'static str {
        S::PLAN
    }

    fn conflict(&self, document: &Document) -> Option<Conflict> {
        Simulation::conflict(self, document)
    }

    fn draw(&self, profile: &'static str, seed: u64) -> Document {
        Simulation::draw(&of_profile(self, profile), seed)
    }

    fn campaign(&self, profile: &'static str, asked: &Campaign, told: &dyn Listener) -> Result<Summary, String> {
        campaign::run(&of_profile(self, profile), asked, told)
    }

    fn run(&self, document: &Document, until: Option<u64>) -> Shown {
        let recorder = Recorder::default().with_lines();
        let run: Run<S::World> =
            self.run_until(document, document.decisions(), recorder, until.unwrap_or(S::MAX_STEPS));
        let read = self.reader(&run);
        let lines = run.sim.recorder.lines().iter().map(|line| Line { what: read(&line.what), ..line.clone() });
        let breaks = run.breaks().map(|breaks| Breaks { what: read(&breaks.what), ..breaks.clone() });
        let state = self.state(&run).iter().map(|line| read(line)).collect();
        Shown {
            breaks,
            steps: run.sim.recorder.steps,
            simulated: run.sim.now(),
            digest: run.sim.recorder.digest(),
            lines: lines.collect(),
            notes: run.sim.notes(),
            state,
            about: self.about(document),
            ends: run.sim.coverage().lists().map(|(name, ends)| format!("{name}: {ends}")).collect(),
        }
    }

    fn minimise(&self, document: &Document, within: Duration) -> Result<Minimised, NotMinimised> {
        Simulation::minimise(self, document, within)
    }

    fn deviations(&self, document: &Document, most: usize, runs: u64) -> (Searched, Option<(Document, Breaks)>) {
        let mut first = None;
        let budget = Budget { deviations: most, runs, but_for: S::NOT_SURVIVED };
        let searched = deviations(self, document, budget, |document, breaks| {
            first = Some((document.clone(), breaks.clone()));
            false
        });
        (searched, first)
    }
}

fn of_profile<S: Simulation + Clone>(world: &S, profile: &'static str) -> S {
    let mut world = world.clone();
    world.set_profile(profile);
    world
}
