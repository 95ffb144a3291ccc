//! Scenario files: what is written is what is run. `sim/worlds/scenarios` is the corpus: each plan (`.toml`) and each path
//! (`.path`) in it breaks no law, and its trace is a snapshot. That with the bug that it names it breaks its law is for
//! `cargo sim mutants` to see.
#![allow(missing_docs, reason = "a test")]

mod reviewed;

use proxy_fetch_sim::{
    laws::Laws,
    proxy::{Plan, Profile, Watch, run_plan},
    scenario::{Scenario, told, written_out},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The files of the corpus with this extension.
fn files(extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = files.map(|file| file.unwrap_or_else(|error| panic!("{error}")).path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    assert!(!files.is_empty(), "no .{extension}");
    files
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn corpus() -> BTreeMap<String, Scenario> {
    let read = |path: PathBuf| {
        let scenario = Scenario::parse(&text(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (name(&path), scenario)
    };
    files("toml").into_iter().map(read).collect()
}

/// The law that a path of the corpus breaks: its second line says so.
fn law_of_path(text: &str) -> Option<&str> {
    Some(text.lines().nth(1)?.strip_prefix("# ")?.split_once(':')?.0)
}

fn snapshot(name: &str, lines: &str) {
    reviewed::snapshot(&format!("scenario_{name}"), lines);
}

/// What `cargo sim scenario` prints and says, and how it ends.
fn command(file: &Path, options: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-fetch-sim"));
    let output = command.arg("scenario").arg(file).args(options).output().unwrap_or_else(|error| panic!("{error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn each_scenario_of_the_corpus_keeps_the_laws() {
    for (name, scenario) in corpus() {
        let report = run_plan(0, scenario.plan.clone(), Watch { lines: true, ..Watch::default() });
        assert_eq!(report.violation, None, "{name}");
        assert!(scenario.bug.is_some(), "{name}: no bug shows that it finds anything");
        let lines = [scenario.about].into_iter().chain(told(&report)).collect::<Vec<_>>().join("\n");
        snapshot(&name, &lines);
    }
}

/// Every law is shown by a scenario or a path: what breaks it, and what keeps it.
#[test]
fn each_law_has_its_scenario() {
    let by_plan = corpus().into_values().filter_map(|scenario| scenario.law);
    let by_path = files("path").into_iter().filter_map(|path| law_of_path(&text(&path)).map(str::to_owned));
    let shown: BTreeSet<String> = by_plan.chain(by_path).collect();
    let laws = Laws::ids().iter().copied();
    let missing: Vec<&str> = laws.filter(|law| *law != "calm" && !shown.contains(*law)).collect();
    assert_eq!(missing, [] as [&str; 0]);
}

/// What `cargo sim explore -o FILE` writes, `cargo sim scenario FILE` runs: without the bug of its first line it breaks
/// no law.
#[test]
fn each_path_of_the_corpus_keeps_the_laws() {
    for path in files("path") {
        let (name, text) = (name(&path), text(&path));
        assert!(law_of_path(&text).is_some(), "{name} names no law");
        let (out, error, code) = command(&path, &["--without-bug"]);
        assert_eq!((error.as_str(), code), ("", Some(0)), "{name}");
        let about = text.lines().skip(2).map_while(|line| line.strip_prefix("# ")).collect::<Vec<_>>().join(" ");
        snapshot(&name, &format!("{about}\n{out}"));
    }
}

/// A decision at a place that never comes is no error, but may be a slip of whoever wrote it.
#[test]
fn a_decision_that_never_comes_is_told() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("never_comes.toml");
    let decisions = ["\"turn 999\" = { crash = true }", "\"fetch r0#1 answer\" = { head_ms = 7 }"].join("\n");
    fs::write(&file, format!("about = \"a\"\n\n[requests]\nr0 = {{}}\n\n[decisions]\n{decisions}\n"))
        .unwrap_or_else(|error| panic!("{error}"));
    let (_, error, code) = command(&file, &[]);
    assert_eq!((error.as_str(), code), ("note: the run did not come to \"turn 999\" = { crash = true }\n", Some(0)));
}

#[test]
fn a_file_that_cannot_be_run_is_named() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_scenario");
    for (bytes, why) in [
        (&b"about = \"a\"\n# \xff\n"[..], "line 2: this is not UTF-8"),
        (b"heal_at_ms = -1\n[requests]\n", "line 1: heal_at_ms: -1 ms is not between 0 and 1000000000000"),
        (
            b"# cargo sim explore --slots 9\nenqueue\n",
            "line 1: invalid value '9' for '--slots <SLOTS>': 9 is not in 1..=5",
        ),
        (b"# cargo sim explore --slots 1\nenqueu\n", "line 2: \"enqueu\" is no action"),
    ] {
        fs::write(&file, bytes).unwrap_or_else(|error| panic!("{error}"));
        let error = format!("error: {}: {why}\n", file.display());
        assert_eq!(command(&file, &[]), (String::new(), error, Some(2)));
    }
}

/// A seed's plan with its decisions written out is the same run, step by step, without the seed.
#[test]
fn what_a_seed_decided_can_be_written_and_read_and_is_the_same_run() {
    for profile in [Profile::Swarm, Profile::Calm] {
        for seed in 0..60 {
            let (plan, drawn) = written_out(seed, Plan::draw(seed, profile));
            let scenario = Scenario { about: "a \"seed\"".into(), law: None, bug: Some("SixthSlot".into()), plan };
            let text = scenario.to_text();
            let read = Scenario::parse(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
            assert_eq!(read, scenario, "seed {seed}");
            let played = run_plan(0, read.plan, Watch::default());
            assert_eq!((played.digest, played.steps), (drawn.digest, drawn.steps), "seed {seed}, {}", profile.name());
        }
    }
}

/// Each message is one line, with the line of the text, the key, and what would be right.
#[test]
fn what_is_no_scenario_is_refused_with_its_place() {
    const R: &str = "[requests]\nr0 = {}\n";
    let wrong = [
        // Nothing, and not TOML.
        (String::new(), "line 1: missing key `requests`"),
        ("about = \"a\"\n".into(), "line 1: missing key `requests`"),
        ("[requests\nr0 = {}".into(), "line 1: unclosed table, expected `]`"),
        (format!("about = \"a\nlaw = 1\n{R}"), "line 1: invalid basic string, expected `\"`"),
        ("[requests]\nr0 = {}\nr0 = {}\n".into(), "line 3: duplicate key"),
        // Keys that there are not.
        (format!("heal_at = 1\n{R}"), "line 1: unknown key `heal_at`; is `heal_at_ms` meant?"),
        (
            "[requests]\nr0 = { at_ms = 1, body_bytes = 1, timeout = 5 }\n".into(),
            "line 2: unknown key `timeout`; is `timeout_ms` meant?",
        ),
        (format!("resets = [\n  {{ at_ms = 1, who = 1 }}\n]\n{R}"), "line 2: unknown key `who`; there are at_ms, how"),
        // Wrong types.
        (format!("about = 1\n{R}"), "line 1: about: invalid type: integer `1`, expected a string"),
        ("[requests]\nr0 = 5\n".into(), "line 2: r0: invalid type: integer `5`, expected a table"),
        (
            "[requests]\nr0 = { at_ms = \"soon\" }\n".into(),
            "line 2: at_ms: invalid type: string \"soon\", expected a time in ms, 0 to 1000000000000",
        ),
        (
            format!("connections = 2.5\n{R}"),
            "line 1: connections: invalid type: floating point `2.5`, expected a whole number, 1 to 1000",
        ),
        // Out of bounds.
        ("[requests]\nr0 = { at_ms = -1 }\n".into(), "line 2: at_ms: -1 ms is not between 0 and 1000000000000"),
        (format!("heal_at_ms = nan\n{R}"), "line 1: heal_at_ms: NaN ms is not between 0 and 1000000000000"),
        (format!("\n# none\nconnections = 0\n{R}"), "line 3: connections: 0 is not between 1 and 1000"),
        (
            "[requests]\nr0 = { body_bytes = 9999999999 }\n".into(),
            "line 2: body_bytes: 9999999999 is not between 0 and 100000",
        ),
        // What is missing.
        (format!("resets = [\n  {{ at_ms = 1 }}\n]\n{R}"), "line 2: missing key `how`"),
        // Names that there are not.
        (format!("law = \"S26\"\n{R}"), "line 1: law: \"S26\" is no law: S1 to S25, L1 to L8, calm"),
        (format!("bug = \"SixtSlot\"\n{R}"), "line 1: bug: there is no bug \"SixtSlot\"; is `SixthSlot` meant?"),
        (
            format!("bug = \"DeadLetterFetched\"\n{R}"),
            "line 1: bug: DeadLetterFetched is a bug of the queue's consumer, and a scenario is of the object",
        ),
        (
            format!("bug = \"EndsBeforeStop\"\n{R}"),
            "line 1: bug: EndsBeforeStop is a bug of the native host's shell, and a scenario is of the object",
        ),
        ("[requests]\nx = {}\n".into(), "line 2: \"x\" is not r0 to r9999"),
        ("[requests]\nr10000 = {}\n".into(), "line 2: \"r10000\" is not r0 to r9999"),
        (
            "[requests]\nr0 = { malformed = \"ugly\" }\n".into(),
            "line 2: malformed: \"ugly\" is none of eleven_retries, negative_timeout, no_retry_delay, loopback_address, \
             file_url, connect_method, body_too_large, header_injection, foreign_callback, url_too_long, \
             too_many_headers, short_max_retry_delay",
        ),
        (
            format!("resets = [{{ at_ms = 1, how = \"nap\" }}]\n{R}"),
            "line 1: how: unknown variant `nap`; there are crash, deploy, isolate_killed",
        ),
        // Decisions.
        (format!("{R}[decisions]\n\"turn x\" = {{ crash = true }}\n"), "line 4: there is no place \"turn x\""),
        (
            format!("{R}[decisions]\n\"fetch r0#1 answer\" = {{ never_answer = true }}\n"),
            "line 4: unknown key `never_answer`; is `never_answers` meant?",
        ),
        (
            format!("{R}[decisions]\n\"turn 1\" = {{ crash = false }}\n"),
            "line 4: crash: false is not true (leave it out if it does not happen)",
        ),
        (
            format!("{R}[decisions]\n\"turn 1\" = {{ commit_slow = true, slow_ms = -5 }}\n"),
            "line 4: slow_ms: -5 ms is not between 0 and 1000000000000",
        ),
        (
            format!("{R}[decisions]\n\"fetch r0#1 answer\" = {{ body_fails = true, body = \"Large\" }}\n"),
            "line 4: body: \"Large\" is none of Hangs, Truncated, TooLarge, BadHead",
        ),
        (
            format!("{R}[decisions]\n\"call enqueue r0\" = {{ repeated = true, again_ms = 5 }}\n"),
            "line 4: again_ms: 5 is none of 0.001, 1000, 400000",
        ),
        (
            format!("{R}[decisions]\n\"fetch r0#1 answer\" = {{ head_us = 5 }}\n"),
            "line 4: unknown key `head_us`; is `head_ms` meant?",
        ),
        (
            format!("{R}[decisions]\n\"end of incarnation 1\" = {{ commits_survive = -1 }}\n"),
            "line 4: commits_survive: -1 is negative",
        ),
    ];
    for (text, why) in wrong {
        match Scenario::parse(&text) {
            Ok(_) => panic!("{text} is read"),
            Err(error) => assert_eq!(error.to_string(), why, "{text}"),
        }
    }
}

/// What a person writes by hand comes back with the same words, and in the order of a story.
#[test]
fn a_scenario_is_written_as_a_person_would() {
    let text = r#"# S7: no attempt starts before its delay is over, and the delay is no shorter than backoff and Retry-After.
# RetryAfterIgnored: Retry-After is not heeded.
about = "A destination asks for patience."
law = "S7"
bug = "RetryAfterIgnored"
eviction = "idle"
resets = [
  { at_ms = 500, how = "deploy" },
]
storage_full = [
  { from_ms = 1.5, until_ms = 2000 },
]

[requests]
r0 = { at_ms = 1000, malformed = "file_url", body_bytes = 3, max_retries = 1, timeout_ms = 100, cancel_at_ms = 4000 }
r2 = {}

[decisions]
"turn 3" = { exception = true, before_commit = true }
"alarm 2 stored" = { late = true, late_ms = 60000 }
"construction 1" = { clock_off_ms = 3, clock_behind = true }
"call enqueue r2" = { repeated = true, again_ms = 400000 }
"fetch r2#1 answer" = { odd_status = true, status = 429, retry_after = "Seconds(3600)" }
"callback r2#2" = { fails = true, how = "Slow", slow_ms = 2.5 }
"#;
    let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scenario.to_text(), text);
}
