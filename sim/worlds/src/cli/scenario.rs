//! `cargo sim scenario`: a file is run, whichever of the three kinds it is. What it prints begins with the kind.

use super::{
    Cli, Command, ScenarioArgs, explore,
    output::{code, print},
    planted,
};
use clap::Parser;
use proxy_fetch_sim::{
    bugs::{self, Bug, Machine},
    scenario::{Scenario, law_says, readable, to_first_break, told},
    story::{SEEDS, Story, tell},
};
use std::{ffi::OsString, fs, path::Path, process::ExitCode};

/// Runs the file, with this bug if one is asked for.
pub(super) fn scenario(args: &ScenarioArgs, bug: Option<&'static Bug>) -> ExitCode {
    run(args, bug).unwrap_or_else(|error| {
        eprintln!("error: {}: {error}", args.file.display());
        ExitCode::from(2)
    })
}

fn run(args: &ScenarioArgs, bug: Option<&'static Bug>) -> Result<ExitCode, String> {
    if let Some(bug) = bug.filter(|_| args.without_bug) {
        return Err(format!("--bug {bug} and --without-bug exclude each other"));
    }
    let text = read(&args.file)?;
    match Kind::of(&text, &args.file)? {
        Kind::Plan => plan(args, bug, &text),
        Kind::Path(options) => path(args, bug, &text, options),
        Kind::Story => story(args, bug, &text),
    }
}

fn read(file: &Path) -> Result<String, String> {
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        format!("line {}: this is not UTF-8", 1 + before.iter().filter(|byte| **byte == b'\n').count())
    })
}

/// What a file is.
enum Kind<'a> {
    Plan,
    /// With the options of its scope.
    Path(&'a str),
    Story,
}

impl<'a> Kind<'a> {
    /// What it begins with says it. The extension counts only where that says nothing, so that what is wrong is told in
    /// terms of the kind that was meant.
    fn of(text: &'a str, file: &Path) -> Result<Self, String> {
        let of_path = text.lines().next().and_then(|line| line.strip_prefix("# ")?.strip_prefix(explore::COMMAND));
        let is_named = |kind| file.extension().is_some_and(|extension| extension == kind);
        match of_path {
            Some(options) => Ok(Self::Path(options)),
            None if text.trim_start().starts_with('{') || is_named("json") => Ok(Self::Story),
            None if is_named("path") => Err(format!("line 1: a path begins with `# {}`", explore::COMMAND.trim_end())),
            None => Ok(Self::Plan),
        }
    }
}

/// The first line: what the file is, and what happens in it.
fn head(kind: &str, about: &str) -> String {
    // One line, whatever is written there.
    let about: Vec<&str> = about.split_whitespace().collect();
    if about.is_empty() { kind.to_owned() } else { format!("{kind}: {}", about.join(" ")) }
}

/// A bug that is to be on in this machine, and is not: the command is done in the planted copy.
fn elsewhere(bug: Option<&'static Bug>, machine: Machine) -> Result<Option<ExitCode>, String> {
    let Some(bug) = bugs::planted().or(bug) else { return Ok(None) };
    if bug.machine != machine {
        let (of_bug, of_file) = (bug.machine.key(), machine.key());
        return Err(format!("the bug {bug} is in the machine `{of_bug}`; this runs `{of_file}`"));
    }
    Ok(bugs::planted().is_none().then(|| planted::run(bug)))
}

fn plan(args: &ScenarioArgs, bug: Option<&'static Bug>, text: &str) -> Result<ExitCode, String> {
    let scenario = Scenario::parse(text).map_err(|error| error.to_string())?;
    // The bug of the file is on, unless another one is asked for, or none.
    let of_file = scenario.bug.as_deref().filter(|_| !args.without_bug).map(bugs::bug).transpose()?;
    if let Some(exit) = elsewhere(bug.or(of_file), scenario.machine)? {
        return Ok(exit);
    }
    let shown = scenario.run();
    let head = head(&format!("a plan of the {}", scenario.machine.key()), &scenario.about);
    let lines: Vec<String> = [head].into_iter().chain(told(&shown)).collect();
    let exit = print(&format!("{}\n", lines.join("\n")), code(shown.violation.is_some()));
    for note in &shown.notes {
        eprintln!("note: {note}");
    }
    Ok(exit)
}

/// Takes the path again, as `cargo sim explore --path` does.
fn path(args: &ScenarioArgs, bug: Option<&'static Bug>, text: &str, options: &str) -> Result<ExitCode, String> {
    let words = ["cargo sim", "explore"].into_iter().chain(options.split_whitespace()).map(OsString::from);
    let words = words.chain(["--path".into(), args.file.clone().into_os_string()]);
    let cli = Cli::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("line 1: {what}")
    })?;
    let Command::Explore(explore) = cli.command else { return Err("line 1: it is no search".into()) };
    let of_file = cli.bug.filter(|_| !args.without_bug);
    if let Some(exit) = elsewhere(bug.or(of_file), Machine::Object)? {
        return Ok(exit);
    }
    let (taken, exit) = explore.again(text)?;
    let about = about_of_path(text, cli.bug).unwrap_or_else(|| explore.scope().to_string());
    Ok(print(&format!("{}\n{taken}", head("a path of the search", &about)), exit))
}

/// What the comments at the head of a path say, but for those that `cargo sim explore` has written.
fn about_of_path(text: &str, bug: Option<&Bug>) -> Option<String> {
    let comments = text.lines().skip(1).map_while(|line| line.strip_prefix('#')).map(str::trim);
    let is_written = |line: &&str| {
        let name = line.split_once(": ").map_or("", |(name, _)| name);
        law_says(name).is_some() || bug.is_some_and(|bug| bug.name == name)
    };
    let said = comments.filter(|line| !is_written(line)).collect::<Vec<_>>().join(" ");
    (!said.trim().is_empty()).then_some(said)
}

fn story(args: &ScenarioArgs, bug: Option<&'static Bug>, text: &str) -> Result<ExitCode, String> {
    if args.without_bug {
        return Err("--without-bug is for a file that names a bug, and a story names none".into());
    }
    let story = Story::read(text)?;
    if let Some(why) = &story.not_here {
        return Err(format!("only workerd can play it: {why}"));
    }
    if let Some(exit) = elsewhere(bug, Machine::Object)? {
        return Ok(exit);
    }
    let run = tell(&story);
    let lines = to_first_break(&run.lines).into_iter().map(|line| line.to_string());
    let verdict = if run.problems.is_empty() {
        format!("everything came as the story says, with each of {SEEDS} seeds; this was seed {}", run.seed)
    } else {
        format!("with seed {} this did not come as the story says:", run.seed)
    };
    let problems = run.problems.iter().map(|problem| readable(&problem.replace('\n', "; ")));
    let lines = [head("a story", &story.about)].into_iter().chain(lines).chain([verdict]).chain(problems);
    let lines: Vec<String> = lines.collect();
    Ok(print(&format!("{}\n", lines.join("\n")), code(!run.problems.is_empty())))
}
