//! `mutants`: the laws are put to the test. Each mistake of the tables must be found, and each law must find one.

use super::{
    Tool, WATCHED,
    args::{Args, LookArgs, MutantsArgs},
    output::{print, say},
};
use crate::{
    campaign::{Campaign, Finding, Summary},
    finding::AnyWorld,
    nearest,
    planter::{self, Build, PlantedCopy, Planter, table::Mutant},
};
use indicatif::HumanCount;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    env,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Where a program's mistakes are, and how a copy with all of them is built.
#[derive(Clone, Copy, Debug)]
pub struct Mutants<'a> {
    /// The root of the workspace: `env!("CARGO_MANIFEST_DIR")`, or what lies above it.
    pub root: &'static str,
    /// The tables, from there. What a table calls `machine` is the name of the world that its mistakes are in.
    pub tables: &'a [&'a str],
    /// The name of the program.
    pub program: &'a str,
    /// What `cargo build` is told: the package, its features, the program, the profile. If it is nothing: the program, as
    /// a release.
    pub cargo: &'a [&'a str],
    /// Flags of the compiler.
    pub rustflags: &'a [&'a str],
}

/// Seeds that are made small, of those that find a mistake.
const SMALL: usize = 20;
/// Each within this.
const WITHIN: Duration = Duration::from_secs(20);
/// Seeds that are run at once.
const ROUND: u64 = 64;
/// Runs of the exhaustive search, in at most so many decisions.
const RUNS: u64 = 100_000;
const DEVIATIONS: usize = 2;

impl<'a> Mutants<'a> {
    /// Those of a program that is built as `cargo build --release --bin` builds it.
    #[must_use]
    pub const fn new(root: &'static str, tables: &'a [&'a str], program: &'a str) -> Self {
        Self { root, tables, program, cargo: &[], rustflags: &[] }
    }

    fn planter(&self) -> Planter {
        let root = planter::original(Path::new(self.root));
        let tables: Vec<PathBuf> = self.tables.iter().map(|table| root.join(table)).collect();
        Planter::new(root, tables, root.join("target").join(format!("mutants-{}", self.program)))
    }

    /// For a test: each mistake can be planted.
    ///
    /// # Panics
    /// If one cannot.
    pub fn assert_can_be_planted(&self) {
        if let Err(problems) = self.planter().plant() {
            panic!("{}", problems.iter().map(|problem| format!("{problem}\n")).collect::<String>());
        }
    }

    fn build(&self) -> Result<PlantedCopy, String> {
        let usual = ["--release", "--bin", self.program];
        let cargo = if self.cargo.is_empty() { &usual } else { self.cargo };
        self.planter().build(&Build { program: self.program, cargo, rustflags: self.rustflags })
    }
}

fn of<'a>(tool: &Tool<'a>) -> Result<Mutants<'a>, String> {
    tool.mutants.ok_or_else(|| format!("{} has no table of mistakes", tool.command))
}

/// The mistake of this name, in whatever case it is typed.
fn named<'a>(all: &'a [Mutant], name: &str) -> Result<&'a Mutant, String> {
    let found = all.iter().find(|mutant| mutant.name.eq_ignore_ascii_case(name));
    let names = all.iter().map(|mutant| mutant.name.as_str());
    found.ok_or_else(|| format!("there is no mistake {name:?}{}", nearest(name, names)))
}

