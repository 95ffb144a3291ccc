//! Campaigns: many seeds, on several threads.

use super::{Report, Watch, coverage::Coverage, run_seed};
use crate::{
    campaign::{self, options},
    proxy::Profile,
};

/// What a campaign found.
pub type Summary = campaign::Summary<Report>;

campaign::ran!(Report, Coverage);

/// The command that repeats a seed.
#[must_use]
pub fn replay_command(seed: u64, profile: Profile) -> String {
    command("replay", seed, profile)
}

/// The command that makes a failing seed small.
pub(crate) fn shrink_command(seed: u64, profile: Profile) -> String {
    command("shrink", seed, profile)
}

fn command(what: &str, seed: u64, profile: Profile) -> String {
    format!("cargo sim {what} --machine queue {seed}{}", options(profile))
}

/// Runs `seeds` seeds from `start` on `jobs` threads; `progress` is told how many are done. The result does not depend on
/// the number of threads.
pub fn run(start: u64, seeds: u64, profile: Profile, jobs: usize, progress: impl Fn(u64) + Sync) -> Summary {
    campaign::run_seeds(start, seeds, jobs, false, |seed| run_seed(seed, profile, Watch::default()), progress)
}
