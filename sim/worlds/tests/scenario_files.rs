//! Scenario files: what is written is what is run. `sim/worlds/scenarios` is the corpus: that each plan (`.toml`) in it
//! breaks no law is a test of `campaigns`; each path (`.path`) breaks none here. That with the bug that it names it breaks
//! its law is for `cargo sim mutants` to see.
#![allow(missing_docs, reason = "a test")]

mod files;
mod reviewed;

use durable_sim::{
    finding::Shown,
    plan::{Simulation, read, text_at, write},
};
use files::{read_text, run_text};
use proxy_fetch_sim::{laws::LAWS, proxy::ProxyRuns};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const RUNS: ProxyRuns = ProxyRuns::SWARM;

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

/// The law that a path of the corpus breaks: its second line says so.
fn law_of_path(text: &str) -> Option<&str> {
    Some(text.lines().nth(1)?.strip_prefix("# ")?.split_once(':')?.0)
}

fn snapshot(name: &str, lines: &str) {
    reviewed::snapshot(&format!("scenario_{name}"), lines);
}

/// What `cargo sim` prints and says of this file, and how it ends.
fn command(what: &[&str], file: &Path, options: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-fetch-sim"));
    let output = command.args(what).arg(file).args(options).output().unwrap_or_else(|error| panic!("{error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// Every law is shown by a scenario or a path: what breaks it, and what keeps it.
#[test]
fn each_law_has_its_scenario() {
    let by_plan = files("toml").into_iter().map(|path| {
        let (text, name) = (text(&path), name(&path));
        assert!(text_at(&text, "bug").is_some(), "{name}: no bug shows that it finds anything");
        text_at(&text, "law").unwrap_or_else(|| panic!("{name} names no law"))
    });
    let by_path = files("path").into_iter().filter_map(|path| law_of_path(&text(&path)).map(str::to_owned));
    let shown: BTreeSet<String> = by_plan.chain(by_path).collect();
    let laws = LAWS.iter().map(|law| law.name);
    let missing: Vec<&str> = laws.filter(|law| *law != "calm" && !shown.contains(*law)).collect();
    assert_eq!(missing, [] as [&str; 0]);
}

/// What `cargo sim search -o FILE` writes, `cargo sim search --path FILE` runs: without the bug of its first line it breaks
/// no law.
#[test]
fn each_path_of_the_corpus_keeps_the_laws() {
    for path in files("path") {
        let (name, text) = (name(&path), text(&path));
        assert!(law_of_path(&text).is_some(), "{name} names no law");
        let (out, error, code) = command(&["search", "--path"], &path, &["--without-bug"]);
        assert_eq!((error.as_str(), code), ("", Some(0)), "{name}");
        snapshot(&name, &out);
    }
}

/// A decision at a place that never comes is no error, but may be a slip of whoever wrote it.
#[test]
fn a_decision_that_never_comes_is_told() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("never_comes.toml");
    let decisions = ["\"turn of enqueue r9\" = { crash = true }", "\"fetch r0#1\" = { head_ms = 7 }"].join("\n");
    fs::write(&file, format!("about = \"a\"\n\n[requests]\nr0 = {{}}\n\n[decisions]\n{decisions}\n"))
        .unwrap_or_else(|error| panic!("{error}"));
    let (_, error, code) = command(&["scenario"], &file, &[]);
    assert_eq!(
        (error.as_str(), code),
        ("note: the run did not come to \"turn of enqueue r9\" = { crash = true }\n", Some(0))
    );
}

#[test]
fn a_file_that_cannot_be_run_is_named() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_scenario");
    const PLAN: &[&str] = &["scenario"];
    const PATH: &[&str] = &["search", "--path"];
    const R: &str = "[requests]\nr0 = {}\n";
    for (what, text, why) in [
        (
            PLAN,
            "heal_at_ms = -1\n[requests]\n".to_owned(),
            "line 1: heal_at_ms: -1 is not a time of the run from 0 to 31536000000 ms",
        ),
        (
            PATH,
            "# cargo sim search --slots 9\nenqueue\n".to_owned(),
            "line 1: invalid value '9' for '--slots <SLOTS>': 9 is not in 1..=5",
        ),
        (PATH, "# cargo sim search --slots 1\nenqueu\n".to_owned(), "line 2: \"enqueu\" is no action"),
        (PATH, "enqueue\n".to_owned(), "line 1: a path begins with `# cargo sim search`"),
        (
            PLAN,
            "world = \"queue\"\ncrashes = [ { isolate = 1 } ]\n".to_owned(),
            "line 2: isolate: 1 is not a whole number from 0 to 0, since `isolates` is 1",
        ),
        // Names that there are not.
        (PLAN, format!("law = \"S99\"\n{R}"), "line 1: law: there is no law \"S99\"; is `S9` meant?"),
        (PLAN, format!("world = \"quue\"\n{R}"), "line 1: world: there is no world \"quue\"; is `queue` meant?"),
        (
            PLAN,
            format!("bug = \"SixtSlot\"\n{R}"),
            "line 1: bug: there is no mistake \"SixtSlot\"; is `SixthSlot` meant?",
        ),
        (
            PLAN,
            format!("bug = \"DeadLetterFetched\"\n{R}"),
            "the bug DeadLetterFetched is of `queue`; this runs `object`",
        ),
        (PLAN, format!("bug = \"EndsBeforeStop\"\n{R}"), "the bug EndsBeforeStop is of `shell`; this runs `object`"),
    ] {
        fs::write(&file, text).unwrap_or_else(|error| panic!("{error}"));
        let error = format!("error: {}: {why}\n", file.display());
        assert_eq!(command(what, &file, &[]), (String::new(), error, Some(2)));
    }
    fs::write(&file, b"about = \"a\"\n# \xff\n").unwrap_or_else(|error| panic!("{error}"));
    let error = format!("error: {}: line 2: this is not UTF-8\n", file.display());
    assert_eq!(command(PLAN, &file, &[]), (String::new(), error, Some(2)));
}

/// Each message is one line, with the line of the text, the key, and what would be right.
#[test]
fn what_is_no_scenario_is_refused_with_its_place() {
    const R: &str = "[requests]\nr0 = {}\n";
    let decided = |place: &str, said: &str| format!("{R}[decisions]\n\"{place}\" = {{ {said} }}\n");
    let wrong = [
        // Not TOML.
        ("[requests\nr0 = {}".into(), "line 1: unclosed table, expected `]`"),
        (format!("about = \"a\nlaw = 1\n{R}"), "line 1: invalid basic string, expected `\"`"),
        ("[requests]\nr0 = {}\nr0 = {}\n".into(), "line 3: duplicate key"),
        // Keys that there are not.
        (format!("heal_at = 1\n{R}"), "line 1: unknown key `heal_at`; is `heal_at_ms` meant?"),
        (
            "[requests]\nr0 = { at_ms = 1, body_bytes = 1, timeout = 5 }\n".into(),
            "line 2: unknown key `timeout`; is `timeout_ms` meant?",
        ),
        (
            format!("[resets]\nreset0 = {{ at_ms = 1, who = 1 }}\n{R}"),
            "line 2: unknown key `who`; there are at_ms, how",
        ),
        (decided("fetch r0#1", "never_answer = true"), "line 4: unknown key `never_answer`; is `never_answers` meant?"),
        (decided("fetch r0#1", "head_us = 5"), "line 4: unknown key `head_us`; is `head_ms` meant?"),
        // Of the wrong kind.
        (format!("about = 1\n{R}"), "line 1: about: not a text"),
        ("[requests]\nr0 = 5\n".into(), "line 2: r0: not a table"),
        (
            "[requests]\nr0 = { at_ms = \"soon\" }\n".into(),
            "line 2: at_ms: \"soon\" is not a time of the run from 0 to 31536000000 ms",
        ),
        (format!("connections = 2.5\n{R}"), "line 1: connections: 2.5 is not a whole number from 1 to 1000"),
        (decided("turn of enqueue r0", "crash = 1"), "line 4: crash: 1 is not true or false"),
        (decided("fetch r0#1", "head_ms = true"), "line 4: head_ms: true is not a time from 0 to 86400000 ms"),
        // Out of bounds.
        (
            "[requests]\nr0 = { at_ms = -1 }\n".into(),
            "line 2: at_ms: -1 is not a time of the run from 0 to 31536000000 ms",
        ),
        (format!("heal_at_ms = nan\n{R}"), "line 1: heal_at_ms: nan is not a time of the run from 0 to 31536000000 ms"),
        (format!("\n# none\nconnections = 0\n{R}"), "line 3: connections: 0 is not a whole number from 1 to 1000"),
        (
            "[requests]\nr0 = { body_bytes = 9999999999 }\n".into(),
            "line 2: body_bytes: 9999999999 is not a whole number from 0 to 100000",
        ),
        (
            decided("fetch r0#1", "head_ms = 99999999999"),
            "line 4: head_ms: 99999999999 is not a time from 0 to 86400000 ms",
        ),
        (decided("fetch r0#1", "status = 700"), "line 4: status: 700 is not a whole number from 100 to 599"),
        (
            decided("turn of enqueue r0", "slow_commit_ms = -5"),
            "line 4: slow_commit_ms: -5 is not a time from 0 to 30000 ms",
        ),
        // Names that there are not.
        ("[requests]\nx = {}\n".into(), "line 2: \"x\" is not r0 to r9999"),
        ("[requests]\nr10000 = {}\n".into(), "line 2: \"r10000\" is not r0 to r9999"),
        (
            "[requests]\nr0 = { malformed = \"ugly\" }\n".into(),
            "line 2: malformed: \"ugly\" is not one of eleven_retries, negative_timeout, no_retry_delay, \
             loopback_address, file_url, connect_method, body_too_large, header_injection, foreign_callback, \
             url_too_long, too_many_headers, short_max_retry_delay",
        ),
        (
            format!("[resets]\nreset0 = {{ at_ms = 1, how = \"nap\" }}\n{R}"),
            "line 2: how: \"nap\" is not one of crash, deploy, isolate_killed",
        ),
        (
            decided("fetch r0#1", "body = \"hang\""),
            "line 4: body: \"hang\" is not one of whole, hangs, truncated, too_large, bad_head; is `hangs` meant?",
        ),
        // Places that there are not.
        (
            decided("turn of r0", "crash = true"),
            "line 4: there is no place \"turn of r0\", which is about one of: enqueue r{}; conflict r{}; cancel r{}; \
             status r{}; r{}#{}; report of r{}#{}; answer to r{}#{}; reset {}",
        ),
        (
            decided("trun of enqueue r0", "crash = true"),
            "line 4: there is no place \"trun of enqueue r0\"; is `turn of` meant?",
        ),
    ];
    for (text, why) in wrong {
        assert_eq!(read_text(&RUNS, &text), Err(why.to_owned()), "{text}");
    }
}

/// What a scenario says is what happens, whatever a seed would have drawn; and what only the run knows is noted.
#[test]
fn what_is_said_is_done_or_noted() {
    let run = |text: &str| run_text(&RUNS, text);
    let at = |shown: &Shown, what: &str| {
        let line = shown.lines.iter().find(|line| line.what.contains(what));
        line.unwrap_or_else(|| panic!("no line says {what}: {:#?}", shown.lines)).at
    };
    let plain = run("[requests]\nr0 = {}\n");
    let slow = run("[requests]\nr0 = {}\n[decisions]\n\"fetch r0#1\" = { head_ms = 5000 }\n");
    // Plain is the least: a 50th of the millisecond that the request's upstream takes at the most.
    assert_eq!(at(&slow, "fetched") - at(&plain, "fetched"), 5_000_000 - 20);
    let far = run("[requests]\nr0 = {}\n[decisions]\n\"call enqueue r0\" = { network_ms = 400 }\n");
    assert_eq!(at(&far, "constructed"), 400_000);
    let moved = run("[requests]\nr0 = {}\n[decisions]\n\"fetch r0#1\" = { status = 301 }\n");
    at(&moved, "fetched r0#1 epoch=1 301");
    let odd = run("[requests]\nr0 = {}\n[decisions]\n\"fetch r0#1\" = { status = 418 }\n");
    at(&odd, "fetched r0#1 epoch=1 418");
    for shown in [&plain, &slow, &far, &moved, &odd] {
        assert_eq!(shown.notes, [""; 0]);
    }
    let beyond = run("[requests]\nr0 = {}\n[decisions]\n\"commit of enqueue r0\" = { crash_after_effects = 99 }\n");
    assert_eq!(
        beyond.notes,
        [r#""commit of enqueue r0": crash_after_effects = 99 is more than there was: 2 was taken"#]
    );
}

/// What another decision leaves no room for is not done, and a note says so.
#[test]
fn a_decision_that_another_one_excludes_gives_a_note() {
    const R: &str = "[resets]\nreset0 = { at_ms = 500 }\n[requests]\nr0 = { service_ms = 1000 }\n[decisions]\n";
    for (decisions, note) in [
        (
            r#""fetch r0#1" = { over_quota = "fetch", status = 503 }"#,
            r#"the run did not come to "fetch r0#1" = { status = 503 }"#,
        ),
        (
            r#""fetch r0#1" = { breaks = "no_connection", head_ms = 9 }"#,
            r#"the run did not come to "fetch r0#1" = { head_ms = 9 }"#,
        ),
        (
            r#""fetch r0#1" = { body = "hangs", content_ms = 9 }"#,
            r#"the run did not come to "fetch r0#1" = { content_ms = 9 }"#,
        ),
        (
            r#""turn of enqueue r0" = { exception = "after_commit", crash = true }"#,
            r#"the run did not come to "turn of enqueue r0" = { crash = true }"#,
        ),
        (
            r#""turn of enqueue r0" = { slow_commit_ms = 9, commit_ms = 1 }"#,
            r#"the run did not come to "turn of enqueue r0" = { commit_ms = 1 }"#,
        ),
        (
            r#""construction for enqueue r0" = { throws = true, clock_ms = 5 }"#,
            r#"the run did not come to "construction for enqueue r0" = { clock_ms = 5 }"#,
        ),
        (
            r#""callback r0#1" = { fails = "slow", there_ms = 9 }"#,
            r#"the run did not come to "callback r0#1" = { there_ms = 9 }"#,
        ),
        (
            r#""rows after reset 0" = { corrupt = true, foreign = true }"#,
            r#""rows after reset 0": foreign = true is without effect: the row becomes unreadable"#,
        ),
    ] {
        let notes = run_text(&RUNS, &format!("{R}{decisions}\n")).notes;
        assert!(notes.iter().any(|said| said == note), "{decisions}: {notes:?}");
    }
}

/// In the time of one that has ended another may last.
#[test]
fn times_of_full_storage_may_overlap() {
    let fails = |windows: &str| {
        let text = format!("storage_full = [ {windows} ]\n[requests]\nr0 = {{ at_ms = 7000 }}\n");
        let shown = run_text(&RUNS, &text);
        shown.lines.iter().any(|line| line.what == "LOST: the commit failed" && line.at < 8_000_000)
    };
    for windows in [
        "{ for_ms = 10000 }",
        "{ from_ms = 5000, for_ms = 9000 }, { for_ms = 5000 }",
        "{ for_ms = 6000 }, { from_ms = 5000, for_ms = 9000 }",
    ] {
        assert!(fails(windows), "{windows}");
    }
    assert!(!fails("{ for_ms = 6000 }"));
}

/// What a person writes by hand comes back with the same words, and in the order of a story.
#[test]
fn a_scenario_is_written_as_a_person_would() {
    let text = r#"# A comment.
about = "A destination asks for patience."
law = "S7"
bug = "RetryAfterIgnored"
network_ms = 2
storage_full = [
  { from_ms = 1.5, for_ms = 2000 },
]

[resets]
reset3 = { at_ms = 500, how = "deploy" }

[requests]
r0 = { at_ms = 1000, malformed = "file_url", body_bytes = 3, max_retries = 1, timeout_ms = 100, cancel_at_ms = 4000 }
r2 = {}

[decisions]
"call enqueue r2" = { repeated_ms = 400000 }
"callback r2#2" = { fails = "slow", slow_ms = 2.5 }
"commit of alarm 2 after enqueue r0" = { alarm_late_ms = 60000 }
"construction for enqueue r2" = { clock_ms = -3 }
"fetch r2#1" = { status = 429, retry_after = "3600_s" }
"idle after report of r2#1 again 1" = { evicted = "idle" }
"turn of enqueue r2 (2)" = { exception = "before_commit" }
"#;
    let (head, document) = read(ProxyRuns::SCHEMA, text).unwrap_or_else(|error| panic!("{error}"));
    let head: Vec<(&str, &str)> = ["about", "law", "bug"].into_iter().map(|key| (key, head[key].as_str())).collect();
    assert_eq!(write(ProxyRuns::SCHEMA, &["A comment.".into()], &head, &document), text);
}
