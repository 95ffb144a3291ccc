//! `cargo sim run`.

use super::{RunArgs, summary};
use indicatif::{ProgressBar, ProgressStyle};
use proxy_fetch_sim::campaign::{self, Campaign, replay_command};
use std::{
    num::NonZero,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

pub(super) fn run(args: &RunArgs) -> ExitCode {
    let jobs = args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    let campaign = Campaign { start: args.start, seeds: args.seeds, profile: args.profile, jobs, fail_fast: false };
    // Only drawn on a terminal.
    let bar = ProgressBar::new(args.seeds).with_style(
        ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} seeds, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    #[expect(clippy::disallowed_methods, reason = "the campaign's own speed is measured, nothing simulated")]
    let began = Instant::now();
    let found = campaign::run(campaign, |done| {
        if done % 32 == 0 {
            bar.set_position(done);
        }
    });
    bar.finish_and_clear();
    let wall = began.elapsed().max(Duration::from_micros(1));
    if args.json {
        println!("{}", summary::json(&campaign, &found, wall));
    } else {
        print!("{}", summary::text(&campaign, &found, wall));
    }
    if found.failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    if let Some(report) = found.failures.first() {
        eprintln!("repeat the first with: {}", replay_command(report.seed, args.profile));
    }
    ExitCode::FAILURE
}
