//! `cargo sim mutants`: plants each bug and shows which law finds it.

use super::MutantsArgs;
use indicatif::{HumanCount, ProgressBar};
use proxy_fetch::planted::{Bug, planted};
use proxy_fetch_sim::mutants::{self, Board, Found, LENSES, Lens};
use serde_json::{Value, json};
use std::{fmt::Write, num::NonZero, process::ExitCode, thread};

pub(super) fn run(args: &MutantsArgs) -> ExitCode {
    let jobs = args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    let one = planted();
    let bugs = one.as_ref().map_or(Bug::ALL, std::slice::from_ref);
    let bar = ProgressBar::new(bugs.len() as u64);
    let budget = |lens: &Lens, _: Bug| args.seeds.map_or(lens.budget, |seeds| seeds.min(lens.budget));
    let board = mutants::run(bugs, LENSES, jobs, budget, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    // A law has nothing to find when only one bug is looked at.
    let idle = if one.is_some() { Vec::new() } else { board.idle_laws() };
    let survivors = board.survivors();
    if args.json {
        println!("{}", to_json(&board, &idle));
    } else {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write_text(&mut text, &board, one.is_none());
        print!("{text}");
    }
    for bug in &survivors {
        eprintln!("survives: {bug}: {}", bug.what());
    }
    for law in &idle {
        eprintln!("finds nothing: {law}");
    }
    if survivors.is_empty() && idle.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write_text(out: &mut String, board: &Board, with_laws: bool) -> std::fmt::Result {
    write!(out, "{:<26} {:<5}", "bug", "law")?;
    for lens in LENSES {
        write!(out, " {:>8}", lens.name)?;
    }
    writeln!(out, "  what is wrong")?;
    for found in &board.found {
        let Found { bug, kills } = found;
        write!(out, "{:<26} {:<5}", bug.name(), found.kill().map_or("-", |kill| kill.law))?;
        for kill in kills {
            let cost = kill.as_ref().map_or("-".into(), |kill| HumanCount(kill.cost).to_string());
            write!(out, " {cost:>8}")?;
        }
        writeln!(out, "  {}", bug.what())?;
    }
    writeln!(out, "\nOf each lens: what it looked at until a law was broken; - if none was.")?;
    for lens in LENSES {
        let at = LENSES.iter().position(|other| other.name == lens.name).unwrap_or_default();
        let killed = board.found.iter().filter(|found| found.kills.get(at).is_some_and(Option::is_some)).count();
        writeln!(out, "{:<6} finds {killed} of {} bugs ({})", lens.name, board.found.len(), lens.unit)?;
    }
    if !with_laws {
        for kill in board.found.iter().flat_map(|found| &found.kills).flatten() {
            writeln!(out, "{}: {}\n  repeat it with: {}", kill.law, kill.what, kill.repeat)?;
        }
        return Ok(());
    }
    writeln!(out, "\n{:<5} {:>4}  bugs that it was the first to report", "law", "")?;
    let mut laws = board.laws();
    let ids: Vec<_> = mutants::law_ids().chain(laws.contains_key("calm").then_some("calm")).collect();
    for law in ids {
        let bugs = laws.remove(law).unwrap_or_default();
        let names: Vec<_> = bugs.iter().map(|bug| bug.name()).collect();
        writeln!(out, "{law:<5} {:>4}  {}", bugs.len(), names.join(" "))?;
    }
    Ok(())
}

fn to_json(board: &Board, idle: &[&str]) -> Value {
    let bugs: Vec<Value> = board
        .found
        .iter()
        .map(|Found { bug, kills }| {
            let lenses: Vec<Value> = LENSES
                .iter()
                .zip(kills)
                .filter_map(|(lens, kill)| {
                    let kill = kill.as_ref()?;
                    Some(json!({
                        "lens": lens.name,
                        "law": kill.law,
                        "what": kill.what,
                        "cost": kill.cost,
                        "unit": lens.unit,
                        "repeat": kill.repeat,
                    }))
                })
                .collect();
            json!({"bug": bug.name(), "what": bug.what(), "kills": lenses})
        })
        .collect();
    let laws: Value = board
        .laws()
        .into_iter()
        .map(|(law, bugs)| (law.to_owned(), json!(bugs.iter().map(|bug| bug.name()).collect::<Vec<_>>())))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let survivors: Vec<_> = board.survivors().into_iter().map(Bug::name).collect();
    json!({"bugs": bugs, "laws": laws, "survivors": survivors, "idle_laws": idle})
}
