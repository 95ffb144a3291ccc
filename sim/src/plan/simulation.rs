//! A world whose runs are documents: what is the same for all of them.

use super::{Document, Feature, Fields, Minimised, Schema, Tried, decision_lines, minimise, write};
use crate::{
    decide::{Decisions, MISUSE},
    engine::{Breaks, Faults, Grid, Law, Line, Mark, Recorder, Sim, Sizes, World, caught},
    time::START_MS,
    watch::Begun,
};
use std::{fmt, time::Duration};

/// A world, and what its runs are made of.
///
/// Whoever implements it gets what is the same for all worlds: runs of documents, seeds written out as documents, and
/// failing documents made small.
pub trait Simulation {
    /// The world.
    type World: World;

    /// Its name, where there are several.
    const NAME: &'static str = "world";

    /// What its laws promise. Those of every world are promised too: [`Simulation::COMES_TO_REST`] and
    /// [`Simulation::NEVER_PANICS`].
    const LAWS: &'static [&'static Law] = &[];

    /// What should happen now and then.
    const MARKS: &'static [&'static Mark] = &[];

    /// What is counted besides.
    const GRIDS: &'static [&'static Grid] = &[];

    /// The ways to draw a run, the usual one first.
    const PROFILES: &'static [&'static str] = &["swarm"];

    /// What its documents can have.
    const SCHEMA: &'static Schema;

    /// A run that has not come to rest after so many steps never will.
    const MAX_STEPS: u64 = 1_000_000;

    /// The law that such a run breaks.
    const COMES_TO_REST: &'static str = "a run comes to rest";

    /// The law that a panic breaks, the object's or the world's.
    const NEVER_PANICS: &'static str = "nothing panics";

    /// What an exhaustive search goes through unless it is told another plan: the text of a small scenario file.
    const PLAN: &'static str = "";

    /// Names of decisions, as files have them, that stay plain in such a search, and that a campaign does not make up when
    /// it steers: what the object need not survive. For most objects that have an alarm: `&["alarm_stuck", "abandoned"]`.
    const NOT_SURVIVED: &'static [&'static str] = &[];

    /// Draws in this way from now on, one of [`Simulation::PROFILES`].
    fn set_profile(&mut self, _profile: &'static str) {}

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

    /// When the run is over, however it ended: for what is counted then.
    fn over(&self, _sim: &mut Sim<Self::World>, _world: &mut Self::World) {}

    /// What the run of this document is made of, in a line, for people; empty if there is nothing to say.
    fn about(&self, _document: &Document) -> String {
        String::new()
    }

    /// The state at the end of a run that was cut off, in lines, for people.
    fn state(&self, _run: &Run<Self::World>) -> Vec<String> {
        Vec::new()
    }

    /// How a text of this run is read to people: with names in the place of ids, say. A text is a line of the trace, what a
    /// law says that is broken, or a line of [`Simulation::state`].
    fn reader(&self, _run: &Run<Self::World>) -> Box<dyn Fn(&str) -> String> {
        Box::new(str::to_owned)
    }

    /// From now on runs leave [`Simulation::features`], if they do at all.
    fn leave_features(&mut self) {}

    /// What a campaign that steers tells this run from others by, besides its coverage.
    fn features(&self, _run: &Run<Self::World>) -> Vec<Feature> {
        Vec::new()
    }

    /// Whether a campaign that steers may make up what no seed draws, and not only mix what seeds have drawn.
    fn may_make_up(&self) -> bool {
        true
    }

    /// Runs a document.
    #[cfg_attr(debug_assertions, track_caller)]
    fn run(&self, document: &Document, recorder: Recorder) -> Run<Self::World> {
        self.run_until(document, document.decisions(), recorder, Self::MAX_STEPS)
    }

    /// Runs a document with these decisions, for so many steps at the most.
    ///
    /// # Panics
    /// In debug builds, if the document has what is not in the schema; and where something is decided at a point or about
    /// a subject that is not.
    #[cfg_attr(debug_assertions, track_caller)]
    fn run_until(&self, document: &Document, decisions: Decisions, recorder: Recorder, most: u64) -> Run<Self::World> {
        #[cfg(debug_assertions)]
        let decisions = {
            if let Err(what) = Self::SCHEMA.check_itself() {
                panic!("{MISUSE}{what}");
            }
            let known = || Self::SCHEMA.points().into_iter().flat_map(|point| point.fields).map(|field| field.name);
            if let Some(name) = Self::NOT_SURVIVED.iter().find(|name| !known().any(|known| known == **name)) {
                panic!("{MISUSE}NOT_SURVIVED: there is no decision `{name}`{}", crate::nearest(name, known()));
            }
            if let Err(what) = Self::SCHEMA.check(document) {
                panic!("{MISUSE}the document has what its schema has not: {what}");
            }
            decisions.within(Self::SCHEMA.points(), Self::SCHEMA.subjects)
        };
        let watched = Begun::new(&|| write(Self::SCHEMA, &[], &[], document));
        let recorder = recorder.watched_by(watched.steps());
        let (sim, world) = self.begin(document, decisions, recorder);
        self.run_begun(sim, world, most)
    }

    /// Runs what has begun, for so many steps at the most.
    fn run_begun(&self, mut sim: Sim<Self::World>, mut world: Self::World, most: u64) -> Run<Self::World> {
        if let Err(panic) = caught(|| self.go(&mut sim, &mut world, most)) {
            sim.break_law(Self::NEVER_PANICS, format!("panic: {panic}"));
        }
        self.over(&mut sim, &mut world);
        #[cfg(debug_assertions)]
        if let Some(what) = Self::undeclared(&sim) {
            panic!("{MISUSE}{what}");
        }
        Run { sim, world }
    }

    /// Goes on with a run, and to its last look.
    fn go(&self, sim: &mut Sim<Self::World>, world: &mut Self::World, most: u64) {
        let at_rest = sim.run(world, most.min(Self::MAX_STEPS));
        // A run that was to be cut off before it came to rest has no end.
        let is_cut_off = !at_rest && sim.recorder.steps >= most && most < Self::MAX_STEPS;
        if sim.broken().is_none() && !is_cut_off {
            if at_rest {
                sim.look_at_promises(None);
            }
            self.end(sim, world, at_rest);
        }
        if !at_rest && sim.recorder.steps >= Self::MAX_STEPS {
            sim.break_law(Self::COMES_TO_REST, format!("after {} steps something is left to happen", Self::MAX_STEPS));
        }
    }

    /// The document with all decisions that its run took, so that no seed plays a part any more; and that run.
    ///
    /// # Panics
    /// If what was decided is not within its declaration, and could not be read again.
    #[track_caller]
    fn written_out(&self, document: &Document) -> (Document, Run<Self::World>) {
        let run = self.run_until(document, document.decisions().recording(), Recorder::default(), Self::MAX_STEPS);
        let written_out = document.written_out(run.sim.decisions.recorded());
        if let Err(what) = Self::SCHEMA.check(&written_out) {
            panic!("{MISUSE}a run decided what its schema has not: {what}");
        }
        (written_out, run)
    }

    /// Makes a failing document small, within `most`.
    ///
    /// # Errors
    /// [`NotMinimised`]: it breaks no law, or not again.
    #[track_caller]
    fn minimise(&self, document: &Document, most: Duration) -> Result<Minimised, NotMinimised> {
        let (document, run) = self.written_out(document);
        let Some(Breaks { law, .. }) = run.breaks() else { return Err(NotMinimised::BreaksNoLaw) };
        let small = minimise(Self::SCHEMA, document, &Self::tried(&run), most, |document, decisions, until| {
            if self.conflict(document).is_some() {
                return Tried::default();
            }
            Self::tried(&self.run_until(document, decisions, Recorder::default(), until))
        });
        small.ok_or(NotMinimised::NotAgain { law })
    }

    /// Runs a document twice: the first lines of the trace in which the two runs differ, or what differs without a line.
    /// Then something decides that is no decision: a clock, a random number, the order of a `HashMap`, an address.
    fn differs_at(&self, document: &Document) -> Option<Difference> {
        let run = || self.run(document, Recorder::default().with_digests().with_lines()).sim.recorder;
        let (one, other) = (run(), run());
        let same = |(one, other): &(&u64, &u64)| one == other;
        let steps = one.digests().iter().zip(other.digests()).take_while(same).count() as u64;
        if steps == one.steps.max(other.steps) {
            return None;
        }
        let differs = |at: usize| one.lines().get(at) != other.lines().get(at);
        let at = (0..one.lines().len().max(other.lines().len())).find(|at| differs(*at));
        let line = |recorder: &Recorder| at.and_then(|at| recorder.lines().get(at).cloned());
        Some(Difference { step: steps + 1, one: line(&one), other: line(&other) })
    }

    /// What the run broke or counted and this does not declare, in words.
    fn undeclared(sim: &Sim<Self::World>) -> Option<String> {
        let laws =
            || [Self::COMES_TO_REST, Self::NEVER_PANICS].into_iter().chain(Self::LAWS.iter().map(|law| law.name));
        let law = sim
            .broken()
            .map(|breaks| breaks.law)
            .filter(|law| !Self::LAWS.is_empty() && !laws().any(|name| name == *law));
        let mark =
            sim.coverage().marks().find(|(mark, _)| !Self::MARKS.iter().any(|known| std::ptr::eq(*known, *mark)));
        let grid =
            sim.coverage().grids().find(|(grid, _)| !Self::GRIDS.iter().any(|known| std::ptr::eq(*known, *grid)));
        let law = law.map(|law| format!("the law \"{law}\" is not among LAWS"));
        let mark = mark.map(|(mark, _)| format!("the mark \"{}\" is not among MARKS", mark.says));
        law.or(mark).or_else(|| grid.map(|(grid, _)| format!("the grid \"{}\" is not among GRIDS", grid.name)))
    }

    /// What came of a run.
    fn tried(run: &Run<Self::World>) -> Tried {
        let (unplayed, asked) = (run.sim.decisions.unplayed(), run.sim.decisions.asked());
        Tried { breaks: run.breaks().cloned(), simulated: run.sim.now(), unplayed, asked }
    }
}

