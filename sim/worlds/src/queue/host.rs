//! The isolates' host: it runs the consumers, one step for each event of a batch, with their timers.
//!
//! `host/work.rs` has what it does for them, `host/ends.rs` how their invocations end.

mod ends;
mod work;

use super::{
    broker::{Batch, Delivery, Heard},
    coverage::{Fault, State},
    decisions::{BATCH, KILLED_AFTER},
    ledger::{Incarnation, Observation},
    message::Happening,
    plan::{Settings, micros},
    stage::Stage,
};
use durable_sim::{Chance, Key};
use proxy_fetch::{
    Config, RowError, Timestamp,
    queue::{self, BATCH_LIMIT_MS, Consumer, Effect, Event, Handle, Message, Report},
};
use std::collections::{BTreeMap, BTreeSet};

/// An isolate, in one of its incarnations.
#[derive(Debug)]
struct Isolate {
    incarnation: Incarnation,
    consumer: Consumer,
}

/// What a host does for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Fetch,
    Callback,
}

/// A batch that an isolate works on.
#[derive(Debug)]
struct Invocation {
    isolate: usize,
    /// What is decided about it is keyed by this.
    key: Key,
    deliveries: Vec<Delivery>,
    /// As the host has read them; `None`: it cannot.
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

/// All isolates, and their host.
#[derive(Debug)]
pub(super) struct Host {
    config: Config,
    isolates: Vec<Isolate>,
    /// How many incarnations there have been.
    incarnations: Incarnation,
    invocations: BTreeMap<u64, Invocation>,
    /// What a step has left; kept for its memory.
    out: Vec<Effect>,
}

impl Host {
    /// With as many isolates as these settings have.
    pub fn new(config: Config, settings: &Settings) -> Self {
        let (isolates, invocations) = (Vec::new(), BTreeMap::new());
        let mut host = Self { config, isolates, incarnations: 0, invocations, out: Vec::new() };
        for _ in 0..settings.isolates {
            let isolate = host.new_isolate(settings);
            host.isolates.push(isolate);
        }
        host
    }

    fn new_isolate(&mut self, settings: &Settings) -> Isolate {
        self.incarnations += 1;
        Isolate { incarnation: self.incarnations, consumer: Consumer::new(settings.max_remembered) }
    }

    /// The consumers' states, for people.
    pub fn consumers(&self) -> Vec<String> {
        self.isolates.iter().map(|isolate| format!("isolate {}: {}", isolate.incarnation, isolate.consumer)).collect()
    }

    /// The isolates that can take one more batch.
    pub fn free_isolates(&self, stage: &Stage<'_>) -> Vec<usize> {
        let load = |isolate: usize| self.invocations.values().filter(|other| other.isolate == isolate).count();
        (0..self.isolates.len()).filter(|isolate| load(*isolate) < stage.plan.settings.concurrency).collect()
    }

