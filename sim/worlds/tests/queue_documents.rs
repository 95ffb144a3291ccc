//! Runs of the queue as documents: what is wrong in a file is an error with its line, and a failing run becomes a small
//! document.
#![allow(missing_docs, reason = "a test")]

mod files;

use durable_sim::{
    Breaks, Recorder,
    plan::{Document, Run, Simulation, Tried, minimise, read, write},
};
use files::{read_text, run_text};
use proxy_fetch::Outcome;
use proxy_fetch_sim::{
    proxy::Profile,
    queue::{Plan, QueueRuns},
};
use std::time::Duration;

const SWARM: QueueRuns = QueueRuns::SWARM;

fn text_of(document: &Document) -> String {
    write(QueueRuns::SCHEMA, &[], &[], document)
}

#[test]
fn a_drawn_document_is_a_file_too() {
    for seed in 0..50 {
        for profile in [Profile::Calm, Profile::Swarm, Profile::Soak] {
            let plan = Plan::draw(seed, profile);
            let document = plan.document(seed);
            let again = read(QueueRuns::SCHEMA, &text_of(&document)).map(|(_, document)| document);
            assert_eq!(again.as_ref(), Ok(&document), "seed {seed} of {}", profile.name());
            assert_eq!(Plan::of(&document), plan, "seed {seed} of {}", profile.name());
        }
    }
}

/// Nothing fails, so each request ends as its upstream answers it; and if its time is too short, nothing else.
#[test]
fn nothing_fails_in_a_calm_run() {
    for seed in 0..100 {
        let runs = QueueRuns { profile: Profile::Calm, laws: true };
        let run = runs.run(&runs.draw(seed), Recorder::default().with_lines());
        assert_eq!(run.breaks(), None, "seed {seed}");
        let fault = run.sim.recorder.lines().iter().find(|line| line.who == "fault");
        assert_eq!(fault, None, "seed {seed}");
    }
}

#[test]
fn what_is_wrong_has_a_line_a_key_and_a_bound() {
    for (text, error) in [
        ("world = \"queue\"\nredeliveries = 101", "line 2: redeliveries: 101 is not a whole number from 0 to 100"),
        (
            "world = \"queue\"\n\n[requests]\nr0 = { max_retries = 11 }",
            "line 4: max_retries: 11 is not a whole number from 0 to 10",
        ),
        (
            "world = \"queue\"\n[decisions]\n\"fetch r0#1\" = { status = 600 }",
            "line 3: status: 600 is not a whole number from 100 to 599",
        ),
        (
            "world = \"queue\"\n[decisions]\n\"fetch r0#1\" = { retry_after = \"soon\" }",
            "line 3: retry_after: \"soon\" is not one of nothing, at_once, in_seven_seconds, in_an_hour, date, past_date, \
             negative, endless, garbage",
        ),
        (
            "world = \"queue\"\nisolates = 3\ncrashes = [\n  { at_ms = 5, isolate = 2 },\n  { isolate = 3 },\n]",
            "line 5: isolate: 3 is not a whole number from 0 to 2, since `isolates` is 3",
        ),
    ] {
        assert_eq!(read_text(&SWARM, text), Err(error.to_owned()), "{text}");
    }
}

/// The run of a file, which breaks no law; and what its trace says.
fn trace_of(text: &str) -> String {
    let shown = run_text(&SWARM, text);
    let lines: Vec<String> = shown.lines.iter().map(ToString::to_string).collect();
    assert_eq!(shown.breaks, None, "{text}\n{}", lines.join("\n"));
    assert_eq!(shown.notes, [""; 0], "{text}");
    lines.join("\n")
}

#[test]
fn an_isolate_crashes_only_until_faults_cease() {
    let at = |ms: u32| trace_of(&format!("heal_at_ms = 500\ncrashes = [ {{ at_ms = {ms} }} ]\n[requests]\nr0 = {{}}"));
    assert!(at(499).contains("CRASHES"), "{}", at(499));
    let after = at(500);
    assert!(!after.contains("CRASHES"), "{after}");
    assert!(after.contains("isolate 0 does not crash: faults have ceased"), "{after}");
}