impl<W: World> Sim<W> {
    /// A run of this document as it begins, without objects: its faults are those of the document's rates
    /// ([`Faults::FIELDS`](super::Fields::FIELDS)), the platform's sizes are the usual ones, and it is [`START_MS`].
    #[must_use]
    pub fn of(document: &Document, decisions: Decisions, recorder: Recorder) -> Self {
        Self::new(decisions, START_MS, Faults::of_table(&document.rates), Sizes::default(), recorder)
    }

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

/// Why a document was not made small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMinimised {
    /// Its run breaks no law.
    BreaksNoLaw,
    /// Its run broke this law, and did not break it when all that it had decided was played: something decides in it that
    /// is no decision. [`Simulation::differs_at`] may say what.
    NotAgain {
        /// The law.
        law: &'static str,
    },
}

impl fmt::Display for NotMinimised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BreaksNoLaw => f.write_str("its run breaks no law"),
            Self::NotAgain { law } => write!(f, "the same run does not break \"{law}\" again: it cannot be repeated"),
        }
    }
}

impl std::error::Error for NotMinimised {}

/// Where two runs of one document differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The first step, from 1, with another digest.
    pub step: u64,
    /// The first line of the trace that the other run does not have; `None`: the traces are the same.
    pub one: Option<Line>,
    /// The line that the other run has there.
    pub other: Option<Line>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the runs differ in step {}", self.step)?;
        let line = |line: &Option<Line>| line.as_ref().map_or("nothing".to_owned(), Line::to_string);
        if self.one.is_some() || self.other.is_some() {
            write!(f, "; one has\n{}\nwhere the other has\n{}", line(&self.one), line(&self.other))?;
        }
        Ok(())
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
