//! `cargo sim replay`.

use super::{Machine, ReplayArgs, queue, scenario::write_verdict};
use proxy_fetch_sim::proxy::{Report, Watch, run_seed};
use serde_json::json;
use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};

/// Whether the reader has seen enough: `| head`.
pub(super) fn reader_is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

pub(super) fn replay(args: &ReplayArgs) -> ExitCode {
    if args.machine == Machine::Queue {
        return queue::replay(args);
    }
    let watch = Watch { lines: true, until: args.at, ..Watch::default() };
    let report = run_seed(args.seed, args.profile, watch);
    let mut out = BufWriter::new(io::stdout().lock());
    let written = if args.json { write_json(&mut out, args, &report) } else { write_text(&mut out, args, &report) };
    if let Err(error) = written.and_then(|()| out.flush())
        && !reader_is_gone(&error)
    {
        eprintln!("error: cannot write the trace: {error}");
    }
    if report.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn write_text(out: &mut impl Write, args: &ReplayArgs, report: &Report) -> io::Result<()> {
    writeln!(out, "seed {}, profile {}: {}", args.seed, args.profile.name(), report.mix)?;
    for line in &report.lines {
        writeln!(out, "{line}")?;
    }
    if let Some(at) = args.at {
        if report.steps < at {
            writeln!(out, "the run ends at step {}", report.steps)?;
        }
        match &report.machine {
            Some(machine) => writeln!(out, "after step {}: {machine}", report.steps)?,
            None => writeln!(out, "after step {}: the object is not in memory", report.steps)?,
        }
    }
    write_verdict(out, report)
}

fn write_json(out: &mut impl Write, args: &ReplayArgs, report: &Report) -> io::Result<()> {
    for line in &report.lines {
        let value = json!({"step": line.step, "at_us": line.at, "who": line.who, "what": line.what});
        writeln!(out, "{value}")?;
    }
    let violation = report.violation.as_ref();
    let end = json!({
        "seed": args.seed,
        "profile": args.profile.name(),
        "mix": report.mix,
        "steps": report.steps,
        "simulated_us": report.simulated,
        "digest": format!("{:016x}", report.digest),
        "outcomes": report.outcomes,
        "machine": report.machine,
        "violation": violation.map(|(step, what)| json!({"step": step, "law": what.law, "what": what.what})),
    });
    writeln!(out, "{end}")
}
