//! A turn is all or nothing, and nothing leaves of a turn that is nothing.

use crate::{
    findings::Findings,
    rig::Rig,
    subject::{Step, note},
};
use durable_sim::{Chance, Fault, Faults, SECOND};

const SEEDS: u64 = 16;
const KILLS: u64 = 40;
const ROWS: usize = 40;
/// The year 2100, in ms.
const FAR: u64 = 4_102_444_800_000;

const fn kept(is: bool) -> &'static str {
    if is { "kept" } else { "lost" }
}

/// One turn of many rows and an alarm; its fetch tells the upstream, its answer the caller.
fn turn_of_rows(turn: u64) -> Vec<Step> {
    let mut steps = vec![note(&format!("turn {turn}")); ROWS];
    steps.insert(ROWS / 2, Step::AlarmAt(FAR + turn));
    steps.extend([Step::Fetch(vec![]), Step::Answer]);
    steps
}

/// Kills while turn after turn is written: partial turns, and turns lost whose fetch or reply had left; whether the
/// alarm is that of the last turn.
fn hammered(seed: u64) -> (usize, usize, usize, bool) {
    let mut rig = Rig::new(seed);
    rig.room.answers_at_once = true;
    let object = rig.object(vec![]);
    let (mut partial, mut unheard, mut unkept, mut alarm) = (0, 0, 0, true);
    let mut turn = 0;
    for kill in 0..KILLS {
        let mut calls = Vec::new();
        let heard_before = rig.room.arrived;
        let first = turn + 1;
        for _ in 0..4 {
            turn += 1;
            calls.push((turn, rig.call(object, turn_of_rows(turn))));
            rig.wait(700);
        }
        rig.wait(kill * 150);
        rig.kill(object, Fault::CRASH);
        let rows = |turn: u64| rig.sim.storage(object).iter().filter(|row| **row == format!("turn {turn}")).count();
        let written: Vec<usize> = (first..=turn).map(rows).collect();
        partial += written.iter().filter(|count| **count != 0 && **count != ROWS).count();
        let whole = written.iter().filter(|count| **count == ROWS).count();
        unheard += (rig.room.arrived - heard_before).saturating_sub(whole);
        unkept += calls.iter().filter(|(turn, call)| rig.room.answered.contains(call) && rows(*turn) != ROWS).count();
        let last = rig.sim.storage(object).last().and_then(|row| row.strip_prefix("turn ")?.parse::<u64>().ok());
        alarm &= rig.sim.alarm(object) == last.map(|turn| FAR + turn);
    }
    assert!(rig.room.arrived > 0 && !rig.room.answered.is_empty(), "no turn came through");
    (partial, unheard, unkept, alarm)
}

#[test]
fn atomicity() {
    let mut found =
        Findings::new("atomicity", "Is a turn all or nothing, also under SIGKILL, and a savepoint within it?");
    for seed in 0..SEEDS {
        let (partial, unheard, unkept, alarm) = hammered(seed);
        let count = |of: usize| of.to_string();
        let rows = "40 kills while turns of 40 rows are written: turns found with some of their rows";
        found.say(rows, count(partial));
        found.say("40 kills: turns lost whose fetch had left", count(unheard));
        found.say("40 kills: turns lost whose reply had left", count(unkept));
        found.yes("40 kills: the alarm stored is that of the last turn found", alarm);

        for (between, steps) in [
            ("nothing", vec![note("first"), note("second")]),
            ("a resolved promise", vec![note("first"), note("second")]),
            ("a timer", vec![note("first"), Step::Timer(10, vec![note("second")])]),
        ] {
            let mut rig = Rig::new(seed);
            let object = rig.object(vec![]);
            if between == "a timer" {
                // The kill comes in the turn of the second write.
                rig.call(object, steps);
                rig.wait_ms(9);
                rig.sim.faults.crash_before_commit = Chance::ALWAYS;
            } else {
                rig.sim.faults.crash_before_commit = Chance::ALWAYS;
                rig.call(object, steps);
            }
            rig.wait_ms(20);
            assert!(!rig.has(object, "second"), "the kill came too late");
            let first = rig.has(object, "first");
            found.say(format!("killed between two writes, {between} between them: the first is"), kept(first));
        }

        let mut rig = Rig::new(seed);
        let object = rig.object(vec![]);
        rig.sim.faults.exception = Chance::ALWAYS;
        rig.call(object, vec![note("first"), Step::AlarmAt(FAR)]);
        rig.wait_ms(20);
        found.say("an exception between two writes: the first is", kept(rig.has(object, "first")));
        found.say("an exception after setAlarm: the alarm is", kept(rig.sim.alarm(object) == Some(FAR)));

        let mut rig = Rig::new(seed);
        let object = rig.object(vec![]);
        rig.call_and_wait(object, vec![note("outside"), Step::AlarmAt(FAR + 1)]);
        rig.sim.faults.commit_fails = Chance::ALWAYS;
        rig.call(object, vec![note("inside"), Step::AlarmAt(FAR + 2)]);
        rig.wait_ms(20);
        let rolled_back = |is| if is { "rolled back" } else { "kept" };
        found.say("an exception in a savepoint: its rows are", rolled_back(!rig.has(object, "inside")));
        let alarm = rig.sim.alarm(object) == Some(FAR + 1);
        found.say("an exception in a savepoint: its alarm is", rolled_back(alarm));
        let outside = rig.has(object, "outside");
        found.say("an exception in a savepoint: what was written before it is", kept(outside));
    }
    found.differ(
        &["an exception between two writes: the first is", "an exception after setAlarm: the alarm is"],
        "the simulator also lets it come before the first write; a turn's writes are one savepoint, kept or not",
    );
    found.review();
}

