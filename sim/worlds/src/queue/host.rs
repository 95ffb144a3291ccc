//! Isolates and their invocations: the host of the consumer, with its timers, its fetches, its callbacks and its ends.

use super::{
    broker::Heard,
    coverage::{Fault, State},
    decisions::{BATCH, CALLBACK, FETCH, KILLED_AFTER, NTH, one_of},
    ledger::{Delivered, Incarnation, Seen},
    world::{Happening, QueueWorld, micros},
};
use durable_sim::{Chance, Key, SECOND, Sim};
use proxy_fetch::{
    CallbackResult, FetchResult, Hop, Timestamp,
    queue::{self, BATCH_LIMIT_MS, Consumer, Effect, Event, Handle, Message, Report, Source},
};
use std::collections::BTreeSet;

const HALF: Chance = Chance::percent(50);
/// The host's time for a callback.
const CALLBACK_TIMEOUT_MS: u64 = 30_000;

/// An isolate, in one of its incarnations.
#[derive(Debug)]
pub(super) struct Isolate {
    incarnation: Incarnation,
    consumer: Consumer,
}

/// What a host does for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Fetch,
    Callback,
}

/// A message in a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    /// Which of the broker's copies.
    pub copy: usize,
    /// The number of this delivery of its request.
    pub nth: u32,
}

/// A batch that an isolate works on.
#[derive(Debug)]
pub(super) struct Invocation {
    isolate: usize,
    /// What is decided about it is keyed by this.
    key: Key,
    /// The messages.
    pub deliveries: Vec<Delivery>,
    messages: Vec<Option<Message>>,
    heard: Vec<Heard>,
    /// Fetches and callbacks that run.
    running: BTreeSet<(Work, u32)>,
    ticks_at: Option<Timestamp>,
    is_over: bool,
    throws_at_its_end: bool,
    never_returns: bool,
    hangs: bool,
}

impl QueueWorld {
    pub(super) fn new_isolate(&mut self) -> Isolate {
        self.incarnations += 1;
        Isolate { incarnation: self.incarnations, consumer: Consumer::new(self.plan.settings.max_remembered) }
    }

    /// The consumers' states, for people.
    pub(super) fn consumers(&self) -> Vec<String> {
        self.isolates.iter().map(|isolate| format!("isolate {}: {}", isolate.incarnation, isolate.consumer)).collect()
    }

    /// The isolates that can take one more batch.
    pub(super) fn free_isolates(&self) -> Vec<usize> {
        let load = |isolate: usize| self.invocations.values().filter(|other| other.isolate == isolate).count();
        (0..self.isolates.len()).filter(|isolate| load(*isolate) < self.plan.settings.concurrency).collect()
    }

    /// Delivers a batch.
    pub(super) fn invoke(
        &mut self,
        sim: &mut Sim<Self>,
        isolate: usize,
        source: Source,
        key: Key,
        deliveries: Vec<Delivery>,
        delivered: Vec<Delivered>,
    ) {
        let batch = self.ledger.batches.len() as u64;
        let incarnation = self.isolates[isolate].incarnation;
        let messages: Vec<_> = delivered.iter().map(|message| self.read(message.request)).collect();
        let heads = delivered.iter().zip(&messages).map(|(message, read)| queue::Delivery {
            attempts: message.delivery,
            head: read.as_ref().map(Message::head).map_err(|error| *error),
        });
        let deadline = Timestamp(sim.true_ms()).plus_ms(BATCH_LIMIT_MS);
        let event = Event::Batch { batch, source, deadline, messages: heads.collect() };
        for message in &delivered {
            match message.unread {
                Some(proxy_fetch::RowError::Corrupt) => self.hit(sim, Fault::Corrupt, State::Held, message.request),
                Some(proxy_fetch::RowError::UnknownVersion(_)) => {
                    self.hit(sim, Fault::Foreign, State::Held, message.request);
                }
                None => {}
            }
        }
        let heard = vec![Heard::Nothing; deliveries.len()];
        let messages = messages.into_iter().map(Result::ok).collect();
        if !self.see(sim, Seen::Batch { incarnation, source, messages: delivered }) {
            return;
        }
        let mut invocation = Invocation {
            isolate,
            key,
            deliveries,
            messages,
            heard,
            running: BTreeSet::new(),
            ticks_at: None,
            is_over: false,
            throws_at_its_end: false,
            never_returns: false,
            hangs: false,
        };
        if !self.healthy {
            let (throw, hang, within) = (self.plan.faults.throw, self.plan.faults.hang, self.plan.faults.within);
            let half = |chance: Chance| Chance(chance.0 / 2);
            let mut decide = sim.decide(&BATCH, key);
            invocation.throws_at_its_end = decide.happens(&BATCH.throws_at_end, half(throw));
            invocation.never_returns = decide.happens(&BATCH.never_returns, half(hang));
            let throws = decide.sometimes(&BATCH.throws, half(throw), 1, within);
            let hangs = decide.sometimes(&BATCH.hangs, half(hang), 1, within);
            if throws > 0 {
                sim.after(throws, Happening::Throws { batch });
            }
            if hangs > 0 {
                sim.after(hangs, Happening::Hangs { batch });
            }
        }
        sim.after(KILLED_AFTER, Happening::Kill { batch });
        self.invocations.insert(batch, invocation);
        self.step(sim, isolate, event);
    }

