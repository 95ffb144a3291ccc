//! `cargo sim scenario`: runs of scenario files.

use super::{
    Cli, ScenarioArgs, explore,
    output::{code, print},
    planted, run_command,
};
use clap::Parser;
use proxy_fetch_sim::{
    bugs,
    proxy::{Watch, run_plan},
    scenario::{Scenario, decision_lines, told},
};
use std::{ffi::OsString, fs, path::Path, process::ExitCode};

pub(super) fn scenario(args: &ScenarioArgs) -> ExitCode {
    run(args).unwrap_or_else(|error| {
        eprintln!("error: {}: {error}", args.file.display());
        ExitCode::from(2)
    })
}

fn run(args: &ScenarioArgs) -> Result<ExitCode, String> {
    let text = read(&args.file)?;
    if let Some(options) = path_options(&text) {
        return path(args, options);
    }
    let scenario = Scenario::parse(&text).map_err(|error| error.to_string())?;
    // The bug of the file is on, unless another one is asked for, or none.
    if let Some(name) = scenario.bug.as_deref().filter(|_| !args.without_bug && bugs::planted().is_none()) {
        return Ok(planted::run(bugs::bug(name)?));
    }
    let report = run_plan(0, scenario.plan, Watch { lines: true, ..Watch::default() });
    let lines: Vec<String> = [scenario.about].into_iter().chain(told(&report)).collect();
    let exit = print(&format!("{}\n", lines.join("\n")), code(report.violation.is_some()));
    // Its number may be wrong: whoever wrote it should know. A run that breaks a law may end before it comes to all.
    for line in decision_lines(&report.unplayed) {
        eprintln!("note: the run did not come to {line}");
    }
    Ok(exit)
}

fn read(file: &Path) -> Result<String, String> {
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        format!("line {}: this is not UTF-8", 1 + before.iter().filter(|byte| **byte == b'\n').count())
    })
}

/// If the file is a path of `cargo sim explore`: the options of its scope.
fn path_options(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix("# ")?.strip_prefix(explore::COMMAND)
}

/// Takes the path again, as `cargo sim explore --path` does.
fn path(args: &ScenarioArgs, options: &str) -> Result<ExitCode, String> {
    let words = ["cargo sim", "explore"].into_iter().chain(options.split_whitespace()).map(OsString::from);
    let words = words.chain(["--path".into(), args.file.clone().into_os_string()]);
    let cli = Cli::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("line 1: {what}")
    })?;
    let cli = Cli { bug: cli.bug.filter(|_| !args.without_bug), ..cli };
    Ok(run_command(cli))
}
