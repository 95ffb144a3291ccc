//! What has been reached, and the plans that reached it.

use super::{
    Steered,
    vary::{Material, vary},
};
use crate::{
    engine::{Draw, Draws, Micros},
    proxy::{Plan, Profile, Report},
};
use std::{collections::BTreeMap, sync::Arc};

/// What a draw of this module is for.
const STEER: u16 = 200;
/// Set in the number of a place of [`Coverage::counts`](crate::proxy::coverage::Coverage::counts); marks are smaller.
const COVERAGE: u64 = 1 << 56;
/// Marks that are looked at for one to go after.
const LOOKS: u64 = 8;

/// Marks that were reached, each with a run that did.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    marks: Vec<Mark>,
    /// Where the mark of a number stands.
    places: BTreeMap<u64, usize>,
}

#[derive(Debug)]
struct Mark {
    /// Runs that reached it.
    runs: u32,
    /// Runs that were varied for it.
    varied: u32,
    /// The run that reached it in the fewest steps.
    parent: Arc<Steered>,
    steps: u64,
    /// When it did, in simulated µs.
    moment: Micros,
}

impl Corpus {
    /// Takes note of what a run reached.
    pub(super) fn learn(&mut self, run: &Arc<Steered>, report: &Report) {
        let places = report.coverage.counts().enumerate().filter(|(_, count)| *count > 0);
        let places = places.map(|(place, _)| (COVERAGE | place as u64, report.simulated / 2));
        for (number, moment) in places.chain(report.marks.first_times()) {
            let (steps, next) = (report.steps, self.marks.len());
            let at = *self.places.entry(number).or_insert(next);
            if at == next {
                self.marks.push(Mark { runs: 1, varied: 0, parent: run.clone(), steps, moment });
                continue;
            }
            let known = &mut self.marks[at];
            known.runs += 1;
            if steps < known.steps {
                (known.parent, known.steps, known.moment) = (run.clone(), steps, moment);
            }
        }
    }

    /// The run of this seed: drawn, or varied if `steers` and there is something to vary.
    pub(super) fn plan(&mut self, seed: u64, profile: Profile, steers: bool) -> Steered {
        let fresh = Plan::draw(seed, profile);
        if !steers || self.marks.is_empty() {
            return Steered { seed, decisions: seed, plan: fresh };
        }
        let mut draw = Draws::new(seed).at(STEER, 0, 0, 0);
        let at = self.choose(&mut draw);
        let other = draw.below(self.marks.len() as u64) as usize;
        self.marks[at].varied += 1;
        let (mark, other) = (&self.marks[at], &self.marks[other].parent);
        let with = Material { fresh: &fresh, other: &other.plan, moment: mark.moment };
        let plan = vary(&mark.parent.plan, &with, &mut draw);
        let decisions = if draw.below(2) == 0 { mark.parent.decisions } else { seed };
        Steered { seed, decisions, plan }
    }

    /// A mark that few runs reached and that was seldom gone after. What takes many steps must be rarer for it: runs are
    /// to cost no more than drawn ones, and the square root trades that against rare marks that only long runs reach.
    fn choose(&self, draw: &mut Draw) -> usize {
        let looks = (0..LOOKS).map(|_| draw.below(self.marks.len() as u64) as usize);
        let worth = |at: &usize| {
            let Mark { runs, varied, steps, .. } = self.marks[*at];
            u64::from(runs) * (1 + u64::from(varied)) * (steps + 100).isqrt()
        };
        looks.min_by_key(worth).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::{Watch, run_plan};

    fn learnt(corpus: &mut Corpus, seed: u64) -> Arc<Steered> {
        let run = Arc::new(Steered { seed, decisions: seed, plan: Plan::draw(seed, Profile::Swarm) });
        let watch = Watch { marks: true, ..Watch::default() };
        corpus.learn(&run, &run_plan(seed, run.plan.clone(), watch));
        run
    }

    #[test]
    fn a_mark_keeps_its_cheapest_run_and_counts_all() {
        let mut corpus = Corpus::default();
        let first = learnt(&mut corpus, 5);
        let marks = corpus.marks.len();
        assert!(marks > 20, "{marks}");
        learnt(&mut corpus, 5);
        assert_eq!(corpus.marks.len(), marks, "the second time there is nothing new");
        assert!(corpus.marks.iter().all(|mark| mark.runs == 2 && Arc::ptr_eq(&mark.parent, &first)));
        for seed in 6..30 {
            learnt(&mut corpus, seed);
        }
        assert!(corpus.marks.len() > marks);
        assert!(corpus.marks[..marks].iter().any(|mark| !Arc::ptr_eq(&mark.parent, &first)));
    }

    #[test]
    fn rare_marks_are_gone_after_in_turn() {
        let mut corpus = Corpus::default();
        assert_eq!(corpus.plan(6, Profile::Swarm, true).plan, Plan::draw(6, Profile::Swarm), "nothing to vary");
        (0..40).for_each(|seed| drop(learnt(&mut corpus, seed)));
        assert_eq!(corpus.plan(6, Profile::Swarm, false).plan, Plan::draw(6, Profile::Swarm));
        let mean = |runs: &mut dyn Iterator<Item = u32>| {
            let (count, sum) = runs.fold((0, 0), |(count, sum), runs| (count + 1, sum + runs));
            f64::from(sum) / f64::from(count)
        };
        let all = mean(&mut corpus.marks.iter().map(|mark| mark.runs));
        let steered: Vec<Steered> = (1_000..1_100).map(|seed| corpus.plan(seed, Profile::Swarm, true)).collect();
        let varied = corpus.marks.iter().filter(|mark| mark.varied > 0);
        assert!(mean(&mut varied.clone().map(|mark| mark.runs)) < all / 2.0);
        assert!(varied.count() > 80, "not one mark again and again");
        assert!(steered.iter().any(|run| run.decisions < 40) && steered.iter().any(|run| run.decisions == run.seed));
        assert!(steered.iter().all(|run| run.plan != Plan::draw(run.seed, Profile::Swarm)));
    }
}
