//! Ways to look for the bug that is on in this process.

use crate::bugs::{
    Bug,
    Machine::{self, Object, Queue, Shell},
    planted,
};
use crate::{
    campaign::{Campaign, bug_option, replay_command},
    explore::{
        Kinds, ProxySpace, Scope,
        search::{Bounds, search},
    },
    laws::Violation,
    proxy::{Profile, Watch, run_seed},
    queue,
    reference::{Difference, run_sequence},
    shell, steer,
};
use serde::{Deserialize, Serialize};
use std::panic;

/// A way to look for a planted bug.
#[derive(Clone, Copy, Debug)]
pub struct Lens {
    /// Its name, for people.
    pub name: &'static str,
    /// Whose bugs it can see.
    pub machine: Machine,
    /// What its cost and its budget count.
    pub unit: &'static str,
    /// What a campaign for all bugs may cost, per bug.
    pub budget: u64,
    /// Within how much some lens must find each bug that is not [`RARE`]: else its law sees less than it did.
    pub soon: u64,
    /// Looks for the bug that is on in this process, within the budget.
    pub look: fn(u64) -> Option<Kill>,
}

/// A bug that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// The law that reported first.
    pub law: String,
    /// What it said.
    pub what: String,
    /// What the lens had looked at by then; the lens says in which unit.
    pub cost: u64,
    /// The command that shows it again.
    pub repeat: String,
}

impl Kill {
    fn new(law: &str, what: String, cost: u64, repeat: String) -> Self {
        Self { law: law.to_owned(), what, cost, repeat }
    }
}

/// All lenses. One more is one line.
#[rustfmt::skip]
pub const LENSES: &[Lens] = &[
    Lens { name: "swarm", machine: Object, unit: "seeds", budget: 3_000, soon: 60, look: |budget| seeds(Profile::Swarm, budget) },
    Lens { name: "steered", machine: Object, unit: "seeds", budget: 3_000, soon: 0, look: steered },
    Lens { name: "explore", machine: Object, unit: "states", budget: 60_000, soon: 0, look: explored },
    Lens { name: "calm", machine: Object, unit: "seeds", budget: 100, soon: 10, look: |budget| seeds(Profile::Calm, budget) },
    Lens { name: "soak", machine: Object, unit: "seeds", budget: 2, soon: 0, look: |budget| seeds(Profile::Soak, budget) },
    Lens { name: "reference", machine: Object, unit: "sequences", budget: 500, soon: 10, look: judged },
    Lens { name: "queue", machine: Queue, unit: "seeds", budget: 3_000, soon: 400, look: queued },
    Lens { name: "shell", machine: Shell, unit: "seeds", budget: 100, soon: 100, look: shell_seeds },
];

/// Bugs that show themselves only where several things meet, and how many seeds of the swarm they are given.
const RARE: &[(&str, u64)] = &[
    ("AlarmAtItsOwnTime", 200),
    ("AttemptNumberIgnored", 400),
    ("DueOneLate", 200),
    // About one seed in 2,300.
    ("DueUnbounded", 5_000),
    ("ExpiryMovesAtRetry", 800),
    ("KeptRowsCleared", 200),
    ("LateAnswerBeatsExpiry", 400),
    ("StartsAtExpiry", 800),
    ("TickKeepsAlarm", 150),
    ("UnknownMetaReplaced", 150),
];

impl Lens {
    /// Within how much this lens or another one must find this bug.
    #[must_use]
    pub fn soon(&self, bug: &Bug) -> u64 {
        match RARE.iter().find(|(rare, _)| *rare == bug.name) {
            Some((_, seeds)) if self.name == "swarm" => *seeds,
            Some(_) | None => self.soon,
        }
    }
}

/// The lens of this name.
#[must_use]
pub fn lens(name: &str) -> Option<&'static Lens> {
    LENSES.iter().find(|lens| lens.name == name)
}

/// The lenses for this machine.
pub fn lenses(machine: Machine) -> impl Iterator<Item = &'static Lens> {
    LENSES.iter().filter(move |lens| lens.machine == machine)
}

/// What each of the lenses for its machine finds of the bug that is on in this process; nothing, if none is.
/// `budget` says how far a lens may go.
pub fn look(budget: impl Fn(&Lens) -> u64) -> Vec<Option<Kill>> {
    planted().map_or(Vec::new(), |bug| lenses(bug.machine).map(|lens| (lens.look)(budget(lens))).collect())
}

/// Runs seed after seed, from 0 on, until one breaks a law.
fn seeds(profile: Profile, budget: u64) -> Option<Kill> {
    (0..budget).find_map(|seed| {
        let (_, violation) = run_seed(seed, profile, Watch::default()).violation?;
        Some(Kill::new(violation.law, violation.what, seed + 1, replay_command(seed, profile)))
    })
}

/// The same, but runs that reached something rare are varied.
fn steered(budget: u64) -> Option<Kill> {
    let campaign = Campaign { start: 0, seeds: budget, profile: Profile::Swarm, jobs: 1, fail_fast: true };
    let (found, first) = steer::run(campaign, None, |_| {});
    let seed = first?.seed;
    let (_, violation) = found.failures.into_iter().find(|report| report.seed == seed)?.violation?;
    let repeat = steer::repeat_command(0, seed, Profile::Swarm);
    Some(Kill::new(violation.law, violation.what, seed + 1, repeat))
}

/// Every schedule of two requests, two attempts and one crash, shortest first.
fn explored(budget: u64) -> Option<Kill> {
    if budget == 0 {
        return None;
    }
    let scope = Scope {
        requests: 2,
        slots: 1,
        attempts: 2,
        crashes: 1,
        faults: 1,
        kinds: Kinds::ALL,
        timeout_ms: 500,
        at_most_once: false,
        exact: false,
    };
    let bounds = Bounds { depth: None, states: usize::try_from(budget).unwrap_or(usize::MAX), threads: 1 };
    let found = panic::catch_unwind(|| search(&ProxySpace::new(scope), bounds, |_, _, _| {}));
    let repeat = format!("cargo sim explore{} {}", bug_option(), scope.options());
    match found {
        Ok(found) => {
            let broken = found.counterexample?.broken;
            Some(Kill::new(broken.law, broken.what, found.states, repeat))
        }
        Err(panic) => Some(Kill::new("S13", durable_sim::panic_text(&*panic), 1, repeat)),
    }
}

/// Sequences of the reference model, from 0 on.
fn judged(budget: u64) -> Option<Kill> {
    (0..budget).find_map(|number| {
        let Difference { law, what } = run_sequence(number).err()?;
        let repeat = format!("cargo sim mutants{}", bug_option());
        Some(Kill::new(law.unwrap_or("model"), what, number + 1, repeat))
    })
}

/// Seeds of the queue's campaign, from 0 on.
fn queued(budget: u64) -> Option<Kill> {
    (0..budget).find_map(|seed| {
        let (_, violation) = queue::run_seed(seed, Profile::Swarm, queue::Watch::default()).violation?;
        Some(Kill::new(violation.law, violation.what, seed + 1, queue::campaign::replay_command(seed, Profile::Swarm)))
    })
}

/// Runs the native host's shell on madsim, seed after seed.
fn shell_seeds(budget: u64) -> Option<Kill> {
    (0..budget).find_map(|seed| {
        let Violation { law, what } = shell::run_seed(seed).err()?;
        Some(Kill::new(law, what, seed + 1, shell::repeat_command(seed)))
    })
}
