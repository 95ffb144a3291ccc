//! Properties of the machine over generated sequences of everything that may happen to a host: one test per law, so
//! that a failure names it. The harness is in `support`.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{TestError, TestRunner},
};
use proxy_fetch_sim::{
    finding::{MAX_LINES, shortened, tell_once},
    scenario::readable,
};
use std::collections::BTreeMap;
use support::{ledger::Law, ops::plans, world::World};

fn holds(law: Law, spoils: bool) {
    let config = support::config(regressions!("core_machine"), 256);
    let result = TestRunner::new(config).run(&plans(90, spoils), |plan| {
        World::run(&plan, law).map(drop).map_err(proptest::test_runner::TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        // The input is left out: the trace below the law says what happens in it.
        Err(TestError::Fail(reason, _)) => {
            let text = readable(&reason.to_string());
            let headline = text.lines().next().unwrap_or_default().to_owned();
            let repeat = "repeat it with: cargo test --test core_machine (the case is in proptest-regressions)";
            tell_once(&headline, &format!("{}\n\n{repeat}\n", shortened(&text, MAX_LINES - 2)));
        }
        Err(TestError::Abort(reason)) => panic!("no sequences were generated: {reason}"),
    }
}

macro_rules! laws {
    ($($name:ident: $law:ident;)*) => {
        $(#[test]
        fn $name() {
            holds(Law::$law, true);
        })*
    };
}

laws! {
    invariants_of_the_machine_hold: Invariants;
    s1_s2_no_request_disappears: S1;
    s3_at_most_5_in_flight: S3;
    s4_effects_follow_what_is_stored: S4;
    s5_acknowledged_means_stored: S5;
    s6_enqueue_is_idempotent: S6;
    s7_no_attempt_before_its_time: S7;
    s8_attempts_are_bounded: S8;
    s9_expiry_at_30_minutes: S9;
    s10_stale_reports_change_nothing: S10;
    s11_one_outcome_one_callback: S11;
    s12_smallest_ulid_first: S12;
    s14_a_tick_with_nothing_due_writes_nothing: S14;
    s16_at_most_once_is_never_sent_twice: S16;
    s17_ulids_grow: S17;
    s20_no_zero_delay_loops: S20;
    s23_rest_is_empty: S23;
    s25_memory_is_a_shadow_of_storage: S25;
    l1_a_wake_for_everything_live: L1;
    l2_every_request_ends_in_time: L2;
    l3_the_alarm_is_stored_in_time: L3;
    l8_no_idle_slot: L8;
    the_end_of_an_attempt_is_judged_as_designed: Verdict;
    every_held_response_is_delivered_or_aborted: Held;
    no_lost_request: NoLostRequest;
}

/// The sequences reach what they are about: a property over states that never occur proves nothing.
#[test]
fn the_sequences_reach_every_interesting_state() {
    let mut runner = TestRunner::deterministic();
    let mut hits: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..200 {
        let plan = plans(90, true).new_tree(&mut runner).unwrap().current();
        // In the focus of S10, for its probes.
        let world = World::run(&plan, Law::S10).unwrap_or_else(|text| panic!("{text}"));
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
