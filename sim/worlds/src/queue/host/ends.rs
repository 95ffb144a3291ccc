//! The isolates' host, its third part: how invocations end, and what the broker gets back.

use super::{Host, Invocation, Isolate};
use crate::queue::{
    broker::{Broker, Heard},
    coverage::Fault,
    decisions::BATCH,
    ledger::Observation,
    message::Happening,
    stage::Stage,
};
use durable_sim::Chance;
use proxy_fetch::queue::{Event, Handle, Source};

const HALF: Chance = Chance::percent(50);

impl Host {
    /// An invocation returns.
    pub fn returns(&mut self, stage: &mut Stage<'_>, broker: &mut Broker, batch: u64) {
        let Some(invocation) = self.invocations.get(&batch) else { return };
        if invocation.never_returns || invocation.hangs {
            return;
        }
        if invocation.throws_at_its_end {
            self.throws(stage, broker, batch);
            return;
        }
        stage.sim.say("broker", || format!("batch {batch} has returned"));
        self.over(stage, broker, batch, None, true);
    }

    /// An invocation throws.
    pub fn throws(&mut self, stage: &mut Stage<'_>, broker: &mut Broker, batch: u64) {
        let Some(Invocation { key, hangs, is_over, .. }) = self.invocations.get(&batch) else { return };
        if !hangs && !stage.healthy {
            let told = stage.sim.decide(&BATCH, *key).happens(&BATCH.told, HALF);
            stage.sim.say("broker", || format!("batch {batch} throws"));
            self.fails(stage, broker, batch, Fault::Throw, true, told);
        } else if *is_over {
            self.over(stage, broker, batch, None, true);
        }
    }

    /// An invocation makes no more progress.
    pub fn hangs(&mut self, stage: &mut Stage<'_>, batch: u64) {
        if let Some(invocation) = self.invocations.get_mut(&batch).filter(|_| !stage.healthy) {
            invocation.hangs = true;
            stage.sim.say("host", || format!("batch {batch} hangs"));
        }
    }

    /// An invocation is 15 minutes old.
    pub fn kill(&mut self, stage: &mut Stage<'_>, broker: &mut Broker, batch: u64) {
        let Some(Invocation { key, .. }) = self.invocations.get(&batch) else { return };
        let mut decide = stage.sim.decide(&BATCH, *key);
        let (kept, told) = (decide.happens(&BATCH.kept, HALF), decide.happens(&BATCH.told, HALF));
        stage.sim.say("broker", || format!("batch {batch} is killed"));
        self.fails(stage, broker, batch, Fault::Killed, kept, told);
    }

    /// An isolate crashes.
    pub fn crash(&mut self, stage: &mut Stage<'_>, broker: &mut Broker, isolate: usize) {
        let Some(Isolate { incarnation, .. }) = self.isolates.get(isolate) else {
            // No file says so, but a document may.
            stage.sim.say("world", || format!("isolate {isolate} does not crash: there is none"));
            return;
        };
        stage.sim.say(format!("isolate {incarnation}"), || "CRASHES".into());
        let batches: Vec<u64> =
            self.invocations.iter().filter(|(_, other)| other.isolate == isolate).map(|(batch, _)| *batch).collect();
        self.isolates[isolate] = self.new_isolate(&stage.plan.settings);
        for batch in batches {
            self.fails(stage, broker, batch, Fault::Crash, false, false);
        }
    }

    /// An invocation fails. Its acks may be kept; its consumer, if it lives, may be told.
    fn fails(&mut self, stage: &mut Stage<'_>, broker: &mut Broker, batch: u64, why: Fault, kept: bool, told: bool) {
        let Some(invocation) = self.invocations.get(&batch) else { return };
        let isolate = invocation.isolate;
        let places: Vec<Handle> =
            (0..invocation.deliveries.len() as u32).map(|index| Handle { batch, index }).collect();
        for at in places {
            let (state, request) = (stage.seen.state(at), stage.seen.ledger.message(at).is.request);
            stage.hit(why, state, request);
            if kept && stage.plan.settings.forgets_acks {
                stage.hit(Fault::ForgottenAck, state, request);
            }
        }
        let closes = told.then_some(isolate);
        self.over(stage, broker, batch, closes, kept && !stage.plan.settings.forgets_acks);
    }

    /// An invocation is over: the broker gets back what it has not heard an ack of.
    fn over(&mut self, stage: &mut Stage<'_>, broker: &mut Broker, batch: u64, closes: Option<usize>, kept: bool) {
        let Some(invocation) = self.invocations.remove(&batch) else { return };
        let heard = |index: u32| if kept { invocation.heard[index as usize] } else { Heard::Nothing };
        let all = 0..invocation.deliveries.len() as u32;
        let undecided = all.clone().filter(|index| heard(*index) == Heard::Nothing).collect();
        for index in all {
            broker.heard(stage, &invocation.deliveries[index as usize], Handle { batch, index }, heard(index));
        }
        stage.see(Observation::Ended { batch, undecided });
        if let Some(isolate) = closes
            && stage.see(Observation::Closed { batch })
        {
            self.step(stage, isolate, Event::Closed { batch });
        }
        for source in [Source::Queue, Source::DeadLetters] {
            stage.sim.after(1_000, Happening::Pump(source));
        }
    }
}
