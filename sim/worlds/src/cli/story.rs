//! `cargo sim story`: plays a story file.

use durable_sim::cli::{clap, print, text_of};
use proxy_fetch_sim::{
    readable::readable,
    story::{SEEDS, Story, tell},
};
use std::{fs, path::PathBuf, process::ExitCode};

/// Play a story of `sim/worlds/scenarios`, a file that workerd plays too, and say whether everything came as it says.
#[derive(Debug, clap::Args)]
pub(super) struct StoryArgs {
    /// The file.
    file: PathBuf,
}

pub(super) fn run(args: &StoryArgs) -> Result<ExitCode, String> {
    play(args).map_err(|error| format!("{}: {error}", args.file.display()))
}

fn play(args: &StoryArgs) -> Result<ExitCode, String> {
    let text = text_of(fs::read(&args.file).map_err(|error| error.to_string())?)?;
    let story = Story::read(&text)?;
    if let Some(why) = &story.not_here {
        return Err(format!("only workerd can play it: {why}"));
    }
    let run = tell(&story);
    // To the first law that breaks.
    let end = run.lines.iter().position(|line| line.who == "LAW").map_or(run.lines.len(), |at| at + 1);
    let lines = run.lines[..end].iter().map(|line| readable(&line.to_string()));
    let verdict = if run.problems.is_empty() {
        format!("everything came as the story says, with each of {SEEDS} seeds; this was seed {}", run.seed)
    } else {
        format!("with seed {} this did not come as the story says:", run.seed)
    };
    let problems = run.problems.iter().map(|problem| readable(&problem.replace('\n', "; ")));
    // One line, whatever is written there.
    let about = story.about.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = [format!("a story: {about}")].into_iter().chain(lines).chain([verdict]).chain(problems);
    Ok(print(&lines.map(|line| format!("{line}\n")).collect::<String>(), !run.problems.is_empty()))
}
