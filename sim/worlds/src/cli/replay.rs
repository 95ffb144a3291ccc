//! `cargo sim replay`.

use super::{
    Machine, ReplayArgs,
    output::{code, print},
    queue,
};
use proxy_fetch_sim::proxy::{Report, Watch, run_seed};
use serde_json::json;
use std::{
    fmt::{Result, Write},
    process::ExitCode,
};

pub(super) fn replay(args: &ReplayArgs) -> ExitCode {
    if args.machine == Machine::Queue {
        return queue::replay(args);
    }
    let watch = Watch { lines: true, until: args.at, ..Watch::default() };
    let report = run_seed(args.seed, args.profile, watch);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = if args.json { write_json(&mut text, args, &report) } else { write_text(&mut text, args, &report) };
    print(&text, code(report.violation.is_some()))
}

fn write_text(out: &mut String, args: &ReplayArgs, report: &Report) -> Result {
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

fn write_json(out: &mut String, args: &ReplayArgs, report: &Report) -> Result {
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

/// What came of the run.
fn write_verdict(out: &mut String, report: &Report) -> Result {
    match &report.violation {
        Some((step, violation)) => writeln!(out, "VIOLATION at step {step}: {violation}"),
        None => {
            let outcomes: Vec<String> = report.outcomes.iter().map(|(how, count)| format!("{count} {how}")).collect();
            let digest = report.digest;
            writeln!(out, "no law broken in {} steps; {}; digest {digest:016x}", report.steps, outcomes.join(", "))
        }
    }
}
