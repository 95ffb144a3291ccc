//! `cargo sim story` plays the stories of `sim/worlds/scenarios`, and says what did not come as it should.
#![allow(missing_docs, reason = "a test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What a command printed and said, and how it ended.
struct Ran {
    out: String,
    said: String,
    code: Option<i32>,
}

fn run(file: &Path, options: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-fetch-sim"));
    let output = command.arg("story").arg(file).args(options).output().unwrap_or_else(|error| panic!("{error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { out: text(&output.stdout), said: text(&output.stderr), code: output.status.code() }
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name)
}

/// A file of this text.
fn written(name: &str, text: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    file
}

const STORY: &str = r#"{
  "about": "Two calls, of which the second one\n repeats.",
  "steps": [
    { "at_ms": 0, "enqueue": "a", "options": { "retry_delay_ms": 200 }, "upstream": [{ "status": 503 }, { "status": 200 }] },
    { "at_ms": 50, "repeat": "a" },
    { "at_ms": 60, "crash": true }
  ],
  "expect": { "a": { "outcome": "response 200", "attempts": 2, "upstream_calls": 2, "callbacks": 1 } }
}
"#;

fn story(name: &str, from: &str, to: &str) -> PathBuf {
    assert!(from.is_empty() || STORY.contains(from), "{from}");
    written(name, &STORY.replacen(from, to, 1))
}

/// All that the simulator can play, and that alone.
#[test]
fn each_story_of_the_corpus_is_played() {
    let folder = corpus("");
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = files.map(|file| file.unwrap_or_else(|error| panic!("{error}")).path());
    let stories: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
    assert!(stories.len() >= 8, "{} stories", stories.len());
    for file in stories {
        let Ran { out, said, code } = run(&file, &[]);
        assert_eq!((said.as_str(), code), ("", Some(0)), "{}: {out}", file.display());
    }
    let there =
        story("only_there", "\"steps\"", "\"only\": { \"side\": \"workerd\", \"why\": \"It is so.\" }, \"steps\"");
    let Ran { out, said, code } = run(&there, &[]);
    let error = format!("error: {}: only workerd can play it: It is so.\n", there.display());
    assert_eq!((out, said, code), (String::new(), error, Some(2)));
}

#[test]
fn a_story_is_told_line_by_line() {
    let Ran { out, said, code } = run(&story("a_story.toml", "", ""), &[]);
    assert_eq!((said.as_str(), code), ("", Some(0)), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "a story: Two calls, of which the second one repeats.");
    let told = [
        " caller     steps[0]: enqueue r0, which is a",
        " object        < enqueue r0 GET https://u0.test/ caller=0",
        " upstream   u0.test acts on r0#1",
        " caller     steps[1]: enqueue r0, which is a",
        " object     LOST: ",
        " upstream   u0.test acts on r0#2",
        " origin     is told: r0#2 epoch=2 response 200",
    ];
    // In this order.
    let mut rest = lines.iter();
    for line in told {
        assert!(rest.any(|found| found.contains(line)), "{line}:\n{out}");
    }
}

#[test]
fn what_does_not_come_as_the_story_says_is_told() {
    for (from, to, problems) in [
        (
            "\"repeat\": \"a\"",
            "\"repeat\": \"a\", \"reply\": \"conflict\"",
            &["steps[1]: enqueue r0, which is a: the reply is accepted, not conflict"] as &[&str],
        ),
        (
            "\"response 200\", \"attempts\": 2",
            "\"response 503\", \"attempts\": 1",
            &["a: the outcome is response 200, not response 503", "a: attempts: 2, not 1 to 1"],
        ),
    ] {
        let Ran { out, said, code } = run(&story("does_not_come", from, to), &[]);
        assert_eq!((said.as_str(), code), ("", Some(1)), "{out}");
        let verdict = "with seed 0 this did not come as the story says:";
        let told: Vec<&str> = out.lines().skip_while(|line| *line != verdict).skip(1).collect();
        assert_eq!(told, problems, "{out}");
    }
}

#[test]
fn what_is_no_story_is_one_line_with_its_place() {
    for (from, to, why) in [
        ("\"repeat\"", "repeat", "line 5, column 20: key must be a string"),
        ("  \"expect\"", "  \"about\": [", "line 8, column 13: expected value"),
        ("\"at_ms\": 50", "\"at_ms\": \"soon\"", "line 5: steps[1].at_ms: \"soon\" is not a whole number from 0"),
        ("\"status\": 200", "\"states\": 200", "line 4: steps[0].upstream[1].states: is not known"),
        (
            "\"at_ms\": 50",
            "\"at_ms\": 18446744073709551615",
            "line 5: steps[1].at_ms: 18446744073709551615 is above 86400000",
        ),
        ("\"attempts\": 2, ", "", "line 8: expect.a.attempts: is missing"),
    ] {
        let file = story("no_story.json", from, to);
        let Ran { out, said, code } = run(&file, &[]);
        assert_eq!((out, code), (String::new(), Some(2)), "{to}: {said}");
        assert_eq!(said, format!("error: {}: {why}\n", file.display()), "{to}");
    }
    for (name, text, why) in [
        ("no_story.json", "", "line 1, column 1: EOF while parsing a value"),
        ("no_story.json", "\n[1]", "line 2: [1] is not an object"),
    ] {
        let file = written(name, text);
        let Ran { out, said, code } = run(&file, &[]);
        assert_eq!((out, code), (String::new(), Some(2)), "{name}: {said}");
        assert_eq!(said, format!("error: {}: {why}\n", file.display()));
    }
}