#[test]
fn what_happens_after_no_time_at_all_happens() {
    for (decision, says) in [
        ("\"batch r0#1\" = { throws_ms = 0 }", "batch 0 throws"),
        ("\"batch r0#1\" = { hangs_ms = 0 }", "batch 0 hangs"),
        ("\"fetch r0#1\" = { overdue_ms = 0 }", "F7   an end is never reported"),
    ] {
        let trace = trace_of(&format!("[requests]\nr0 = {{}}\n[decisions]\n{decision}"));
        assert!(trace.contains(says), "{decision}:\n{trace}");
    }
    for rates in ["throw = 1", "hang = 1"] {
        trace_of(&format!("seed = 1\n[rates]\n{rates}\n[requests]\nr0 = {{}}"));
    }
}

/// An answer that comes late, though not too late, asks for what it says.
#[test]
fn a_late_answer_says_when_to_come_again() {
    for says in ["in_seven_seconds", "in_an_hour", "date", "endless"] {
        let late = format!("overdue_ms = 1000, status = 503, retry_after = \"{says}\"");
        trace_of(&format!("[requests]\nr0 = {{}}\n[decisions]\n\"fetch r0#1\" = {{ {late} }}"));
    }
}

/// A law of the consumer cannot count what the queue is told to do.
#[test]
fn delays_of_the_queue_break_no_law() {
    let redelivery = "heal_at_ms = 1800000\nredelivery_delay_ms = 86400000";
    trace_of(&format!("{redelivery}\n[requests]\nr0 = {{}}\n[decisions]\n\"batch r0#1\" = {{ throws_ms = 0 }}"));
    let late = "\"fetch r0#1\" = { fails = \"never_answers\" }\n\"delivery r0#1\" = { delay_ms = 600000 }";
    trace_of(&format!("heal_at_ms = 1800000\n[requests]\nr0 = {{}}\n[decisions]\n{late}"));
    // One isolate, and one message at a time that takes a minute and a half.
    let (mut requests, mut decisions) = (String::new(), String::new());
    for number in 0..60 {
        requests += &format!("r{number} = {{ timeout_ms = 300000 }}\n");
        decisions += &format!("\"fetch r{number}#1\" = {{ takes_ms = 600000 }}\n");
        decisions += &format!("\"callback r{number}#1\" = {{ takes_ms = 30000 }}\n");
    }
    for number in 0..60 {
        decisions += &format!("\"batch r{number}#1\" = {{ returns_ms = 60000 }}\n");
    }
    let text =
        format!("world = \"queue\"\nmax_batch = 1\nheal_at_ms = 0\n[requests]\n{requests}[decisions]\n{decisions}");
    assert_eq!(run_text(&SWARM, &text).breaks, None);
}

/// What came of a run, if it were a law that no request fails.
fn tried(run: &Run<<QueueRuns as Simulation>::World>) -> Tried {
    let entries = run.world.ledger().entries.iter();
    let is_failed = |outcome: Option<Outcome>| outcome.is_some_and(|outcome| outcome.name() == "failed");
    let failed = entries.filter(|entry| is_failed(entry.outcome)).count();
    let breaks = Breaks { law: "none fails", step: run.sim.recorder.steps, what: format!("{failed} failed") };
    Tried { breaks: (failed > 0).then_some(breaks), ..QueueRuns::tried(run) }
}

#[test]
fn what_fails_becomes_small() {
    let mut left = Vec::new();
    for seed in 0..40 {
        let (whole, run) = SWARM.written_out(&SWARM.draw(seed));
        let small = minimise(
            QueueRuns::SCHEMA,
            whole.clone(),
            &tried(&run),
            Duration::from_secs(60),
            |document, decisions, until| tried(&SWARM.run_until(document, decisions, Recorder::default(), until)),
        );
        let Some(small) = small else { continue };
        left.push(small.document.items());
        let text = text_of(&small.document);
        assert!(small.is_complete, "seed {seed} of {} items:\n{text}", whole.items());
        // A request with an answer that is not tried again; or, if none was, four that are.
        assert!(small.document.items() <= 5, "seed {seed} of {} items in {} runs:\n{text}", whole.items(), small.runs);
        assert_eq!(
            tried(&SWARM.run(&small.document, Recorder::default())).breaks.map(|breaks| breaks.law),
            Some("none fails")
        );
    }
    assert!(left.len() >= 10, "only {} seeds have a request that fails", left.len());
    assert!(left.iter().filter(|items| **items == 2).count() > left.len() / 2, "few are as small as can be: {left:?}");
}
