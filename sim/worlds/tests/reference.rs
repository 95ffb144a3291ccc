//! The machine against a reference model: generated operations and faults run on a small platform, and each reply,
//! fetch, callback, abort, row and alarm is compared with what a few plain lists predict. The tests of the core hold laws
//! one by one; this says of each step everything that must follow.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use durable_sim::finding::shortened;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{TestError, TestRunner},
};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use proxy_fetch_sim::{
    readable::readable,
    reference::{Judge, Reference, refused_calls, run_sequence},
    told::{MAX_LINES, tell_once},
};
use std::collections::BTreeMap;

#[test]
fn the_machine_does_what_the_model_says() {
    let config = support::config(regressions!("reference"), 400);
    let mut runner = TestRunner::new(config.clone());
    let result = runner.run(&Reference::sequential_strategy(1..120), |(model, transitions, seen)| {
        Judge::test_sequential(config.clone(), model, transitions, seen);
        Ok(())
    });
    match result {
        Ok(()) => {}
        // The input is left out: the trace below the difference says what happens in it.
        Err(TestError::Fail(reason, _)) => {
            let text = format!("the machine differs from the reference model: {}", readable(&reason.to_string()));
            let headline = text.lines().next().unwrap_or_default().to_owned();
            let repeat = "repeat it with: cargo test --test reference (the case is in proptest-regressions)";
            tell_once(&headline, &format!("{}\n\n{repeat}\n", shortened(&text, MAX_LINES - 2)));
        }
        Err(TestError::Abort(reason)) => panic!("no sequences were generated: {reason}"),
    }
}

/// What a good number of sequences must reach, each at least this often: a model of what never happens proves nothing.
const REACHED: [(u64, &[&str]); 3] = [
    (
        100,
        &[
            // Transitions and what comes in.
            "alarm early",
            "alarm in time",
            "alarm late",
            "clock goes back",
            "completion",
            "callback answered",
            "callback failed",
            "enqueue",
            "orderly end",
            "pass",
            "pass to a deadline",
            "restart",
            "several events in a turn",
            "stale callback",
            "stale completion",
            "start",
            "status",
            "stop",
            "tick",
            "turn",
            // Faults.
            "CommitFails",
            "CommitUnknown",
            "CrashAfterEffects",
            "CrashBeforeCommit",
            "CrashBeforeEffects",
            // What followed.
            "abort",
            "accepted",
            "at rest",
            "delivered again",
            "delivered: cancelled",
            "delivered: expired",
            "delivered: failed",
            "delivered: interrupted",
            "delivered: response",
            "delivered: unknown",
            "expired from in flight",
            "expired from queued",
            "expired from waiting for a retry",
            "failed from in flight",
            "first fetch",
            "forgotten in time",
            "refused: too many ids are known",
            "interrupted from in flight",
            "refused: conflict",
            "refused: invalid",
            "refused: not_found",
            "refused: queue_full",
            "refused: too_late",
            "repeat in the window",
            "repeat while live",
            "report",
            "requeued",
            "requeued after its lease",
            "response from in flight",
            "retry",
            "unknown from in flight",
            "waits for a slot",
        ],
    ),
    (
        10,
        &[
            "cancel while delivering",
            "cancel while in flight",
            "cancel while not live",
            "cancel while queued",
            "cancel while waiting for a retry",
            "cancelled from in flight",
            "cancelled from queued",
            "cancelled from waiting for a retry",
            "completion of another epoch",
            "completion twice",
            "ended as its response was lost",
            "fetched again for its lost response",
            "late completion",
            "refused: not_allowed",
            "status: delivering",
            "status: finished",
            "status: in flight",
            "status: queued",
            "unreadable payload",
        ],
    ),
    (3, &["the jitter decides"]),
];

#[test]
fn the_sequences_reach_everything() {
    let mut runner = TestRunner::deterministic();
    let mut hits: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..250 {
        let (model, transitions, _) = Reference::sequential_strategy(100..120).new_tree(&mut runner).unwrap().current();
        let mut judge = Judge::new(&model);
        for transition in &transitions {
            judge.take(transition).unwrap_or_else(|difference| panic!("{difference}"));
        }
        for (what, times) in judge.hits {
            *hits.entry(what).or_default() += times;
        }
    }
    let listed = REACHED.iter().flat_map(|(least, all)| all.iter().map(|what| (*least, (*what).to_owned())));
    for (least, what) in listed.chain(refused_calls().map(|what| (5, what))) {
        assert!(hits.get(&what).is_some_and(|times| *times >= least), "\"{what}\" is too rare in 250 sequences");
    }
}

/// What the lens of `cargo sim mutants` runs: any sequence can be had again by its number.
#[test]
fn a_sequence_has_a_number() {
    for number in 0..20 {
        assert_eq!(run_sequence(number), Ok(()), "sequence {number}");
    }
}
