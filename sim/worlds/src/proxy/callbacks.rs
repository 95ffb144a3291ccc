//! The object's host, its other half: callbacks, and what the origins make of them.

use super::{
    coverage::{Fault, Sometimes},
    decisions::{ANSWER, ATTEMPT, CALLBACK},
    host::Task,
    message::Message,
    upstream::Answer,
    world::ProxyWorld,
};
use crate::{
    history::ledger::{Callback, Observation},
    laws::Violation,
};
use durable_sim::{InstanceId, Sim, words};
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

impl ProxyWorld {
    pub(super) fn start_callback(&mut self, sim: &mut Sim<Self>, from: InstanceId, attempt: Attempt, outcome: Outcome) {
        let Some(entry) = self.seen.ledger.entry_of(attempt.id) else {
            let what = format!("a callback of {} leaves, which is not stored", attempt.id);
            self.seen.violated(sim, Violation { law: "S11", what });
            return;
        };
        let left = Timestamp(sim.clock_ms(from.object));
        self.seen.ledger.entries[entry].callbacks.push(Callback { attempt, outcome, left });
        self.seen.observe(sim, &Observation::CallbackLeft { entry });
        if outcome.has_response() && !self.held.contains(&attempt) {
            let what = format!("{attempt} is to be delivered, but its response was dropped");
            self.seen.violated(sim, Violation { law: "S11", what });
        }
        let number = self.tasks.len() as u32;
        self.tasks.push(Task::new(attempt, entry, from, Answer::Stalls, Some(outcome)));
        self.calling_back.insert(attempt, number);
        if !self.seen.ledger.entries[entry].payload
            || self.seen.ledger.entries[entry].tampered && self.payload(sim, attempt).is_none()
        {
            // Whom to call is unreadable.
            return self.callback_ends(sim, number, CallbackResult::Failed);
        }
        sim.after(limits::CALLBACK_TIMEOUT_MS * 1_000, Message::CallbackTimer(number));
        let place = sim.place(&CALLBACK, ATTEMPT.key2(self.seen.ledger.entries[entry].planned, attempt.number.into()));
        self.tasks[number as usize].place = place;
        let mut decide = sim.decide_at(place);
        let there = self.network(&mut decide, &CALLBACK.there);
        let all = [CallbackFails::First, CallbackFails::After, CallbackFails::Hangs, CallbackFails::Slow];
        let fails = if self.origins_down {
            decide.pick(&CALLBACK.fails, &all)
        } else if self.healthy {
            CallbackFails::Never
        } else {
            decide.sometimes_one(&CALLBACK.fails, self.plan.world.callback_fails, &all)
        };
        if fails != CallbackFails::Never {
            self.seen.hit_running(Fault(26), entry);
        }
        match fails {
            CallbackFails::Never => sim.after(there, Message::CallbackReaches(number)),
            CallbackFails::First => sim.after(2 * there, Message::CallbackEnds(number, CallbackResult::Failed)),
            CallbackFails::After => {
                sim.after(there, Message::CallbackReaches(number));
                sim.after(there + 1, Message::CallbackEnds(number, CallbackResult::Failed));
            }
            CallbackFails::Hangs => {
                self.tasks[number as usize].sent = true;
                sim.after(there, Message::CallbackReaches(number));
            }
            CallbackFails::Slow => {
                let slow = decide.time(&CALLBACK.slow, 0, 29_000_000 - 1);
                sim.after(slow, Message::CallbackReaches(number));
            }
        }
    }

    /// The origin acts, whether or not anybody still waits for its answer.
    pub(super) fn callback_reaches(&mut self, sim: &mut Sim<Self>, number: u32) {
        let task = &self.tasks[number as usize];
        let (entry, attempt, never_answers) = (task.entry, task.attempt, task.sent);
        let Some(outcome) = task.outcome else { return };
        self.seen.ledger.entries[entry].told.push(outcome);
        sim.say("origin", || format!("is told: {attempt} {outcome}"));
        self.seen.observe(sim, &Observation::Told { entry });
        let planned = self.seen.ledger.entries[entry].planned;
        if self.is_enqueuing(planned) {
            self.seen.coverage.sometimes(Sometimes::CallbackOvertakes);
        }
        let mut decide = sim.decide_at(self.tasks[number as usize].place);
        if !self.healthy && decide.happens(&CALLBACK.enqueues, self.plan.world.callback_enqueues) {
            self.seen.hit_running(Fault(26), entry);
            self.enqueue_one_more(sim, planned);
        }
        if !never_answers {
            let back = self.network(&mut decide, &CALLBACK.back);
            sim.after(back, Message::CallbackEnds(number, CallbackResult::Answered));
        }
    }

    pub(super) fn callback_ends(&mut self, sim: &mut Sim<Self>, number: u32, result: CallbackResult) {
        let task = &mut self.tasks[number as usize];
        let (attempt, instance) = (task.attempt, task.instance);
        sim.about(ANSWER.key2(self.seen.ledger.entries[task.entry].planned, attempt.number.into()));
        if std::mem::replace(&mut task.over, true) {
            if std::mem::take(&mut task.is_orphan) {
                sim.resume(instance, Event::Delivered { attempt, result });
            }
            return;
        }
        self.calling_back.remove(&attempt);
        self.held.remove(&attempt);
        sim.resume(instance, Event::Delivered { attempt, result });
    }
}
