//! The stories of `sim/worlds/scenarios`, on the simulated platform and under all laws. The same files drive the compiled
//! object on the real runtime: `worker/test/runtime/scenarios.test.ts`.
#![allow(missing_docs, reason = "a test")]

use durable_sim::{Faults, Recorder};
use proxy_fetch_sim::story::{SEEDS, Story, all, judge, play};

#[test]
fn every_story_comes_out_as_it_says() {
    let stories = all().unwrap_or_else(|problem| panic!("{problem}"));
    assert!(stories.len() >= 8, "{} stories", stories.len());
    for (name, story) in stories.iter().filter(|(_, story)| story.not_here.is_none()) {
        for seed in 0..SEEDS {
            let played = play(seed, story, Faults::default(), Recorder::default());
            let problems = judge(story, &played);
            assert!(problems.is_empty(), "{name}, seed {seed}: {}", problems.join("; "));
        }
    }
    // The command shows what these tests look at.
    const { assert!(SEEDS >= 20) };
}

/// `a`, whose first call breaks, and a repeat of it; with one thing changed.
fn changed(from: &str, to: &str) -> Result<Story, String> {
    let text = r#"{
        "about": "A broken connection.",
        "steps": [
            { "at_ms": 0, "enqueue": "a", "upstream": [{ "breaks": true }, { "status": 200, "after_ms": 10 }] },
            { "at_ms": 5000, "repeat": "a" }
        ],
        "expect": {
            "a": { "outcome": "response 200", "attempts": 2, "upstream_calls": 2, "callbacks": [1, 1], "gaps_ms": [1000] }
        },
        "at_once": 1
    }"#;
    assert!(from.is_empty() || text.contains(from), "{from}");
    Story::read(&text.replacen(from, to, 1))
}

fn problems(from: &str, to: &str) -> String {
    let story = changed(from, to).unwrap_or_else(|problem| panic!("{problem}"));
    judge(&story, &play(1, &story, Faults::default(), Recorder::default())).join("; ")
}

#[test]
fn what_is_not_as_expected_is_found() {
    assert_eq!(problems("", ""), "");
    let cases = [
        ("response 200", "response 201", "a: the outcome is response 200, not response 201"),
        ("\"attempts\": 2", "\"attempts\": 1", "a: attempts: 2, not 1 to 1"),
        ("\"upstream_calls\": 2", "\"upstream_calls\": [3, 4]", "a: calls at the upstream: 2, not 3 to 4"),
        ("[1, 1]", "0", "a: callbacks: 1, not 0 to 0"),
        ("\"at_once\": 1", "\"at_once\": 2", "at once at the upstream: 1, not 2 to 2"),
        ("[1000]", "[1000, 0]", "a: there is no call 3 at the upstream"),
        ("\"repeat\": \"a\"", "\"conflict\": \"a\", \"reply\": \"accepted\"", "the reply is conflict, not accepted"),
        ("\"repeat\"", "\"cancel\"", "the reply is too_late, not cancelled"),
    ];
    for (from, to, expected) in cases {
        assert!(problems(from, to).contains(expected), "{to}: {}", problems(from, to));
    }
    let late = problems("[1000]", "[1300]");
    assert!(late.starts_with("a: 1") && late.ends_with(" ms before call 2, not 1300"), "{late}");
}

/// Each message is one line, with the line of the text and the place in it.
#[test]
fn what_is_not_known_is_refused() {
    let cases = [
        ("\"about\"", "\"abuot\"", "line 1: about: is missing"),
        ("\"at_once\"", "\"at_most\"", "line 10: at_most: is not known"),
        ("\"breaks\": true", "\"status\": 200, \"delay\": 1", "line 4: steps[0].upstream[0].delay: is not known"),
        (
            "\"breaks\": true",
            "\"status\": 200, \"hangs\": true",
            "line 4: steps[0].upstream[0]: an answer is one of status, hangs, breaks",
        ),
        ("[{ \"breaks\": true }, { \"status\": 200, \"after_ms\": 10 }]", "[]", "line 4: steps[0].upstream: is empty"),
        (
            "\"after_ms\": 10",
            "\"after_ms\": 86400001",
            "line 4: steps[0].upstream[1].after_ms: 86400001 is above 86400000",
        ),
        (
            "\"status\": 200",
            "\"status\": 65536",
            "line 4: steps[0].upstream[1].status: 65536 is not a status, a whole number to 65535",
        ),
        ("\"repeat\": \"a\"", "\"repeat\": \"a\", \"upstream\": []", "line 5: steps[1].upstream: is not known"),
        ("\"repeat\": \"a\"", "\"crash\": false", "line 5: steps[1].crash: is true, and nobody replies"),
        ("\"repeat\": \"a\"", "\"repeat\": \"b\"", "line 5: steps[1]: there is no request b"),
        ("\"repeat\"", "\"enqueue\"", "line 5: steps[1]: a is there already"),
        (
            "\"enqueue\": \"a\"",
            "\"enqueue\": \"a\", \"cancel\": \"a\"",
            "line 4: steps[0]: is not one of enqueue, repeat, conflict, cancel, crash",
        ),
        (
            "\"enqueue\": \"a\"",
            "\"enqueue\": \"a\", \"callbacks\": [\"sings\"]",
            "line 4: steps[0].callbacks[0]: \"sings\" is none of answers, throws, hangs",
        ),
        (
            "\"enqueue\": \"a\"",
            "\"enqueue\": \"a\", \"options\": { \"max_retries\": -1 }",
            "line 4: steps[0].options.max_retries: -1 is not a whole number from 0",
        ),
        ("\"enqueue\": \"a\"", "\"enqueue\": \"a\", \"copies\": 1001", "line 4: steps[0].copies: 1001 is above 1000"),
        ("\"at_ms\": 0", "\"at_ms\": -1", "line 4: steps[0].at_ms: -1 is not a whole number from 0"),
        ("\"at_ms\": 0", "\"at_ms\": 9000", "line 5: steps[1]: 5000 ms is before the step before"),
        ("\"a\": {", "\"b\": {", "line 7: expect: is not about the requests that are accepted: a"),
        ("\"callbacks\": [1, 1], ", "", "line 8: expect.a.callbacks: is missing"),
        ("[1, 1]", "[2, 1]", "line 8: expect.a.callbacks: [2,1] is neither a number nor [least, most]"),
        ("[1000]", "[\n1000,\n{}]", "line 10: expect.a.gaps_ms[1]: {} is not a whole number from 0"),
        (
            "\"about\"",
            "\"only\": { \"side\": \"moon\", \"why\": \"?\" }, \"about\"",
            "line 2: only.side: moon is neither sim nor workerd",
        ),
        ("\"about\"", "\"only\": { \"side\": \"sim\" }, \"about\"", "line 2: only.why: is missing"),
        ("\"at_once\": 1", "\"at_once\": 1,", "line 11, column 5: key must be a string"),
    ];
    for (from, to, expected) in cases {
        match changed(from, to) {
            Ok(_) => panic!("{to} is taken"),
            Err(problem) => assert_eq!(problem, expected, "{to}"),
        }
    }
}

/// What is missing then merely follows from it.
#[test]
fn of_a_run_that_a_broken_law_ends_only_that_is_told() {
    let story = changed("response 200", "response 201").unwrap_or_else(|problem| panic!("{problem}"));
    let mut played = play(1, &story, Faults::default(), Recorder::default());
    played.problems.push("S3: a law is broken".into());
    assert_eq!(judge(&story, &played).len(), 2);
    played.is_cut_short = true;
    assert_eq!(judge(&story, &played), ["S3: a law is broken"]);
}