    /// One step of an isolate's consumer, and all that follows from it.
    fn step(&mut self, sim: &mut Sim<Self>, isolate: usize, event: Event) {
        let batch = event.batch();
        let incarnation = self.isolates[isolate].incarnation;
        sim.say(format!("isolate {incarnation}"), || format!("< {event}"));
        let mut out = std::mem::take(&mut self.out);
        self.isolates[isolate].consumer.step(Timestamp(sim.true_ms()), event, &mut out);
        for effect in out.drain(..) {
            sim.say(format!("isolate {incarnation}"), || format!("> {effect}"));
            let at = effect.at();
            sim.recorder.mix(at.batch << 8 ^ u64::from(at.index));
            if self.see(sim, Seen::Step { event: batch, effect: at.batch }) {
                self.perform_effect(sim, effect);
            }
        }
        self.out = out;
        self.rests(sim, isolate, batch);
    }

    fn perform_effect(&mut self, sim: &mut Sim<Self>, effect: Effect) {
        match effect {
            Effect::Fetch { at, id, attempt, timeout_ms } => {
                if self.see(sim, Seen::Fetch { at, id, attempt, timeout_ms }) {
                    self.fetch(sim, at, timeout_ms);
                }
            }
            Effect::Abort { at } => {
                if self.see(sim, Seen::Abort { at })
                    && let Some(invocation) = self.invocations.get_mut(&at.batch)
                {
                    invocation.running.remove(&(Work::Fetch, at.index));
                    invocation.running.remove(&(Work::Callback, at.index));
                }
            }
            Effect::Deliver { at, id, outcome, attempts, duration_ms } => {
                sim.recorder.mix(duration_ms);
                if self.see(sim, Seen::Deliver { at, id, outcome, attempts }) {
                    self.call_back(sim, at);
                }
            }
            Effect::Ack { at } => {
                if self.see(sim, Seen::Ack { at }) {
                    self.decide(at, Heard::Ack);
                }
            }
            Effect::Retry { at, delay_s } => {
                sim.recorder.mix(delay_s.into());
                if self.see(sim, Seen::Retry { at, delay_s }) {
                    self.decide(at, Heard::Retry { delay_s });
                }
            }
            Effect::Report(Report::Unreadable { at, .. }) => {
                self.see(sim, Seen::Unreadable { at });
            }
            Effect::Report(Report::CallbackFailed { at, id, outcome }) => {
                self.see(sim, Seen::CallbackFailed { at, id, outcome });
            }
        }
    }

    fn decide(&mut self, at: Handle, heard: Heard) {
        if let Some(invocation) = self.invocations.get_mut(&at.batch) {
            invocation.heard[at.index as usize] = heard;
        }
    }

    /// After a step: the invocation ends when its batch is done, else it sets its timer.
    fn rests(&mut self, sim: &mut Sim<Self>, isolate: usize, batch: u64) {
        if !self.invocations.contains_key(&batch) {
            return;
        }
        let consumer = &self.isolates[isolate].consumer;
        let (open, wake) = (consumer.is_open(batch), consumer.next_wake(batch));
        self.see(sim, Seen::Rests { batch, open, wake });
        let now = sim.true_ms();
        let Some(invocation) = self.invocations.get_mut(&batch) else { return };
        if !open {
            if !std::mem::replace(&mut invocation.is_over, true) {
                let after = sim.decide(&BATCH, invocation.key).time(&BATCH.returns, 0, 50_000);
                sim.after(after, Happening::Returns { batch });
            }
        } else if let Some(at) = wake.filter(|at| invocation.ticks_at != Some(*at)) {
            invocation.ticks_at = Some(at);
            sim.after(micros(at.0.saturating_sub(now)), Happening::Tick { batch, at });
        }
    }

    pub(super) fn tick(&mut self, sim: &mut Sim<Self>, batch: u64, at: Timestamp) {
        let Some(invocation) = self.invocations.get_mut(&batch) else { return };
        if invocation.ticks_at != Some(at) || invocation.hangs {
            return;
        }
        invocation.ticks_at = None;
        let isolate = invocation.isolate;
        self.step(sim, isolate, Event::Tick { batch });
    }

