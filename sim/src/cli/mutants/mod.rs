//! `mutants`: the laws are put to the test. Each mistake of the tables must be found, and each law must find one.

mod board;
mod checks;
mod look;

pub use board::{Found, Kill};
pub use checks::{Copies, Ran};
pub(super) use look::{look, planted};

use super::{
    Tool,
    args::{Args, MutantsArgs},
    output::{code, counted, print, say},
    watched::VARIABLE,
};
use crate::{
    finding::AnyWorld,
    nearest,
    planter::{self, Build, PlantedCopy, Planter, table::Mutant},
};
use board::Board;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Where a program's mistakes are, and how a copy with all of them is built.
#[derive(Clone, Copy)]
pub struct Mutants<'a> {
    /// The root of the workspace: `env!("CARGO_MANIFEST_DIR")`, or what lies above it.
    pub root: &'static str,
    /// The tables, from there. What a table calls `world` is the name of the world that its mistakes show themselves in.
    pub tables: &'a [&'a str],
    /// The name of the program.
    pub program: &'a str,
    /// What `cargo build` is told: the package, its features, the program, the profile. If it is nothing: the program, as
    /// a release.
    pub cargo: &'a [&'a str],
    /// Flags of the compiler.
    pub rustflags: &'a [&'a str],
    /// Folders of scenarios, from the root: with its bug each of them must break its law.
    pub scenarios: &'a [&'a str],
    /// Seeds of the usual campaign, at the most.
    pub seeds: u64,
    /// Seeds of a campaign that steers, at the most.
    pub steered: u64,
    /// Runs of the exhaustive search, at the most.
    pub explored: u64,
    /// Within how many seeds of the usual campaign each mistake must be found, unless its table says `soon`, or another way
    /// to look finds it soon.
    pub soon: u64,
    /// Within how many runs of the exhaustive search a mistake is found soon; 0: what it finds does not count as soon.
    pub soon_explored: u64,
    /// Other ways to look.
    pub lenses: &'a [Lens<'a>],
    /// What else must hold in the copy: a line for each that does not.
    pub checks: Option<Checks>,
}

/// What else must hold in the copy: looks on so many threads, and says of each what does not.
pub type Checks = fn(&Copies<'_>, usize) -> Vec<Result<(), String>>;

/// A way to look for a mistake.
#[derive(Clone, Copy)]
pub struct Lens<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// Whose mistakes it can see: a world, or whatever else a table calls so.
    pub world: &'a str,
    /// What its cost and its budget count.
    pub unit: &'a str,
    /// What it may cost.
    pub budget: u64,
    /// Within how much it finds a mistake soon.
    pub soon: u64,
    /// Looks for the mistake that is on in this process, within the budget.
    pub look: fn(u64) -> Option<Kill>,
}

/// Seeds that are made small, of those that find a mistake.
const SMALL: usize = 20;
/// Each within this.
const WITHIN: Duration = Duration::from_secs(20);
/// Decisions in which the runs of the exhaustive search differ from plain.
const DEVIATIONS: usize = 2;

