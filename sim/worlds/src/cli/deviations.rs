//! `cargo sim explore --deviations`: every run of a small plan that differs from its plain one in a few decisions.

use super::{
    explore::ExploreArgs,
    output::{code, print, print_and_keep},
};
use durable_sim::plan::{Budget, Searched};
use indicatif::HumanCount;
use proxy_fetch_sim::scenario::{Scenario, deviate, told};
use std::{fs, process::ExitCode};

/// What is searched if no file says what.
const PLAN: &str =
    "about = \"Two requests, one of them tried once more and cancelled, and one whose status is asked for.\"

[requests]
r0 = { max_retries = 1, cancel_at_ms = 2000 }
r1 = { at_ms = 1, status_at_ms = 100 }
";

/// Searches, and shows the first run that breaks a law.
pub(super) fn run(args: &ExploreArgs, most: usize) -> ExitCode {
    let (name, text) = match &args.plan {
        None => ("the plan".to_owned(), Ok(PLAN.to_owned())),
        Some(file) => (file.display().to_string(), fs::read_to_string(file).map_err(|error| error.to_string())),
    };
    let scenario = text.and_then(|text| Scenario::parse(&text).map_err(|error| error.to_string()));
    let scenario = scenario.and_then(|scenario| match scenario.document.seed {
        Some(_) => Err("seed: nothing is drawn in this search, so it has no meaning here".to_owned()),
        None => Ok(scenario),
    });
    match scenario {
        Ok(scenario) => search(args, most, &scenario),
        Err(error) => {
            eprintln!("error: {name}: {error}");
            ExitCode::from(2)
        }
    }
}

fn search(args: &ExploreArgs, most: usize, scenario: &Scenario) -> ExitCode {
    let budget = Budget { deviations: most, runs: args.runs, but_for: &[] };
    let (searched, broken) = deviate(scenario, budget);
    let mut text = format!("{}\n{}\n", of(most, scenario), said(&searched, broken.is_some()));
    let Some(broken) = broken else { return print(&text, ExitCode::SUCCESS) };
    text.push_str(&format!("\n{}\n", broken.to_text()));
    text.extend(told(&broken.run()).into_iter().map(|line| format!("{line}\n")));
    match &args.output {
        None => print(&text, code(true)),
        Some(file) => print_and_keep(text, file, &broken.to_text()),
    }
}

fn of(most: usize, scenario: &Scenario) -> String {
    let (machine, items) = (scenario.machine.key(), scenario.document.items());
    format!("plan of the {machine}: {items} items; up to {most} deviations from plain")
}

fn said(searched: &Searched, is_broken: bool) -> String {
    let Searched { runs, distinct, decisions, values, is_complete } = searched;
    let verdict = match (is_broken, is_complete) {
        (true, _) => "a law is broken",
        (false, true) => "complete: every such run was made, and no law is broken",
        (false, false) => "NOT complete: there are more runs; no law is broken so far",
    };
    format!(
        "{} runs, {} of them distinct: {} decisions, {} values tried\n{verdict}",
        HumanCount(*runs),
        HumanCount(*distinct),
        HumanCount(*decisions as u64),
        HumanCount(*values)
    )
}
