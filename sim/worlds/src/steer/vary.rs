//! Small changes of a plan: those of its document.

use crate::{
    history::ledger::Ask,
    proxy::{Plan, Profile, document::SCHEMA, features::Feature},
};
use durable_sim::{
    Draw,
    plan::{Material, Moment, graft as graft_document, vary as vary_document},
};

/// What a plan is varied with.
pub(super) struct With<'a> {
    /// A plan that was drawn anew.
    pub fresh: &'a Plan,
    /// Another that was kept.
    pub other: &'a Plan,
    /// The feature of the parent's run that is gone after.
    pub feature: &'a Feature,
}

/// The parent with so many changes.
pub(super) fn vary(parent: &Plan, with: &With<'_>, changes: u64, draw: &mut Draw) -> Plan {
    let (fresh, other) = (with.fresh.to_document(), with.other.to_document());
    let with = Material {
        fresh: &fresh,
        other: &other,
        moment: moment(with.feature),
        // Calm laws hold for calm plans alone: nothing is made up.
        only_parts: parent.profile == Profile::Calm,
    };
    Plan::of_document(&vary_document(&SCHEMA, &parent.to_document(), &with, changes, draw))
}

/// A plan that was drawn, with a few parts of a parent: as varied as drawn ones, and with what the parent had.
pub(super) fn graft(fresh: &Plan, parent: &Plan, draw: &mut Draw) -> Plan {
    Plan::of_document(&graft_document(&SCHEMA, fresh.to_document(), &parent.to_document(), draw))
}

/// Where a feature was left, as the framework says it.
const fn moment(feature: &Feature) -> Moment {
    let item = match feature.ask {
        None => None,
        Some(Ask::Enqueue { planned, .. }) => Some((("requests", planned), "at_ms")),
        Some(Ask::Conflicting { planned }) => Some((("requests", planned), "conflict_at_ms")),
        Some(Ask::Cancel { planned }) => Some((("requests", planned), "cancel_at_ms")),
        Some(Ask::Status { planned }) => Some((("requests", planned), "status_at_ms")),
    };
    Moment { at: feature.at, late_ms: feature.late_ms, item }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::{Watch, run_plan};
    use durable_sim::Draws;

    fn varied(profile: Profile) -> impl Iterator<Item = (u64, Plan, Plan)> {
        (0..200).map(move |seed| {
            let [parent, fresh, other] = [seed, seed + 1_000, seed + 2_000].map(|seed| Plan::draw(seed, profile));
            let feature = Feature { number: 0, at: parent.heal_at / 2, late_ms: 7, ask: None };
            let with = With { fresh: &fresh, other: &other, feature: &feature };
            let plan = vary(&parent, &with, 1 + seed % 3, &mut Draws::new(seed).at("vary", 0));
            (seed, parent, plan)
        })
    }

    #[test]
    fn a_varied_plan_keeps_most_of_its_parent() {
        let parts = |plan: &Plan, parent: &Plan| {
            [
                plan.faults == parent.faults,
                plan.world == parent.world,
                plan.sizes == parent.sizes,
                plan.config == parent.config,
                plan.requests == parent.requests,
                plan.resets == parent.resets,
            ]
        };
        let mut changed = [false; 6];
        for (seed, parent, plan) in varied(Profile::Swarm) {
            let same = parts(&plan, &parent);
            assert!(same.iter().filter(|same| **same).count() >= 1, "seed {seed}");
            changed.iter_mut().zip(same).for_each(|(changed, same)| *changed |= !same);
            assert!(
                plan.resets.values().all(|reset| reset.at <= plan.heal_at),
                "seed {seed}: a reset when all is well"
            );
            assert!(plan.requests.len() <= parent.requests.len().max(250), "seed {seed}");
        }
        assert_eq!(changed, [true; 6]);
    }

    #[test]
    fn what_is_varied_breaks_no_law() {
        for profile in [Profile::Calm, Profile::Swarm] {
            for (seed, _, plan) in varied(profile) {
                let report = run_plan(plan, Watch::default());
                assert_eq!(report.violation, None, "{} {seed}", profile.name());
            }
        }
    }

    #[test]
    fn a_drawn_plan_is_its_document() {
        for profile in [Profile::Calm, Profile::Swarm, Profile::Soak] {
            for seed in 0..50 {
                let plan = Plan::draw(seed, profile);
                assert_eq!(Plan::of_document(&plan.to_document()), plan);
            }
        }
    }
}
