//! What has been reached, and the documents that reached it.

use super::Ran;
use crate::{
    decide::{Draw, Draws},
    plan::{Document, Feature, Material, Moment, Simulation, graft, vary},
    time::Micros,
};
use std::{collections::BTreeMap, sync::Arc};

/// The kind of what the coverage counts; those of a world's features come after it.
const COVERAGE: u16 = 0;
/// Features that are looked at for one to go after.
const LOOKS: u64 = 8;

/// Features that were reached, by their kinds, each with a run that did.
#[derive(Default)]
pub(super) struct Corpus {
    kinds: BTreeMap<u16, Kind>,
}

#[derive(Default)]
struct Kind {
    reached: Vec<Reached>,
    /// Where the feature of a number stands.
    places: BTreeMap<u64, usize>,
}

struct Reached {
    /// Runs that reached it.
    runs: u32,
    /// Runs that were varied for it.
    varied: u32,
    /// The run that reached it in the fewest steps, and where it did.
    parent: Arc<Document>,
    steps: u64,
    moment: Moment,
}

impl Corpus {
    /// Takes note of what the run of this document reached.
    pub(super) fn learn(&mut self, document: &Arc<Document>, ran: &Ran) {
        // When that was is not known.
        let middle: Micros = ran.simulated / 2;
        let moment = Moment { at: middle, ..Moment::default() };
        for (number, _) in (0..).zip(ran.coverage.counts()).filter(|(_, times)| *times > 0) {
            self.reach(COVERAGE, number, moment, document, ran.steps);
        }
        for Feature { kind, number, moment } in &ran.features {
            self.reach(1 + u16::from(*kind), *number, *moment, document, ran.steps);
        }
    }

    fn reach(&mut self, kind: u16, number: u64, moment: Moment, document: &Arc<Document>, steps: u64) {
        let Kind { reached, places } = self.kinds.entry(kind).or_default();
        let next = reached.len();
        let at = *places.entry(number).or_insert(next);
        if at == next {
            reached.push(Reached { runs: 1, varied: 0, parent: document.clone(), steps, moment });
            return;
        }
        let known = &mut reached[at];
        known.runs += 1;
        if steps < known.steps {
            (known.parent, known.steps, known.moment) = (document.clone(), steps, moment);
        }
    }

    /// The document of this seed: drawn, or varied if it `steers` and there is something to vary; and whether it is drawn.
    pub(super) fn plan<S: Simulation>(&mut self, world: &S, seed: u64, steers: bool) -> (Document, bool) {
        let fresh = world.draw(seed);
        if !steers {
            return (fresh, true);
        }
        let mut draw = Draws::new(seed).at("steer", 0);
        let other = self.choose(&mut draw).map(|reached| reached.parent.clone());
        let (Some(other), Some(reached)) = (other, self.choose(&mut draw)) else { return (fresh, true) };
        reached.varied += 1;
        let Reached { parent, moment, .. } = reached;
        if draw.below(2) == 0 {
            let mut document = graft(S::SCHEMA, fresh.clone(), parent, &mut draw);
            if world.conflict(&document).is_some() {
                document = fresh;
            }
            return (document, false);
        }
        let only_parts = !world.may_make_up();
        let with = Material { fresh: &fresh, other: &other, moment: *moment, only_parts, but_for: S::NOT_SURVIVED };
        let keeps_decisions = draw.below(2) == 0;
        // With other decisions even the same document is another run.
        let changes = draw.below(3) + u64::from(keeps_decisions);
        let mut document = vary(S::SCHEMA, parent, &with, changes, &mut draw);
        if !keeps_decisions {
            document.seed = Some(seed);
        }
        if world.conflict(&document).is_some() {
            document = fresh;
        }
        (document, false)
    }

    /// A feature that few runs reached and that was seldom gone after, of any kind: kinds that have few features would be
    /// lost among the others. What takes many steps must be rarer for it: runs are to cost no more than drawn ones, and the
    /// square root trades that against rare features that only long runs reach.
    fn choose(&mut self, draw: &mut Draw) -> Option<&mut Reached> {
        let which = draw.below(self.kinds.len() as u64) as usize;
        let reached = &mut self.kinds.values_mut().nth(which)?.reached;
        let looks = (0..LOOKS).map(|_| draw.below(reached.len() as u64) as usize);
        let worth = |at: &usize| {
            let Reached { runs, varied, steps, .. } = reached[*at];
            u64::from(runs) * (1 + u64::from(varied)) * (steps + 100).isqrt()
        };
        let at = looks.min_by_key(worth)?;
        reached.get_mut(at)
    }
}