    fn fetch(&mut self, sim: &mut Sim<Self>, at: Handle, timeout_ms: u32) {
        let Some(invocation) = self.invocations.get_mut(&at.batch) else { return };
        invocation.running.insert((Work::Fetch, at.index));
        let Some(message) = &invocation.messages[at.index as usize] else {
            panic!("a message that the host could not read is fetched")
        };
        let request = self.ledger.message(at).is.request;
        let hop = match Hop::first(&self.config, message.id(), message.payload()) {
            Ok(hop) => hop,
            Err(failure) => panic!("the fetch of a valid message fails: {failure}"),
        };
        let key = hop.headers.into_iter().find(|(name, _)| name == "idempotency-key").map(|(_, value)| value);
        let nth = self.ledger.entries[request].starts;
        let answer = self.decide_answer(sim, request, nth);
        let timeout = micros(timeout_ms.into());
        if answer.acts {
            let after = answer.after.unwrap_or(timeout).min(timeout) / 2;
            sim.after(after, Happening::Executes { request, key });
        }
        if let Some(fault) = answer.fault {
            self.hit(sim, fault, State::InFlight, request);
        }
        if !self.healthy {
            // Mostly so late that it was given up.
            let most = one_of(&[5_010_000, 6 * SECOND, 60 * SECOND], self.number_of(request, nth));
            let mut decide = sim.decide(&FETCH, NTH.key2(self.made(request).planned, nth));
            let overdue = decide.sometimes(&FETCH.overdue, self.plan.faults.unreported, 5_010_000, most);
            if overdue > 0 {
                self.hit(sim, Fault::Unreported, State::InFlight, request);
                sim.after(timeout + overdue, Happening::FetchEnds { at, nth, result: answer.result, asked: None });
                return;
            }
        }
        match answer.after.filter(|after| *after < timeout) {
            Some(after) => {
                sim.after(after, Happening::FetchEnds { at, nth, result: answer.result, asked: answer.asked });
            }
            None => {
                let result = FetchResult::Failed(proxy_fetch::Failure::TimedOut);
                sim.after(timeout, Happening::FetchEnds { at, nth, result, asked: None });
            }
        }
    }

    pub(super) fn fetch_ends(
        &mut self,
        sim: &mut Sim<Self>,
        at: Handle,
        nth: u32,
        result: FetchResult,
        asked: Option<Timestamp>,
    ) {
        let Some(invocation) = self.invocations.get_mut(&at.batch).filter(|invocation| !invocation.hangs) else {
            return;
        };
        let isolate = invocation.isolate;
        if !invocation.running.remove(&(Work::Fetch, at.index)) {
            self.late(sim, at, nth, isolate, result);
            return;
        }
        if self.see(sim, Seen::Fetched { at, result: result.clone(), asked }) {
            self.step(sim, isolate, Event::Fetched { at, result });
        }
    }

    /// A fetch that was given up ends all the same, and the host has not noticed that it was given up.
    fn late(&mut self, sim: &mut Sim<Self>, at: Handle, nth: u32, isolate: usize, result: FetchResult) {
        let (state, request) = (self.state(at), self.ledger.message(at).is.request);
        if self.healthy {
            return;
        }
        let mut decide = sim.decide(&FETCH, NTH.key2(self.made(request).planned, nth));
        if decide.happens(&FETCH.late, self.plan.faults.late) {
            self.hit(sim, Fault::Late, state, request);
            self.step(sim, isolate, Event::Fetched { at, result });
        }
    }

    fn call_back(&mut self, sim: &mut Sim<Self>, at: Handle) {
        let Some(invocation) = self.invocations.get_mut(&at.batch) else { return };
        invocation.running.insert((Work::Callback, at.index));
        let request = self.ledger.message(at).is.request;
        let nth = self.ledger.entries[request].callbacks;
        let reply = self.decide_reply(sim, request, nth);
        if let Some(fault) = reply.fault {
            self.hit(sim, fault, State::Delivering, request);
        }
        let mut decide = sim.decide(&CALLBACK, NTH.key2(self.made(request).planned, nth));
        if !self.healthy && decide.happens(&CALLBACK.unreported, self.plan.faults.unreported) {
            self.hit(sim, Fault::Unreported, State::Delivering, request);
            return;
        }
        let timeout = micros(CALLBACK_TIMEOUT_MS);
        let after = reply.after.unwrap_or(timeout).min(timeout);
        sim.after(after, Happening::CallbackEnds { at, answered: reply.answered });
    }