/// `--bug`: the same command in the planted copy. Its end is ours.
pub(super) fn elsewhere(tool: &Tool<'_>, bug: &str) -> Result<ExitCode, String> {
    let mutants = of(tool)?;
    let all = mutants.planter().mutants()?;
    let name = &named(&all, bug)?.name;
    let mut command = mutants.build()?.command(Some(name));
    let status = command.args(env::args_os().skip(1)).env_remove(WATCHED).status();
    let status = status.map_err(|error| format!("the planted copy: {error}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map(ExitCode::from).ok_or_else(|| format!("the planted copy ended with {status}"))
}

/// What one way to look for a mistake found.
#[derive(Debug, Serialize, Deserialize)]
struct Kill {
    law: String,
    what: String,
    /// Seeds or runs until then.
    cost: u64,
    /// The items of small runs, one for each seed that was made small.
    items: Vec<usize>,
}

/// What is found of a mistake.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Found {
    campaign: Option<Kill>,
    explore: Option<Kill>,
}

/// In a process of the planted copy.
pub(super) fn look(args: &Args<'_>, asked: &LookArgs) -> Result<ExitCode, String> {
    let bug = planter::planted_name().ok_or("this is no planted copy")?;
    let all = of(args.tool)?.planter().mutants()?;
    let machine = &named(&all, &bug)?.machine;
    let world = args.tool.worlds.iter().find(|world| world.name() == machine);
    let world =
        *world.ok_or_else(|| format!("{bug}: its table says machine = {machine:?}, and there is no such world"))?;
    let profile = world.profiles().first().copied().ok_or("the world has no profile")?;
    let mut findings: Vec<Finding> = Vec::new();
    let mut start = 0;
    while start < asked.seeds && findings.len() < SMALL {
        let seeds = ROUND.min(asked.seeds - start);
        let campaign = Campaign { start, seeds, jobs: 1, ..Campaign::default() };
        let Summary { findings: more, .. } = world.campaign(profile, &campaign, &())?;
        findings.extend(more);
        start += seeds;
    }
    let campaign = findings.first().map(|Finding { seed, breaks }| {
        let small = |finding: &Finding| world.minimise(&world.draw(profile, finding.seed), WITHIN).ok();
        let items = findings.iter().take(SMALL).filter_map(small).map(|small| small.document.items()).collect();
        Kill { law: breaks.law.to_owned(), what: breaks.what.clone(), cost: seed + 1, items }
    });
    let (_, plan) = crate::plan::read(world.schema(), world.plan()).map_err(|error| format!("the plan: {error}"))?;
    let (searched, first) = world.deviations(&plan, DEVIATIONS, if plan.items() == 0 { 0 } else { RUNS });
    let explore = first.map(|(document, breaks)| Kill {
        law: breaks.law.to_owned(),
        what: breaks.what,
        cost: searched.runs,
        items: vec![document.script.0.values().map(std::collections::BTreeMap::len).sum()],
    });
    let found = serde_json::to_string(&Found { campaign, explore }).map_err(|error| error.to_string())?;
    Ok(print(&format!("{found}\n"), false))
}

pub(super) fn mutants(args: &Args<'_>, asked: &MutantsArgs) -> Result<ExitCode, String> {
    let mutants = of(args.tool)?;
    let all = mutants.planter().mutants()?;
    let wanted: Vec<&Mutant> = match asked.names.as_slice() {
        [] => all.iter().collect(),
        names => names.iter().map(|name| named(&all, name)).collect::<Result<_, _>>()?,
    };
    if asked.list {
        let line = |mutant: &&Mutant| format!("{:<28} {:<10} {}\n", mutant.name, mutant.machine, mutant.what);
        return Ok(print(&wanted.iter().map(line).collect::<String>(), false));
    }
    if asked.check {
        return Ok(match mutants.planter().plant() {
            Ok(planted) => {
                let (count, files) = (planted.mutants, planted.files.len());
                print(&format!("each of {count} mistakes can be planted, in {files} files\n"), false)
            }
            Err(problems) => print(&problems.iter().map(|problem| format!("{problem}\n")).collect::<String>(), true),
        });
    }
    let copy = mutants.build()?;
    for world in args.tool.worlds {
        is_sound(&copy, *world, asked.seeds)?;
    }
    if !asked.json {
        print(
            &format!(
                "{:<28} {:<30} {:>8} {:>15} {:>8}  what is wrong\n",
                "mistake", "law", "seeds", "items", "explore"
            ),
            false,
        );
    }
    let found = each(&wanted, asked.jobs(), |mutant| {
        let found = found_of(&copy, mutant, asked.seeds);
        if let Ok(found) = &found {
            print(&if asked.json { json_row(mutant, found) } else { row(mutant, found) }, false);
        }
        found
    });
    let found = found.into_iter().collect::<Result<Vec<Found>, String>>()?;
    let mut is_wrong = false;
    for (mutant, _) in
        wanted.iter().zip(&found).filter(|(_, found)| found.campaign.is_none() && found.explore.is_none())
    {
        is_wrong = true;
        say(&format!("survives: {}: {}", mutant.name, mutant.what));
    }
    for (mutant, kill) in
        wanted.iter().zip(&found).filter_map(|(mutant, found)| Some((mutant, found.campaign.as_ref()?)))
    {
        let large = kill.items.iter().filter(|items| asked.small.is_some_and(|small| **items as u64 > small)).count();
        if large * 10 > kill.items.len() {
            is_wrong = true;
            say(&format!(
                "not small: {}: of {} seeds {large} leave more: {:?}",
                mutant.name,
                kill.items.len(),
                kill.items
            ));
        }
    }
    if asked.names.is_empty() {
        for world in args.tool.worlds {
            for law in idle(world.laws().into_iter().map(|(law, _)| law), &found) {
                is_wrong = true;
                say(&format!("finds nothing: {law} of {}", world.name()));
            }
        }
    }
    let by = |kill: fn(&Found) -> &Option<Kill>| found.iter().filter(|found| kill(found).is_some()).count();
    if !asked.json {
        let (campaign, explore) = (by(|found| &found.campaign), by(|found| &found.explore));
        print(&format!("\n{} mistakes: campaigns find {campaign}, explore {explore}\n", found.len()), false);
    }
    Ok(super::output::code(is_wrong))
}

/// The laws that were the first to report no mistake. Those of every world need none: they are put to the test by its own.
fn idle<'a>(laws: impl Iterator<Item = &'a str>, found: &[Found]) -> Vec<&'a str> {
    let reports = |law: &str| {
        found.iter().flat_map(|found| [&found.campaign, &found.explore]).flatten().any(|kill| kill.law == law)
    };
    let of_all = [crate::campaign::REPEATS, "nothing panics", "a run comes to rest"];
    laws.filter(|law| !of_all.contains(law) && !reports(law)).collect()
}