impl<'a> Mutants<'a> {
    /// Those of a program that is built as `cargo build --release --bin` builds it: 3,000 seeds, and 100,000 runs of the
    /// search.
    #[must_use]
    pub const fn new(root: &'static str, tables: &'a [&'a str], program: &'a str) -> Self {
        Self {
            root,
            tables,
            program,
            cargo: &[],
            rustflags: &[],
            scenarios: &[],
            seeds: 3_000,
            steered: 3_000,
            explored: 100_000,
            soon: 3_000,
            soon_explored: 100_000,
            lenses: &[],
            checks: None,
        }
    }

    /// The planter of these tables.
    #[must_use]
    pub fn planter(&self) -> Planter {
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

    /// Builds the copy, without those mistakes whose text is no code where it stands: each of them by its name, with what
    /// the compiler said of it.
    ///
    /// # Errors
    /// In one line: what cannot be planted or built.
    pub fn build(&self) -> Result<(PlantedCopy, BTreeMap<String, String>), String> {
        let usual = ["--release", "--bin", self.program];
        let cargo = if self.cargo.is_empty() { &usual } else { self.cargo };
        self.planter().build_what_compiles(&Build { program: self.program, cargo, rustflags: self.rustflags })
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

/// The mistake of this name.
pub(super) fn of_name(tool: &Tool<'_>, name: &str) -> Result<Mutant, String> {
    let all = of(tool)?.planter().mutants()?;
    named(&all, name).cloned()
}

fn no_code(name: &str, why: &str) -> String {
    format!("the text of {name} is no code where it stands: {}", why.replace('\n', "; "))
}

/// `--bug`: the same command in the planted copy. Its end is ours.
pub(super) fn elsewhere(tool: &Tool<'_>, bug: &str) -> Result<ExitCode, String> {
    let mutants = of(tool)?;
    let name = of_name(tool, bug)?.name;
    let (copy, refused) = mutants.build()?;
    if let Some(why) = refused.get(&name) {
        return Err(no_code(&name, why));
    }
    for (name, why) in &refused {
        say(&format!("note: {}", no_code(name, why)));
    }
    let mut command = copy.command(Some(&name));
    in_place_of_this(command.args(env::args_os().skip(1)).env_remove(VARIABLE))
        .map_err(|error| format!("the planted copy: {error}"))
}

/// The program in the place of this process, so that a signal to it is one to that.
#[cfg(unix)]
fn in_place_of_this(command: &mut Command) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn in_place_of_this(command: &mut Command) -> io::Result<ExitCode> {
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    code.map(ExitCode::from).ok_or_else(|| io::Error::other("it ended without a code"))
}

pub(super) fn mutants(args: &Args<'_>, asked: &MutantsArgs) -> Result<ExitCode, String> {
    let mutants = of(args.tool)?;
    let all = mutants.planter().mutants()?;
    let wanted: Vec<&Mutant> = match asked.names.as_slice() {
        [] => all.iter().collect(),
        names => {
            let mut wanted: Vec<&Mutant> = names.iter().map(|name| named(&all, name)).collect::<Result<_, _>>()?;
            let mut had = BTreeSet::new();
            wanted.retain(|mutant| had.insert(&mutant.name));
            wanted
        }
    };
    let is_of = |mutant: &&Mutant| args.cli.world.as_ref().is_none_or(|world| *world == mutant.world);
    let wanted: Vec<&Mutant> = wanted.into_iter().filter(is_of).collect();
    if let Some(world) = args.cli.world.as_ref().filter(|_| wanted.is_empty()) {
        let near = nearest(world, worlds_of(&all.iter().collect::<Vec<_>>()).into_iter());
        return Err(format!("--world: there is no mistake of {world:?}{near}"));
    }
    if wanted.is_empty() {
        return Err("there is no mistake in the tables".into());
    }
    if asked.list {
        let line = |mutant: &&Mutant| format!("{:<28} {:<10} {}\n", mutant.name, mutant.world, mutant.what);
        return Ok(print(&wanted.iter().map(line).collect::<String>(), false));
    }
    if asked.check {
        return Ok(match mutants.planter().plant() {
            Ok(planted) => print(&format!("{} can be planted\n", counted(planted.mutants as u64, "mistake")), false),
            Err(problems) => print(&problems.iter().map(|problem| format!("{problem}\n")).collect::<String>(), true),
        });
    }
    let (copy, refused) = mutants.build()?;
    for world in args.tool.worlds {
        is_sound(&copy, &mutants, *world, asked.seeds)?;
    }
    let is_whole = asked.names.is_empty();
    let is_refused = |mutant: &&Mutant| refused.contains_key(&mutant.name);
    let mut wrong: Vec<String> = Vec::new();
    wrong.extend(
        wanted.iter().filter(|mutant| is_refused(mutant)).map(|Mutant { name, .. }| no_code(name, &refused[name])),
    );
    let wanted: Vec<&Mutant> = wanted.into_iter().filter(|mutant| !is_refused(mutant)).collect();
    let mut found = Vec::new();
    for world in worlds_of(&wanted) {
        let (board, ended) = looked(args, asked, &copy, world, &wanted)?;
        wrong.extend(ended);
        wrong.extend(board.survivors().map(|mutant| format!("survives: {}: {}", mutant.name, mutant.what)));
        wrong.extend(large(&board, asked.small));
        if is_whole {
            let idle = board.idle(false);
            wrong.extend(idle.iter().map(|law| format!("finds nothing: {law} of {world}")));
            // With fewer seeds nothing is found soon enough.
            if asked.seeds.is_none() {
                wrong.extend(board.late().map(|mutant| format!("not found soon: {}: {}", mutant.name, mutant.what)));
                let late = board.idle(true).into_iter().filter(|law| !idle.contains(law));
                wrong.extend(late.map(|law| format!("finds nothing soon: {law} of {world}")));
            }
        }
        found.extend(board.found);
    }
    if is_whole {
        let done = checked(args, &mutants, &copy, &found, asked.jobs())?;
        let failed: Vec<String> = done.iter().filter_map(|done| done.clone().err()).collect();
        let text = format!("{} of {} other checks hold in the copy\n", done.len() - failed.len(), done.len());
        if !asked.json {
            let _ = print(&text, false);
        }
        wrong.extend(failed.into_iter().map(|what| format!("does not hold: {what}")));
    } else if !asked.json {
        let kills = found.iter().flat_map(|found| found.kills.iter().flatten());
        let kills = kills.map(|kill| format!("\"{}\": {}\n  repeat it with: {}\n", kill.law, kill.what, kill.repeat));
        let _ = print(&kills.collect::<String>(), false);
    }
    if asked.json {
        let _ = print(&format!("{}\n", json!({"wrong": wrong})), false);
    }
    for what in &wrong {
        say(what);
    }
    Ok(code(!wrong.is_empty()))
}

/// The laws of every world: its own put them to the test.
const OF_ALL: [&str; 3] = [crate::campaign::REPEATS, "nothing panics", "a run comes to rest"];

/// What the tables call their worlds, each once, in their order.
fn worlds_of<'a>(wanted: &[&'a Mutant]) -> Vec<&'a str> {
    let mut worlds: Vec<&str> = Vec::new();
    for Mutant { world, .. } in wanted {
        if !worlds.contains(&world.as_str()) {
            worlds.push(world);
        }
    }
    worlds
}

/// Looks for the mistakes of this world, and shows what is found of each; and those whose process ended before it said
/// anything, or ran into a run without end.
fn looked<'a>(
    args: &Args<'a>,
    asked: &MutantsArgs,
    copy: &PlantedCopy,
    name: &'a str,
    wanted: &[&Mutant],
) -> Result<(Board<'a>, Vec<String>), String> {
    let mutants = of(args.tool)?;
    let world = args.tool.worlds.iter().find(|world| world.name() == name);
    let usual = world.map(|world| look::usual(&mutants, *world)).into_iter().flatten();
    let lenses: Vec<Lens<'a>> = usual.chain(mutants.lenses.iter().filter(|lens| lens.world == name).copied()).collect();
    if lenses.is_empty() {
        let known =
            args.tool.worlds.iter().map(|world| world.name()).chain(mutants.lenses.iter().map(|lens| lens.world));
        let near = nearest(name, known);
        return Err(format!("a table says world = {name:?}: there is no world of this `NAME`{near}"));
    }
    let laws = world.map_or(Vec::new(), |world| world.laws().into_iter().map(|(law, _)| law).collect());
    let mut board = Board { world: name, lenses, laws, found: Vec::new() };
    let with_items = asked.small.is_some();
    if !asked.json {
        let _ = print(&board.head(with_items), false);
    }
    let wanted: Vec<&Mutant> = wanted.iter().copied().filter(|mutant| mutant.world == name).collect();
    let found = each(&wanted, asked.jobs(), |mutant| {
        let found = found_of(copy, mutant, asked);
        if let Ok(found) = &found {
            let row = if asked.json { format!("{}\n", board.json_row(found)) } else { board.row(found, with_items) };
            let _ = print(&row, false);
        }
        found
    });
    let mut ended = Vec::new();
    for found in found {
        match found {
            Ok(found) => board.found.push(found),
            Err(what) => ended.push(what),
        }
    }
    if let Some(found) = board.found.iter().find(|found| found.kills.len() != board.lenses.len()) {
        return Err(format!("{}: its process looked in other ways", found.mutant.name));
    }
    if !asked.json {
        let _ = print(&board.tail(), false);
    }
    Ok((board, ended))
}

