//! What becomes of work in flight when the object goes away, by whatever cause, and of an idle object.

use crate::{
    findings::Findings,
    rig::Rig,
    subject::{Step, note},
};
use durable_sim::{Chance, Eviction, Fault, Faults, ObjectId, SECOND};

const SEEDS: u64 = 16;

const OBJECT: &str = "the object";
const OTHER_CALL: &str = "another call that waits";
const IN_FLIGHT: &str = "the fetch in flight";
const AFTER: &str = "the code after the await";
const FINALLY: &str = "its catch or finally";
const EARLIER_ROWS: &str = "rows of earlier turns";

/// A row, an alarm, a fetch in flight, and a caller that waits.
fn under_way(rig: &mut Rig) -> (ObjectId, u32) {
    let object = rig.object(vec![vec![note("alarm")]]);
    let then = vec![note("continued"), note("finally")];
    rig.call_and_wait(object, vec![note("started"), Step::Remember, Step::Alarm(1_500), Step::Fetch(then)]);
    assert_eq!(rig.held(), 1, "the fetch did not leave");
    let slow = rig.call(object, vec![Step::Timer(600, vec![Step::Answer])]);
    rig.wait_ms(50);
    (object, slow)
}

/// What every end is asked, once it has come.
fn after_the_end(found: &mut Findings, rig: &mut Rig, name: &str, object: ObjectId, slow: u32) {
    rig.wait_ms(800);
    let answered = rig.room.answered.contains(&slow);
    found.say(format!("{name}: {OTHER_CALL}"), if answered { "is answered" } else { "fails" });
    found.say(format!("{name}: {IN_FLIGHT}"), if rig.room.cut_off == 1 { "is cut off" } else { "goes on" });
    rig.release();
    let runs = |is| if is { "runs" } else { "never runs" };
    found.say(format!("{name}: {AFTER}"), runs(rig.has(object, "continued")));
    found.say(format!("{name}: {FINALLY}"), runs(rig.has(object, "finally")));
    let kept = rig.has(object, "started");
    found.say(format!("{name}: {EARLIER_ROWS}"), if kept { "kept" } else { "lost" });
}

fn end_of_object(found: &mut Findings, name: &str, seed: u64, faults: &Faults) {
    let mut rig = Rig::new(seed);
    let (object, slow) = under_way(&mut rig);
    rig.sim.faults = faults.clone();
    let caller = rig.call(object, vec![note("before the end"), Step::Answer]);
    rig.wait_ms(10);
    rig.sim.faults = Faults::default();
    rig.wait_ms(40);
    let told = if rig.room.failed.contains(&caller) { "an error" } else { "nothing" };
    found.say(format!("{name}: what its caller is told"), told);
    let goes_on = rig.remembered(object) == Some(1);
    let what = if goes_on { "goes on, with its memory" } else { "is constructed anew, without its memory" };
    found.say(format!("{name}: {OBJECT}"), what);
    let kept = rig.has(object, "before the end");
    found.say(format!("{name}: rows of the turn that ended so"), if kept { "kept" } else { "lost" });
    after_the_end(found, &mut rig, name, object, slow);
    rig.wait(5 * SECOND);
    found.yes(format!("{name}: the stored alarm runs by itself"), rig.has(object, "alarm"));
}

fn end_of_process(found: &mut Findings, name: &str, seed: u64, fault: Fault) {
    let mut rig = Rig::new(seed);
    let (object, slow) = under_way(&mut rig);
    let without_alarm = rig.object(vec![]);
    rig.call_and_wait(without_alarm, vec![note("started")]);
    let in_handler = rig.object(vec![vec![note("alarm")]]);
    rig.call_and_wait(in_handler, vec![Step::Alarm(100)]);
    rig.sim.faults.crash_before_commit = Chance::ALWAYS;
    rig.wait_ms(60);
    rig.sim.faults = Faults::default();
    let hit = rig.sim.instance(in_handler).is_none() && rig.runs(in_handler).is_empty();
    assert!(hit, "the alarm handler was not hit");
    rig.kill(object, fault);
    rig.kill(without_alarm, fault);
    let gone = rig.sim.instance(object).is_none();
    found.yes(format!("{name}: the process is gone within 10 s, though a fetch is in flight"), gone);
    after_the_end(found, &mut rig, name, object, slow);
    let due = rig.sim.alarm(object);
    rig.wait(5 * SECOND);
    found.yes(format!("{name}: after the restart, the stored alarm runs by itself"), rig.has(object, "alarm"));
    let late = rig.runs(object).first().zip(due).map(|(ran, due)| ran - due);
    found.yes(format!("{name}: after the restart, it runs within 1 s"), late.is_some_and(|late_ms| late_ms < 1_000));
    let again = rig.has(in_handler, "alarm");
    found.yes(format!("{name}: after the restart, an alarm whose handler had not ended runs again"), again);
    let constructed = rig.sim.instance(without_alarm).is_some();
    found.yes(format!("{name}: after the restart, an object without an alarm is constructed by itself"), constructed);
}

