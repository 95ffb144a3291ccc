//! `cargo sim survey FILE`: plants the mutants that cargo-mutants lists, and shows what finds each.

use clap::ValueEnum;
use durable_sim::{
    cli::{print, say},
    planter::import::Imported,
};
use indicatif::ProgressBar;
use proxy_fetch_sim::mutants::generic::{self, Catch, Explained, FOLDER, Survivor};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    fs, io,
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

/// Plant the mutants that cargo-mutants lists into a copy of the workspace, and show what finds each.
#[derive(Debug, clap::Args)]
pub(super) struct SurveyArgs {
    /// What `cargo mutants --list --json` wrote; `-` is the standard input.
    #[arg(value_name = "FILE", required_unless_present = "look")]
    file: Option<PathBuf>,
    /// Mutants at a time; by default one per core.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// In the copy: how long it is looked for the mutant that is on.
    #[arg(long, hide = true, conflicts_with_all = ["file", "jobs", "json"])]
    look: Option<Looks>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Looks {
    Short,
    Long,
}

pub(super) fn run(args: &SurveyArgs) -> Result<ExitCode, String> {
    match (&args.file, args.look) {
        (_, Some(looks)) => Ok(look(looks)),
        (Some(file), None) => search(args, file),
        (None, None) => Err("say which file".into()),
    }
}

/// What became of a mutant.
enum Fate {
    Found(Catch),
    Survived,
    /// It was not planted; why.
    Refused(String),
}

/// In a process of the copy: what is found of its mutant, for the process that looks for all of them.
fn look(looks: Looks) -> ExitCode {
    let report = |found: Option<Catch>| match serde_json::to_string(&found) {
        Ok(text) => {
            println!("{text}");
            0
        }
        Err(error) => {
            eprintln!("error: {error}");
            2
        }
    };
    ExitCode::from(u8::try_from(generic::look(looks == Looks::Short, report)).unwrap_or(2))
}

fn read(file: &Path) -> Result<Vec<Imported>, String> {
    let text = if file.as_os_str() == "-" { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) };
    let in_file = |error: String| format!("{}: {error}", file.display());
    let all = generic::read(&text.map_err(|error| in_file(error.to_string()))?).map_err(in_file)?;
    if all.is_empty() { Err(in_file("it lists no mutant".into())) } else { Ok(all) }
}

fn search(args: &SurveyArgs, file: &Path) -> Result<ExitCode, String> {
    let jobs = args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from);
    let all = read(file)?;
    let list = generic::explained()?;
    let (copy, refused) = generic::build(&all)?;
    let name = |imported: &Imported| imported.mutant.as_ref().ok().map(|mutant| mutant.name.clone());
    let names: Vec<String> = all.iter().filter_map(name).filter(|name| !refused.contains_key(name)).collect();
    let bar = ProgressBar::new(names.len() as u64);
    let hunted = generic::hunt(&copy, &names, jobs, || bar.inc(1))?;
    bar.finish_and_clear();
    let mut catches: BTreeMap<String, Option<Catch>> =
        hunted.into_iter().map(|hunted| (hunted.name, hunted.catch)).collect();
    let fate = |imported: &Imported| match &imported.mutant {
        Err(why) => Fate::Refused(why.clone()),
        Ok(mutant) => match (refused.get(&mutant.name), catches.remove(&mutant.name)) {
            (Some(why), _) => Fate::Refused(format!("it does not compile: {why}")),
            (None, Some(Some(catch))) => Fate::Found(catch),
            (None, Some(None) | None) => Fate::Survived,
        },
    };
    let fates: Vec<Fate> = all.iter().map(fate).collect();
    let survivors = all.iter().zip(&fates).filter(|(_, fate)| matches!(fate, Fate::Survived));
    let survivors: Vec<&Imported> = survivors.map(|(imported, _)| imported).collect();
    let said = Explained::of(&all, &survivors, &list);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = if args.json {
        writeln!(text, "{}", to_json(&all, &fates, &said))
    } else {
        write_text(&mut text, &all, &fates, &said)
    };
    let exit = print(&text, !said.unexplained.is_empty() || !said.stale.is_empty());
    for imported in &said.unexplained {
        say(&format!("survives: {}", shown(imported)));
    }
    for Survivor { file, function, code, replacement, .. } in &said.stale {
        say(&format!("explained, but found or gone: {file}: {function}: {}", change(code, replacement)));
    }
    Ok(exit)
}