fn one_turn(found: &mut Findings, seed: u64, fails: bool) {
    let what = if fails { "the commit fails" } else { "the commit succeeds" };
    let mut rig = Rig::new(seed);
    let (object, peer) = (rig.object(vec![]), rig.object(vec![]));
    rig.call_and_wait(object, vec![note("earlier"), Step::Remember]);
    if fails {
        rig.sim.faults.commit_fails = Chance::ALWAYS;
    }
    let calls = Step::Call(peer, vec![note("called")], vec![]);
    let steps = vec![note("turn"), Step::AlarmAt(FAR), Step::Fetch(vec![]), calls, Step::Answer];
    let call = rig.call(object, steps);
    rig.wait_ms(10);
    rig.sim.faults = Faults::default();
    rig.wait_ms(40);
    let leaves = |is| if is { "leaves" } else { "never leaves" };
    let room = &rig.room;
    let reply = if room.answered.contains(&call) {
        "leaves"
    } else if room.failed.contains(&call) {
        "is an error"
    } else {
        "never comes"
    };
    found.say(format!("{what}: the reply"), reply);
    found.say(format!("{what}: the fetch of the turn"), leaves(rig.room.arrived > 0));
    found.say(format!("{what}: the call to another object"), leaves(rig.has(peer, "called")));
    let stored = |is| if is { "kept" } else { "none" };
    found.say(format!("{what}: rows of the turn"), stored(rig.has(object, "turn")));
    found.say(format!("{what}: the alarm of the turn"), stored(rig.sim.alarm(object) == Some(FAR)));
    found.say(format!("{what}: rows of earlier turns"), kept(rig.has(object, "earlier")));
    let goes_on = rig.remembered(object) == Some(1);
    let is = if goes_on { "goes on, with its memory" } else { "is constructed anew, without its memory" };
    found.say(format!("{what}: the object"), is);
}

/// How long after one reset the next comes, in words.
fn delay(us: u64, seconds: u64) -> String {
    if (seconds * SECOND..=seconds * SECOND * 5 / 4 + SECOND / 10).contains(&us) {
        format!("{seconds} to {} s", seconds as f64 * 1.25)
    } else {
        format!("{us} µs")
    }
}

#[test]
fn output_gate() {
    let mut found = Findings::new(
        "output_gate",
        "What leaves of a turn whose commit fails (the disk lets no file grow), and what becomes of the object?",
    );
    for seed in 0..SEEDS {
        one_turn(&mut found, seed, false);
        one_turn(&mut found, seed, true);

        let mut rig = Rig::new(seed);
        let object = rig.object(vec![vec![note("alarm")]]);
        rig.call_and_wait(object, vec![Step::Alarm(100)]);
        rig.sim.faults.commit_fails = Chance::ALWAYS;
        rig.wait(9 * SECOND);
        let failed = rig.room.commit_failures.clone();
        let what = "the commit of an alarm handler fails";
        found.yes(format!("{what}: the same alarm runs again"), failed.len() >= 3);
        for (i, name, seconds) in [(1, "first", 2), (2, "second", 4)] {
            let waited = failed.get(i).zip(failed.get(i - 1)).map_or(0, |(after, before)| after - before);
            found.say(format!("{what}: the {name} retry comes after"), delay(waited, seconds));
        }
        let nothing = !rig.has(object, "alarm") && rig.runs(object).is_empty();
        found.say(format!("{what}: what it wrote"), if nothing { "none" } else { "kept" });
        rig.sim.faults = Faults::default();
        rig.wait(20 * SECOND);
        let done = rig.has(object, "alarm") && rig.sim.alarm(object).is_none();
        found.yes("once commits succeed: the alarm runs and is deleted", done);
    }
    found.not_simulated(
        &["the commit fails: the error says durableObjectReset"],
        "a simulated caller is told that its call failed, no more",
    );
    found.not_simulated(
        &["the commit of an alarm handler fails: retryCount of the runs"],
        "no machine of ours reads it; that these retries do not count is simulated: they never end in abandonment",
    );
    found.review();
}