    /// A batch is delivered.
    pub fn invoke(&mut self, stage: &mut Stage<'_>, delivered: Batch) {
        let Batch { isolate, source, key, deliveries } = delivered;
        let batch = stage.seen.ledger.batches.len() as u64;
        let incarnation = self.isolates[isolate].incarnation;
        let messages: Vec<_> = deliveries.iter().map(|message| read(&message.bytes, message.is.unread)).collect();
        let heads = deliveries.iter().zip(&messages).map(|(message, read)| queue::Delivery {
            attempts: message.is.delivery,
            head: read.as_ref().map(Message::head).map_err(|error| *error),
        });
        let deadline = Timestamp(stage.sim.true_ms()).plus_ms(BATCH_LIMIT_MS);
        let event = Event::Batch { batch, source, deadline, messages: heads.collect() };
        for Delivery { is, .. } in &deliveries {
            match is.unread {
                Some(RowError::Corrupt) => stage.hit(Fault::Corrupt, State::Held, is.request),
                Some(RowError::UnknownVersion(_)) => stage.hit(Fault::Foreign, State::Held, is.request),
                None => {}
            }
        }
        let heard = vec![Heard::Nothing; deliveries.len()];
        let messages = messages.into_iter().map(Result::ok).collect();
        let delivered = deliveries.iter().map(|message| message.is).collect();
        if !stage.see(Observation::Batch { incarnation, source, messages: delivered }) {
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
        if !stage.healthy {
            let (throw, hang, within) = (stage.plan.faults.throw, stage.plan.faults.hang, stage.plan.faults.within);
            let half = |chance: Chance| Chance(chance.0 / 2);
            let mut decide = stage.sim.decide(&BATCH, key);
            invocation.throws_at_its_end = decide.happens(&BATCH.throws_at_end, half(throw));
            invocation.never_returns = decide.happens(&BATCH.never_returns, half(hang));
            let low = within.min(1);
            let throws = decide.sometimes_after(&BATCH.throws, half(throw), low, within);
            let hangs = decide.sometimes_after(&BATCH.hangs, half(hang), low, within);
            if let Some(throws) = throws {
                stage.sim.after(throws, Happening::Throws { batch });
            }
            if let Some(hangs) = hangs {
                stage.sim.after(hangs, Happening::Hangs { batch });
            }
        }
        stage.sim.after(KILLED_AFTER, Happening::Kill { batch });
        self.invocations.insert(batch, invocation);
        self.step(stage, isolate, event);
    }

    /// One step of an isolate's consumer, and all that follows from it.
    fn step(&mut self, stage: &mut Stage<'_>, isolate: usize, event: Event) {
        let batch = event.batch();
        let incarnation = self.isolates[isolate].incarnation;
        stage.sim.say(format!("isolate {incarnation}"), || format!("< {event}"));
        let mut out = std::mem::take(&mut self.out);
        self.isolates[isolate].consumer.step(Timestamp(stage.sim.true_ms()), event, &mut out);
        for effect in out.drain(..) {
            stage.sim.say(format!("isolate {incarnation}"), || format!("> {effect}"));
            let at = effect.at();
            stage.sim.recorder.mix(at.batch << 8 ^ u64::from(at.index));
            if stage.see(Observation::Step { event: batch, effect: at.batch }) {
                self.perform_effect(stage, effect);
            }
        }
        self.out = out;
        self.rests(stage, isolate, batch);
    }

    fn perform_effect(&mut self, stage: &mut Stage<'_>, effect: Effect) {
        match effect {
            Effect::Fetch { at, id, attempt, timeout_ms } => {
                if stage.see(Observation::Fetch { at, id, attempt, timeout_ms }) {
                    self.fetch(stage, at, timeout_ms);
                }
            }
            Effect::Abort { at } => {
                if stage.see(Observation::Abort { at })
                    && let Some(invocation) = self.invocations.get_mut(&at.batch)
                {
                    invocation.running.remove(&(Work::Fetch, at.index));
                    invocation.running.remove(&(Work::Callback, at.index));
                }
            }
            Effect::Deliver { at, id, outcome, attempts, duration_ms } => {
                stage.sim.recorder.mix(duration_ms);
                if stage.see(Observation::Deliver { at, id, outcome, attempts }) {
                    self.call_back(stage, at);
                }
            }
            Effect::Ack { at } => {
                if stage.see(Observation::Ack { at }) {
                    self.decide(at, Heard::Ack);
                }
            }
            Effect::Retry { at, delay_s } => {
                stage.sim.recorder.mix(delay_s.into());
                if stage.see(Observation::Retry { at, delay_s }) {
                    self.decide(at, Heard::Retry { delay_s });
                }
            }
            Effect::Report(Report::Unreadable { at, .. }) => {
                stage.see(Observation::Unreadable { at });
            }
            Effect::Report(Report::CallbackFailed { at, id, outcome }) => {
                stage.see(Observation::CallbackFailed { at, id, outcome });
            }
        }
    }

    fn decide(&mut self, at: Handle, heard: Heard) {
        if let Some(invocation) = self.invocations.get_mut(&at.batch) {
            invocation.heard[at.index as usize] = heard;
        }
    }

    /// After a step: the invocation ends when its batch is done, else it sets its timer.
    fn rests(&mut self, stage: &mut Stage<'_>, isolate: usize, batch: u64) {
        if !self.invocations.contains_key(&batch) {
            return;
        }
        let consumer = &self.isolates[isolate].consumer;
        let (open, wake) = (consumer.is_open(batch), consumer.next_wake(batch));
        stage.see(Observation::Rests { batch, open, wake });
        let now = stage.sim.true_ms();
        let Some(invocation) = self.invocations.get_mut(&batch) else { return };
        if !open {
            if !std::mem::replace(&mut invocation.is_over, true) {
                let after = stage.sim.decide(&BATCH, invocation.key).time(&BATCH.returns, 0, 50_000);
                stage.sim.after(after, Happening::Returns { batch });
            }
        } else if let Some(at) = wake.filter(|at| invocation.ticks_at != Some(*at)) {
            invocation.ticks_at = Some(at);
            stage.sim.after(micros(at.0.saturating_sub(now)), Happening::Tick { batch, at });
        }
    }

    /// A consumer's timer.
    pub fn tick(&mut self, stage: &mut Stage<'_>, batch: u64, at: Timestamp) {
        let Some(invocation) = self.invocations.get_mut(&batch) else { return };
        if invocation.ticks_at != Some(at) || invocation.hangs {
            return;
        }
        invocation.ticks_at = None;
        let isolate = invocation.isolate;
        self.step(stage, isolate, Event::Tick { batch });
    }
}

/// A message as a consumer reads it, for which its bytes are damaged in this way.
fn read(bytes: &[u8], unread: Option<RowError>) -> Result<Message, RowError> {
    match unread {
        None => Message::from_bytes(bytes),
        Some(RowError::Corrupt) => Message::from_bytes(&bytes[..bytes.len() / 2]),
        Some(RowError::UnknownVersion(version)) => {
            let mut bytes = bytes.to_vec();
            bytes[0] = version;
            Message::from_bytes(&bytes)
        }
    }
}
