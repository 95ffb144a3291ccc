//! The broker: a queue and its dead-letter queue, as `docs/platform.md` (A6) says, with the faults F29 and F30.

use super::{
    coverage::{Fault, State},
    decisions::{BATCH, Copied, DELIVERY, NTH},
    host::{Delivery, Invocation},
    ledger::{Delivered, Number, Seen},
    world::{Happening, QueueWorld, micros},
};
use durable_sim::{Key, MINUTE, Micros, SECOND, Sim};
use proxy_fetch::queue::{Handle, Source};

/// Copies of one request that the broker makes at the most.
const MAX_COPIES: u32 = 6;

/// One copy of a message.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub request: Number,
    source: Source,
    /// Deliveries from this queue.
    count: u32,
    /// When it came into this queue.
    since: Micros,
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

impl QueueWorld {
    /// A send arrives.
    pub(super) fn store(&mut self, sim: &mut Sim<Self>, request: Number) {
        let now = sim.now();
        self.add(sim, Copy { request, source: Source::Queue, count: 0, since: now, place: Place::Ready(now) });
    }

    fn add(&mut self, sim: &mut Sim<Self>, copy: Copy) -> usize {
        self.see(sim, Seen::Stored { request: copy.request });
        let (source, place) = (copy.source, copy.place);
        self.copies.push(copy);
        if let Place::Ready(at) = place {
            self.pump_at(sim, source, at);
        }
        self.copies.len() - 1
    }

    fn pump_at(&self, sim: &mut Sim<Self>, source: Source, at: Micros) {
        sim.after(at.saturating_sub(sim.now()) + self.plan.settings.batch_timeout, Happening::Pump(source));
    }

    /// Forms batches, as long as there are messages and isolates for them.
    pub(super) fn pump(&mut self, sim: &mut Sim<Self>, source: Source) {
        loop {
            let mut ready = self.ready(sim, source);
            if ready.is_empty() || sim.broken().is_some() {
                return;
            }
            let free = self.free_isolates();
            let Some(others) = free.len().checked_sub(1) else { return };
            let key = self.next_batch(self.copies[ready[0]].request);
            let mut decide = sim.decide(&BATCH, key);
            let isolate = free[decide.up_to(&BATCH.isolate, others as u64) as usize];
            if !self.healthy && ready.len() > 1 {
                let (chance, most) = (self.plan.faults.reorder, ready.len() as u64 - 1);
                let overtaken = decide.sometimes_up_to(&BATCH.overtaken, chance, most).unwrap_or(0);
                if overtaken > 0 {
                    ready.rotate_left(overtaken as usize);
                    let (request, state) = (self.copies[ready[0]].request, self.broker_state(ready[0]));
                    self.hit(sim, Fault::Reorder, state, request);
                }
            }
            let mut size = ready.len().min(self.plan.settings.max_batch);
            if !self.healthy && size > 1 {
                let (chance, most) = (self.plan.faults.cut, size as u64 - 1);
                let cut = decide.sometimes_up_to(&BATCH.cut, chance, most).unwrap_or(0);
                if cut > 0 {
                    size -= cut as usize;
                    let (request, state) = (self.copies[ready[size]].request, self.broker_state(ready[size]));
                    self.hit(sim, Fault::Cut, state, request);
                }
            }
            ready.truncate(size);
            self.deliver(sim, isolate, source, key, ready);
        }
    }

    fn broker_state(&self, copy: usize) -> State {
        if self.copies[copy].count == 0 { State::Queued } else { State::Waiting }
    }

