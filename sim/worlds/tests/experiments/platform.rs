//! The clock in a turn, and what the platform refuses for its size.

use crate::{
    findings::Findings,
    rig::Rig,
    subject::{Step, note},
};
use durable_sim::SECOND;

/// The time of each turn, as the subject's notes tell it: only alarms note it, so each question is an alarm.
fn clock_over(step: impl FnOnce(Vec<Step>) -> Step) -> u64 {
    let mut rig = Rig::new(1);
    let object = rig.object(vec![vec![step(vec![Step::Alarm(0)])], vec![]]);
    rig.call_and_wait(object, vec![Step::Alarm(20)]);
    rig.wait_ms(50);
    rig.release();
    rig.wait(SECOND);
    let runs = rig.runs(object);
    runs.get(1).zip(runs.first()).map_or(0, |(second, first)| second - first)
}

#[test]
fn limits() {
    let mut found = Findings::new("limits", "Does the clock move within a turn, and what does the runtime refuse?");
    let mut rig = Rig::new(1);
    let object = rig.object(vec![]);
    // Each step would set another alarm if the clock moved between them.
    let steps = (0..1_000).flat_map(|_| [note("code"), Step::Alarm(60_000)]);
    let first = rig.sim.clock_ms(object) + 60_000;
    rig.call_and_wait(object, steps.collect());
    found.yes("Date.now() moves while code runs", rig.sim.alarm(object) != Some(first));
    found.yes("Date.now() moves over a fetch that takes 50 ms", clock_over(Step::Fetch) >= 45);
    found.yes("Date.now() moves over a timer of 20 ms", clock_over(|then| Step::Timer(20, then)) >= 20);
    found.differ(
        &["Date.now() moves while code runs"],
        "production freezes it between I/O (A3.10), local workerd does not; a turn of ours reads it once",
    );

    let bytes = 64 * 1_024 * 1_024;
    let text = "x".repeat(bytes);
    rig.call_and_wait(object, vec![note(&text)]);
    let answer = if rig.has(object, &text) { format!("no limit up to {bytes}") } else { "a limit".into() };
    let rows = ["largest blob in a row, in bytes", "largest text in a row, in bytes"];
    for question in rows {
        found.say(question, answer.clone());
    }
    found.differ(&rows, "hosts bound bodies so that a row stays below 2 MB, production's limit (A2.13); the machine bounds all else in it");
    found.not_simulated(
        &[
            "largest value of the key-value interface, in bytes",
            "most bound parameters of a statement",
            "longest statement, in bytes",
            "most timers at once",
        ],
        "a matter of how a host stores and waits; the simulated host has no such limit",
    );
    found.not_simulated(
        &["largest argument of a call to another object, in bytes", "largest result of such a call, in bytes"],
        "bodies are bounded where they enter (limits.rs), and a result too large for a call has a named outcome",
    );
    found.review();
}
