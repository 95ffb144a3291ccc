//! Campaigns: many seeds, on several threads.

use super::{Report, Watch, coverage::Coverage, run_seed};
use crate::{
    engine::Micros,
    planting::{plant_by_name, planted_name},
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

/// What a campaign found.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: u64,
    /// Steps of all runs.
    pub steps: u64,
    /// Simulated time of all runs.
    pub simulated: Micros,
    /// Requests by how they ended.
    pub outcomes: BTreeMap<String, u64>,
    /// Faults by the states that they hit.
    pub coverage: Coverage,
    /// Runs that broke a law, smallest seed first.
    pub failures: Vec<Report>,
}

impl Summary {
    fn add(&mut self, report: Report) {
        self.seeds += 1;
        self.steps += report.steps;
        self.simulated += report.simulated;
        for (outcome, count) in &report.outcomes {
            *self.outcomes.entry(outcome.clone()).or_default() += count;
        }
        self.coverage.add(&report.coverage);
        if report.violation.is_some() {
            self.failures.push(report);
        }
    }

    fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.simulated += other.simulated;
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.coverage.add(&other.coverage);
        self.failures.extend(other.failures);
    }
}

/// The command that repeats a seed.
#[must_use]
pub fn replay_command(seed: u64) -> String {
    let bug = planted_name().map_or(String::new(), |bug| format!(" --bug {bug}"));
    format!("cargo sim replay --machine queue {seed}{bug}")
}

/// Runs `seeds` seeds from `start` on `jobs` threads; `progress` is told how many are done. A bug that is planted in this
/// thread is planted in all of them. The result does not depend on the number of threads.
pub fn run(start: u64, seeds: u64, jobs: usize, progress: impl Fn(u64) + Sync) -> Summary {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let bug = planted_name();
    let work = || {
        // It is planted in the thread that asks, so it exists.
        let _ = plant_by_name(bug);
        let mut mine = Summary::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= seeds {
                return mine;
            }
            mine.add(run_seed(start.wrapping_add(number), Watch::default()));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    let mut summary = Summary::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            match worker.join() {
                Ok(mine) => summary.merge(mine),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    summary.failures.sort_by_key(|report| report.seed);
    summary
}
