//! `cargo sim mutants`: plants each bug and shows which law finds it.

use super::MutantsArgs;
use indicatif::{HumanCount, ProgressBar};
use proxy_fetch::planted::{Bug, Machine, planted};
use proxy_fetch_sim::mutants::{self, Board, Found, LENSES, Lens};
use serde_json::{Value, json};
use std::{fmt::Write, num::NonZero, process::ExitCode, thread};

const MACHINES: [Machine; 3] = [Machine::Object, Machine::Queue, Machine::Shell];

pub(super) fn run(args: &MutantsArgs) -> ExitCode {
    let jobs = args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    let one = planted();
    let bugs = one.as_ref().map_or(Bug::ALL, std::slice::from_ref);
    let bar = ProgressBar::new(bugs.len() as u64);
    let budget = |lens: &Lens, _: Bug| args.seeds.map_or(lens.budget, |seeds| seeds.min(lens.budget));
    let board = mutants::run(bugs, LENSES, jobs, budget, |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    // A law has nothing to find when only one bug is looked at.
    let idle: Vec<(Machine, &str)> = MACHINES
        .into_iter()
        .filter(|_| one.is_none())
        .flat_map(|machine| board.idle_laws(machine).into_iter().map(move |law| (machine, law)))
        .collect();
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
    for (machine, law) in &idle {
        eprintln!("finds nothing: {law} of {}", name(*machine));
    }
    if survivors.is_empty() && idle.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const fn name(machine: Machine) -> &'static str {
    match machine {
        Machine::Object => "the durable object",
        Machine::Queue => "the queue's consumer",
        Machine::Shell => "the native host's shell",
    }
}

fn lenses(machine: Machine) -> impl Iterator<Item = &'static Lens> {
    LENSES.iter().filter(move |lens| lens.machine == machine)
}

fn write_text(out: &mut String, board: &Board, with_laws: bool) -> std::fmt::Result {
    for machine in MACHINES.into_iter().filter(|machine| board.of(*machine).next().is_some()) {
        write_bugs(out, board, machine)?;
        if with_laws {
            write_laws(out, board, machine)?;
        }
    }
    if with_laws {
        return Ok(());
    }
    for kill in board.found.iter().flat_map(|found| &found.kills).flatten() {
        writeln!(out, "{}: {}\n  repeat it with: {}", kill.law, kill.what, kill.repeat)?;
    }
    Ok(())
}

fn write_bugs(out: &mut String, board: &Board, machine: Machine) -> std::fmt::Result {
    writeln!(out, "== Bugs of {}", name(machine))?;
    write!(out, "{:<27} {:<5}", "bug", "law")?;
    for lens in lenses(machine) {
        write!(out, " {:>9}", lens.name)?;
    }
    writeln!(out, "  what is wrong")?;
    for found in board.of(machine) {
        let Found { bug, kills } = found;
        write!(out, "{:<27} {:<5}", bug.name(), found.kill().map_or("-", |kill| kill.law))?;
        for kill in kills {
            let cost = kill.as_ref().map_or("-".into(), |kill| HumanCount(kill.cost).to_string());
            write!(out, " {cost:>9}")?;
        }
        writeln!(out, "  {}", bug.what())?;
    }
    writeln!(out, "\nOf each lens: what it looked at until a law was broken; - if none was.")?;
    for (at, lens) in lenses(machine).enumerate() {
        let killed = board.of(machine).filter(|found| found.kills.get(at).is_some_and(Option::is_some)).count();
        writeln!(out, "{:<9} finds {killed} of {} bugs ({})", lens.name, board.of(machine).count(), lens.unit)?;
    }
    writeln!(out)
}

fn write_laws(out: &mut String, board: &Board, machine: Machine) -> std::fmt::Result {
    writeln!(out, "== Laws of {}", name(machine))?;
    writeln!(out, "{:<5} {:>4}  bugs that it was the first to report", "law", "")?;
    // The shell has no laws of its own; of the object's only those that it broke say something.
    for (law, bugs) in board.laws(machine).into_iter().filter(|(_, bugs)| machine != Machine::Shell || !bugs.is_empty())
    {
        let names: Vec<_> = bugs.iter().map(|bug| bug.name()).collect();
        writeln!(out, "{law:<5} {:>4}  {}", bugs.len(), names.join(" "))?;
    }
    writeln!(out)
}

fn to_json(board: &Board, idle: &[(Machine, &str)]) -> Value {
    let bugs: Vec<Value> = board
        .found
        .iter()
        .map(|Found { bug, kills }| {
            let machine = bug.machine();
            let kills = lenses(machine).zip(kills).filter_map(|(lens, kill)| {
                let kill = kill.as_ref()?;
                Some(json!({
                    "lens": lens.name,
                    "law": kill.law,
                    "what": kill.what,
                    "cost": kill.cost,
                    "unit": lens.unit,
                    "repeat": kill.repeat,
                }))
            });
            let kills: Vec<Value> = kills.collect();
            json!({"bug": bug.name(), "machine": key(machine), "what": bug.what(), "kills": kills})
        })
        .collect();
    let laws = |machine| {
        let laws = board.laws(machine).into_iter();
        let named =
            laws.map(|(law, bugs)| (law.to_owned(), json!(bugs.iter().map(|bug| bug.name()).collect::<Vec<_>>())));
        Value::Object(named.collect())
    };
    let laws: Value = MACHINES.map(|machine| (key(machine).to_owned(), laws(machine))).into_iter().collect();
    let survivors: Vec<_> = board.survivors().into_iter().map(Bug::name).collect();
    let idle: Vec<_> = idle.iter().map(|(machine, law)| json!({"machine": key(*machine), "law": law})).collect();
    json!({"bugs": bugs, "laws": laws, "survivors": survivors, "idle_laws": idle})
}

/// A machine's name on the command line.
pub(super) const fn key(machine: Machine) -> &'static str {
    match machine {
        Machine::Object => "object",
        Machine::Queue => "queue",
        Machine::Shell => "shell",
    }
}