/// Without a mistake nothing is found: else what is found with one would say nothing.
fn is_sound(copy: &PlantedCopy, world: &dyn AnyWorld, seeds: u64) -> Result<(), String> {
    let campaign = vec!["run".to_owned(), "--seeds".into(), seeds.to_string()];
    let explore = vec!["explore".to_owned(), "--runs".into(), RUNS.to_string()];
    let looks = [Some(campaign), Some(explore).filter(|_| !world.plan().is_empty())];
    for look in looks.into_iter().flatten() {
        let mut command = copy.command(None);
        let output = command.args(&look).args(["--world", world.name()]).stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("the planted copy: {error}"))?;
        if !output.status.success() {
            let what =
                format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
            return Err(format!("without any mistake `{}` fails already:\n{}", look.join(" "), what.trim()));
        }
    }
    Ok(())
}

/// What a process of the copy finds of this mistake.
fn found_of(copy: &PlantedCopy, mutant: &Mutant, seeds: u64) -> Result<Found, String> {
    let name = &mutant.name;
    let mut command = copy.command(Some(name));
    command.args(["look", "--seeds", &seeds.to_string()]);
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: its process ended with {}: {}", output.status, text.trim().replace('\n', "; ")));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{name}: its process says {error}"))
}

fn row(mutant: &Mutant, Found { campaign, explore }: &Found) -> String {
    let law = campaign.as_ref().or(explore.as_ref()).map_or("-", |kill| kill.law.as_str());
    let cost = |kill: &Option<Kill>| kill.as_ref().map_or("-".to_owned(), |kill| HumanCount(kill.cost).to_string());
    let items = campaign.as_ref().map_or("-".to_owned(), |kill| {
        let (least, most) = (kill.items.iter().min(), kill.items.iter().max());
        let number = |number: Option<&usize>| number.map_or("?".to_owned(), usize::to_string);
        format!("{} to {} of {}", number(least), number(most), kill.items.len())
    });
    let (seeds, runs) = (cost(campaign), cost(explore));
    format!("{:<28} {law:<30} {seeds:>8} {items:>15} {runs:>8}  {}\n", mutant.name, mutant.what)
}

fn json_row(mutant: &Mutant, found: &Found) -> String {
    let Mutant { name, what, machine, .. } = mutant;
    format!(
        "{}\n",
        json!({"mistake": name, "world": machine, "what": what, "campaign": found.campaign, "explore": found.explore})
    )
}

/// Does something with each of these, on several threads; what comes of it is in their order.
fn each<T: Sync, R: Send>(all: &[T], jobs: usize, task: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = all.get(number) else { break };
                    let result = task(item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}
