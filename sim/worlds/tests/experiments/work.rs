//! Work that an alarm starts and does not await; how much of it at once; and what comes between.

use crate::{
    findings::Findings,
    rig::Rig,
    subject::{Step, note},
};
use durable_sim::{Fault, SECOND};

fn fetch(then: Vec<Step>) -> Step {
    Step::Fetch(then)
}

#[test]
fn alarm_work() {
    let mut found = Findings::new(
        "alarm_work",
        "Questions 1 and 2. An alarm handler starts work and returns without awaiting it: does the work go on, and what \
         does ctx.waitUntil change?",
    );
    for how in ["without waitUntil", "with waitUntil"] {
        let mut rig = Rig::new(1);
        let work = fetch(vec![note("got"), Step::Timer(20, vec![note("went on")])]);
        let fetches = rig.object(vec![vec![work, Step::Alarm(50)], vec![]]);
        rig.call_and_wait(fetches, vec![Step::Alarm(20)]);
        found
            .yes(format!("{how}: a fetch that the handler does not await reaches the upstream"), rig.room.arrived == 1);
        rig.wait(SECOND);
        let again = rig.runs(fetches).len() == 2 && rig.held() == 1;
        found.yes(format!("{how}: the next alarm runs while that work is still under way"), again);
        rig.release();
        let done = rig.has(fetches, "went on");
        found.yes(format!("{how}: its answer is processed, and what it writes is stored"), done);

        let chain = (1..=5)
            .rev()
            .fold(Vec::new(), |then, i| vec![Step::Timer(40, [vec![note(&format!("{i}"))], then].concat())]);
        let timers = rig.object(vec![chain]);
        rig.call_and_wait(timers, vec![Step::Alarm(20)]);
        rig.wait(SECOND);
        found.yes(format!("{how}: a chain of five timers runs to its end"), rig.has(timers, "5"));

        for what in ["a rejection of the work", "an exception in a timer"] {
            // What is not awaited has no one to tell: its failure is nothing that the platform sees.
            let fails = rig.object(vec![vec![note("before"), Step::Timer(20, vec![note("until")])], vec![]]);
            rig.call_and_wait(fails, vec![Step::Alarm(20), Step::Remember]);
            rig.wait(4 * SECOND);
            found.say(format!("{how}: {what}: runs of the alarm"), rig.runs(fails).len().to_string());
            found.yes(format!("{how}: {what}: the object keeps its memory"), rig.remembered(fails) == Some(1));
            found.yes(format!("{how}: {what}: what it wrote before stays"), rig.has(fails, "until"));
            found.not_simulated(
                &[&format!("{how}: {what}: the runtime logs it")],
                "the simulated platform has no log; nothing of ours may rest on one",
            );
        }
        rig.kill(fetches, Fault::CRASH);
        found.yes(format!("{how}: what the work wrote survives SIGKILL"), rig.has(fetches, "went on"));
    }
    found.review();
}

#[test]
fn parallel_fetches() {
    let mut found = Findings::new(
        "parallel_fetches",
        "Question 3. An alarm handler starts several fetches in one turn, and none is answered: how many reach the \
         upstream at once?",
    );
    for count in [1, 5, 6, 7, 20, 50] {
        let mut rig = Rig::new(1);
        let object = rig.object(vec![vec![fetch(vec![Step::Remember]); count]]);
        rig.call_and_wait(object, vec![Step::Alarm(20)]);
        rig.wait(SECOND);
        let at_once = format!("{count} started: at the upstream before any is answered");
        found.say(at_once.clone(), format!("{} of {count}", rig.room.arrived));
        while rig.held() > 0 {
            rig.release();
        }
        let all = rig.remembered(object) == Some(u32::try_from(count).unwrap_or_default());
        let answer = if all { format!("{} of {count}", rig.room.arrived) } else { "not all".to_owned() };
        found.say(format!("{count} started: answered in the end"), answer);
        if count > 6 {
            found.differ(
                &[&at_once],
                "production lets 6 wait for their head at once (docs/platform.md, A4); local workerd does not enforce it",
            );
        }
    }
    found.review();
}

#[test]
fn interleaving() {
    let mut found =
        Findings::new("interleaving", "Which events come between others, and do objects that call each other hang?");
    let mut rig = Rig::new(1);

    let back = |me, other| {
        let answer = vec![note("answered"), Step::Answer];
        Step::Call(other, vec![Step::Call(me, vec![note("called back"), Step::Answer], vec![Step::Answer])], answer)
    };
    let (a, b) = (rig.object(vec![]), rig.object(vec![]));
    let call = rig.call_and_wait(a, vec![back(a, b)]);
    let answered = |is| if is { "is answered" } else { "hangs" };
    found.say(
        "a call to another object that calls back before it answers",
        answered(rig.room.answered.contains(&call) && rig.has(a, "called back")),
    );
    // Objects are numbered in order, so its plan can name it.
    let d = rig.object(vec![]);
    let c = rig.object(vec![vec![back(d + 1, d)]]);
    rig.call_and_wait(c, vec![Step::Alarm(20)]);
    rig.wait(SECOND);
    found.say("the same from an alarm handler", answered(rig.has(c, "called back") && rig.has(c, "answered")));

    let between = || vec![note("between"), Step::Answer];
    let e = rig.object(vec![vec![fetch(vec![])]]);
    rig.call_and_wait(e, vec![Step::Alarm(20)]);
    rig.wait(SECOND);
    let call = rig.call_and_wait(e, between());
    let during = rig.room.answered.contains(&call) && rig.held() == 1;
    found.say("a call while an alarm handler awaits a fetch", if during { "is answered" } else { "waits" });
    rig.release();

    for (question, first) in [
        ("a call while another awaits a fetch", vec![note("begin"), fetch(vec![note("end")])]),
        ("a call while another awaits a timer", vec![note("begin"), Step::Timer(1_000, vec![note("end")])]),
        ("a call while another runs code and awaits nothing", vec![note("begin"), note("end")]),
        ("a call while another awaits only storage", vec![note("begin"), note("end")]),
    ] {
        let object = rig.object(vec![]);
        rig.call(object, first);
        rig.call(object, between());
        rig.wait_ms(50);
        rig.release();
        rig.wait(2 * SECOND);
        let order = rig.sim.storage(object).join(",");
        let comes = if order == "begin,between,end" { "comes between" } else { "waits for its end" };
        found.say(question, comes);
    }
    found.not_simulated(
        &["a call while blockConcurrencyWhile awaits a fetch"],
        "nothing of ours uses blockConcurrencyWhile: the constructor reads storage, which is synchronous",
    );

    let (k, l) = (rig.object(vec![]), rig.object(vec![]));
    let marks = |n: usize| vec![note(&format!("{n}"))];
    rig.call_and_wait(k, (0..100).map(|n| Step::Call(l, marks(n), vec![])).collect());
    let in_order = (0..100).map(|n| n.to_string()).eq(rig.sim.storage(l).iter().cloned());
    found.yes("100 calls through one stub at once arrive in their order", in_order);
    found.review();
}
