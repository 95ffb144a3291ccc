//! A world whose runs are documents: what is the same for all of them.

use super::{Breaks, Document, Minimised, Schema, Tried, minimise};
use crate::{
    decide::Decisions,
    engine::{Recorder, Sim, World},
};
use std::time::Duration;

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

    /// What this seed draws before the run. Its [`Document::seed`] is set, so that the run draws the rest.
    fn draw(&self, seed: u64) -> Document;

    /// The world and the run of this document as it begins, with all that the document has on its calendar.
    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<Self::World>, Self::World);

    /// The last look, when nothing is left to happen, the world has stopped the run, or it does not come to rest: that it
    /// does is a law of every world.
    fn end(&self, _sim: &mut Sim<Self::World>, _world: &mut Self::World, _at_rest: bool) {}

    /// The first law that broke, of those of the world.
    fn breaks(world: &Self::World) -> Option<Breaks>;

    /// Runs a document.
    fn run(&self, document: &Document, recorder: Recorder) -> Run<Self::World> {
        self.run_until(document, document.decisions(), recorder, Self::MAX_STEPS)
    }

    /// Runs a document with these decisions, for so many steps at the most.
    fn run_until(&self, document: &Document, decisions: Decisions, recorder: Recorder, most: u64) -> Run<Self::World> {
        let (mut sim, mut world) = self.begin(document, decisions, recorder);
        let at_rest = sim.run(&mut world, most.min(Self::MAX_STEPS));
        // A run that was to be cut off before it came to rest has no end.
        let is_cut_off = !at_rest && sim.recorder.steps >= most && most < Self::MAX_STEPS;
        if Self::breaks(&world).is_none() && !is_cut_off {
            self.end(&mut sim, &mut world, at_rest);
        }
        let never_rests = || {
            let step = Self::MAX_STEPS;
            let what = format!("after {step} steps something is left to happen");
            (!at_rest && sim.recorder.steps >= step).then_some(Breaks { law: "a run comes to rest", step, what })
        };
        let breaks = Self::breaks(&world).or_else(never_rests);
        Run { sim, world, breaks }
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
            Self::tried(&self.run_until(document, decisions, Recorder::default(), until))
        })
    }

    /// What came of a run.
    fn tried(run: &Run<Self::World>) -> Tried {
        let (unplayed, asked) = (run.sim.decisions.unplayed(), run.sim.decisions.asked());
        Tried { breaks: run.breaks.clone(), simulated: run.sim.now(), unplayed, asked }
    }
}

impl<W: World> Sim<W> {
    /// A law is broken, in this step: the trace says so, and the run ends after it.
    pub fn break_law(&mut self, law: &'static str, what: String) -> Breaks {
        self.say("LAW", || format!("{law}: {what}"));
        self.stop();
        Breaks { law, step: self.recorder.steps, what }
    }
}

/// A run that is over.
pub struct Run<W: World> {
    /// The run: its time, its decisions, its trace, its objects.
    pub sim: Sim<W>,
    /// Its world.
    pub world: W,
    /// The first law that broke: one of the world, or that a run comes to rest.
    pub breaks: Option<Breaks>,
}

#[cfg(test)]
mod tests;
