//! The scenarios of `sim/worlds/scenarios`, on the simulated platform and under all laws. The same files drive the compiled
//! object on the real runtime: `worker/test/runtime/scenarios.test.ts`.
#![allow(missing_docs, reason = "a test")]

mod scenarios_world;

use durable_sim::Faults;
use scenarios_world::{Scenario, all, play, verdict::judge};

/// The draws decide how long commits take, and what jitter adds to a delay.
const SEEDS: u64 = 20;

#[test]
fn every_scenario_comes_out_as_it_says() {
    let scenarios = all();
    assert!(scenarios.len() >= 8, "{} scenarios", scenarios.len());
    for scenario in scenarios.iter().filter(|scenario| scenario.not_here.is_none()) {
        for seed in 0..SEEDS {
            let played = play(seed, scenario, Faults::default());
            let problems = judge(scenario, &played);
            assert!(problems.is_empty(), "{}, seed {seed}: {}", scenario.name, problems.join("; "));
        }
    }
}

/// `a`, whose first call breaks, and a repeat of it; with one thing changed.
fn changed(from: &str, to: &str) -> Result<Scenario, String> {
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
    Scenario::read("story", &text.replacen(from, to, 1))
}

fn problems(from: &str, to: &str) -> String {
    let scenario = changed(from, to).unwrap_or_else(|problem| panic!("{problem}"));
    judge(&scenario, &play(1, &scenario, Faults::default())).join("; ")
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

#[test]
fn what_is_not_known_is_refused() {
    let cases = [
        ("\"about\"", "\"abuot\"", "story.about: is missing"),
        ("\"at_once\"", "\"at_most\"", "story.at_most: is not known"),
        ("\"breaks\": true", "\"status\": 200, \"delay\": 1", "story.steps[0].upstream.delay: is not known"),
        ("\"breaks\": true", "\"status\": 200, \"hangs\": true", "an answer is one of status, hangs, breaks"),
        ("\"repeat\": \"a\"", "\"repeat\": \"a\", \"upstream\": []", "story.steps[1].upstream: is not known"),
        ("\"repeat\": \"a\"", "\"crash\": false", "story.steps[1].crash: is true"),
        ("\"repeat\": \"a\"", "\"repeat\": \"b\"", "story.steps[1]: there is no request b"),
        ("\"repeat\"", "\"enqueue\"", "story.steps[1]: a is there already"),
        ("\"enqueue\": \"a\"", "\"enqueue\": \"a\", \"cancel\": \"a\"", "is not one of enqueue, repeat"),
        ("\"at_ms\": 0", "\"at_ms\": -1", "-1 is not a whole number"),
        ("\"at_ms\": 0", "\"at_ms\": 9000", "5000 ms is before the step before"),
        ("\"a\": {", "\"b\": {", "is not about the requests that are accepted: a"),
        ("\"callbacks\": [1, 1], ", "", "story.expect.a.callbacks: is missing"),
        ("[1, 1]", "[2, 1]", "[2,1] is neither a number nor [least, most]"),
        ("\"about\"", "\"only\": { \"side\": \"moon\", \"why\": \"?\" }, \"about\"", "moon is neither sim nor workerd"),
        ("\"about\"", "\"only\": { \"side\": \"sim\" }, \"about\"", "story.only.why: is missing"),
    ];
    for (from, to, expected) in cases {
        match changed(from, to) {
            Ok(_) => panic!("{to} is taken"),
            Err(problem) => assert!(problem.contains(expected), "{to}: {problem}"),
        }
    }
}
