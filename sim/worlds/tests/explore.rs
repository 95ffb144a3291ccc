//! Every schedule of small scopes.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use durable_sim::search::{Bounds, End, search};
use proxy_fetch_sim::explore::{ProxySpace, Scope, read_path, retrace};

/// Searches a scope to its end; no law may break.
#[track_caller]
fn complete(scope: Scope, threads: usize) -> (u64, u64, u32) {
    let space = ProxySpace::new(scope);
    let found = search(&space, Bounds { threads, ..Bounds::default() }, |_, _, _| {});
    if let Some(counterexample) = found.counterexample {
        let trace = retrace(&space, &counterexample.path).unwrap();
        panic!("{scope}: {}\n{}", counterexample.broken, trace.lines.join("\n"));
    }
    assert_eq!(found.end, End::Complete, "{scope}");
    (found.states, found.transitions, found.depth)
}

fn scope(requests: u8, slots: u8, crashes: u8, faults: u8) -> Scope {
    Scope { requests, slots, crashes, faults, ..Scope::default() }
}

#[test]
fn one_request_with_two_faults_and_a_crash() {
    let (states, _, _) = complete(scope(1, 1, 1, 2), 2);
    assert!(states > 5_000, "only {states} states: faults are missing");
}

#[test]
fn one_request_that_must_be_sent_at_most_once() {
    complete(Scope { at_most_once: true, ..scope(1, 1, 1, 1) }, 2);
}

#[test]
fn two_requests_for_one_slot_and_a_crash() {
    complete(scope(2, 1, 1, 0), 2);
}

/// A heartbeat comes before the end of such an attempt.
#[test]
fn long_attempts() {
    complete(Scope { timeout_ms: 30_000, ..scope(1, 1, 1, 1) }, 2);
}

#[test]
fn merged_and_exact_agree_and_merged_is_smaller() {
    let merged = complete(scope(2, 1, 0, 0), 1);
    let exact = complete(Scope { exact: true, ..scope(2, 1, 0, 0) }, 1);
    assert!(merged.0 * 10 < exact.0, "{merged:?} and {exact:?}");
}

#[test]
fn threads_change_nothing() {
    let one = complete(scope(2, 1, 1, 0), 1);
    assert_eq!(one, complete(scope(2, 1, 1, 0), 3));
}

#[test]
fn a_path_is_told_and_what_is_not_possible_is_said() {
    let space = ProxySpace::new(scope(2, 1, 1, 1));
    let text = "enqueue\nfetched 0 busy\nenqueue, crash-after 1\nalarm on-time\nfetched 0 ok\ndelivered 0 answered\n";
    let path = read_path(text).unwrap();
    let trace = retrace(&space, &path).unwrap();
    assert_eq!(trace.broken, None);
    let told = trace.lines.join("\n");
    for line in
        ["2. +0.000s fetched 0 busy", "< fetched r0#1 epoch=1 503", "> abort r0#1 epoch=1", "LOST", "constructed"]
    {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    for (impossible, number) in [("delivered 0 answered", 1), ("enqueue\nfetched 0 timed-out", 2), ("crash", 1)] {
        let error = retrace(&space, &read_path(impossible).unwrap()).unwrap_err();
        assert!(error.starts_with(&format!("action {number}, ")), "{error}");
    }
}
