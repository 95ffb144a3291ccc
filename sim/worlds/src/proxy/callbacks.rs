//! The object's host, its other half: callbacks, and what the origins make of them.

use super::{
    callers::Callers,
    coverage::{CALLBACK_OVERTAKES, Fault},
    decisions::{ANSWER, ATTEMPT, CALLBACK},
    host::{Host, Task},
    message::Message,
    stage::Stage,
    upstream::Answer,
};
use crate::{
    history::ledger::{Callback, Observation},
    laws::Violation,
};
use durable_sim::{InstanceId, words};
use proxy_fetch::{Attempt, CallbackResult, Event, Outcome, Timestamp, limits};

/// How a callback fails (F26).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackFails {
    /// It does not.
    Never,
    /// Reset, overloaded, no such handler, or too large a message: the origin does not act.
    First,
    /// It acts, then it is reset or throws.
    After,
    /// It acts, and never answers.
    Hangs,
    /// It is slow to act.
    Slow,
}

words!(CallbackFails {
    CallbackFails::Never => "never",
    CallbackFails::First => "before_acting",
    CallbackFails::After => "after_acting",
    CallbackFails::Hangs => "never_answers",
    CallbackFails::Slow => "slow",
});

impl Host {
    pub fn start_callback(&mut self, stage: &mut Stage<'_>, from: InstanceId, attempt: Attempt, outcome: Outcome) {
        let Some(entry) = stage.seen.ledger.entry_of(attempt.id) else {
            let what = format!("a callback of {} leaves, which is not stored", attempt.id);
            stage.violated(Violation { law: "S11", what });
            return;
        };
        let left = Timestamp(stage.sim.clock_ms(from.object));
        stage.seen.ledger.entries[entry].callbacks.push(Callback { attempt, outcome, left });
        stage.observe(&Observation::CallbackLeft { entry });
        if outcome.has_response() && !self.held.contains(&attempt) {
            let what = format!("{attempt} is to be delivered, but its response was dropped");
            stage.violated(Violation { law: "S11", what });
        }
        let number = self.tasks.len() as u32;
        self.tasks.push(Task::new(attempt, entry, from, Answer::Stalls, Some(outcome)));
        self.calling_back.insert(attempt, number);
        if !stage.seen.ledger.entries[entry].payload
            || stage.seen.ledger.entries[entry].tampered && stage.payload(attempt).is_none()
        {
            // Whom to call is unreadable.
            return self.callback_ends(stage, number, CallbackResult::Failed);
        }
        stage.sim.after(limits::CALLBACK_TIMEOUT_MS * 1_000, Message::CallbackTimer(number));
        let place =
            stage.sim.place(&CALLBACK, ATTEMPT.key2(stage.seen.ledger.entries[entry].planned, attempt.number.into()));
        self.tasks[number as usize].place = place;
        let mut decide = stage.sim.decide_at(place);
        let all = [CallbackFails::First, CallbackFails::After, CallbackFails::Hangs, CallbackFails::Slow];
        let fails = if self.origins_down {
            decide.pick(&CALLBACK.fails, &all)
        } else if stage.healthy {
            CallbackFails::Never
        } else {
            decide.sometimes_one(&CALLBACK.fails, stage.plan.world.callback_fails, &all)
        };
        if fails != CallbackFails::Never {
            stage.seen.hit_running(Fault(26), entry);
        }
        if fails == CallbackFails::Slow {
            let slow = decide.time(&CALLBACK.slow, 0, 29_000_000 - 1);
            return stage.sim.after(slow, Message::CallbackReaches(number));
        }
        let there = stage.network(&mut decide, &CALLBACK.there);
        match fails {
            CallbackFails::Never | CallbackFails::Slow => stage.sim.after(there, Message::CallbackReaches(number)),
            CallbackFails::First => stage.sim.after(2 * there, Message::CallbackEnds(number, CallbackResult::Failed)),
            CallbackFails::After => {
                self.tasks[number as usize].sent = true;
                stage.sim.after(there, Message::CallbackReaches(number));
                stage.sim.after(there + 1, Message::CallbackEnds(number, CallbackResult::Failed));
            }
            CallbackFails::Hangs => {
                self.tasks[number as usize].sent = true;
                stage.sim.after(there, Message::CallbackReaches(number));
            }
        }
    }

    /// The origin acts, whether or not anybody still waits for its answer.
    pub fn callback_reaches(&mut self, stage: &mut Stage<'_>, callers: &Callers, number: u32) {
        let task = &self.tasks[number as usize];
        let (entry, attempt, never_answers) = (task.entry, task.attempt, task.sent);
        let Some(outcome) = task.outcome else { return };
        stage.seen.ledger.entries[entry].told.push(outcome);
        stage.sim.say("origin", || format!("is told: {attempt} {outcome}"));
        stage.observe(&Observation::Told { entry });
        let planned = stage.seen.ledger.entries[entry].planned;
        if callers.is_enqueuing(planned) {
            stage.seen.coverage.sometimes(&CALLBACK_OVERTAKES);
        }
        let mut decide = stage.sim.decide_at(self.tasks[number as usize].place);
        if !stage.healthy && decide.happens(&CALLBACK.enqueues, stage.plan.world.callback_enqueues) {
            stage.seen.hit_running(Fault(26), entry);
            stage.enqueue_one_more(planned);
        }
        if !never_answers {
            let back = stage.network(&mut decide, &CALLBACK.back);
            stage.sim.after(back, Message::CallbackEnds(number, CallbackResult::Answered));
        }
    }

    pub fn callback_ends(&mut self, stage: &mut Stage<'_>, number: u32, result: CallbackResult) {
        let task = &mut self.tasks[number as usize];
        let (attempt, instance) = (task.attempt, task.instance);
        stage.sim.about(ANSWER.key2(stage.seen.ledger.entries[task.entry].planned, attempt.number.into()));
        if std::mem::replace(&mut task.over, true) {
            if std::mem::take(&mut task.is_orphan) {
                stage.sim.resume(instance, Event::Delivered { attempt, result });
            }
            return;
        }
        self.calling_back.remove(&attempt);
        self.held.remove(&attempt);
        stage.sim.resume(instance, Event::Delivered { attempt, result });
    }
}
