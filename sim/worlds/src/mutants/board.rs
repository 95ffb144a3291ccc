//! The scoreboard: which law found which bug, at what cost; and which bugs survive, and which laws found nothing.

use super::{Kill, Lens, lens::lenses};
use crate::{
    bugs::{Bug, Machine},
    laws::Laws,
    queue,
};
use durable_sim::planter::PlantedCopy;
use std::{
    collections::BTreeMap,
    process::{Output, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What each lens for the bug's machine found of it, in the order of the lenses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The bug.
    pub bug: &'static Bug,
    /// What each lens found; `None`: nothing within its budget.
    pub kills: Vec<Option<Kill>>,
}

impl Found {
    /// The first kill, in the order of the lenses.
    #[must_use]
    pub fn kill(&self) -> Option<&Kill> {
        self.kills.iter().flatten().next()
    }

    /// What this lens found.
    #[must_use]
    pub fn by(&self, lens: &str) -> Option<&Kill> {
        let mut named = lenses(self.bug.machine).zip(&self.kills);
        named.find(|(each, _)| each.name == lens)?.1.as_ref()
    }

    /// Of the kills those that came as soon as they must.
    fn soon(&self) -> Self {
        let is_soon = |lens: &Lens, kill: &Kill| kill.cost <= lens.soon(self.bug);
        let kills = lenses(self.bug.machine).zip(&self.kills);
        let kills = kills.map(|(lens, kill)| kill.clone().filter(|kill| is_soon(lens, kill))).collect();
        Self { bug: self.bug, kills }
    }
}

/// What was found of all bugs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// In the order of the bugs.
    pub found: Vec<Found>,
}

impl Board {
    /// The bugs that no lens found.
    #[must_use]
    pub fn survivors(&self) -> Vec<&'static Bug> {
        self.found.iter().filter(|found| found.kill().is_none()).map(|found| found.bug).collect()
    }

    /// What was found of the bugs of this machine.
    pub fn of(&self, machine: Machine) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(move |found| found.bug.machine == machine)
    }

    /// Each law of this machine, in their order, with the bugs that it was the first to report, through whatever lens.
    /// Last come the [`OTHER_VERDICTS`] that there were.
    #[must_use]
    pub fn laws(&self, machine: Machine) -> Vec<(&'static str, Vec<&'static Bug>)> {
        let first = |name| {
            let bugs = self.of(machine).filter(|found| found.kills.iter().flatten().any(|kill| kill.law == name));
            (name, bugs.map(|found| found.bug).collect())
        };
        let others = OTHER_VERDICTS.into_iter().map(first).filter(|(_, bugs): &(_, Vec<_>)| !bugs.is_empty());
        law_ids(machine).into_iter().map(first).chain(others).collect()
    }

    /// The laws of this machine that were the first to report no bug at all. The shell has none of its own: it is held
    /// to those of the object, whose bugs put them to the test.
    #[must_use]
    pub fn idle_laws(&self, machine: Machine) -> Vec<&'static str> {
        if machine == Machine::Shell {
            return Vec::new();
        }
        let ids = law_ids(machine);
        let idle = self.laws(machine).into_iter().filter(|(law, bugs)| bugs.is_empty() && ids.contains(law));
        idle.map(|(law, _)| law).collect()
    }

    /// The same with those kills alone that came as soon as they must ([`Lens::soon`]).
    #[must_use]
    pub fn soon(&self) -> Self {
        Self { found: self.found.iter().map(Found::soon).collect() }
    }
}

/// What a lens may report that is no law of its own: the strict forms of a run without faults, and a difference from the
/// reference model that no law names.
pub const OTHER_VERDICTS: [&str; 2] = ["calm", "model"];

/// The laws of this machine by their names, in their order.
#[must_use]
pub fn law_ids(machine: Machine) -> Vec<&'static str> {
    match machine {
        Machine::Object | Machine::Shell => {
            Laws::ids().iter().copied().filter(|law| !OTHER_VERDICTS.contains(law)).collect()
        }
        Machine::Queue => queue::law_ids().collect(),
    }
}

/// Does something with each of these, on several threads; what comes of it is in their order. `progress` is told how many
/// are done.
pub fn each<T: Sync, R: Send>(
    all: &[T],
    jobs: usize,
    task: impl Fn(&T) -> R + Sync,
    progress: impl Fn(usize) + Sync,
) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some((number, item)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    all.get(number).map(|item| (number, item))
                } {
                    let result = task(item);
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(number, result);
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

/// Looks for each of the bugs in a process of the planted copy, `jobs` at a time. `seeds` says how far a lens may go at the
/// most; `progress` is told how many bugs are done. The result does not depend on the number of jobs.
///
/// # Errors
/// In one line: a process that did not say what it found.
pub fn run(
    copy: &PlantedCopy,
    bugs: &[&'static Bug],
    seeds: Option<u64>,
    jobs: usize,
    progress: impl Fn(usize) + Sync,
) -> Result<Board, String> {
    let look = |bug: &&'static Bug| {
        let mut command = copy.command(Some(&bug.name));
        command.args(["mutants", "--json"]).args(seeds.map(|seeds| format!("--seeds={seeds}")));
        let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{bug}: {error}"))?;
        let kills = kills(&output).map_err(|error| format!("{bug}: its process {error}"))?;
        if kills.len() != lenses(bug.machine).count() {
            return Err(format!("{bug}: its process looked through other lenses"));
        }
        Ok(Found { bug, kills })
    };
    let found: Result<Vec<Found>, String> = each(bugs, jobs, look, progress).into_iter().collect();
    Ok(Board { found: found? })
}

/// What the process of a bug says: the kills of its lenses, in their order.
fn kills(output: &Output) -> Result<Vec<Option<Kill>>, String> {
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("ended with {}: {}", output.status, text.trim().replace('\n', "; ")));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("does not say what it found: {error}"))
}
