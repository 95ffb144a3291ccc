//! Campaigns: many seeds, on several threads; what they reached and what they broke.

use crate::{
    bugs::planted,
    proxy::{Profile, Report, Watch, coverage::Coverage, run_seed},
};
use durable_sim::Micros;
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

/// The report of one run, as a campaign adds it up.
pub trait Ran: Send {
    /// Faults by the states that they hit.
    type Coverage: Default + Send;

    /// The seed.
    fn seed(&self) -> u64;
    /// Its steps, and its simulated time.
    fn length(&self) -> (u64, Micros);
    /// Requests by how they ended.
    fn outcomes(&self) -> &BTreeMap<&'static str, u64>;
    /// Adds the faults that it hit.
    fn cover(&self, all: &mut Self::Coverage);
    /// Whether it broke a law.
    fn is_failure(&self) -> bool;
}

/// A report with the fields that all have.
macro_rules! ran {
    ($report:ty, $coverage:ty) => {
        impl $crate::campaign::Ran for $report {
            type Coverage = $coverage;

            fn seed(&self) -> u64 {
                self.seed
            }

            fn length(&self) -> (u64, durable_sim::Micros) {
                (self.steps, self.simulated)
            }

            fn outcomes(&self) -> &std::collections::BTreeMap<&'static str, u64> {
                &self.outcomes
            }

            fn cover(&self, all: &mut $coverage) {
                all.add(&self.coverage);
            }

            fn is_failure(&self) -> bool {
                self.violation.is_some()
            }
        }
    };
}

pub(crate) use ran;

ran!(Report, Coverage);

/// What a campaign found.
#[derive(Clone, Debug)]
pub struct Summary<R: Ran = Report> {
    /// Seeds that were run.
    pub seeds: u64,
    /// Steps of all runs.
    pub steps: u64,
    /// Simulated time of all runs.
    pub simulated: Micros,
    /// Accepted requests by how they ended.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Faults by the states that they hit.
    pub coverage: R::Coverage,
    /// Runs that broke a law, smallest seed first.
    pub failures: Vec<R>,
}

impl<R: Ran> Default for Summary<R> {
    fn default() -> Self {
        let (outcomes, coverage) = Default::default();
        Self { seeds: 0, steps: 0, simulated: 0, outcomes, coverage, failures: Vec::new() }
    }
}

impl<R: Ran> Summary<R> {
    pub(crate) fn add(&mut self, report: R) {
        let (steps, simulated) = report.length();
        self.seeds += 1;
        self.steps += steps;
        self.simulated += simulated;
        for (outcome, count) in report.outcomes() {
            *self.outcomes.entry(*outcome).or_default() += count;
        }
        report.cover(&mut self.coverage);
        if report.is_failure() {
            self.failures.push(report);
        }
    }
}

/// The command that repeats a seed.
#[must_use]
pub fn replay_command(seed: u64, profile: Profile) -> String {
    command("replay", seed, profile)
}

/// What `cargo sim` is asked to do with a seed, as it is typed.
pub(crate) fn command(what: &str, seed: u64, profile: Profile) -> String {
    format!("cargo sim {what} {seed}{}", options(profile))
}

/// What is not as by default: the profile, and the planted bug.
pub(crate) fn options(profile: Profile) -> String {
    let profile = match profile {
        Profile::Swarm => String::new(),
        Profile::Calm | Profile::Soak => format!(" --profile {}", profile.name()),
    };
    format!("{profile}{}", bug_option())
}

/// The planted bug as an option of `cargo sim`, with a space before it.
pub(crate) fn bug_option() -> String {
    planted().map_or(String::new(), |bug| format!(" --bug {bug}"))
}

/// Runs the campaign; `progress` is told now and then how many seeds are done.
///
/// The result does not depend on the number of threads, unless it fails fast.
pub fn run(campaign: Campaign, progress: impl Fn(u64) + Sync) -> Summary {
    let Campaign { start, seeds, profile, jobs, fail_fast } = campaign;
    run_seeds(start, seeds, jobs, fail_fast, |seed| run_seed(seed, profile, Watch::default()), progress)
}

/// A campaign of whatever a seed runs.
pub(crate) fn run_seeds<R: Ran>(
    start: u64,
    seeds: u64,
    jobs: usize,
    fail_fast: bool,
    run: impl Fn(u64) -> R + Sync,
    progress: impl Fn(u64) + Sync,
) -> Summary<R> {
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                let mut mine = Vec::new();
                while !(fail_fast && failed.load(Ordering::Relaxed)) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= seeds {
                        break;
                    }
                    let report = run(start.wrapping_add(number));
                    if report.is_failure() {
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
    summary.failures.sort_by_key(Ran::seed);
    summary
}

fn merge<R: Ran>(summary: &Mutex<Summary<R>>, reports: &mut Vec<R>) {
    let mut summary = summary.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for report in reports.drain(..) {
        summary.add(report);
    }
}
