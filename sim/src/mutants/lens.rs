//! Ways to look for a planted bug.

use crate::{
    campaign::{Campaign, replay_command},
    explore::{
        Kinds, ProxySpace, Scope,
        search::{Bounds, search},
    },
    laws::Violation,
    proxy::{Profile, Watch, panic_text, run_seed},
    queue,
    reference::{Difference, run_sequence},
    shell, steer,
};
use proxy_fetch::planted::{
    Bug,
    Machine::{self, Object, Queue, Shell},
    plant,
};
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
    /// Plants the bug in this thread, looks for it within the budget, and removes it.
    pub look: fn(Bug, u64) -> Option<Kill>,
}

/// A bug that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// The law that reported first.
    pub law: &'static str,
    /// What it said.
    pub what: String,
    /// What the lens had looked at by then; the lens says in which unit.
    pub cost: u64,
    /// The command that shows it again.
    pub repeat: String,
}

/// All lenses. One more is one line.
#[rustfmt::skip]
pub const LENSES: &[Lens] = &[
    Lens { name: "swarm", machine: Object, unit: "seeds", budget: 3_000, look: |bug, budget| seeds(bug, Profile::Swarm, budget) },
    Lens { name: "steered", machine: Object, unit: "seeds", budget: 3_000, look: steered },
    Lens { name: "explore", machine: Object, unit: "states", budget: 60_000, look: explored },
    Lens { name: "calm", machine: Object, unit: "seeds", budget: 100, look: |bug, budget| seeds(bug, Profile::Calm, budget) },
    Lens { name: "soak", machine: Object, unit: "seeds", budget: 2, look: |bug, budget| seeds(bug, Profile::Soak, budget) },
    Lens { name: "reference", machine: Object, unit: "sequences", budget: 500, look: judged },
    Lens { name: "queue", machine: Queue, unit: "seeds", budget: 3_000, look: queued },
    Lens { name: "shell", machine: Shell, unit: "seeds", budget: 100, look: harmed },
];

/// The lens of this name.
#[must_use]
pub fn lens(name: &str) -> Option<&'static Lens> {
    LENSES.iter().find(|lens| lens.name == name)
}

/// Runs seed after seed, from 0 on, until one breaks a law.
fn seeds(bug: Bug, profile: Profile, budget: u64) -> Option<Kill> {
    plant(Some(bug));
    let kill = (0..budget).find_map(|seed| {
        let (_, violation) = run_seed(seed, profile, Watch::default()).violation?;
        let repeat = replay_command(seed, profile);
        Some(Kill { law: violation.law, what: violation.what, cost: seed + 1, repeat })
    });
    plant(None);
    kill
}

/// The same, but runs that reached something rare are varied.
fn steered(bug: Bug, budget: u64) -> Option<Kill> {
    let campaign = Campaign { start: 0, seeds: budget, profile: Profile::Swarm, jobs: 1, fail_fast: true };
    plant(Some(bug));
    let (found, first) = steer::run(campaign, None, |_| {});
    let repeat = first.as_ref().map(|first| steer::repeat_command(0, first.seed, Profile::Swarm));
    plant(None);
    let (seed, repeat) = (first?.seed, repeat?);
    let (_, violation) = found.failures.into_iter().find(|report| report.seed == seed)?.violation?;
    Some(Kill { law: violation.law, what: violation.what, cost: seed + 1, repeat })
}

/// Every schedule of two requests, two attempts and one crash, shortest first.
fn explored(bug: Bug, budget: u64) -> Option<Kill> {
    if budget == 0 {
        return None;
    }
    plant(Some(bug));
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
    plant(None);
    let repeat = format!("cargo sim explore --bug {bug} {}", scope.options());
    match found {
        Ok(found) => {
            let broken = found.counterexample?.broken;
            Some(Kill { law: broken.law, what: broken.what, cost: found.states, repeat })
        }
        Err(panic) => Some(Kill { law: "S13", what: panic_text(&*panic), cost: 1, repeat }),
    }
}

/// Sequences of the reference model, from 0 on.
fn judged(bug: Bug, budget: u64) -> Option<Kill> {
    plant(Some(bug));
    let kill = (0..budget).find_map(|number| {
        let Difference { law, what } = run_sequence(number).err()?;
        let repeat = format!("cargo sim mutants --bug {bug}");
        Some(Kill { law: law.unwrap_or("model"), what, cost: number + 1, repeat })
    });
    plant(None);
    kill
}

/// Seeds of the queue's campaign, from 0 on.
fn queued(bug: Bug, budget: u64) -> Option<Kill> {
    plant(Some(bug));
    let kill = (0..budget).find_map(|seed| {
        let (_, violation) = queue::run_seed(seed, queue::Watch::default()).violation?;
        let repeat = queue::campaign::replay_command(seed);
        Some(Kill { law: violation.law, what: violation.what, cost: seed + 1, repeat })
    });
    plant(None);
    kill
}

/// Runs the native host's shell on madsim, seed after seed.
fn harmed(bug: Bug, budget: u64) -> Option<Kill> {
    plant(Some(bug));
    let kill = (0..budget).find_map(|seed| {
        let Violation { law, what } = shell::run_seed(seed).err()?;
        let repeat =
            format!("MADSIM_TEST_BUG={bug} MADSIM_TEST_SEED={seed} cargo test -p proxy-fetch-sim --test madsim");
        Some(Kill { law, what, cost: seed + 1, repeat })
    });
    plant(None);
    kill
}
