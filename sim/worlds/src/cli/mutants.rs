//! `cargo sim mutants`: plants each bug and shows which law finds it.

use super::{
    MutantsArgs, checks, generic,
    output::{code, print},
};
use indicatif::{HumanCount, ProgressBar};
use proxy_fetch_sim::{
    bugs::{self, Bug, Machine, planted},
    mutants::{self, Board, Found, generic::is_generic, lenses},
};
use serde_json::{Value, json};
use std::{fmt::Write, num::NonZero, process::ExitCode, thread};

pub(super) fn run(args: &MutantsArgs, one: Option<&'static Bug>) -> ExitCode {
    let jobs = args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    let done = match (planted(), &args.cargo_mutants) {
        (Some(bug), _) if is_generic(bug) => Ok(generic::look(args)),
        (Some(_), _) => look(args),
        (None, Some(list)) => generic::search(args, list, one, jobs),
        (None, None) if args.list => list(),
        (None, None) if args.check => check(),
        (None, None) => search(args, one, jobs),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(2)
    })
}

/// In a process of the planted copy: what is found of its bug, for the process that looks for all of them.
fn look(args: &MutantsArgs) -> Result<ExitCode, String> {
    let kills = mutants::look(|lens| {
        let most = bugs::planted().map_or(lens.budget, |bug| lens.budget.max(lens.soon(bug)));
        args.seeds.map_or(most, |seeds| seeds.min(most))
    });
    let kills = serde_json::to_string(&kills).map_err(|error| error.to_string())?;
    Ok(print(&format!("{kills}\n"), ExitCode::SUCCESS))
}

fn list() -> Result<ExitCode, String> {
    let line = |Bug { name, machine, what }: &Bug| format!("{name:<27} {:<6}  {what}\n", machine.key());
    let lines: String = bugs::bugs()?.iter().map(line).collect();
    Ok(print(&lines, ExitCode::SUCCESS))
}

fn check() -> Result<ExitCode, String> {
    // A table that cannot be read is wrong input; a text that is gone is what was asked for.
    bugs::bugs()?;
    match bugs::planter().plant() {
        Ok(planted) => {
            let text = format!("each of {} bugs can be planted, in {} files\n", planted.mutants, planted.files.len());
            Ok(print(&text, ExitCode::SUCCESS))
        }
        Err(problems) => {
            let lines: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
            Ok(print(&lines, ExitCode::FAILURE))
        }
    }
}

