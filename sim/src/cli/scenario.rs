//! `cargo sim scenario`: runs of scenario files.

use super::{ScenarioArgs, replay::reader_is_gone};
use proxy_fetch_sim::{
    planting::plant_by_name,
    proxy::{Report, Watch, run_plan},
    scenario::Scenario,
};
use std::{
    fs,
    io::{self, BufWriter, Write},
    process::ExitCode,
};

pub(super) fn scenario(args: &ScenarioArgs) -> ExitCode {
    let read = fs::read_to_string(&args.file).map_err(|error| error.to_string());
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
