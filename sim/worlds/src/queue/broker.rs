//! The broker: a queue and its dead-letter queue, as `docs/platform.md` (A6) says, with the faults F29 and F30.

use super::{
    coverage::{Fault, State},
    decisions::{BATCH, Copied, DELIVERY},
    host::Host,
    ledger::{Delivered, Number, Observation},
    message::Happening,
    plan::{Damage, micros},
    stage::Stage,
};
use durable_sim::{Key, MINUTE, Micros, SECOND};
use proxy_fetch::{
    RowError, Timestamp,
    queue::{Handle, MESSAGE_VERSION, Source},
};
use std::{collections::BTreeMap, rc::Rc};

/// Copies of one request that the broker makes at the most.
const MAX_COPIES: u32 = 6;

/// One copy of a message.
#[derive(Clone, Debug)]
struct Copy {
    request: Number,
    bytes: Rc<[u8]>,
    source: Source,
    /// Deliveries from this queue.
    count: u32,
    /// When it came into this queue.
    since: Micros,
    /// Since when only the broker keeps it.
    due: Timestamp,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the queue, and to be delivered from this time on.
    Ready(Micros),
    /// In a batch.
    Leased,
    Gone,
}

/// What the broker has heard of a message when an invocation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Ack,
    Retry { delay_s: u32 },
    Nothing,
}

/// A batch, as it is delivered to an isolate.
#[derive(Debug)]
pub(super) struct Batch {
    pub isolate: usize,
    pub source: Source,
    /// What is decided about it is keyed by this.
    pub key: Key,
    pub deliveries: Vec<Delivery>,
}

/// A message in a batch.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    /// Which copy.
    copy: usize,
    /// The number of this delivery of its request.
    nth: u32,
    pub is: Delivered,
    pub bytes: Rc<[u8]>,
}

/// The broker.
#[derive(Debug, Default)]
pub(super) struct Broker {
    copies: Vec<Copy>,
    /// Deliveries of all copies of each request.
    deliveries: BTreeMap<Number, u32>,
    /// Batches that were made while a request waited for the longest time.
    batches: BTreeMap<Number, u32>,
}

impl Broker {
    /// A send arrives.
    pub fn store(&mut self, stage: &mut Stage<'_>, request: Number, bytes: &Rc<[u8]>) {
        let now = stage.sim.now();
        let due = Timestamp(stage.sim.true_ms());
        let (bytes, place) = (Rc::clone(bytes), Place::Ready(now));
        self.add(stage, Copy { request, bytes, source: Source::Queue, count: 0, since: now, due, place });
    }

    fn add(&mut self, stage: &mut Stage<'_>, copy: Copy) -> usize {
        stage.see(Observation::Stored { request: copy.request });
        let (source, place) = (copy.source, copy.place);
        self.copies.push(copy);
        if let Place::Ready(at) = place {
            pump_at(stage, source, at);
        }
        self.copies.len() - 1
    }

    /// Forms batches, as long as there are messages and isolates for them.
    pub fn pump(&mut self, stage: &mut Stage<'_>, host: &mut Host, source: Source) {
        loop {
            let mut ready = self.ready(stage, source);
            if ready.is_empty() || stage.sim.broken().is_some() {
                return;
            }
            let free = host.free_isolates(stage);
            let Some(others) = free.len().checked_sub(1) else { return };
            let request = self.copies[ready[0]].request;
            let key = stage.key(request, next(&mut self.batches, request));
            let mut decide = stage.sim.decide(&BATCH, key);
            let isolate = free[decide.up_to(&BATCH.isolate, others as u64) as usize];
            if !stage.healthy && ready.len() > 1 {
                let (chance, most) = (stage.plan.faults.reorder, ready.len() as u64 - 1);
                let overtaken = decide.sometimes_up_to(&BATCH.overtaken, chance, most).unwrap_or(0);
                if overtaken > 0 {
                    ready.rotate_left(overtaken as usize);
                    let (request, state) = (self.copies[ready[0]].request, self.broker_state(ready[0]));
                    stage.hit(Fault::Reorder, state, request);
                }
            }
            let mut size = ready.len().min(stage.plan.settings.max_batch);
            if !stage.healthy && size > 1 {
                let (chance, most) = (stage.plan.faults.cut, size as u64 - 1);
                let cut = decide.sometimes_up_to(&BATCH.cut, chance, most).unwrap_or(0);
                if cut > 0 {
                    size -= cut as usize;
                    let (request, state) = (self.copies[ready[size]].request, self.broker_state(ready[size]));
                    stage.hit(Fault::Cut, state, request);
                }
            }
            ready.truncate(size);
            let deliveries = self.deliver(stage, ready);
            host.invoke(stage, Batch { isolate, source, key, deliveries });
        }
    }

    fn broker_state(&self, copy: usize) -> State {
        if self.copies[copy].count == 0 { State::Queued } else { State::Waiting }
    }

    /// The copies that are due, oldest first. Those that were kept too long are gone.
    fn ready(&mut self, stage: &mut Stage<'_>, source: Source) -> Vec<usize> {
        let now = stage.sim.now();
        let mut ready = Vec::new();
        for copy in 0..self.copies.len() {
            match self.copies[copy].place {
                Place::Ready(at) if at <= now && self.copies[copy].source == source => {
                    if self.copies[copy].since + stage.plan.settings.retention <= now {
                        let state = self.broker_state(copy);
                        self.delete(stage, copy, Fault::Retention, state);
                    } else {
                        ready.push((at, copy));
                    }
                }
                Place::Ready(_) | Place::Leased | Place::Gone => {}
            }
        }
        ready.sort_unstable();
        ready.into_iter().map(|(_, copy)| copy).collect()
    }

