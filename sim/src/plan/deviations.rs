//! Every run of a document that differs from its plain one in no more than so many decisions: an exhaustive search that
//! needs no seed.
//!
//! A decision is tried with the values that its declaration enumerates: both bounds at least. The runs are taken in the
//! order of how many decisions differ, so the first that breaks a law has as few of them as can be.
//!
//! - *Why later decisions alone are added to a run:* up to the last decision that differs, the run with one more is the
//!   same. So each set of decisions is come to once: in the order in which its own run asks for them.
//! - *Why runs are told apart by what they recorded:* a value that is plain, or is taken as another one, gives a run that
//!   was had already.

use super::{Document, Simulation};
use crate::{
    decide::{Place, Script},
    engine::{Breaks, Recorder},
    watch::is_to_stop,
};
use std::collections::BTreeSet;

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub struct Budget<'a> {
    /// Decisions that differ from plain, at the most.
    pub deviations: usize,
    /// Runs, at the most.
    pub runs: u64,
    /// Names of decisions that stay plain: what the object need not survive.
    pub but_for: &'a [&'a str],
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Runs that were made.
    pub runs: u64,
    /// Those of them that were not had before.
    pub distinct: u64,
    /// Decisions that they came to, by place and name.
    pub decisions: usize,
    /// Values that these were tried with.
    pub values: u64,
    /// Whether all of them were made.
    pub is_complete: bool,
}

/// Runs all that the budget allows. `found` is told of each run that breaks a law, and says whether to go on.
///
/// The document's own decisions stay as they are; its seed and its rates play no part.
pub fn deviations<S: Simulation>(
    runs: &S,
    document: &Document,
    budget: Budget<'_>,
    found: impl FnMut(&Document, &Breaks) -> bool,
) -> Searched {
    let plain = document.written_out(document.script.clone());
    let mut search =
        Search { runs, plain, budget, found, had: BTreeSet::new(), asked: BTreeSet::new(), done: Searched::default() };
    search.done.is_complete = search.all().is_some();
    search.done.decisions = search.asked.len();
    search.done
}

struct Search<'a, S, F> {
    runs: &'a S,
    plain: Document,
    budget: Budget<'a>,
    found: F,
    /// What the runs recorded.
    had: BTreeSet<Script>,
    asked: BTreeSet<(Place, &'static str)>,
    done: Searched,
}

/// A run that others may be made of: its decisions, and from which of those that it asks for on.
struct Parent {
    script: Script,
    from: usize,
}

impl<S: Simulation, F: FnMut(&Document, &Breaks) -> bool> Search<'_, S, F> {
    /// `None`: the budget is used up, or it was told to stop, or the process was.
    fn all(&mut self) -> Option<()> {
        let script = self.plain.script.clone();
        self.run(&script)?;
        let mut parents = vec![Parent { script, from: 0 }];
        for depth in 1..=self.budget.deviations {
            let mut children = Vec::new();
            for parent in &parents {
                let asked = self.asked_in(&parent.script);
                for (at, (place, name)) in asked.iter().enumerate().skip(parent.from) {
                    self.change(parent, at, place, name, (depth < self.budget.deviations).then_some(&mut children))?;
                }
            }
            parents = children;
        }
        Some(())
    }

    /// The parent's run with each other value of this decision.
    fn change(
        &mut self,
        parent: &Parent,
        at: usize,
        place: &Place,
        name: &'static str,
        mut children: Option<&mut Vec<Parent>>,
    ) -> Option<()> {
        let is_said = parent.script.0.get(place).is_some_and(|table| table.contains_key(name));
        let is_fixed = is_said || self.budget.but_for.contains(&name);
        let Some(field) = place.field(name).filter(|_| !is_fixed) else { return Some(()) };
        for value in field.values() {
            let mut script = parent.script.clone();
            script.0.entry(*place).or_default().insert(name, value);
            if self.is_over() {
                return None;
            }
            self.asked.insert((*place, name));
            self.done.values += 1;
            let is_new_and_sound = self.run(&script)?;
            if let Some(children) = children.as_mut().filter(|_| is_new_and_sound) {
                children.push(Parent { script, from: at + 1 });
            }
        }
        Some(())
    }

    fn is_over(&self) -> bool {
        self.done.runs >= self.budget.runs || is_to_stop()
    }

    /// Whether the run of these decisions was not had before, and broke no law.
    fn run(&mut self, script: &Script) -> Option<bool> {
        if self.is_over() {
            return None;
        }
        self.done.runs += 1;
        let document = Document { script: script.clone(), ..self.plain.clone() };
        let decisions = document.decisions().recording();
        let run = self.runs.run_until(&document, decisions, Recorder::default(), S::MAX_STEPS);
        if !self.had.insert(run.sim.decisions.recorded()) {
            return Some(false);
        }
        self.done.distinct += 1;
        match run.breaks() {
            Some(breaks) => (self.found)(&document, breaks).then_some(false),
            None => Some(true),
        }
    }

    /// What the run of these decisions asks for, in its order.
    fn asked_in(&mut self, script: &Script) -> Vec<(Place, &'static str)> {
        let document = Document { script: script.clone(), ..self.plain.clone() };
        let decisions = document.decisions().listing();
        self.runs.run_until(&document, decisions, Recorder::default(), S::MAX_STEPS).sim.decisions.asked()
    }
}

#[cfg(test)]
mod tests;
