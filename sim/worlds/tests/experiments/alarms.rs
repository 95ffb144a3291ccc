//! The one alarm in every position, and what becomes of one whose handler fails.

use crate::{
    findings::Findings,
    rig::Rig,
    subject::{Step, note},
};
use durable_sim::{Chance, Faults, MINUTE, SECOND};

const SEEDS: u64 = 16;

#[test]
fn alarm_retries() {
    let mut found = Findings::new(
        "alarm_retries",
        "An alarm handler throws each time: how often is it run again, after what delays, and what becomes of the alarm?",
    );
    for seed in 0..SEEDS {
        let mut rig = Rig::new(seed);
        let object = rig.object(vec![]);
        rig.call_and_wait(object, vec![Step::Alarm(100)]);
        rig.sim.faults = Faults { alarm_fails: Chance::ALWAYS, alarm_abandoned: true, ..Faults::default() };
        rig.wait(10 * MINUTE);
        let failures = &rig.room.alarm_failures;
        for retry in 1..failures.len() {
            let (waited, base) = (failures[retry] - failures[retry - 1], SECOND << retry);
            let fits = (base..=base * 5 / 4).contains(&waited);
            let (from, to) = (base / SECOND, base as f64 * 1.25 / SECOND as f64);
            let answer = if fits { format!("{from} to {to} s") } else { format!("{waited} µs") };
            found.say(format!("retry {retry} comes after"), answer);
        }
        found.say("runs in all", failures.len().to_string());
        let stored = |rig: &Rig| if rig.sim.alarm(object).is_none() { "none" } else { "one" };
        found.say("the alarm stored after the last", stored(&rig));

        rig = Rig::new(seed);
        rig.object(vec![vec![note("alarm")]]);
        rig.call_and_wait(object, vec![Step::Alarm(100)]);
        rig.sim.faults = Faults { commit_fails: Chance::ALWAYS, alarm_abandoned: true, ..Faults::default() };
        rig.wait(3 * MINUTE);
        assert!(rig.room.commit_failures.len() >= 7, "too few runs");
        found.say("if it is the commit that fails: the alarm stored after seven runs", stored(&rig));
    }
    let unread = ["retryCount of the runs", "isRetry of the runs", "scheduledTime of a retry is that of the first run"];
    found.not_simulated(&unread, "no machine of ours reads it");
    found.not_simulated(
        &["what the failing runs wrote stays"],
        "a simulated handler that fails does so before it did anything; ours never throws",
    );
    found.review();
}

/// The runs once so much time has passed.
fn runs_after(rig: &mut Rig, object: u32, ms: u64) -> Vec<u64> {
    rig.wait_ms(ms);
    rig.runs(object)
}

fn from_calls(found: &mut Findings, seed: u64) -> bool {
    let mut rig = Rig::new(seed);
    let past = rig.object(vec![vec![]]);
    let set_at = rig.sim.clock_ms(past);
    rig.call(past, vec![Step::Alarm(-3_600_000)]);
    rig.wait_ms(1);
    let told = rig.sim.alarm(past).is_none_or(|at| at >= set_at);
    let at_once = runs_after(&mut rig, past, 2_000).len() == 1;
    found.yes("set an hour in the past: it runs at once", at_once);
    found.say("set an hour in the past: the time it is told", if told { "when it was set" } else { "the past" });

    let later = rig.object(vec![vec![]]);
    rig.call_and_wait(later, vec![Step::Alarm(600)]);
    let second = rig.sim.clock_ms(later) + 1_600;
    rig.call(later, vec![Step::Alarm(1_600)]);
    let runs = runs_after(&mut rig, later, 2_500);
    let once = runs.len() == 1 && runs[0] >= second;
    found.say("moved later: it runs", if once { "once, at the later time" } else { "at the old time too" });

    let earlier = rig.object(vec![vec![]]);
    rig.call_and_wait(earlier, vec![Step::Alarm(60_000)]);
    rig.call(earlier, vec![Step::Alarm(200)]);
    let once = runs_after(&mut rig, earlier, 1_000).len() == 1;
    found.say("moved earlier: it runs", if once { "once, at the earlier time" } else { "not yet" });

    let same = rig.object(vec![vec![]]);
    rig.call(same, vec![Step::Alarm(300), Step::Alarm(300)]);
    found.say("set twice to one time: runs", runs_after(&mut rig, same, 1_000).len().to_string());

    // A simulated handler is one turn: what it starts is not a part of it.
    let during = rig.object(vec![vec![]]);
    rig.call_and_wait(during, vec![Step::Alarm(50)]);
    rig.call(during, vec![Step::Alarm(50)]);
    let runs = runs_after(&mut rig, during, 1_000);
    let waits = runs.len() == 2 && runs[0] < runs[1];
    found.yes("set while the handler runs: the next run waits for its end", waits);
    rig.room.early
}

