//! The scoreboard: which law found which bug, at what cost; and which bugs survive, and which laws found nothing.

use super::{Kill, Lens};
use crate::laws::Laws;
use proxy_fetch::planted::Bug;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What each lens found of one bug, in the order of the lenses.
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

    /// Each law with the bugs that it was the first to report, through whatever lens.
    #[must_use]
    pub fn laws(&self) -> BTreeMap<&'static str, Vec<Bug>> {
        // The strict forms of a run without faults are no law of their own.
        let mut laws: BTreeMap<_, Vec<Bug>> = law_ids().map(|law| (law, Vec::new())).collect();
        for found in &self.found {
            for kill in found.kills.iter().flatten() {
                let bugs = laws.entry(kill.law).or_default();
                if bugs.last() != Some(&found.bug) {
                    bugs.push(found.bug);
                }
            }
        }
        laws
    }

    /// The laws that were the first to report no bug at all.
    #[must_use]
    pub fn idle_laws(&self) -> Vec<&'static str> {
        let laws = self.laws();
        law_ids().filter(|law| laws[law].is_empty()).collect()
    }
}

/// The laws by their names, in their order.
pub fn law_ids() -> impl Iterator<Item = &'static str> {
    Laws::ids().iter().copied().filter(|law| *law != "calm")
}

/// Looks for each of the bugs through each of the lenses, on several threads. `budget` says how far a lens may go for a
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
                    let kills = lenses.iter().map(|lens| (lens.look)(*bug, budget(lens, *bug))).collect();
                    found.lock().unwrap_or_else(PoisonError::into_inner).insert(*bug, Found { bug: *bug, kills });
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    Board { found: found.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect() }
}
