//! `cargo sim run`.

use super::{
    Machine, RunArgs,
    output::{code, print},
    queue, summary,
};
use indicatif::{ProgressBar, ProgressStyle};
use proxy_fetch_sim::{
    campaign::{self, Campaign, replay_command},
    finding::Finding,
    steer,
};
use std::{
    num::NonZero,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

/// A campaign's first failure is made small within this.
const SHRINK_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn run(args: &RunArgs) -> ExitCode {
    let jobs = args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    // Only drawn on a terminal.
    let bar = ProgressBar::new(args.seeds).with_style(
        ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} seeds, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    #[expect(clippy::disallowed_methods, reason = "the campaign's own speed is measured, nothing simulated")]
    let began = Instant::now();
    let progress = |done: u64| {
        if done.is_multiple_of(32) {
            bar.set_position(done);
        }
    };
    let (start, profile) = (args.start, args.profile);
    let campaign = Campaign { start, seeds: args.seeds, profile, jobs, fail_fast: false };
    let (text, finding) = match args.machine {
        Machine::Object => {
            let (found, first) = if args.steer {
                steer::run(campaign, None, progress)
            } else {
                (campaign::run(campaign, progress), None)
            };
            let wall = began.elapsed().max(Duration::from_micros(1));
            if args.json {
                let command = |seed: u64| match args.steer {
                    true => steer::repeat_command(start, seed, profile),
                    false => replay_command(seed, profile),
                };
                let is_broken = !found.failures.is_empty();
                return print(&format!("{}\n", summary::json(&campaign, &found, wall, command)), code(is_broken));
            }
            let failed = match &first {
                Some(first) => found.failures.iter().find(|report| report.seed == first.seed),
                None => found.failures.first(),
            };
            let finding = failed.and_then(|report| match &first {
                Some(first) => Finding::of_steered(report, first, start, profile, SHRINK_WITHIN),
                None => Finding::of_seed(report, profile, SHRINK_WITHIN),
            });
            (summary::text(&campaign, &found, wall), finding)
        }
        Machine::Queue => {
            let found = queue::run(args, jobs, progress);
            let wall = began.elapsed().max(Duration::from_micros(1));
            if args.json {
                let is_broken = !found.failures.is_empty();
                return print(&format!("{}\n", queue::json(start, profile, &found, wall)), code(is_broken));
            }
            let finding = found.failures.first().and_then(|report| Finding::of_queue(report, profile, SHRINK_WITHIN));
            (queue::text(profile, &found, wall), finding)
        }
    };
    bar.finish_and_clear();
    match finding {
        None => print(&text, ExitCode::SUCCESS),
        Some(finding) => print(&format!("{text}\nThe first, made small.\n\n{finding}"), ExitCode::FAILURE),
    }
}
