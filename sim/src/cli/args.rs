//! The arguments.

use super::Tool;
use crate::planter::table::Mutant;
use clap::{Parser, Subcommand};
use clap_complete::Shell;
use std::{num::NonZero, path::PathBuf, thread};

const EXIT_CODES: &str = "Exit codes: 0: no law is broken; 1: a law is broken, or a run has no end; 2: what was asked for \
                          cannot be done, or the output cannot be written; 130: it was interrupted before any of that \
                          was known.";

/// Seconds after which a run has no end, unless it is said.
pub(super) const SLOW: u64 = 60;

/// Deterministic simulation of durable objects: seeded time, seeded faults, laws that are looked at in each step.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
pub(super) struct Cli {
    /// The world, where there are several; the first one unless it is said.
    #[arg(long, global = true, value_name = "NAME")]
    pub world: Option<String>,
    /// Do it in a copy of the workspace with this mistake (`mutants --list` lists them). The copy is built first.
    #[arg(long, global = true, value_name = "NAME")]
    pub bug: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a campaign of many seeds.
    Run(RunArgs),
    /// Run one seed again and print its trace.
    Replay(ReplayArgs),
    /// Make the failing run of a seed small: as few items as can be found that break the same law, early and plain.
    Shrink(ShrinkArgs),
    /// Run a scenario file and print its trace.
    Scenario(ScenarioArgs),
    /// Go through every run of a small plan that differs from its plain one in a few decisions, each with the values that its
    /// declaration tries: both ends of a range, and what it says itself (`tries`).
    Explore(ExploreArgs),
    /// Run a campaign, and show what it reached and what it did not.
    Coverage(RunArgs),
    /// Plant each mistake of the tables into a copy of the workspace, and show which law finds it.
    Mutants(MutantsArgs),
    /// What is promised, law by law.
    Laws(LawsArgs),
    /// What a scenario file can say, as a table.
    Keys,
    /// The completions of a shell, for its startup file.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// In the planted copy: looks for the mistake that is on, for the process that looks for all.
    #[command(hide = true)]
    Look(LookArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000, value_parser = from_one)]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0, value_parser = from_zero)]
    pub start: u64,
    /// How runs are drawn; the world's first profile unless it is said.
    #[arg(long)]
    pub profile: Option<String>,
    /// Threads; by default one per core.
    #[arg(long, value_parser = |text: &str| whole(text, 1, u16::MAX.into()).map(|number| number as u16))]
    jobs: Option<u16>,
    /// Vary runs that reached something rare, in every second run.
    #[arg(long)]
    pub steer: bool,
    /// End at the first broken law; with --steer, at the end of its round of runs.
    #[arg(long)]
    pub fail_fast: bool,
    /// End when so many seeds in a row have reached nothing new.
    #[arg(long, value_name = "SEEDS", value_parser = from_one)]
    pub nothing_new: Option<u64>,
    #[command(flatten)]
    pub slow: Slow,
    /// Write the first failing run, made small, to this file, as a scenario.
    #[arg(short, long, value_name = "FILE", conflicts_with = "json")]
    pub output: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Slow {
    /// A run that takes longer than so many seconds has no end: it is told, and all is over.
    #[arg(long, default_value_t = SLOW, value_name = "SECONDS", value_parser = |text: &str| whole(text, 1, 86_400))]
    pub slow: u64,
}

impl RunArgs {
    pub(super) fn jobs(&self) -> usize {
        self.jobs.map_or_else(cores, usize::from)
    }
}

/// A whole number within these bounds; what it is not is said with them.
fn whole(text: &str, low: u64, high: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (low..=high).contains(number));
    let high = if high == u64::MAX { "2^64 - 1".to_owned() } else { high.to_string() };
    number.ok_or_else(|| format!("not a whole number from {low} to {high}"))
}

fn from_zero(text: &str) -> Result<u64, String> {
    whole(text, 0, u64::MAX)
}

