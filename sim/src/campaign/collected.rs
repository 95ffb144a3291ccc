//! What a campaign has found so far, in the order of its seeds.

use super::{Ran, Summary};
use crate::{
    engine::{Coverage, Grid, Mark},
    watch::is_to_stop,
};
use std::collections::BTreeMap;

/// What was found so far, in the order of the seeds.
pub(super) struct Collected {
    summary: Summary,
    /// Runs that are done before one of a smaller seed is.
    early: BTreeMap<u64, Ran>,
    next: u64,
    most: Option<u64>,
    /// Seeds in a row that reached nothing new.
    row: u64,
}

impl Collected {
    pub(super) fn new(marks: &[&'static Mark], grids: &[&'static Grid], start: u64, most: Option<u64>) -> Self {
        let coverage = Coverage::of(marks, grids);
        let summary = Summary {
            seeds: 0,
            drawn: 0,
            steps: 0,
            simulated: 0,
            coverage,
            findings: Vec::new(),
            nothing_new: false,
            is_interrupted: false,
        };
        Self { summary, early: BTreeMap::new(), next: start, most, row: 0 }
    }

    /// Adds it; whether it is enough.
    pub(super) fn add(&mut self, seed: u64, ran: Ran) -> bool {
        self.early.insert(seed, ran);
        while let Some(ran) = self.early.remove(&self.next) {
            if self.summary.nothing_new {
                return true;
            }
            // After the last seed there is none.
            self.next = self.next.wrapping_add(1);
            self.take(ran);
        }
        self.summary.nothing_new
    }

    fn take(&mut self, ran: Ran) {
        let Ran { is_drawn, steps, simulated, coverage, finding, features: _ } = ran;
        self.summary.seeds += 1;
        self.summary.drawn += u64::from(is_drawn);
        self.summary.steps += steps;
        self.summary.simulated += simulated;
        self.row = if self.summary.coverage.add(&coverage) == 0 { self.row + 1 } else { 0 };
        self.summary.nothing_new |= self.most.is_some_and(|most| self.row >= most);
        self.summary.findings.extend(finding);
    }

    pub(super) fn summary(mut self) -> Summary {
        // What had an end before its time is part of it too, unless it is over already.
        while let Some((_, ran)) = self.early.pop_first().filter(|_| !self.summary.nothing_new) {
            self.take(ran);
        }
        self.summary.findings.sort_by_key(|finding| finding.seed);
        self.summary.is_interrupted = is_to_stop();
        self.summary
    }
}
