//! What a campaign found, for people and for machines.

use indicatif::HumanCount;
use proxy_fetch_sim::{
    campaign::{Campaign, Summary, replay_command},
    proxy::{
        Profile,
        coverage::{FAULTS, State, impossible},
    },
};
use serde_json::{Value, json};
use std::{fmt::Write, time::Duration};

/// Failures that are listed; the others are counted.
const SHOWN_FAILURES: usize = 10;

pub(super) fn text(campaign: &Campaign, found: &Summary, wall: Duration) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut text, campaign, found, wall);
    text
}

fn write_text(out: &mut String, campaign: &Campaign, found: &Summary, wall: Duration) -> std::fmt::Result {
    let seconds = wall.as_secs_f64();
    let simulated = found.simulated as f64 / 1e6;
    let last = campaign.start.saturating_add(campaign.seeds - 1);
    writeln!(
        out,
        "seeds        {} ({} to {last}, {})",
        HumanCount(found.seeds),
        campaign.start,
        campaign.profile.name()
    )?;
    writeln!(
        out,
        "events       {} in {seconds:.1} s with {} {}: {:.2} million per second",
        HumanCount(found.steps),
        campaign.jobs,
        if campaign.jobs == 1 { "thread" } else { "threads" },
        found.steps as f64 / seconds / 1e6
    )?;
    let ratio = HumanCount((simulated / seconds) as u64);
    writeln!(out, "simulated    {:.1} days, {ratio} : 1 of wall time", simulated / 86_400.0)?;
    let outcomes: Vec<String> =
        found.outcomes.iter().map(|(how, count)| format!("{} {how}", HumanCount(*count))).collect();
    writeln!(out, "requests     {}", outcomes.join(", "))?;
    writeln!(out)?;
    if campaign.profile == Profile::Calm {
        writeln!(out, "faults       none in this profile")?;
    } else {
        write_coverage(out, found)?;
        writeln!(out)?;
        write_missing(out, found)?;
    }
    match found.failures.len() {
        0 => writeln!(out, "violations   none"),
        count => {
            writeln!(out, "violations   {count} seeds")?;
            for report in found.failures.iter().take(SHOWN_FAILURES) {
                if let Some((step, violation)) = &report.violation {
                    writeln!(out, "  seed {} at step {step}: {violation}", report.seed)?;
                }
            }
            if count > SHOWN_FAILURES {
                writeln!(out, "  and {} more", count - SHOWN_FAILURES)?;
            }
            Ok(())
        }
    }
}

fn write_missing(out: &mut String, found: &Summary) -> std::fmt::Result {
    let missing = found.coverage.missing();
    if missing.is_empty() {
        return writeln!(out, "covered      every pair of fault and state that can occur (· cannot)");
    }
    let pairs: Vec<String> = missing.iter().map(|(fault, state)| format!("{fault} {}", state.name())).collect();
    writeln!(out, "not covered  {}", pairs.join(", "))
}

fn write_coverage(out: &mut String, found: &Summary) -> std::fmt::Result {
    write!(out, "{:<56}", "faults, and the states of requests that they hit")?;
    for state in State::ALL {
        write!(out, " {:>10}", state.name())?;
    }
    writeln!(out)?;
    for (fault, what) in FAULTS {
        write!(out, "{:<4} {what:<51}", fault.to_string())?;
        for state in State::ALL {
            let hits = found.coverage.hits(fault, state);
            if impossible(fault, state).is_some() && hits == 0 {
                write!(out, " {:>10}", "·")?;
            } else {
                write!(out, " {:>10}", HumanCount(hits).to_string())?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

pub(super) fn json(campaign: &Campaign, found: &Summary, wall: Duration) -> Value {
    let coverage: Vec<Value> = FAULTS
        .iter()
        .flat_map(|(fault, _)| State::ALL.map(|state| (*fault, state)))
        .map(|(fault, state)| {
            json!({
                "fault": fault.to_string(),
                "state": state.name(),
                "hits": found.coverage.hits(fault, state),
                "impossible": impossible(fault, state),
            })
        })
        .collect();
    let failures: Vec<Value> = found
        .failures
        .iter()
        .filter_map(|report| {
            let (step, violation) = report.violation.as_ref()?;
            Some(json!({
                "seed": report.seed,
                "step": step,
                "law": violation.law,
                "what": violation.what,
                "repeat": replay_command(report.seed, campaign.profile),
            }))
        })
        .collect();
    json!({
        "profile": campaign.profile.name(),
        "start": campaign.start,
        "seeds": found.seeds,
        "jobs": campaign.jobs,
        "events": found.steps,
        "simulated_us": found.simulated,
        "wall_us": u64::try_from(wall.as_micros()).unwrap_or(u64::MAX),
        "outcomes": found.outcomes,
        "coverage": coverage,
        "violations": failures,
    })
}