    fn delete(&mut self, stage: &mut Stage<'_>, copy: usize, why: Fault, state: State) {
        let request = self.copies[copy].request;
        self.copies[copy].place = Place::Gone;
        stage.hit(why, state, request);
        stage.see(Observation::Deleted { request });
    }

    fn deliver(&mut self, stage: &mut Stage<'_>, ready: Vec<usize>) -> Vec<Delivery> {
        let mut batch = Vec::with_capacity(ready.len());
        let mut more = Vec::new();
        for copy in ready {
            let nth = next(&mut self.deliveries, self.copies[copy].request);
            batch.push((copy, nth));
            let size = batch.len() + more.len();
            more.extend(self.duplicate(stage, copy, nth, size));
        }
        for copy in more {
            batch.push((copy, next(&mut self.deliveries, self.copies[copy].request)));
        }
        for (copy, _) in &batch {
            self.copies[*copy].place = Place::Leased;
            self.copies[*copy].count += 1;
        }
        let deliveries = batch.into_iter().map(|(copy, nth)| {
            let Copy { request, count, due, ref bytes, .. } = self.copies[copy];
            let is = Delivered { request, delivery: count, unread: unread(stage, request), due };
            Delivery { copy, nth, is, bytes: Rc::clone(bytes) }
        });
        deliveries.collect()
    }

    /// Makes a second copy of what is about to be delivered, with the same count; says which, if it goes into the same
    /// batch, which has so many messages already.
    fn duplicate(&mut self, stage: &mut Stage<'_>, copy: usize, nth: u32, size: usize) -> Option<usize> {
        let request = self.copies[copy].request;
        if stage.healthy || stage.seen.ledger.entries[request].copies >= MAX_COPIES {
            return None;
        }
        // A third of them in the same batch.
        let copied = stage.sim.decide(&DELIVERY, stage.key(request, nth)).sometimes_one(
            &DELIVERY.copied,
            stage.plan.faults.duplicate,
            &[
                Copied::SameBatch,
                Copied::SameBatch,
                Copied::AtOnce,
                Copied::InASecond,
                Copied::InAMinute,
                Copied::InTenMinutes,
            ],
        );
        let (same_batch, later) = match copied {
            Copied::Never => return None,
            Copied::SameBatch => (size < stage.plan.settings.max_batch, 0),
            Copied::AtOnce => (false, 0),
            Copied::InASecond => (false, SECOND),
            Copied::InAMinute => (false, MINUTE),
            Copied::InTenMinutes => (false, 10 * MINUTE),
        };
        let state = self.broker_state(copy);
        stage.hit(Fault::Duplicate, state, request);
        let place = if same_batch { Place::Leased } else { Place::Ready(stage.sim.now() + later) };
        let due = Timestamp(stage.sim.true_ms());
        let more = self.add(stage, Copy { due, place, ..self.copies[copy].clone() });
        same_batch.then_some(more)
    }

    /// An invocation is over, and this is what the broker has heard of a message of it.
    pub fn heard(&mut self, stage: &mut Stage<'_>, delivery: &Delivery, at: Handle, heard: Heard) {
        let Delivery { copy, nth, .. } = *delivery;
        let Copy { request, source, count, .. } = self.copies[copy];
        let settings = stage.plan.settings;
        let over = Timestamp(stage.sim.true_ms());
        let (delay, due) = match heard {
            Heard::Ack => {
                self.copies[copy].place = Place::Gone;
                return;
            }
            Heard::Retry { delay_s } => {
                let delay_ms = u64::from(delay_s) * 1_000;
                (micros(delay_ms), over.plus_ms(delay_ms))
            }
            Heard::Nothing => (settings.retry_delay, over),
        };
        let state = stage.seen.state(at);
        let most = match source {
            Source::Queue => settings.max_retries,
            Source::DeadLetters => settings.dead_letter_max_retries,
        };
        if count <= most {
            let mut ready = stage.sim.now() + delay;
            if !stage.healthy {
                let mut decide = stage.sim.decide(&DELIVERY, stage.key(request, nth));
                let late = decide.sometimes(&DELIVERY.delay, stage.plan.faults.delay, 1_000, MINUTE);
                if late > 0 {
                    ready += late;
                    stage.hit(Fault::Delay, State::Waiting, request);
                }
            }
            self.copies[copy].place = Place::Ready(ready);
            self.copies[copy].due = due;
            pump_at(stage, source, ready);
            return;
        }
        if source == Source::DeadLetters || !settings.dead_letters {
            self.delete(stage, copy, Fault::Deleted, state);
            return;
        }
        stage.hit(Fault::DeadLetter, state, request);
        let now = stage.sim.now();
        let dead = Copy {
            source: Source::DeadLetters,
            due: over,
            count: 0,
            since: now,
            place: Place::Ready(now),
            ..self.copies[copy].clone()
        };
        self.copies[copy] = dead;
        pump_at(stage, Source::DeadLetters, now);
    }
}

fn pump_at(stage: &mut Stage<'_>, source: Source, at: Micros) {
    stage.sim.after(at.saturating_sub(stage.sim.now()) + stage.plan.settings.batch_timeout, Happening::Pump(source));
}

/// Counts one more for this request, from 1.
fn next(counts: &mut BTreeMap<Number, u32>, request: Number) -> u32 {
    let count = counts.entry(request).or_default();
    *count += 1;
    *count
}

/// Why a consumer cannot read this request's message now, if it cannot.
fn unread(stage: &Stage<'_>, request: Number) -> Option<RowError> {
    match stage.request(request).damage {
        Some(Damage::Corrupt) => Some(RowError::Corrupt),
        Some(Damage::Foreign) if !stage.healthy => Some(RowError::UnknownVersion(MESSAGE_VERSION + 1)),
        Some(Damage::Foreign) | None => None,
    }
}