    pub(super) fn callback_ends(&mut self, sim: &mut Sim<Self>, at: Handle, answered: bool) {
        let Some(invocation) = self.invocations.get_mut(&at.batch).filter(|invocation| !invocation.hangs) else {
            return;
        };
        let isolate = invocation.isolate;
        if !invocation.running.remove(&(Work::Callback, at.index)) {
            return;
        }
        let result = if answered { CallbackResult::Answered } else { CallbackResult::Failed };
        if self.see(sim, Seen::Delivered { at, answered }) {
            self.step(sim, isolate, Event::Delivered { at, result });
        }
    }

    pub(super) fn returns(&mut self, sim: &mut Sim<Self>, batch: u64) {
        let Some(invocation) = self.invocations.get(&batch) else { return };
        if invocation.never_returns || invocation.hangs {
            return;
        }
        if invocation.throws_at_its_end {
            self.throws(sim, batch);
            return;
        }
        sim.say("broker", || format!("batch {batch} has returned"));
        self.over(sim, batch, None, true);
    }

    pub(super) fn throws(&mut self, sim: &mut Sim<Self>, batch: u64) {
        let Some(Invocation { key, hangs, is_over, .. }) = self.invocations.get(&batch) else { return };
        if !hangs && !self.healthy {
            let told = sim.decide(&BATCH, *key).happens(&BATCH.told, HALF);
            sim.say("broker", || format!("batch {batch} throws"));
            self.fails(sim, batch, Fault::Throw, true, told);
        } else if *is_over {
            self.over(sim, batch, None, true);
        }
    }

    pub(super) fn hangs(&mut self, sim: &mut Sim<Self>, batch: u64) {
        if let Some(invocation) = self.invocations.get_mut(&batch).filter(|_| !self.healthy) {
            invocation.hangs = true;
            sim.say("host", || format!("batch {batch} hangs"));
        }
    }

    pub(super) fn kill(&mut self, sim: &mut Sim<Self>, batch: u64) {
        let Some(Invocation { key, .. }) = self.invocations.get(&batch) else { return };
        let mut decide = sim.decide(&BATCH, *key);
        let (kept, told) = (decide.happens(&BATCH.kept, HALF), decide.happens(&BATCH.told, HALF));
        sim.say("broker", || format!("batch {batch} is killed"));
        self.fails(sim, batch, Fault::Killed, kept, told);
    }

    pub(super) fn crash(&mut self, sim: &mut Sim<Self>, isolate: usize) {
        let Some(Isolate { incarnation, .. }) = self.isolates.get(isolate) else { return };
        sim.say(format!("isolate {incarnation}"), || "CRASHES".into());
        let batches: Vec<u64> =
            self.invocations.iter().filter(|(_, other)| other.isolate == isolate).map(|(batch, _)| *batch).collect();
        self.isolates[isolate] = self.new_isolate();
        for batch in batches {
            self.fails(sim, batch, Fault::Crash, false, false);
        }
    }

    /// An invocation fails. Its acks may be kept; its consumer, if it lives, may be told.
    fn fails(&mut self, sim: &mut Sim<Self>, batch: u64, why: Fault, kept: bool, told: bool) {
        let Some(invocation) = self.invocations.get(&batch) else { return };
        let isolate = invocation.isolate;
        let places: Vec<Handle> =
            (0..invocation.deliveries.len() as u32).map(|index| Handle { batch, index }).collect();
        for at in places {
            let (state, request) = (self.state(at), self.ledger.message(at).is.request);
            self.hit(sim, why, state, request);
            if kept && self.plan.settings.forgets_acks {
                self.hit(sim, Fault::ForgottenAck, state, request);
            }
        }
        let closes = told.then_some(isolate);
        self.over(sim, batch, closes, kept && !self.plan.settings.forgets_acks);
    }

    /// An invocation is over: the broker gets back what it has not heard an ack of.
    fn over(&mut self, sim: &mut Sim<Self>, batch: u64, closes: Option<usize>, kept: bool) {
        let Some(invocation) = self.invocations.remove(&batch) else { return };
        let heard = |index: u32| if kept { invocation.heard[index as usize] } else { Heard::Nothing };
        let all = 0..invocation.deliveries.len() as u32;
        let undecided = all.clone().filter(|index| heard(*index) == Heard::Nothing).collect();
        for index in all {
            self.heard(sim, &invocation, Handle { batch, index }, heard(index));
        }
        self.see(sim, Seen::Ended { batch, undecided });
        if let Some(isolate) = closes
            && self.see(sim, Seen::Closed { batch })
        {
            self.step(sim, isolate, Event::Closed { batch });
        }
        for source in [Source::Queue, Source::DeadLetters] {
            sim.after(1_000, Happening::Pump(source));
        }
    }
}
