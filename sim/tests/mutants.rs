//! The checkers are checked, at small size: the laws find every planted bug, and each law is the first to find one.
//! `cargo sim mutants` does the same with larger budgets, through more lenses.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch::planted::{Bug, Machine};
use proxy_fetch_sim::mutants::{self, LENSES, Lens, lens};
use std::{num::NonZero, panic, thread};

/// Seeds of the profile swarm for a bug that is not in the list below.
const SEEDS: u64 = 60;

/// Bugs that show themselves only where several things meet, and how many seeds they are given.
const RARE: &[(Bug, u64)] = &[
    (Bug::AlarmAtItsOwnTime, 200),
    (Bug::AttemptNumberIgnored, 400),
    (Bug::DueOneLate, 200),
    (Bug::DueUnbounded, 2_500),
    (Bug::ExpiryMovesAtRetry, 800),
    (Bug::KeptRowsCleared, 200),
    (Bug::LateAnswerBeatsExpiry, 400),
    (Bug::StartsAtExpiry, 800),
    (Bug::TickKeepsAlarm, 150),
    (Bug::UnknownMetaReplaced, 150),
];

fn budget(lens: &Lens, bug: Bug) -> u64 {
    match lens.name {
        "swarm" => RARE.iter().find(|(rare, _)| *rare == bug).map_or(SEEDS, |(_, seeds)| *seeds),
        "calm" => 10,
        "queue" => 400,
        "reference" => 10,
        "shell" => 100,
        // The others are left to `cargo sim mutants`.
        _ => 0,
    }
}

#[test]
fn every_bug_is_found_and_every_law_finds_one() {
    // The machine's panics are findings.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let jobs = thread::available_parallelism().map_or(1, NonZero::get);
    // Those that take long first, so that they run beside each other.
    let mut bugs = Bug::ALL.to_vec();
    bugs.sort_by_key(|bug| RARE.iter().all(|(rare, _)| rare != bug));
    let board = mutants::run(&bugs, LENSES, jobs, budget, |_| {});
    panic::set_hook(hook);
    assert_eq!(board.found.len(), bugs.len());
    assert!(board.survivors().is_empty(), "no law found these: {:?}", board.survivors());
    for machine in [Machine::Object, Machine::Queue] {
        assert_eq!(board.idle_laws(machine), [] as [&str; 0], "these laws of the {machine:?} found nothing first");
    }
}

/// Each machine has laws and bugs of its own, and a lens is for one of them.
#[test]
fn a_lens_sees_one_machine() {
    for machine in [Machine::Object, Machine::Queue, Machine::Shell] {
        assert!(LENSES.iter().any(|lens| lens.machine == machine));
        assert!(Bug::ALL.iter().any(|bug| bug.machine() == machine));
        assert!(mutants::law_ids(machine).len() > 10);
    }
    let bugs = [Bug::RetryEarly, Bug::DeadLetterFetched, Bug::RetriesBeforeCommit];
    let board = mutants::run(&bugs, LENSES, 1, |_, _| 20, |_| {});
    let of_object = board.laws(Machine::Object).into_iter().filter(|(_, bugs)| !bugs.is_empty());
    assert!(of_object.flat_map(|(_, bugs)| bugs).all(|bug| bug == Bug::RetryEarly));
    let of_queue = board.laws(Machine::Queue).into_iter().filter(|(_, bugs)| !bugs.is_empty());
    assert_eq!(of_queue.collect::<Vec<_>>(), [("Q4", vec![Bug::DeadLetterFetched])]);
    let of_shell = board.laws(Machine::Shell).into_iter().filter(|(_, bugs)| !bugs.is_empty());
    assert_eq!(of_shell.collect::<Vec<_>>(), [("S4", vec![Bug::RetriesBeforeCommit])]);
    assert_eq!(board.idle_laws(Machine::Queue).len(), mutants::law_ids(Machine::Queue).len() - 1);
}

/// What the reference model alone sees counts as found, and as no law.
#[test]
fn a_difference_without_a_law_is_a_verdict() {
    let reference = lens("reference").expect("it is in the list");
    let kill = (reference.look)(Bug::UnreadPayloadDeleted, 10).expect("found");
    assert_eq!(kill.law, "model");
    assert!(mutants::OTHER_VERDICTS.contains(&kill.law) && !mutants::law_ids(Machine::Object).contains(&kill.law));
    let kill = (reference.look)(Bug::AlarmAtPresent, 10).expect("found");
    assert_eq!(kill.law, "L3", "{kill:?}");
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

    let queue = lens("queue").expect("it is in the list");
    let kill = (queue.look)(Bug::EndNotRemembered, 50).expect("found");
    let command = format!("cargo sim replay --machine queue {} --bug EndNotRemembered", kill.cost - 1);
    assert_eq!((kill.law, kill.repeat), ("S6", command));

    let shell = lens("shell").expect("it is in the list");
    let kill = (shell.look)(Bug::RepliesBeforeCommit, 20).expect("found");
    let seed = kill.cost - 1;
    let command = format!(
        "MADSIM_TEST_BUG=RepliesBeforeCommit MADSIM_TEST_SEED={seed} cargo test -p proxy-fetch-sim --test madsim"
    );
    assert_eq!((kill.law, kill.repeat), ("S5", command));
    assert!(proxy_fetch_sim::shell::run_seed(seed).is_ok(), "without the bug the seed is clean");
}
