//! Campaigns that steer: plans that reached something new are varied further.
//!
//! Half of the runs are seeds as in any campaign. The others take the plan of a run that reached something new (a fault,
//! event or occurrence that no run before had, or clearly more often), draw some of its parts anew, and all decisions.
//! Plans are made in rounds from what earlier rounds reached, so the result does not depend on the number of threads.

use crate::{
    campaign::Summary,
    engine::Draws,
    planting::{plant_by_name, planted_name},
    proxy::{Plan, Profile, Report, Watch, coverage::Coverage, run_plan},
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError, atomic::AtomicUsize, atomic::Ordering},
    thread,
};

/// Runs that are planned together.
const ROUND: u64 = 128;
/// Plans that are kept to be varied; the oldest go.
const MAX_KEPT: usize = 512;
/// What a draw of this module is for.
const STEER: u16 = 200;

/// A run: a plan, and the seed of its decisions.
#[derive(Clone, Debug)]
pub struct Steered {
    /// The seed.
    pub seed: u64,
    /// The plan.
    pub plan: Plan,
}

/// What has been reached, and the plans that reached it first.
#[derive(Debug, Default)]
struct Corpus {
    /// Places of [`Coverage::counts`], with the number of binary digits of their counts.
    reached: BTreeSet<(usize, u32)>,
    plans: Vec<Plan>,
}

impl Corpus {
    fn learn(&mut self, plan: &Plan, coverage: &Coverage) {
        let mut is_new = false;
        for (place, count) in coverage.counts().enumerate().filter(|(_, count)| *count > 0) {
            is_new |= self.reached.insert((place, u64::BITS - count.leading_zeros()));
        }
        if is_new {
            if self.plans.len() == MAX_KEPT {
                self.plans.remove(0);
            }
            self.plans.push(plan.clone());
        }
    }

    /// The plan of this run.
    fn plan(&self, number: u64, seed: u64, profile: Profile) -> Plan {
        let fresh = Plan::draw(seed, profile);
        if number.is_multiple_of(2) || self.plans.is_empty() {
            return fresh;
        }
        let mut draw = Draws::new(seed).at(STEER, 0, 0, 0);
        // Of two the later one: what is rare is found late.
        let kept = self.plans.len() as u64;
        let parent = &self.plans[draw.below(kept).max(draw.below(kept)) as usize];
        vary(parent, fresh, || draw.below(4) == 0)
    }
}

/// The parent with some of its parts from a fresh plan. Requests go with the times that they were drawn for.
fn vary(parent: &Plan, fresh: Plan, mut anew: impl FnMut() -> bool) -> Plan {
    let mut plan = parent.clone();
    if anew() {
        (plan.requests, plan.heal_at) = (fresh.requests, fresh.heal_at);
        (plan.resets, plan.storage_full) = (fresh.resets, fresh.storage_full);
    }
    if anew() {
        plan.faults = fresh.faults;
    }
    if anew() {
        plan.world = fresh.world;
    }
    if anew() {
        plan.sizes = fresh.sizes;
    }
    if anew() {
        plan.config = fresh.config;
    }
    if anew() {
        (plan.network_us, plan.slot_until_head) = (fresh.network_us, fresh.slot_until_head);
    }
    plan
}

/// Runs so many plans, or until one breaks a law if `fail_fast`; says what was found, and the first run that broke a
/// law. `progress` is told how many runs are done.
pub fn run(
    (start, runs): (u64, u64),
    profile: Profile,
    jobs: usize,
    fail_fast: bool,
    progress: impl Fn(u64),
) -> (Summary, Option<Steered>) {
    let (mut summary, mut first, mut corpus) = (Summary::default(), None, Corpus::default());
    let mut done = 0;
    while done < runs && !(fail_fast && first.is_some()) {
        let round: Vec<Steered> = (done..runs.min(done + ROUND))
            .map(|number| {
                let seed = start.wrapping_add(number);
                Steered { seed, plan: corpus.plan(number, seed, profile) }
            })
            .collect();
        for (steered, report) in round.iter().zip(run_round(&round, jobs)) {
            corpus.learn(&steered.plan, &report.coverage);
            if report.violation.is_some() && first.is_none() {
                first = Some(steered.clone());
            }
            summary.add(report);
        }
        done += round.len() as u64;
        progress(done);
    }
    (summary, first)
}

/// The reports of a round, in its order.
fn run_round(round: &[Steered], jobs: usize) -> Vec<Report> {
    let (next, bug) = (AtomicUsize::new(0), planted_name());
    let reports = Mutex::new(Vec::with_capacity(round.len()));
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                // It is planted in the thread that asks, so it exists.
                let _ = plant_by_name(bug);
                while let Some((number, steered)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    round.get(number).map(|steered| (number, steered))
                } {
                    let report = run_plan(steered.seed, steered.plan.clone(), Watch::default());
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push((number, report));
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(number, _)| *number);
    reports.into_iter().map(|(_, report)| report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let found = |jobs| run((0, 300), Profile::Swarm, jobs, false, |_| {}).0;
        let (one, three) = (found(1), found(3));
        assert_eq!((one.steps, &one.coverage, one.failures.len()), (three.steps, &three.coverage, 0));
        assert_eq!(three.seeds, 300);
    }

    #[test]
    fn what_reached_something_new_is_varied() {
        let mut corpus = Corpus::default();
        let plan = Plan::draw(5, Profile::Swarm);
        let report = run_plan(5, plan.clone(), Watch::default());
        corpus.learn(&plan, &report.coverage);
        corpus.learn(&plan, &report.coverage);
        assert_eq!(corpus.plans.len(), 1, "the second time there is nothing new");
        assert_eq!(corpus.plan(0, 6, Profile::Swarm), Plan::draw(6, Profile::Swarm));
        let varied: Vec<Plan> = (0..20).map(|seed| corpus.plan(1, seed, Profile::Swarm)).collect();
        assert!(varied.iter().any(|varied| varied.requests == plan.requests && varied.faults != plan.faults));
    }
}
