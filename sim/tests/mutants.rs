//! The checkers are checked, at small size: the laws find every planted bug, and each law is the first to find one.
//! `cargo sim mutants` does the same with larger budgets, through more lenses.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch::planted::Bug;
use proxy_fetch_sim::mutants::{self, LENSES, Lens, lens};
use std::{num::NonZero, panic, thread};

/// Seeds of the profile swarm for any other bug.
const SEEDS: u64 = 60;

/// Bugs that show themselves only where several things meet, and the seeds that they need. They are left to
/// `cargo sim mutants`, which CI runs; here they would take longer than all the others together.
const LEFT_TO_CI: &[(Bug, u64)] =
    &[(Bug::AttemptNumberIgnored, 315), (Bug::StartsAtExpiry, 640), (Bug::ExpiryMovesAtRetry, 640)];

fn needs(bug: Bug) -> Option<u64> {
    LEFT_TO_CI.iter().find(|(other, _)| *other == bug).map(|(_, seeds)| *seeds)
}

fn budget(lens: &Lens, _: Bug) -> u64 {
    match lens.name {
        "swarm" => SEEDS,
        "calm" => 10,
        _ => 0,
    }
}

#[test]
fn every_bug_is_found_and_every_law_finds_one() {
    // The machine's panics are findings.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let jobs = thread::available_parallelism().map_or(1, NonZero::get);
    let bugs: Vec<Bug> = Bug::ALL.iter().copied().filter(|bug| needs(*bug).is_none()).collect();
    let board = mutants::run(&bugs, LENSES, jobs, budget, |_| {});
    panic::set_hook(hook);
    assert_eq!(board.found.len(), bugs.len());
    assert_eq!(board.survivors(), [], "no law found these");
    assert_eq!(board.idle_laws(), [] as [&str; 0], "these laws found nothing first");
}

/// What is left to CI is no more than it must be: within the budget of a campaign, and beyond this one's.
#[test]
fn what_is_left_out_is_left_out_for_a_reason() {
    let swarm = lens("swarm").map_or(0, |lens| lens.budget);
    for (bug, seeds) in LEFT_TO_CI {
        assert!((SEEDS + 1..=swarm).contains(seeds), "{bug} needs {seeds} seeds");
    }
    assert!(LEFT_TO_CI.len() <= 6);
}

/// A kill can be repeated: the command names the bug, and without it the same seed is clean.
#[test]
fn a_kill_names_its_command() {
    let swarm = lens("swarm").expect("it is in the list");
    let kill = (swarm.look)(Bug::RetryEarly, 50).expect("found");
    assert_eq!((kill.law, kill.repeat.ends_with(" --bug RetryEarly")), ("S7", true), "{kill:?}");
    assert_eq!(proxy_fetch::planted::planted(), None, "a look removes what it planted");
    let clean = proxy_fetch_sim::proxy::run_seed(kill.cost - 1, Default::default(), Default::default());
    assert_eq!(clean.violation, None);
}
