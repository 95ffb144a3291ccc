//! The scoreboard: which law found which bug, at what cost; and which bugs survive, and which laws found nothing.

use super::{Kill, Lens};
use crate::{laws::Laws, queue};
use proxy_fetch::planted::{Bug, Machine};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What each lens for the bug's machine found of it, in the order of the lenses.
#[derive(Clone, Debug)]
pub struct Found {
    /// The bug.
    pub bug: Bug,
    /// What each lens found; `None`: nothing within its budget.
    pub kills: Vec<Option<Kill>>,
}

impl Found {
    /// The first kill, in the order of the lenses.
    #[must_use]
    pub fn kill(&self) -> Option<&Kill> {
        self.kills.iter().flatten().next()
    }
}

/// What was found of all bugs.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// In the order of the bugs.
    pub found: Vec<Found>,
}

impl Board {
    /// The bugs that no lens found.
    #[must_use]
    pub fn survivors(&self) -> Vec<Bug> {
        self.found.iter().filter(|found| found.kill().is_none()).map(|found| found.bug).collect()
    }

    /// What was found of the bugs of this machine.
    pub fn of(&self, machine: Machine) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(move |found| found.bug.machine() == machine)
    }

    /// Each law of this machine, in their order, with the bugs that it was the first to report, through whatever lens.
    /// Last come the [`OTHER_VERDICTS`] that there were.
    #[must_use]
    pub fn laws(&self, machine: Machine) -> Vec<(&'static str, Vec<Bug>)> {
        let first = |name| {
            let bugs = self.of(machine).filter(|found| found.kills.iter().flatten().any(|kill| kill.law == name));
            (name, bugs.map(|found| found.bug).collect())
        };
        let others = OTHER_VERDICTS.into_iter().map(first).filter(|(_, bugs): &(_, Vec<Bug>)| !bugs.is_empty());
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

/// Looks for each of the bugs through each of the lenses for its machine, on several threads. `budget` says how far a lens may go for a
/// bug, if not as far as it would by itself; `progress` is told how many bugs are done.
///
/// The result does not depend on the number of threads.
pub fn run(
    bugs: &[Bug],
    lenses: &[Lens],
    jobs: usize,
    budget: impl Fn(&Lens, Bug) -> u64 + Sync,
    progress: impl Fn(usize) + Sync,
) -> Board {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let lenses = lenses.iter().filter(|lens| lens.machine == bug.machine());
                    let kills = lenses.map(|lens| (lens.look)(*bug, budget(lens, *bug))).collect();
                    found.lock().unwrap_or_else(PoisonError::into_inner).insert(*bug, Found { bug: *bug, kills });
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    Board { found: found.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect() }
}
