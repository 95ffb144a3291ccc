//! `cargo sim scenario`: runs of scenario files.

use super::{Cli, ScenarioArgs, explore, replay::reader_is_gone, run_command};
use clap::Parser;
use proxy_fetch_sim::{
    planting::plant_by_name,
    proxy::{Report, Watch, run_plan},
    scenario::Scenario,
};
use std::{
    ffi::OsString,
    fs,
    io::{self, BufWriter, Write},
    process::ExitCode,
};

pub(super) fn scenario(args: &ScenarioArgs) -> ExitCode {
    let read = fs::read_to_string(&args.file).map_err(|error| error.to_string());
    if let Some(options) = read.as_deref().ok().and_then(path_options) {
        return path(args, options);
    }
    let scenario = match read.and_then(|text| Scenario::parse(&text).map_err(|error| error.to_string())) {
        Ok(scenario) => scenario,
        Err(error) => {
            eprintln!("error: {}: {error}", args.file.display());
            return ExitCode::from(2);
        }
    };
    if let Err(error) = plant_by_name(scenario.bug.as_deref()) {
        eprintln!("error: {}: {error}", args.file.display());
        return ExitCode::from(2);
    }
    let report = run_plan(0, scenario.plan, Watch { lines: true, ..Watch::default() });
    let mut out = BufWriter::new(io::stdout().lock());
    let written = writeln!(out, "{}", scenario.about).and_then(|()| write_lines(&mut out, &report));
    if let Err(error) = written.and_then(|()| out.flush())
        && !reader_is_gone(&error)
    {
        eprintln!("error: cannot write the trace: {error}");
    }
    if report.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// If the file is a path of `cargo sim explore`: the options of its scope.
fn path_options(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix("# ")?.strip_prefix(explore::COMMAND)
}

/// Takes the path again, as `cargo sim explore --path` does.
fn path(args: &ScenarioArgs, options: &str) -> ExitCode {
    let words = ["cargo sim", "explore"].into_iter().chain(options.split_whitespace()).map(OsString::from);
    let words = words.chain(["--path".into(), args.file.clone().into_os_string()]);
    match Cli::try_parse_from(words) {
        Ok(cli) => run_command(cli),
        Err(error) => {
            eprintln!("error: {}: its first line is no command: {error}", args.file.display());
            ExitCode::from(2)
        }
    }
}

/// The trace and the verdict.
pub(super) fn write_lines(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for line in &report.lines {
        writeln!(out, "{line}")?;
    }
    write_verdict(out, report)
}

/// What came of the run.
pub(super) fn write_verdict(out: &mut impl Write, report: &Report) -> io::Result<()> {
    match &report.violation {
        Some((step, violation)) => writeln!(out, "VIOLATION at step {step}: {violation}"),
        None => {
            let outcomes: Vec<String> = report.outcomes.iter().map(|(how, count)| format!("{count} {how}")).collect();
            let digest = report.digest;
            writeln!(out, "no law broken in {} steps; {}; digest {digest:016x}", report.steps, outcomes.join(", "))
        }
    }
}