    /// The copies that are due, oldest first. Those that were kept too long are gone.
    fn ready(&mut self, sim: &mut Sim<Self>, source: Source) -> Vec<usize> {
        let now = sim.now();
        let mut ready = Vec::new();
        for copy in 0..self.copies.len() {
            match self.copies[copy].place {
                Place::Ready(at) if at <= now && self.copies[copy].source == source => {
                    if self.copies[copy].since + self.plan.settings.retention <= now {
                        let state = self.broker_state(copy);
                        self.delete(sim, copy, Fault::Retention, state);
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

    fn delete(&mut self, sim: &mut Sim<Self>, copy: usize, why: Fault, state: State) {
        let request = self.copies[copy].request;
        self.copies[copy].place = Place::Gone;
        self.hit(sim, why, state, request);
        self.see(sim, Seen::Deleted { request });
    }

    fn deliver(&mut self, sim: &mut Sim<Self>, isolate: usize, source: Source, key: Key, ready: Vec<usize>) {
        let mut batch = Vec::with_capacity(ready.len());
        let mut more = Vec::new();
        for copy in ready {
            let nth = self.next_delivery(self.copies[copy].request);
            batch.push(Delivery { copy, nth });
            let size = batch.len() + more.len();
            more.extend(self.duplicate(sim, copy, nth, size));
        }
        for copy in more {
            let nth = self.next_delivery(self.copies[copy].request);
            batch.push(Delivery { copy, nth });
        }
        for Delivery { copy, .. } in &batch {
            self.copies[*copy].place = Place::Leased;
            self.copies[*copy].count += 1;
        }
        let messages: Vec<Delivered> = batch
            .iter()
            .map(|delivery| {
                let Copy { request, count, .. } = self.copies[delivery.copy];
                Delivered { request, delivery: count, unread: self.unread(request) }
            })
            .collect();
        self.invoke(sim, isolate, source, key, batch, messages);
    }

    /// Makes a second copy of what is about to be delivered, with the same count; says which, if it goes into the same
    /// batch, which has so many messages already.
    fn duplicate(&mut self, sim: &mut Sim<Self>, copy: usize, nth: u32, size: usize) -> Option<usize> {
        let request = self.copies[copy].request;
        if self.healthy || self.ledger.entries[request].copies >= MAX_COPIES {
            return None;
        }
        // A third of them in the same batch.
        let copied = sim.decide(&DELIVERY, NTH.key2(self.made(request).planned, nth)).sometimes_one(
            &DELIVERY.copied,
            self.plan.faults.duplicate,
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
            Copied::SameBatch => (size < self.plan.settings.max_batch, 0),
            Copied::AtOnce => (false, 0),
            Copied::InASecond => (false, SECOND),
            Copied::InAMinute => (false, MINUTE),
            Copied::InTenMinutes => (false, 10 * MINUTE),
        };
        let state = self.broker_state(copy);
        self.hit(sim, Fault::Duplicate, state, request);
        let place = if same_batch { Place::Leased } else { Place::Ready(sim.now() + later) };
        let more = self.add(sim, Copy { place, ..self.copies[copy].clone() });
        same_batch.then_some(more)
    }

    /// An invocation is over, and this is what the broker has heard of a message of it.
    pub(super) fn heard(&mut self, sim: &mut Sim<Self>, invocation: &Invocation, at: Handle, heard: Heard) {
        let Delivery { copy, nth } = invocation.deliveries[at.index as usize];
        let Copy { request, source, count, .. } = self.copies[copy];
        let settings = self.plan.settings;
        let delay = match heard {
            Heard::Ack => {
                self.copies[copy].place = Place::Gone;
                return;
            }
            Heard::Retry { delay_s } => micros(u64::from(delay_s) * 1_000),
            Heard::Nothing => settings.retry_delay,
        };
        let state = self.state(at);
        let most = match source {
            Source::Queue => settings.max_retries,
            Source::DeadLetters => settings.dead_letter_max_retries,
        };
        if count <= most {
            let mut ready = sim.now() + delay;
            if !self.healthy {
                let mut decide = sim.decide(&DELIVERY, NTH.key2(self.made(request).planned, nth));
                let late = decide.sometimes(&DELIVERY.delay, self.plan.faults.delay, 1_000, MINUTE);
                if late > 0 {
                    ready += late;
                    self.hit(sim, Fault::Delay, State::Waiting, request);
                }
            }
            self.copies[copy].place = Place::Ready(ready);
            self.pump_at(sim, source, ready);
            return;
        }
        if source == Source::DeadLetters || !settings.dead_letters {
            self.delete(sim, copy, Fault::Deleted, state);
            return;
        }
        self.hit(sim, Fault::DeadLetter, state, request);
        let now = sim.now();
        self.copies[copy] =
            Copy { request, source: Source::DeadLetters, count: 0, since: now, place: Place::Ready(now) };
        self.pump_at(sim, Source::DeadLetters, now);
    }
}
