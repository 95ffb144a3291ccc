//! The object's host, its other half: callbacks, and what the origins make of them.

use super::{coverage::Sometimes, host::Task, message::Message, plan::purpose, upstream::Answer, world::ProxyWorld};
use crate::{
    history::ledger::{Callback, Observation},
    laws::Violation,
};
use durable_sim::{Fault, InstanceId, Sim};
use proxy_fetch::{Attempt, CallbackResult, Event, Outcome, Timestamp, limits};

/// How a callback fails (F26).
#[derive(Clone, Copy, Debug)]
enum CallbackFails {
    /// Reset, overloaded, no such handler, or too large a message: the origin does not act.
    First,
    /// It acts, then it is reset or throws.
    After,
    /// It acts, and never answers.
    Hangs,
    /// It is slow to act.
    Slow,
}

impl ProxyWorld {
    pub(super) fn start_callback(&mut self, sim: &mut Sim<Self>, from: InstanceId, attempt: Attempt, outcome: Outcome) {
        let Some(entry) = self.ledger.entry_of(attempt.id) else {
            let what = format!("a callback of {} leaves, which is not stored", attempt.id);
            self.violated(sim, Violation { law: "S11", what });
            return;
        };
        let left = Timestamp(sim.clock_ms(from.object));
        self.ledger.entries[entry].callbacks.push(Callback { attempt, outcome, left });
        self.observe(sim, &Observation::CallbackLeft { entry });
        if outcome.has_response() && !self.held.contains(&attempt) {
            let what = format!("{attempt} is to be delivered, but its response was dropped");
            self.violated(sim, Violation { law: "S11", what });
        }
        let number = self.tasks.len() as u32;
        self.tasks.push(Task::new(attempt, entry, from, Answer::Stalls, Some(outcome)));
        self.calling_back.insert(attempt, number);
        if !self.ledger.entries[entry].payload
            || self.ledger.entries[entry].tampered && self.payload(sim, attempt).is_none()
        {
            // Whom to call is unreadable.
            return self.callback_ends(sim, number, CallbackResult::Failed);
        }
        let planned = self.ledger.entries[entry].planned;
        sim.after(limits::CALLBACK_TIMEOUT_MS * 1_000, Message::CallbackTimer(number));
        let mut draw = sim.decide(purpose::CALLBACK, 0, u64::from(planned), u32::from(attempt.number));
        let there = self.network(&mut draw);
        let drawn = draw.chance("fails", self.plan.world.callback_fails);
        let fails = self.origins_down || (drawn && !self.healthy);
        if !fails {
            return sim.after(there, Message::CallbackReaches(number));
        }
        self.hit_running(Fault(26), entry);
        match draw.pick("how", &[CallbackFails::First, CallbackFails::After, CallbackFails::Hangs, CallbackFails::Slow])
        {
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
                let slow = draw.below("slow_us", 29_000_000);
                sim.after(slow, Message::CallbackReaches(number));
            }
        }
    }

    /// The origin acts, whether or not anybody still waits for its answer.
    pub(super) fn callback_reaches(&mut self, sim: &mut Sim<Self>, number: u32) {
        let task = &self.tasks[number as usize];
        let (entry, attempt, never_answers) = (task.entry, task.attempt, task.sent);
        let Some(outcome) = task.outcome else { return };
        self.ledger.entries[entry].told.push(outcome);
        sim.say("origin", || format!("is told: {attempt} {outcome}"));
        self.observe(sim, &Observation::Told { entry });
        let planned = self.ledger.entries[entry].planned;
        if self.is_enqueuing(planned) {
            self.coverage.sometimes(Sometimes::CallbackOvertakes);
        }
        let mut draw = sim.decide(purpose::CALLBACK, 1, u64::from(planned), u32::from(attempt.number));
        if draw.chance("enqueues", self.plan.world.callback_enqueues) && !self.healthy {
            self.hit_running(Fault(26), entry);
            self.enqueue_one_more(sim, planned);
        }
        if !never_answers {
            let back = self.network(&mut draw);
            sim.after(back, Message::CallbackEnds(number, CallbackResult::Answered));
        }
    }

    pub(super) fn callback_ends(&mut self, sim: &mut Sim<Self>, number: u32, result: CallbackResult) {
        let task = &mut self.tasks[number as usize];
        let (attempt, instance) = (task.attempt, task.instance);
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
