//! `cargo sim run`, `cargo sim replay` and `cargo sim scenario` of the Queue variant's consumer.

use super::{
    ReplayArgs, RunArgs,
    output::{code, print},
};
use indicatif::HumanCount;
use proxy_fetch_sim::{
    proxy::Profile,
    queue::{
        Report, Watch,
        campaign::{self, Summary, replay_command},
        coverage::{Fault, State},
        run_seed,
    },
    scenario::readable,
};
use serde_json::{Value, json};
use std::{
    fmt::{Result, Write},
    process::ExitCode,
    time::Duration,
};

/// Failures that are listed; the others are counted.
const SHOWN_FAILURES: usize = 10;

/// Runs a campaign.
pub(super) fn run(args: &RunArgs, jobs: usize, progress: impl Fn(u64) + Sync) -> Summary {
    campaign::run(args.start, args.seeds, args.profile, jobs, progress)
}

pub(super) fn text(profile: Profile, found: &Summary, wall: Duration) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut text, profile, found, wall);
    text
}

fn write_text(out: &mut String, profile: Profile, found: &Summary, wall: Duration) -> Result {
    let seconds = wall.as_secs_f64();
    writeln!(out, "seeds        {} of the queue's consumer, profile {}", HumanCount(found.seeds), profile.name())?;
    writeln!(out, "events       {} in {seconds:.1} s", HumanCount(found.steps))?;
    writeln!(out, "simulated    {:.1} days", found.simulated as f64 / 1e6 / 86_400.0)?;
    let outcomes: Vec<String> =
        found.outcomes.iter().map(|(how, count)| format!("{} {how}", HumanCount(*count))).collect();
    writeln!(out, "requests     {}\n", outcomes.join(", "))?;
    write!(out, "{:<46}", "faults, and the states of messages that they hit")?;
    for state in State::ALL {
        write!(out, " {:>10}", state.name())?;
    }
    writeln!(out)?;
    for fault in Fault::ALL {
        write!(out, "{:<46}", fault.name())?;
        for state in State::ALL {
            let hits = found.coverage.hits(fault, state);
            let shown = if hits == 0 && !fault.can_hit(state) { "·".into() } else { HumanCount(hits).to_string() };
            write!(out, " {shown:>10}")?;
        }
        writeln!(out)?;
    }
    let missing: Vec<String> = found
        .coverage
        .missing()
        .iter()
        .map(|(fault, state)| format!("{} ({})", fault.name().trim(), state.name()))
        .collect();
    match missing.as_slice() {
        [] => writeln!(out, "\ncovered      every pair of fault and state that can occur (· cannot)")?,
        missing => writeln!(out, "\nnot covered  {}", missing.join(", "))?,
    }
    if found.failures.is_empty() {
        return writeln!(out, "violations   none");
    }
    writeln!(out, "violations   {} seeds", found.failures.len())?;
    for report in found.failures.iter().take(SHOWN_FAILURES) {
        if let Some((step, violation)) = &report.violation {
            let violation = readable(&violation.to_string());
            writeln!(out, "  seed {} at step {step}: {violation}", report.seed)?;
        }
    }
    Ok(())
}

pub(super) fn json(start: u64, profile: Profile, found: &Summary, wall: Duration) -> Value {
    let pairs = Fault::ALL.iter().flat_map(|fault| State::ALL.map(|state| (*fault, state)));
    let coverage: Vec<Value> = pairs
        .map(|(fault, state)| {
            json!({
                "fault": fault.name(),
                "state": state.name(),
                "hits": found.coverage.hits(fault, state),
                "can_hit": fault.can_hit(state),
            })
        })
        .collect();
    let failures: Vec<Value> = found
        .failures
        .iter()
        .filter_map(|report| {
            let (step, violation) = report.violation.as_ref()?;
            let repeat = replay_command(report.seed, profile);
            Some(json!({"seed": report.seed, "step": step, "law": violation.law, "what": violation.what,
                "repeat": repeat}))
        })
        .collect();
    json!({
        "machine": "queue",
        "profile": profile.name(),
        "start": start,
        "seeds": found.seeds,
        "events": found.steps,
        "simulated_us": found.simulated,
        "wall_us": u64::try_from(wall.as_micros()).unwrap_or(u64::MAX),
        "outcomes": found.outcomes,
        "coverage": coverage,
        "violations": failures,
    })
}

pub(super) fn replay(args: &ReplayArgs) -> ExitCode {
    let report = run_seed(args.seed, args.profile, Watch { lines: true, until: args.at, ..Watch::default() });
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = if args.json { write_json(&mut text, &report) } else { write_replay(&mut text, args, &report) };
    print(&text, code(report.violation.is_some()))
}

fn write_replay(out: &mut String, args: &ReplayArgs, report: &Report) -> Result {
    writeln!(out, "seed {} of the queue, profile {}: {}", report.seed, report.profile.name(), report.mix)?;
    for line in &report.lines {
        writeln!(out, "{line}")?;
    }
    if args.at.is_some() {
        for consumer in &report.consumers {
            writeln!(out, "after step {}: {consumer}", report.steps)?;
        }
    }
    write_verdict(out, report)
}

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

fn write_json(out: &mut String, report: &Report) -> Result {
    for line in &report.lines {
        writeln!(out, "{}", json!({"step": line.step, "at_us": line.at, "who": line.who, "what": line.what}))?;
    }
    let violation = report.violation.as_ref();
    let end = json!({
        "machine": "queue",
        "seed": report.seed,
        "profile": report.profile.name(),
        "mix": report.mix,
        "steps": report.steps,
        "simulated_us": report.simulated,
        "digest": format!("{:016x}", report.digest),
        "outcomes": report.outcomes,
        "consumers": report.consumers,
        "violation": violation.map(|(step, what)| json!({"step": step, "law": what.law, "what": what.what})),
    });
    writeln!(out, "{end}")
}
