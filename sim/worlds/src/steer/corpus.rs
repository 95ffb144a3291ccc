//! What has been reached, and the plans that reached it.

use super::{
    Steered,
    vary::{With, graft, vary},
};
use crate::proxy::{Plan, Profile, Report, features::Feature};
use durable_sim::{Draw, Draws};
use std::{collections::BTreeMap, sync::Arc};

/// The kind of the places of [`Coverage::counts`](crate::proxy::coverage::Coverage::counts), after those of features.
const COVERAGE: usize = Feature::KINDS;
/// Features that are looked at for one to go after.
const LOOKS: u64 = 8;

/// Features that were reached, each with a run that did.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    kinds: [Vec<Reached>; COVERAGE + 1],
    /// Where the feature of a number stands in its kind.
    places: BTreeMap<u64, usize>,
}

#[derive(Debug)]
struct Reached {
    /// Runs that reached it.
    runs: u32,
    /// Runs that were varied for it.
    varied: u32,
    /// The run that reached it in the fewest steps.
    parent: Arc<Steered>,
    steps: u64,
    /// Where it did.
    feature: Feature,
}

impl Corpus {
    /// Takes note of what a run reached.
    pub(super) fn learn(&mut self, run: &Arc<Steered>, report: &Report) {
        let places = report.coverage.counts().enumerate().filter(|(_, count)| *count > 0);
        let places = places.map(|(place, _)| {
            let number = Feature::first_of_kind(COVERAGE) | place as u64;
            // When that was is not known.
            Feature { number, at: report.simulated / 2, late_ms: 0, ask: None }
        });
        for feature in places.chain(report.features.iter().copied()) {
            let kind = &mut self.kinds[feature.kind()];
            let (steps, next) = (report.steps, kind.len());
            let at = *self.places.entry(feature.number).or_insert(next);
            if at == next {
                kind.push(Reached { runs: 1, varied: 0, parent: run.clone(), steps, feature });
                continue;
            }
            let known = &mut kind[at];
            known.runs += 1;
            if steps < known.steps {
                (known.parent, known.steps, known.feature) = (run.clone(), steps, feature);
            }
        }
    }

    /// The run of this seed: drawn, or varied if `steers` and there is something to vary.
    pub(super) fn plan(&mut self, seed: u64, profile: Profile, steers: bool) -> Steered {
        let fresh = Plan::draw(seed, profile);
        let drawn = |plan| Steered { seed, plan };
        if !steers {
            return drawn(fresh);
        }
        let mut draw = Draws::new(seed).at("steer", 0);
        let other = self.choose(&mut draw).map(|reached| reached.parent.clone());
        let (Some(other), Some(reached)) = (other, self.choose(&mut draw)) else { return drawn(fresh) };
        reached.varied += 1;
        let Reached { parent, feature, .. } = reached;
        if draw.below(2) == 0 {
            return drawn(graft(&fresh, &parent.plan, &mut draw));
        }
        let with = With { fresh: &fresh, other: &other.plan, feature };
        let keeps_decisions = draw.below(2) == 0;
        // With other decisions even the same plan is another run.
        let changes = draw.below(3) + u64::from(keeps_decisions);
        let plan = vary(&parent.plan, &with, changes, &mut draw);
        let decisions = if keeps_decisions { plan.seed } else { Some(seed) };
        Steered { seed, plan: Plan { seed: decisions, ..plan } }
    }

    /// A feature that few runs reached and that was seldom gone after, of any kind: kinds that have few features would
    /// be lost among the others. What takes many steps must be rarer for it: runs are to cost no more than drawn ones,
    /// and the square root trades that against rare features that only long runs reach.
    fn choose(&mut self, draw: &mut Draw) -> Option<&mut Reached> {
        let mut kinds: Vec<&mut Vec<Reached>> = self.kinds.iter_mut().filter(|kind| !kind.is_empty()).collect();
        let which = draw.below(kinds.len() as u64) as usize;
        if kinds.is_empty() {
            return None;
        }
        let kind = kinds.swap_remove(which);
        let looks = (0..LOOKS).map(|_| draw.below(kind.len() as u64) as usize);
        let worth = |at: &usize| {
            let Reached { runs, varied, steps, .. } = kind[*at];
            u64::from(runs) * (1 + u64::from(varied)) * (steps + 100).isqrt()
        };
        let at = looks.min_by_key(worth)?;
        kind.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::{Watch, run_plan};

    fn learnt(corpus: &mut Corpus, seed: u64) -> Arc<Steered> {
        let run = Arc::new(Steered { seed, plan: Plan::draw(seed, Profile::Swarm) });
        let watch = Watch { features: true, ..Watch::default() };
        corpus.learn(&run, &run_plan(run.plan.clone(), watch));
        run
    }

    fn all(corpus: &Corpus) -> Vec<&Reached> {
        corpus.kinds.iter().flatten().collect()
    }

    #[test]
    fn a_feature_keeps_its_cheapest_run_and_counts_all() {
        let mut corpus = Corpus::default();
        let first = learnt(&mut corpus, 5);
        let features = all(&corpus).len();
        assert!(features > 20, "{features}");
        learnt(&mut corpus, 5);
        assert_eq!(all(&corpus).len(), features, "the second time there is nothing new");
        assert!(all(&corpus).iter().all(|feature| feature.runs == 2 && Arc::ptr_eq(&feature.parent, &first)));
        let steps = corpus.kinds[0].first().map(|feature| feature.steps);
        for seed in 6..30 {
            learnt(&mut corpus, seed);
        }
        assert!(all(&corpus).len() > features);
        assert!(corpus.kinds.iter().all(|kind| !kind.is_empty()), "a kind of feature that 25 runs never left");
        let now = all(&corpus).into_iter().filter(|feature| feature.runs > 2).map(|feature| feature.steps).min();
        assert!(now < steps, "no cheaper run took a feature over");
    }

    #[test]
    fn rare_features_are_gone_after_in_turn() {
        let mut corpus = Corpus::default();
        assert_eq!(corpus.plan(6, Profile::Swarm, true).plan, Plan::draw(6, Profile::Swarm), "nothing to vary");
        (0..40).for_each(|seed| drop(learnt(&mut corpus, seed)));
        assert_eq!(corpus.plan(6, Profile::Swarm, false).plan, Plan::draw(6, Profile::Swarm));
        let steered: Vec<Steered> = (1_000..1_200).map(|seed| corpus.plan(seed, Profile::Swarm, true)).collect();
        let mean = |features: &[&Reached]| {
            features.iter().map(|feature| f64::from(feature.runs)).sum::<f64>() / features.len() as f64
        };
        let (went_after, left): (Vec<&Reached>, Vec<&Reached>) =
            all(&corpus).into_iter().partition(|feature| feature.varied > 0);
        assert!(mean(&went_after) < mean(&left) / 2.0, "{} {}", mean(&went_after), mean(&left));
        assert!(went_after.len() > 80, "not one feature again and again: {}", went_after.len());
        let kinds = corpus.kinds.iter().filter(|kind| kind.iter().any(|feature| feature.varied > 0)).count();
        assert_eq!(kinds, corpus.kinds.len(), "each kind has its share");
        assert!(steered.iter().any(|run| run.plan.seed < Some(40)));
        assert!(steered.iter().any(|run| run.plan.seed == Some(run.seed)));
        let changed = steered.iter().filter(|run| run.plan != Plan::draw(run.seed, Profile::Swarm)).count();
        assert!(changed > 180, "{changed}");
    }
}
