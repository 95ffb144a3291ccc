//! Properties of the machine over generated sequences of everything that may happen to a host: all laws are looked at
//! in each sequence, and a failure names the first that breaks. The harness is in `support`.

use crate::support::{ops::plans, world::World};
use crate::{regressions, support};
use durable_sim::finding::shortened;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{TestError, TestRunner},
};
use proxy_fetch_sim::{
    readable::readable,
    told::{MAX_LINES, tell_once},
};
use std::collections::BTreeMap;

/// All laws, and the machine's own invariants, after each turn of each sequence.
fn every_law_holds(spoils: bool) {
    let config = support::config(regressions!("core_machine"), 1_000);
    let result = TestRunner::new(config).run(&plans(90, spoils), |plan| {
        World::run(&plan).map(drop).map_err(proptest::test_runner::TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        // The input is left out: the trace below the law says what happens in it.
        Err(TestError::Fail(reason, _)) => {
            let text = readable(&reason.to_string());
            let headline = text.lines().next().unwrap_or_default().to_owned();
            let repeat = "repeat it with: cargo test --test core machine:: (the case is in proptest-regressions)";
            tell_once(&headline, &format!("{}\n\n{repeat}\n", shortened(&text, MAX_LINES - 2)));
        }
        Err(TestError::Abort(reason)) => panic!("no sequences were generated: {reason}"),
    }
}

#[test]
fn every_law_holds_while_rows_are_whole() {
    every_law_holds(false);
}

#[test]
fn every_law_holds_while_rows_are_spoilt() {
    every_law_holds(true);
}

/// The sequences reach what they are about: a property over states that never occur proves nothing.
#[test]
fn the_sequences_reach_every_interesting_state() {
    let mut runner = TestRunner::deterministic();
    let mut hits: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..200 {
        let plan = plans(90, true).new_tree(&mut runner).unwrap().current();
        let world = World::run(&plan).unwrap_or_else(|text| panic!("{text}"));
        for (what, times) in world.hits {
            *hits.entry(what).or_default() += times;
        }
    }
    let wanted = [
        "abort",
        "accepted",
        "at capacity",
        "at most once, again",
        "cancelled",
        "commit failed",
        "conflict",
        "corrupt row",
        "crash after effects",
        "crash before effects",
        "current report",
        "delivering",
        "expired",
        "foreign row",
        "idle tick",
        "interrupted",
        "repeat",
        "retry",
        "stale report",
        "unknown",
    ];
    for what in wanted {
        assert!(hits.get(what).is_some_and(|times| *times >= 10), "\"{what}\" is too rare in 200 sequences");
    }
}