/// Of what was found, what should not be so.
struct Wrong {
    survivors: Vec<&'static Bug>,
    idle: Vec<(Machine, &'static str)>,
    /// Bugs that are found, and laws that find something, but not as soon as they should.
    late: Vec<String>,
    /// What else is looked at in the copy.
    checks: Vec<String>,
}

impl Wrong {
    fn is_empty(&self) -> bool {
        self.survivors.is_empty() && self.idle.is_empty() && self.late.is_empty() && self.checks.is_empty()
    }
}

fn idle(board: &Board) -> Vec<(Machine, &'static str)> {
    let idle = |machine| board.idle_laws(machine).into_iter().map(move |law| (machine, law));
    Machine::ALL.into_iter().flat_map(idle).collect()
}

fn search(args: &MutantsArgs, one: Option<&'static Bug>, jobs: usize) -> Result<ExitCode, String> {
    let bugs: Vec<&Bug> = one.map_or_else(|| bugs::bugs().map(|bugs| bugs.iter().collect()), |one| Ok(vec![one]))?;
    let copy = bugs::build("--bin", "proxy-fetch-sim", "release")?;
    let bar = ProgressBar::new(bugs.len() as u64);
    let board = mutants::run(&copy, &bugs, args.seeds, jobs, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    let mut wrong = Wrong { survivors: board.survivors(), idle: Vec::new(), late: Vec::new(), checks: Vec::new() };
    // A law has nothing to find when only one bug is looked at.
    if one.is_none() {
        wrong.idle = idle(&board);
    }
    // And with few seeds nothing is found soon enough.
    let mut count = None;
    if one.is_none() && args.seeds.is_none() {
        let soon = board.soon();
        let survivors = soon.survivors().into_iter().filter(|bug| !wrong.survivors.contains(bug));
        wrong.late.extend(survivors.map(|bug| format!("{bug}: {}", bug.what)));
        let idle = idle(&soon).into_iter().filter(|law| !wrong.idle.contains(law));
        wrong.late.extend(idle.map(|(machine, law)| format!("anything by {law} of {}", machine.name())));
        let results = checks::run(&copy, &board, jobs)?;
        count = Some(results.len());
        wrong.checks = results.into_iter().filter_map(Result::err).collect();
    }
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = if args.json {
        writeln!(text, "{}", to_json(&board, &wrong))
    } else {
        write_text(&mut text, &board, one.is_none())
    };
    if let Some(count) = count.filter(|_| !args.json) {
        let _ = writeln!(text, "{} of {count} other checks hold in the copy", count - wrong.checks.len());
    }
    let exit = print(&text, code(!wrong.is_empty()));
    for bug in &wrong.survivors {
        eprintln!("survives: {bug}: {}", bug.what);
    }
    for (machine, law) in &wrong.idle {
        eprintln!("finds nothing: {law} of {}", machine.name());
    }
    for late in &wrong.late {
        eprintln!("not found soon: {late}");
    }
    for what in &wrong.checks {
        eprintln!("does not hold: {what}");
    }
    Ok(exit)
}

fn write_text(out: &mut String, board: &Board, with_laws: bool) -> std::fmt::Result {
    for machine in Machine::ALL.into_iter().filter(|machine| board.of(*machine).next().is_some()) {
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
    writeln!(out, "== Bugs of {}", machine.name())?;
    write!(out, "{:<27} {:<5}", "bug", "law")?;
    for lens in lenses(machine) {
        write!(out, " {:>9}", lens.name)?;
    }
    writeln!(out, "  what is wrong")?;
    for found in board.of(machine) {
        let Found { bug, kills } = found;
        write!(out, "{:<27} {:<5}", bug.name, found.kill().map_or("-", |kill| kill.law.as_str()))?;
        for kill in kills {
            let cost = kill.as_ref().map_or("-".into(), |kill| HumanCount(kill.cost).to_string());
            write!(out, " {cost:>9}")?;
        }
        writeln!(out, "  {}", bug.what)?;
    }
    writeln!(out, "\nOf each lens: what it looked at until a law was broken; - if none was.")?;
    for (at, lens) in lenses(machine).enumerate() {
        let killed = board.of(machine).filter(|found| found.kills.get(at).is_some_and(Option::is_some)).count();
        writeln!(out, "{:<9} finds {killed} of {} bugs ({})", lens.name, board.of(machine).count(), lens.unit)?;
    }
    writeln!(out)
}

fn write_laws(out: &mut String, board: &Board, machine: Machine) -> std::fmt::Result {
    writeln!(out, "== Laws of {}", machine.name())?;
    writeln!(out, "{:<5} {:>4}  bugs that it was the first to report", "law", "")?;
    // The shell has no laws of its own; of the object's only those that it broke say something.
    for (law, bugs) in board.laws(machine).into_iter().filter(|(_, bugs)| machine != Machine::Shell || !bugs.is_empty())
    {
        let names: Vec<_> = bugs.iter().map(|bug| bug.name.as_str()).collect();
        writeln!(out, "{law:<5} {:>4}  {}", bugs.len(), names.join(" "))?;
    }
    writeln!(out)
}

fn to_json(board: &Board, wrong: &Wrong) -> Value {
    let bugs: Vec<Value> = board
        .found
        .iter()
        .map(|Found { bug, kills }| {
            let machine = bug.machine;
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
            json!({"bug": bug.name, "machine": machine.key(), "what": bug.what, "kills": kills})
        })
        .collect();
    let laws = |machine| {
        let laws = board.laws(machine).into_iter();
        let named = laws
            .map(|(law, bugs)| (law.to_owned(), json!(bugs.iter().map(|bug| bug.name.as_str()).collect::<Vec<_>>())));
        Value::Object(named.collect())
    };
    let laws: Value = Machine::ALL.map(|machine| (machine.key().to_owned(), laws(machine))).into_iter().collect();
    let Wrong { survivors, idle, late, checks } = wrong;
    let survivors: Vec<_> = survivors.iter().map(|bug| &bug.name).collect();
    let idle: Vec<_> = idle.iter().map(|(machine, law)| json!({"machine": machine.key(), "law": law})).collect();
    json!({"bugs": bugs, "laws": laws, "survivors": survivors, "idle_laws": idle, "late": late, "wrong": checks})
}