#[test]
fn going_away() {
    let mut found = Findings::new(
        "going_away",
        "Question 4. An object has a row and an alarm stored and a fetch in flight when it, or its process, ends: what \
         becomes of them?",
    );
    let (exception, trap) = ("an exception in a handler", "a trap in wasm");
    for seed in 0..SEEDS {
        end_of_process(&mut found, "SIGKILL", seed, Fault::CRASH);
        end_of_process(&mut found, "SIGTERM", seed, Fault::DEPLOY);
        let aborts = Faults { crash_before_commit: Chance::ALWAYS, ..Faults::default() };
        end_of_object(&mut found, "ctx.abort()", seed, &aborts);
        for name in [exception, trap] {
            let throws = Faults { exception: Chance::ALWAYS, ..Faults::default() };
            end_of_object(&mut found, name, seed, &throws);
        }
    }
    found.differ(
        &["SIGTERM: another call that waits"],
        "local workerd lets calls under way end, though not the work that nobody waits for; production gives no notice (A2.17)",
    );
    for name in [exception, trap] {
        let questions = [OBJECT, OTHER_CALL, IN_FLIGHT, AFTER, FINALLY].map(|question| format!("{name}: {question}"));
        found.differ(
            &questions.each_ref().map(String::as_str),
            "workerd leaves the object as it is; Cloudflare may terminate it (A3.9). The simulator takes the harder one",
        );
        found.differ(
            &[&format!("{name}: rows of the turn that ended so")],
            "the simulator also lets it come before the first write; a turn's writes are one savepoint, kept or not",
        );
    }
    found.not_simulated(
        &["a trap in wasm: the memory of the wasm instance"],
        "that a new wasm instance takes over is done by the glue of workers-rs (F10), not by the platform",
    );
    found.review();
}

#[test]
fn eviction() {
    let mut found = Findings::new(
        "eviction",
        "Question 4, idleness. Nobody calls the object for 150 s: is it evicted, and does pending work keep it?",
    );
    let (idle, bare, wait_until) =
        ("nothing pending", "a fetch pending, not awaited by any handler", "a fetch pending, under waitUntil");
    let (timers, heartbeat) = ("a timer pending every second", "a fetch pending, and an alarm every 30 s");
    let after = "after 150 s without a call the object";
    for (seed, eviction) in (0..SEEDS).flat_map(|seed| [(seed, Eviction::Idle), (seed, Eviction::Busy)]) {
        let incarnation = |what: &str, found: &mut Findings, steps: Vec<Step>, plan: Vec<Vec<Step>>| {
            let mut rig = Rig::new(seed);
            rig.sim.faults.eviction = eviction;
            let object = rig.object(plan);
            rig.call_and_wait(object, [vec![note("started"), Step::Remember], steps].concat());
            rig.wait(60 * SECOND);
            found.yes("a fetch is cut off within 60 s of the last event", rig.room.cut_off > 0);
            rig.wait(90 * SECOND);
            let stays = rig.remembered(object) == Some(1);
            found.say(format!("{what}: {after}"), if stays { "is still in memory" } else { "is evicted" });
            (rig, object)
        };
        let fetch = || Step::Fetch(vec![note("finally")]);
        for seconds in [5, 20] {
            let mut rig = Rig::new(seed);
            rig.sim.faults.eviction = eviction;
            let object = rig.object(vec![]);
            rig.call(object, vec![Step::Remember]);
            rig.wait(seconds * SECOND);
            let stays = rig.remembered(object) == Some(1);
            let question = format!("{idle}: after {seconds} s without a call the object");
            found.say(question, if stays { "is still in memory" } else { "is evicted" });
        }
        incarnation(idle, &mut found, vec![], vec![]);
        for (what, steps, plan) in [
            (bare, vec![fetch()], vec![]),
            (wait_until, vec![fetch()], vec![]),
            (heartbeat, vec![fetch(), Step::Alarm(30_000)], vec![vec![Step::Alarm(30_000)]]),
        ] {
            let (rig, object) = incarnation(what, &mut found, steps, plan);
            let pending = rig.room.cut_off == 0;
            found.say(format!("{what}: the fetch"), if pending { "is still pending" } else { "is cut off" });
            let runs = rig.has(object, "finally");
            found.say(format!("{what}: a finally after the await"), if runs { "runs" } else { "does not run" });
        }
        let ticks = (0..150).fold(vec![note("last tick")], |then, _| vec![Step::Timer(1_000, then)]);
        let (rig, object) = incarnation(timers, &mut found, ticks, vec![]);
        let last = if rig.has(object, "last tick") { "runs" } else { "never runs" };
        found.say(format!("{timers}: the last of 150 timers"), last);

        let mut rig = Rig::new(seed);
        rig.sim.faults.eviction = eviction;
        let object = rig.object(vec![]);
        let call = rig.call_and_wait(object, vec![Step::Fetch(vec![Step::Answer])]);
        rig.wait(150 * SECOND);
        let pending = rig.room.cut_off == 0;
        let what = if pending { "is still pending" } else { "is cut off" };
        found.say("a caller that waits for its call: the fetch pending", what);
        rig.release();
        let answered = rig.room.answered.contains(&call);
        found.say("a caller that waits for its call", if answered { "is answered" } else { "fails" });
    }
    found.differ(
        &["nothing pending: after 20 s without a call the object"],
        "what has nothing to do goes after 10 s, or 70 (A3.1, A7); the simulator waits 70: the same loss, only later",
    );
    for what in [bare, wait_until] {
        found.differ(
            &[&format!("{what}: {after}"), &format!("{what}: the fetch")],
            "whether a pending fetch keeps an object, Cloudflare's documents say both (A3.2-A3.4): so does the simulator",
        );
    }
    found.differ(
        &["a caller that waits for its call: the fetch pending", "a caller that waits for its call"],
        "the simulator evicts under a caller too: an answer of ours never waits for a fetch, so nothing rests on it",
    );
    found.not_simulated(
        &["a client that holds its stub: the fetch pending", "a client that holds its stub: the object"],
        "the simulator has no stubs: that a stub keeps its object is nothing to rest on",
    );
    found.review();
}
