//! Runs of the queue as documents: a seed written out as text and read again is the same run, what is wrong in a file is
//! an error with its line, a failing run becomes a small document, and the scenario files keep every law. `SIM_SEEDS` says
//! how many seeds.
#![allow(missing_docs, reason = "a test")]

#[path = "../../tests/settings/mod.rs"]
mod settings;

use durable_sim::{
    Breaks, Recorder,
    plan::{Document, Run, Simulation, Tried, minimise},
};
use proxy_fetch::Outcome;
use proxy_fetch_sim::{
    bugs::Machine,
    proxy::Profile,
    queue::{Plan, QueueRuns, Watch, law_ids, run_seed},
    scenario::Scenario,
};
use std::{fs, path::Path, time::Duration};

const SWARM: QueueRuns = QueueRuns { profile: Profile::Swarm, laws: true };

fn text_of(document: Document) -> String {
    Scenario { about: String::new(), machine: Machine::Queue, law: None, bug: None, document }.to_text()
}

fn parsed(text: &str) -> Scenario {
    Scenario::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Whatever a run decides can be written, and nothing else decides.
#[test]
fn a_seed_written_out_is_the_same_run() {
    let same = |runs: QueueRuns, seed: u64| {
        let name = runs.profile.name();
        let (document, run) = runs.written_out(&runs.draw(seed));
        let scenario = parsed(&text_of(document.clone()));
        assert_eq!(scenario.document, document, "seed {seed} of {name}: what is written is read");
        let again = scenario.run();
        assert_eq!(again.digest, run.sim.recorder.digest(), "seed {seed} of {name}");
        assert_eq!(again.notes, [""; 0], "seed {seed} of {name}: all is played as it is said");
        assert_eq!(run_seed(seed, runs.profile, Watch::default()).digest, again.digest, "recording changes nothing");
    };
    for seed in 0..settings::number("SIM_SEEDS", 300) {
        same(SWARM, seed);
    }
    for seed in 0..20 {
        same(QueueRuns { profile: Profile::Calm, laws: true }, seed);
    }
    for seed in 0..3 {
        same(QueueRuns { profile: Profile::Soak, laws: true }, seed);
    }
}

#[test]
fn a_drawn_document_is_a_file_too() {
    for seed in 0..50 {
        for profile in [Profile::Calm, Profile::Swarm, Profile::Soak] {
            let plan = Plan::draw(seed, profile);
            let document = plan.document(seed);
            assert_eq!(parsed(&text_of(document.clone())).document, document, "seed {seed} of {}", profile.name());
            assert_eq!(Plan::of(&document), plan, "seed {seed} of {}", profile.name());
        }
    }
}

/// Nothing fails, so each request ends as its upstream answers it; and if its time is too short, nothing else.
#[test]
fn nothing_fails_in_a_calm_run() {
    for seed in 0..100 {
        let report = run_seed(seed, Profile::Calm, Watch { lines: true, ..Watch::default() });
        assert_eq!(report.violation, None, "seed {seed}");
        let fault = report.lines.iter().find(|line| line.who == "fault");
        assert_eq!(fault, None, "seed {seed}");
    }
}

#[test]
fn what_is_wrong_has_a_line_a_key_and_a_bound() {
    let laws: Vec<&str> = law_ids().collect();
    let unknown_law = format!("line 2: law: \"S99\" is none of the queue's laws: {}", laws.join(", "));
    for (text, error) in [
        ("machine = \"quue\"", "line 1: machine: \"quue\" is neither object nor queue"),
        ("machine = \"queue\"\nlaw = \"S99\"", unknown_law.as_str()),
        (
            "machine = \"queue\"\nbug = \"SixtMessage\"",
            "line 2: bug: there is no bug \"SixtMessage\"; is `SixthMessage` meant?",
        ),
        (
            "machine = \"queue\"\nbug = \"SixthSlot\"",
            "line 2: bug: the bug SixthSlot is in the durable object, not in the queue's consumer",
        ),
        ("machine = \"queue\"\nredeliveries = 101", "line 2: redeliveries: 101 is not a whole number from 0 to 100"),
        (
            "machine = \"queue\"\n\n[requests]\nr0 = { max_retries = 11 }",
            "line 4: max_retries: 11 is not a whole number from 0 to 10",
        ),
        (
            "machine = \"queue\"\n[decisions]\n\"fetch r0#1\" = { status = 600 }",
            "line 3: status: 600 is not a whole number from 100 to 599",
        ),
        (
            "machine = \"queue\"\n[decisions]\n\"fetch r0#1\" = { retry_after = \"soon\" }",
            "line 3: retry_after: \"soon\" is not one of nothing, at_once, in_seven_seconds, in_an_hour, date, past_date, \
             negative, endless, garbage",
        ),
        (
            "machine = \"queue\"\nisolates = 3\ncrashes = [\n  { at_ms = 5, isolate = 2 },\n  { isolate = 3 },\n]",
            "line 5: isolate: 3 is not a whole number from 0 to 2, since `isolates` is 3",
        ),
    ] {
        let read = Scenario::parse(text).map_err(|error| error.to_string());
        assert_eq!(read, Err(error.to_owned()), "{text}");
    }
}

/// The run of a file, which breaks no law; and what its trace says.
fn trace_of(text: &str) -> String {
    let shown = parsed(&format!("machine = \"queue\"\n{text}")).run();
    let lines: Vec<String> = shown.lines.iter().map(ToString::to_string).collect();
    assert_eq!(shown.violation, None, "{text}\n{}", lines.join("\n"));
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
        format!("machine = \"queue\"\nmax_batch = 1\nheal_at_ms = 0\n[requests]\n{requests}[decisions]\n{decisions}");
    assert_eq!(parsed(&text).run().violation, None);
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
        let text = text_of(small.document.clone());
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

#[test]
fn the_scenario_files_keep_every_law() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/queue");
    let mut files: Vec<_> = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    assert!(files.len() >= 3, "{} files in {}", files.len(), folder.display());
    for file in files {
        let name = file.display();
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!scenario.about.is_empty(), "{name} has no `about`");
        let again = Scenario::parse(&scenario.to_text());
        assert_eq!(again.as_ref(), Ok(&scenario), "{name}");
        let report = scenario.run();
        assert_eq!(report.violation, None, "{name}");
        assert_eq!(report.notes, [""; 0], "{name}");
    }
}
