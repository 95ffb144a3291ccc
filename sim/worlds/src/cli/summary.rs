//! What a campaign found, for people and for machines.

use indicatif::HumanCount;
use proxy_fetch_sim::{
    campaign::{Campaign, Summary},
    proxy::{
        Profile,
        coverage::{Entering, FAULTS, Sometimes, State, impossible},
    },
    scenario::readable,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write, time::Duration};

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
                    let violation = readable(&violation.to_string());
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
    let coverage = &found.coverage;
    let pairs: Vec<String> = (coverage.missing().iter().map(|(fault, state)| format!("{fault} {}", state.name())))
        .chain(coverage.missing_events().iter().map(|(event, state)| format!("{} {}", event.name(), state.name())))
        .chain(coverage.missing_sometimes().iter().map(|what| what.what().to_owned()))
        .collect();
    if pairs.is_empty() {
        return writeln!(out, "covered      all that can occur (· cannot)");
    }
    writeln!(out, "not covered  {}", pairs.join(", "))
}

fn write_coverage(out: &mut String, found: &Summary) -> std::fmt::Result {
    let coverage = &found.coverage;
    write_head(out, "faults, and the states of requests that they hit")?;
    for (fault, what) in FAULTS {
        let name = format!("{:<4} {what}", fault.to_string());
        let cells = State::ALL.map(|state| (coverage.hits(fault, state), impossible(fault, state).is_some()));
        write_row(out, &name, cells)?;
    }
    writeln!(out)?;
    write_head(out, "events, and the states of requests that they find")?;
    for event in Entering::ALL {
        let cells = State::ALL.map(|state| (coverage.entries(event, state), event.impossible(state).is_some()));
        write_row(out, event.name(), cells)?;
    }
    writeln!(out)?;
    writeln!(out, "{:<56} {:>10}", "now and then", "times")?;
    for what in Sometimes::ALL {
        writeln!(out, "{:<56} {:>10}", what.what(), HumanCount(coverage.times(what)).to_string())?;
    }
    Ok(())
}

fn write_head(out: &mut String, what: &str) -> std::fmt::Result {
    write!(out, "{what:<56}")?;
    for state in State::ALL {
        write!(out, " {:>10}", state.name())?;
    }
    writeln!(out)
}

/// Counts, and whether each cannot be but 0.
fn write_row(out: &mut String, name: &str, cells: [(u64, bool); State::ALL.len()]) -> std::fmt::Result {
    write!(out, "{name:<56}")?;
    for (count, cannot) in cells {
        let text = if cannot && count == 0 { "·".to_owned() } else { HumanCount(count).to_string() };
        write!(out, " {text:>10}")?;
    }
    writeln!(out)
}

/// `repeat` is the command that repeats a seed.
pub(super) fn json(campaign: &Campaign, found: &Summary, wall: Duration, repeat: impl Fn(u64) -> String) -> Value {
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
    let events: Vec<Value> = Entering::ALL
        .iter()
        .flat_map(|event| State::ALL.map(|state| (*event, state)))
        .map(|(event, state)| {
            json!({
                "event": event.name(),
                "state": state.name(),
                "hits": found.coverage.entries(event, state),
                "impossible": event.impossible(state),
            })
        })
        .collect();
    let sometimes: BTreeMap<&str, u64> =
        Sometimes::ALL.iter().map(|what| (what.what(), found.coverage.times(*what))).collect();
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
                "repeat": repeat(report.seed),
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
        "events_by_state": events,
        "sometimes": sometimes,
        "violations": failures,
    })
}
