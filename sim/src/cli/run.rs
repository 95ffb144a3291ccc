//! `cargo sim run`.

use super::{Machine, RunArgs, queue, summary};
use indicatif::{ProgressBar, ProgressStyle};
use proxy_fetch_sim::{
    campaign::{self, Campaign, replay_command},
    proxy::Plan,
    queue::shrink_seed,
    scenario::shrink_run,
    steer::{self, Steered},
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
    let (text, repeat) = match args.machine {
        Machine::Object => {
            let (start, seeds, profile) = (args.start, args.seeds, args.profile);
            let campaign = Campaign { start, seeds, profile, jobs, fail_fast: false };
            let (found, first) = if args.steer {
                steer::run(campaign, None, progress)
            } else {
                let found = campaign::run(campaign, progress);
                let first = found.failures.first().map(|report| report.seed);
                (found, first.map(|seed| Steered { seed, decisions: seed, plan: Plan::draw(seed, profile) }))
            };
            let wall = began.elapsed().max(Duration::from_micros(1));
            let command = |seed: u64| {
                if args.steer { steer::repeat_command(start, seed, profile) } else { replay_command(seed, profile) }
            };
            let repeat = first.as_ref().map(|first| command(first.seed));
            let text = if args.json {
                format!("{}\n", summary::json(&campaign, &found, wall, command))
            } else {
                let mut text = summary::text(&campaign, &found, wall);
                if let Some(shrunk) = first.and_then(|first| shrink_run(first.decisions, first.plan, SHRINK_WITHIN)) {
                    text.push_str(&format!("\nthe first, made small:\n\n{shrunk}"));
                }
                text
            };
            (text, repeat)
        }
        Machine::Queue => {
            let (found, repeat) = queue::run(args, jobs, progress);
            let wall = began.elapsed().max(Duration::from_micros(1));
            let text = if args.json {
                format!("{}\n", queue::json(args.start, &found, wall))
            } else {
                let mut text = queue::text(&found, wall);
                let first = found.failures.first();
                if let Some(shrunk) = first.and_then(|first| shrink_seed(first.seed, SHRINK_WITHIN)) {
                    text.push_str(&format!("\nthe first, made small:\n\n{shrunk}"));
                }
                text
            };
            (text, repeat)
        }
    };
    bar.finish_and_clear();
    print!("{text}");
    match repeat {
        None => ExitCode::SUCCESS,
        Some(command) => {
            eprintln!("repeat the first with: {command}");
            ExitCode::FAILURE
        }
    }
}
