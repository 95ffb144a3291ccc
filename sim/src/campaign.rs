//! Campaigns: many seeds, on several threads; what they reached and what they broke.

use crate::{
    engine::Micros,
    planting::{plant_by_name, planted_name},
    proxy::{Profile, Report, Watch, coverage::Coverage, run_seed},
};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

/// Which seeds to run, and how.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed.
    pub start: u64,
    /// How many seeds.
    pub seeds: u64,
    /// The profile.
    pub profile: Profile,
    /// Threads, 1 or more.
    pub jobs: usize,
    /// Stop at the first violation.
    pub fail_fast: bool,
}

/// What a campaign found.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: u64,
    /// Steps of all runs.
    pub steps: u64,
    /// Simulated time of all runs.
    pub simulated: Micros,
    /// Accepted requests by how they ended.
    pub outcomes: BTreeMap<String, u64>,
    /// Faults by the states that they hit.
    pub coverage: Coverage,
    /// Runs that broke a law, smallest seed first.
    pub failures: Vec<Report>,
}

impl Summary {
    pub(crate) fn add(&mut self, report: Report) {
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
}

/// The command that repeats a seed.
#[must_use]
pub fn replay_command(seed: u64, profile: Profile) -> String {
    let profile = match profile {
        Profile::Swarm => String::new(),
        Profile::Calm | Profile::Soak => format!(" --profile {}", profile.name()),
    };
    let bug = planted_name().map_or(String::new(), |bug| format!(" --bug {bug}"));
    format!("cargo sim replay {seed}{profile}{bug}")
}

/// Runs the campaign; `progress` is told now and then how many seeds are done.
///
/// A bug that is planted in this thread is planted in all of them. The result does not depend on the number of threads,
/// unless it fails fast.
pub fn run(campaign: Campaign, progress: impl Fn(u64) + Sync) -> Summary {
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    let bug = planted_name();
    thread::scope(|scope| {
        for _ in 0..campaign.jobs.max(1) {
            scope.spawn(|| {
                // It is planted in the thread that asks, so it exists.
                let _ = plant_by_name(bug);
                let mut mine = Vec::new();
                while !(campaign.fail_fast && failed.load(Ordering::Relaxed)) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= campaign.seeds {
                        break;
                    }
                    let seed = campaign.start.wrapping_add(number);
                    let report = run_seed(seed, campaign.profile, Watch::default());
                    if report.violation.is_some() {
                        failed.store(true, Ordering::Relaxed);
                    }
                    mine.push(report);
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                    if mine.len() >= 64 {
                        merge(&summary, &mut mine);
                    }
                }
                merge(&summary, &mut mine);
            });
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    summary.failures.sort_by_key(|report| report.seed);
    summary
}

fn merge(summary: &Mutex<Summary>, reports: &mut Vec<Report>) {
    let mut summary = summary.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for report in reports.drain(..) {
        summary.add(report);
    }
}
