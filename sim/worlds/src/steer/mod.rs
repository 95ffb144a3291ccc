//! Campaigns that steer: runs that reached something rare are varied further.
//!
//! The features of a run are what it reached: places of the coverage, and how close things came to each deadline
//! ([`features`]). Half of the runs are drawn from their seeds as in any campaign. Each of the others pursues a feature
//! that few runs showed, and takes the cheapest run that showed it: parts of its plan are put into a drawn one, or its
//! plan is changed a little, half the time with its decisions kept. Plans are made in rounds from what earlier rounds
//! reached, so the result does not depend on the number of threads.
//!
//! [`features`]: crate::proxy::features

mod corpus;
mod vary;

use crate::{
    campaign::{Campaign, Summary, options},
    proxy::{Plan, Profile, Report, Watch, run_plan},
};
use corpus::Corpus;
use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicUsize, atomic::Ordering},
    thread,
};

/// Runs that are planned together.
const ROUND: u64 = 32;

/// One run in so many is drawn, as in any campaign.
const DRAWN_OF: u64 = 2;

/// A run of a campaign that steers.
#[derive(Clone, Debug)]
pub struct Steered {
    /// The seed that it has in the campaign. Alone it says nothing: the plan follows from the runs before.
    pub seed: u64,
    /// The plan.
    pub plan: Plan,
}

/// The command that repeats the run of this seed in a campaign from `start`: all runs before it, and then it.
#[must_use]
pub fn repeat_command(start: u64, seed: u64, profile: Profile) -> String {
    let mut command = format!("cargo sim run --steer --seeds {}", seed.wrapping_sub(start).saturating_add(1));
    if start != 0 {
        command.push_str(&format!(" --start {start}"));
    }
    command.push_str(&options(profile));
    command
}

/// Runs a campaign that steers, in rounds: if it fails fast, the round in which a law was broken is the last. Of the
/// laws it checks all, or only one, by its id. Says what was found, and the first run that broke a law. `progress` is
/// told how many runs are done.
pub fn run(campaign: Campaign, only: Option<&'static str>, progress: impl Fn(u64)) -> (Summary, Option<Steered>) {
    let Campaign { start, seeds: runs, profile, jobs, fail_fast } = campaign;
    let watch = Watch { only, features: true, ..Watch::default() };
    let (mut summary, mut first, mut corpus) = (Summary::default(), None, Corpus::default());
    let mut done = 0;
    while done < runs && !(fail_fast && first.is_some()) {
        let round: Vec<Arc<Steered>> = (done..runs.min(done + ROUND))
            .map(|number| Arc::new(corpus.plan(start.wrapping_add(number), profile, !number.is_multiple_of(DRAWN_OF))))
            .collect();
        for (steered, report) in round.iter().zip(run_round(&round, watch, jobs)) {
            // A run that broke a law stopped there: to vary it would find the same again, and cheaply.
            if report.violation.is_none() {
                corpus.learn(steered, &report);
            } else if first.is_none() {
                first = Some(Steered::clone(steered));
            }
            summary.add(report);
        }
        done += round.len() as u64;
        progress(done);
    }
    (summary, first)
}

/// The reports of a round, in its order.
fn run_round(round: &[Arc<Steered>], watch: Watch, jobs: usize) -> Vec<Report> {
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::with_capacity(round.len()));
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some((number, steered)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    round.get(number).map(|steered| (number, steered))
                } {
                    let report = run_plan(steered.plan.clone(), watch);
                    let report = Report { seed: steered.seed, ..report };
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
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::finding::unless_a_law_is_broken;

    const fn campaign(seeds: u64, jobs: usize) -> Campaign {
        Campaign { start: 0, seeds, profile: Profile::Swarm, jobs, fail_fast: false }
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let found = |jobs| run(campaign(300, jobs), None, |_| {}).0;
        unless_a_law_is_broken(|| {
            let (one, three) = (found(1), found(3));
            assert_eq!((one.failures.len(), three.failures.len()), (0, 0), "seeds that break a law, by threads");
            assert_eq!((one.seeds, three.seeds), (300, 300), "seeds that were run on 1 thread and on 3");
            assert_eq!(one.steps, three.steps, "events of the same campaign on 1 thread and on 3");
            assert!(one.coverage == three.coverage, "the same campaign covers something else on 3 threads than on 1");
        });
    }

    #[test]
    fn the_command_of_a_run_names_its_campaign() {
        assert_eq!(repeat_command(0, 41, Profile::Swarm), "cargo sim run --steer --seeds 42");
        let command = repeat_command(7, 9, Profile::Calm);
        assert_eq!(command, "cargo sim run --steer --seeds 3 --start 7 --profile calm");
    }

    /// Its plan and the seed of its decisions are all of a run, however the runs before it led there.
    #[test]
    fn a_run_repeats_alone() {
        let (watch, mut corpus) = (Watch { features: true, ..Watch::default() }, Corpus::default());
        let mut varied = 0;
        for round in 0..3 {
            let plan = |number: u64| {
                Arc::new(corpus.plan(round * ROUND + number, Profile::Swarm, !number.is_multiple_of(DRAWN_OF)))
            };
            let round: Vec<Arc<Steered>> = (0..ROUND).map(plan).collect();
            for (steered, report) in round.iter().zip(run_round(&round, watch, 2)) {
                let alone = run_plan(steered.plan.clone(), Watch::default());
                assert_eq!((alone.digest, alone.steps), (report.digest, report.steps), "seed {}", steered.seed);
                varied += u64::from(steered.plan != Plan::draw(steered.seed, Profile::Swarm));
                corpus.learn(steered, &report);
            }
        }
        assert!(varied > ROUND / 2, "only {varied} plans are not drawn");
    }
}
