//! A world whose runs are documents: what is the same for all of them.

use super::{Document, Minimised, Schema, Tried, decision_lines, minimise};
use crate::{
    decide::Decisions,
    engine::{Breaks, Recorder, Sim, World, panic_text},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// A world, and what its runs are made of.
///
/// Whoever implements it gets what is the same for all worlds: runs of documents, seeds written out as documents, and
/// failing documents made small.
pub trait Simulation {
    /// The world.
    type World: World;

    /// What its documents can have.
    const SCHEMA: &'static Schema;

    /// A run that has not come to rest after so many steps never will.
    const MAX_STEPS: u64 = 1_000_000;

    /// The law that such a run breaks.
    const COMES_TO_REST: &'static str = "a run comes to rest";

    /// The law that a panic breaks, the object's or the world's.
    const NEVER_PANICS: &'static str = "nothing panics";

    /// What this seed draws before the run. Its [`Document::seed`] is set, so that the run draws the rest.
    fn draw(&self, seed: u64) -> Document;

    /// What is wrong with a document all of whose values are within their bounds: where one of them bounds another. None
    /// is made so when it is made small.
    fn conflict(&self, _document: &Document) -> Option<Conflict> {
        None
    }

    /// The world and the run of this document as it begins, with all that the document has on its calendar.
    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<Self::World>, Self::World);

    /// The last look, if no law is broken, when nothing is left to happen, the world has stopped the run, or it does not
    /// come to rest: that it does is a law of every world.
    fn end(&self, _sim: &mut Sim<Self::World>, _world: &mut Self::World, _at_rest: bool) {}

    /// Runs a document.
    fn run(&self, document: &Document, recorder: Recorder) -> Run<Self::World> {
        self.run_until(document, document.decisions(), recorder, Self::MAX_STEPS)
    }

    /// Runs a document with these decisions, for so many steps at the most.
    ///
    /// # Panics
    /// In debug builds, if the document has what is not in the schema; and where something is decided at a point or about
    /// a subject that is not.
    fn run_until(&self, document: &Document, decisions: Decisions, recorder: Recorder, most: u64) -> Run<Self::World> {
        #[cfg(debug_assertions)]
        let decisions = {
            if let Err(what) = Self::SCHEMA.check(document) {
                panic!("the document is none of this world: {what}");
            }
            decisions.within(Self::SCHEMA.points(), Self::SCHEMA.subjects)
        };
        let (sim, world) = self.begin(document, decisions, recorder);
        self.run_begun(sim, world, most)
    }

    /// Runs what has begun, for so many steps at the most.
    fn run_begun(&self, mut sim: Sim<Self::World>, mut world: Self::World, most: u64) -> Run<Self::World> {
        let done = catch_unwind(AssertUnwindSafe(|| self.go(&mut sim, &mut world, most)));
        if let Err(panic) = done {
            sim.break_law(Self::NEVER_PANICS, format!("panic: {}", panic_text(&*panic)));
        }
        Run { sim, world }
    }

    /// Goes on with a run, and to its last look.
    fn go(&self, sim: &mut Sim<Self::World>, world: &mut Self::World, most: u64) {
        let at_rest = sim.run(world, most.min(Self::MAX_STEPS));
        // A run that was to be cut off before it came to rest has no end.
        let is_cut_off = !at_rest && sim.recorder.steps >= most && most < Self::MAX_STEPS;
        if sim.broken().is_none() && !is_cut_off {
            self.end(sim, world, at_rest);
        }
        if !at_rest && sim.recorder.steps >= Self::MAX_STEPS {
            sim.break_law(Self::COMES_TO_REST, format!("after {} steps something is left to happen", Self::MAX_STEPS));
        }
    }

    /// The document with all decisions that its run took, so that no seed plays a part any more; and that run.
    fn written_out(&self, document: &Document) -> (Document, Run<Self::World>) {
        let run = self.run_until(document, document.decisions().recording(), Recorder::default(), Self::MAX_STEPS);
        (document.written_out(run.sim.decisions.recorded()), run)
    }

    /// Makes a failing document small, within `most`; `None`: it breaks no law, or not again.
    fn minimise(&self, document: &Document, most: Duration) -> Option<Minimised> {
        let (document, run) = self.written_out(document);
        minimise(Self::SCHEMA, document, &Self::tried(&run), most, |document, decisions, until| {
            if self.conflict(document).is_some() {
                return Tried::default();
            }
            Self::tried(&self.run_until(document, decisions, Recorder::default(), until))
        })
    }

    /// Runs a document twice: the first step in which the two runs differ, if one does. Then something decides that is
    /// no decision: a clock, a random number, the order of a `HashMap`, an address.
    fn differs_at(&self, document: &Document) -> Option<u64> {
        let digests = || self.run(document, Recorder::default().with_digests()).sim.recorder.digests().to_vec();
        let (one, other) = (digests(), digests());
        let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
        (same < one.len().max(other.len())).then_some(same as u64 + 1)
    }

    /// What came of a run.
    fn tried(run: &Run<Self::World>) -> Tried {
        let (unplayed, asked) = (run.sim.decisions.unplayed(), run.sim.decisions.asked());
        Tried { breaks: run.breaks().cloned(), simulated: run.sim.now(), unplayed, asked }
    }
}

impl<W: World> Sim<W> {
    /// What whoever wrote the document of the run should know, a line each: what it says and the run did not do. A run
    /// that breaks a law may end before it comes to all.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let noted = self.decisions.notes();
        let mut never = self.decisions.unplayed();
        never.retain(|place, name, _| !noted.iter().any(|note| note.place == *place && note.name == name));
        let never = decision_lines(&never).map(|line| format!("the run did not come to {line}"));
        never.chain(noted.iter().map(ToString::to_string)).collect()
    }
}

/// A value of an item that another value of its document excludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The list.
    pub list: &'static str,
    /// The item's number.
    pub number: u32,
    /// The key of the value.
    pub key: &'static str,
    /// Why, in words, with the value and its bound.
    pub what: String,
}

/// A run that is over.
pub struct Run<W: World> {
    /// The run: its time, its decisions, its trace, its objects.
    pub sim: Sim<W>,
    /// Its world.
    pub world: W,
}

impl<W: World> Run<W> {
    /// The first law that broke: one of the world, that a run comes to rest, or that nothing panics.
    #[must_use]
    pub const fn breaks(&self) -> Option<&Breaks> {
        self.sim.broken()
    }
}

#[cfg(test)]
mod tests;