fn change(code: &str, replacement: &str) -> String {
    match (code, replacement) {
        ("", replacement) => format!("its body is `{replacement}`"),
        (code, "") => format!("`{code}` is gone"),
        (code, replacement) => format!("`{code}` is `{replacement}`"),
    }
}

fn shown(Imported { listed, code, replacement, .. }: &Imported) -> String {
    let (line, column) = (listed.span.start.line, listed.span.start.column);
    format!("{}:{line}:{column}: {}: {}", listed.file, listed.function(), change(code, replacement))
}

fn write_text(out: &mut String, all: &[Imported], fates: &[Fate], said: &Explained<'_>) -> fmt::Result {
    writeln!(out, "== Mutants of cargo-mutants")?;
    writeln!(out, "{:>6} {:<5} {:<9} {:>9}  what is other", "number", "law", "found by", "after")?;
    let mut lenses = BTreeMap::<&str, usize>::new();
    let mut reasons = BTreeMap::<&str, usize>::new();
    for (number, (imported, fate)) in (1..).zip(all.iter().zip(fates)) {
        let (law, lens, cost) = match fate {
            Fate::Found(Catch { lens, kill }) => {
                *lenses.entry(lens).or_default() += 1;
                (kill.law.as_str(), lens.as_str(), kill.cost.to_string())
            }
            Fate::Survived => ("-", "nothing", "-".into()),
            Fate::Refused(why) => {
                *reasons.entry(why).or_default() += 1;
                continue;
            }
        };
        writeln!(out, "{number:>6} {law:<5} {lens:<9} {cost:>9}  {}", shown(imported))?;
    }
    writeln!(out, "\n== Not planted")?;
    for (why, count) in &reasons {
        writeln!(out, "{count:>6} {why}:")?;
        let of = |fate: &Fate| matches!(fate, Fate::Refused(other) if other == why);
        for (imported, _) in all.iter().zip(fates).filter(|(_, fate)| of(fate)) {
            writeln!(out, "       {}", shown(imported))?;
        }
    }
    writeln!(out, "\n== Survivors that are explained")?;
    for (imported, survivor) in &said.explained {
        writeln!(out, "{}\n       {}", shown(imported), survivor.why)?;
    }
    let (found, refused) = (lenses.values().sum::<usize>(), reasons.values().sum::<usize>());
    let by: Vec<String> = lenses.iter().map(|(lens, count)| format!("{count} by {lens}")).collect();
    writeln!(out, "\n{} mutants: {refused} not planted, {found} found ({})", all.len(), by.join(", "))?;
    writeln!(out, "{} survive: {} explained", all.len() - found - refused, said.explained.len())?;
    writeln!(out, "{FOLDER}/target/release/proxy-fetch-sim with SIM_MUTANT=cargo_mutants_NUMBER has that one on")
}

fn to_json(all: &[Imported], fates: &[Fate], said: &Explained<'_>) -> Value {
    let fate = |(imported, fate): (&Imported, &Fate)| {
        let mutant = json!({
            "file": imported.listed.file,
            "line": imported.listed.span.start.line,
            "function": imported.listed.function(),
            "code": imported.code,
            "replacement": imported.replacement,
        });
        match fate {
            Fate::Found(Catch { lens, kill }) => json!({
                "mutant": mutant, "fate": "found", "lens": lens, "law": kill.law, "cost": kill.cost, "what": kill.what,
            }),
            Fate::Survived => json!({"mutant": mutant, "fate": "survived"}),
            Fate::Refused(why) => json!({"mutant": mutant, "fate": "not planted", "why": why}),
        }
    };
    let mutants: Vec<Value> = all.iter().zip(fates).map(fate).collect();
    let unexplained: Vec<String> = said.unexplained.iter().map(|imported| shown(imported)).collect();
    json!({"mutants": mutants, "unexplained": unexplained, "stale": said.stale.len()})
}
