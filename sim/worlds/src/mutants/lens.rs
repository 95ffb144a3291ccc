//! Ways to look for the mistake that is on in this process.

use crate::{
    bugs::bug_option,
    explore::{Kinds, ProxySpace, Scope},
    laws::Violation,
    proxy::{Profile, ProxyRuns},
    reference::{Difference, run_sequence},
    shell,
};
use durable_sim::{
    Recorder,
    cli::{Kill, Lens},
    plan::Simulation,
    search::{Bounds, search},
};
use std::panic;

/// All of them. One more is one line.
#[rustfmt::skip]
pub static LENSES: [Lens<'static>; 5] = [
    Lens { name: "search", world: "object", unit: "states", budget: 60_000, soon: 0, look: searched },
    Lens { name: "calm", world: "object", unit: "seeds", budget: 100, soon: 10, look: |budget| seeds(Profile::Calm, budget) },
    Lens { name: "soak", world: "object", unit: "seeds", budget: 2, soon: 0, look: |budget| seeds(Profile::Soak, budget) },
    Lens { name: "reference", world: "object", unit: "sequences", budget: 500, soon: 10, look: judged },
    Lens { name: "shell", world: "shell", unit: "seeds", budget: 100, soon: 100, look: shell_seeds },
];

/// What the way of this name finds of the mistake that is on in this process; `swarm` is the usual campaign of the object.
#[must_use]
pub fn look(name: &str, budget: u64) -> Option<Kill> {
    match LENSES.iter().find(|lens| lens.name == name) {
        Some(lens) => (lens.look)(budget),
        None => seeds(Profile::Swarm, budget),
    }
}

fn kill(law: &str, what: String, cost: u64, repeat: String) -> Kill {
    Kill { law: law.to_owned(), what, cost, repeat, items: Vec::new() }
}

/// Runs seed after seed, from 0 on, until one breaks a law.
fn seeds(profile: Profile, budget: u64) -> Option<Kill> {
    let runs = ProxyRuns::of(profile);
    (0..budget).find_map(|seed| {
        let run = runs.run(&runs.draw(seed), Recorder::default());
        let breaks = run.breaks()?;
        let option = if profile == Profile::Swarm { String::new() } else { format!(" --profile {}", profile.name()) };
        let repeat = format!("cargo sim replay {seed}{option}{}", bug_option());
        Some(kill(breaks.law, runs.reader(&run)(&breaks.what), seed + 1, repeat))
    })
}

/// Every schedule of two requests, two attempts and one crash, shortest first.
fn searched(budget: u64) -> Option<Kill> {
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
    let repeat = format!("cargo sim search{} {}", bug_option(), scope.options());
    match found {
        Ok(found) => {
            let broken = found.counterexample?.broken;
            Some(kill(broken.law, broken.what, found.states, repeat))
        }
        Err(panic) => Some(kill("S13", durable_sim::panic_text(&*panic), 1, repeat)),
    }
}

/// Sequences of the reference model, from 0 on.
fn judged(budget: u64) -> Option<Kill> {
    (0..budget).find_map(|number| {
        let Difference { law, what } = run_sequence(number).err()?;
        let bug = durable_sim::planter::planted_name().map_or(String::new(), |bug| format!(" {bug}"));
        Some(kill(law.unwrap_or("model"), what, number + 1, format!("cargo sim mutants{bug}")))
    })
}

/// Runs the native host's shell on madsim, seed after seed.
fn shell_seeds(budget: u64) -> Option<Kill> {
    (0..budget).find_map(|seed| {
        let Violation { law, what } = shell::run_seed(seed).err()?;
        Some(kill(law, what, seed + 1, shell::repeat_command(seed)))
    })
}