fn from_one(text: &str) -> Result<u64, String> {
    whole(text, 1, u64::MAX)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

#[derive(Debug, clap::Args)]
pub(super) struct ReplayArgs {
    /// The seed.
    #[arg(value_parser = from_zero)]
    pub seed: u64,
    /// Stop after this step, 0: before the first, and print the state.
    #[arg(long, value_name = "STEP", value_parser = from_zero)]
    pub at: Option<u64>,
    #[command(flatten)]
    pub slow: Slow,
    /// The profile that the seed was run with.
    #[arg(long)]
    pub profile: Option<String>,
    /// Every line, also what repeats.
    #[arg(long, conflicts_with = "json")]
    pub all: bool,
    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShrinkArgs {
    /// The seed.
    #[arg(value_parser = from_zero)]
    pub seed: u64,
    /// The profile that the seed was run with.
    #[arg(long)]
    pub profile: Option<String>,
    /// Write the small run to this file, as a scenario.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Seconds that it may take.
    #[arg(long, default_value_t = 60, value_parser = |text: &str| whole(text, 1, u16::MAX.into()).map(|number| number as u16))]
    pub within: u16,
    #[command(flatten)]
    pub slow: Slow,
}

#[derive(Debug, clap::Args)]
pub(super) struct ScenarioArgs {
    /// The file.
    pub file: PathBuf,
    /// Do not plant the mistake that the file names.
    #[arg(long)]
    pub without_bug: bool,
    /// Stop after this step, 0: before the first, and print the state.
    #[arg(long, value_name = "STEP", value_parser = from_zero)]
    pub at: Option<u64>,
    #[command(flatten)]
    pub slow: Slow,
    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExploreArgs {
    /// In how many decisions a run may differ from the plain one.
    #[arg(long, default_value_t = 2, value_name = "K", value_parser = |text: &str| whole(text, 1, 9).map(|number| number as u8))]
    pub deviations: u8,
    /// The plan: a scenario file without a seed; the world's small plan unless it is said.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Runs at the most.
    #[arg(long, default_value_t = 100_000, value_parser = from_one)]
    pub runs: u64,
    /// Write the first run that breaks a law to this file, as a scenario.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub slow: Slow,
}

#[derive(Debug, clap::Args)]
pub(super) struct LawsArgs {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct MutantsArgs {
    /// These alone; all of them unless it is said.
    pub names: Vec<String>,
    /// Only list them.
    #[arg(long, conflicts_with_all = ["check", "seeds", "small", "jobs", "json"])]
    pub list: bool,
    /// Only look whether each can be planted; whether it compiles is known when the copy is built.
    #[arg(long, conflicts_with_all = ["names", "seeds", "small", "jobs", "json"])]
    pub check: bool,
    /// What each way to look may cost at the most, in its own unit: seeds, states, ...; then nothing is found too late.
    #[arg(long, value_parser = from_one)]
    pub seeds: Option<u64>,
    /// It is wrong if more than a tenth of the seeds that find a mistake leave more than so many items.
    #[arg(long, value_name = "ITEMS", value_parser = from_one)]
    pub small: Option<u64>,
    /// Mistakes at a time; by default one per core.
    #[arg(long, value_parser = |text: &str| whole(text, 1, u16::MAX.into()).map(|number| number as u16))]
    jobs: Option<u16>,
    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,
}

impl MutantsArgs {
    pub(super) fn jobs(&self) -> usize {
        self.jobs.map_or_else(cores, usize::from)
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct LookArgs {
    /// What each way to look may cost at the most.
    #[arg(long)]
    pub seeds: Option<u64>,
    /// Make failing seeds small.
    #[arg(long)]
    pub small: bool,
}

/// What the program is, and what it was asked for.
pub(super) struct Args<'a> {
    pub tool: &'a Tool<'a>,
    pub cli: &'a Cli,
    /// The mistake that is on in this process, if it is one of the tables.
    pub planted: Option<Mutant>,
}