fn from_handler(found: &mut Findings, seed: u64) {
    let mut rig = Rig::new(seed);
    let plain = rig.object(vec![vec![]]);
    rig.call_and_wait(plain, vec![Step::Alarm(50)]);
    rig.wait(SECOND);
    let none = rig.runs(plain).len() == 1 && rig.sim.alarm(plain).is_none();
    found.say("the alarm stored after a handler that set none", if none { "none" } else { "one" });

    let replaces = rig.object(vec![vec![note("threw"), Step::Alarm(300)], vec![]]);
    rig.call_and_wait(replaces, vec![Step::Alarm(60)]);
    rig.sim.faults.exception = Chance::ALWAYS;
    rig.wait_ms(20);
    rig.sim.faults = Faults::default();
    // In half of the seeds it throws before it did anything: that is another question.
    if rig.has(replaces, "threw") {
        let runs = runs_after(&mut rig, replaces, 5_000);
        let delay = runs.get(1).map_or(0, |second| second - runs[0]);
        let place =
            if (300..1_900).contains(&delay) { "at the time that was set".into() } else { format!("{delay} ms later") };
        found.say("set in a handler that then throws: the next run is", place);
        found.say("set in a handler that then throws: runs in all", runs.len().to_string());
    }
}

fn while_it_backs_off(found: &mut Findings, seed: u64) {
    let mut rig = Rig::new(seed);
    let object = rig.object(vec![vec![]]);
    rig.call_and_wait(object, vec![Step::Alarm(50)]);
    rig.sim.faults.alarm_fails = Chance::ALWAYS;
    rig.wait(3 * SECOND);
    rig.sim.faults = Faults::default();
    let failures = rig.room.alarm_failures.clone();
    assert_eq!(failures.len(), 2, "the second retry is yet to come");
    rig.call(object, vec![Step::Alarm(100)]);
    let runs = runs_after(&mut rig, object, 10_000);
    let failed_ms = rig.sim.clock_ms(object) - (rig.sim.now() - failures[1]) / 1_000;
    let delay = runs.first().map_or(0, |ran| ran - failed_ms);
    let when = if delay >= 3_900 { "only when the retry was due" } else { "at its time" };
    let question = "set by a call while a failed one waits for its retry";
    found.say(format!("{question}: it runs"), if runs.is_empty() { "not" } else { when });
    found.say(format!("{question}: runs in all"), (failures.len() + runs.len()).to_string());
}

fn chains(found: &mut Findings, seed: u64) {
    let mut rig = Rig::new(seed);
    let next = rig.object([vec![vec![Step::Alarm(1)]; 299], vec![vec![]]].concat());
    rig.call_and_wait(next, vec![Step::Alarm(5)]);
    let whole = runs_after(&mut rig, next, 20_000).len() == 300;
    found.say(
        "each set to Date.now() + 1 in the handler before: a chain of 300",
        if whole { "runs to its end" } else { "stops" },
    );
    let question = "each set to Date.now() in the handler before: a chain without end";
    let now = rig.object(vec![vec![Step::Alarm(0)]]);
    rig.call_and_wait(now, vec![Step::Alarm(5)]);
    let before = runs_after(&mut rig, now, 5_000).len();
    let stops = runs_after(&mut rig, now, 35_000).len() == before;
    found.say(question, if stops { "stops" } else { "goes on for 40 s" });
    let stored = |rig: &Rig| match rig.sim.alarm(now) {
        None => "none",
        Some(at) if at + 400 < rig.sim.clock_ms(now) => "a time in the past",
        Some(_) => "a time to come",
    };
    found.say(format!("{question}: what is stored then"), stored(&rig));
    rig.kill(now, durable_sim::Fault::CRASH);
    rig.wait(2 * SECOND);
    found.say(format!("{question}: what is stored 2 s after a restart"), stored(&rig));
}

#[test]
fn alarms() {
    let mut found = Findings::new(
        "alarms",
        "The one alarm: set in the past, moved, set twice, set and read and deleted by its own handler. Is it ever early?",
    );
    for seed in 0..SEEDS {
        let early = from_calls(&mut found, seed);
        from_handler(&mut found, seed);
        while_it_backs_off(&mut found, seed);
        found.say("of all these runs, before the time it was told", if early { "some" } else { "none" });
        chains(&mut found, seed);
    }
    found.not_simulated(
        &[
            "getAlarm in the handler",
            "getAlarm in the handler, after it set the next",
            "deleted in a handler that then throws: runs in all",
        ],
        "no machine of ours asks for its alarm or deletes it: it keeps the time itself, and sets it anew",
    );
    found.not_simulated(
        &[
            "set in a handler that then throws: its retryCount",
            "set by a call while a failed one waits for its retry: its retryCount",
        ],
        "no machine of ours reads it",
    );
    found.review();
}