/// Mistakes that more than a tenth of the seeds that find them show in too large a run.
fn large(board: &Board<'_>, small: Option<u64>) -> Vec<String> {
    let kills = board.found.iter().filter_map(|found| Some((&found.mutant.name, found.kills.first()?.as_ref()?)));
    let large = kills.filter_map(|(name, kill)| {
        let large = kill.items.iter().filter(|items| small.is_some_and(|small| **items as u64 > small)).count();
        let of = kill.items.len();
        (large * 10 > of).then(|| format!("not small: {name}: of {of} seeds {large} leave more: {:?}", kill.items))
    });
    large.collect()
}

/// What else must hold in the copy.
fn checked(
    args: &Args<'_>,
    mutants: &Mutants<'_>,
    copy: &PlantedCopy,
    found: &[Found],
    jobs: usize,
) -> Result<Vec<Result<(), String>>, String> {
    let copies = Copies::new(copy, args.tool.command, found)?;
    let root = planter::original(Path::new(mutants.root));
    let folders: Vec<PathBuf> = mutants.scenarios.iter().map(|folder| root.join(folder)).collect();
    let mut done = checks::run(&copies, &folders, jobs)?;
    for world in args.tool.worlds {
        let same = copies.same(&["replay", "0", "--world", world.name()]);
        done.push(same.map_err(|why| format!("replay 0 of {}: {why}", world.name())));
    }
    if let Some(checks) = mutants.checks {
        done.extend(checks(&copies, jobs));
    }
    Ok(done)
}

/// Without a mistake nothing is found: else what is found with one would say nothing.
fn is_sound(copy: &PlantedCopy, mutants: &Mutants<'_>, world: &dyn AnyWorld, seeds: Option<u64>) -> Result<(), String> {
    let campaign = vec!["run".to_owned(), "--seeds".into(), seeds.unwrap_or(mutants.seeds).to_string()];
    let explore = vec!["explore".to_owned(), "--runs".into(), mutants.explored.to_string()];
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
fn found_of(copy: &PlantedCopy, mutant: &Mutant, asked: &MutantsArgs) -> Result<Found, String> {
    let name = &mutant.name;
    let mut command = copy.command(Some(name));
    command.arg("look").args(asked.seeds.map(|seeds| format!("--seeds={seeds}")));
    command.args(asked.small.map(|_| "--small"));
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: its process ended with {}: {}", output.status, text.trim().replace('\n', "; ")));
    }
    let kills = serde_json::from_slice(&output.stdout);
    let kills = kills.map_err(|error| format!("{name}: its process does not say what it found: {error}"))?;
    Ok(Found { mutant: mutant.clone(), kills })
}

/// Does something with each of these, on several threads; what comes of it is in their order.
pub fn each<T: Sync, R: Send>(all: &[T], jobs: usize, task: impl Fn(&T) -> R + Sync) -> Vec<R> {
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
