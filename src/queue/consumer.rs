//! The consumer: what is held in memory, how an event enters, and what happens to each message.
//!
//! A message holds a slot while it is worked on, first for its fetch, then for its callback: at most
//! [`MAX_IN_FLIGHT`](limits::MAX_IN_FLIGHT) in a batch, so that the platform's six connections per invocation suffice
//! even with callbacks, and a slow callback holds back new fetches instead of filling the memory with responses.
//!
//! Keeps S6-S9, S11, S13 and S16, as far as they can be kept without storage, and S3, S12 and S15 within a batch.

use super::{
    BATCH_LIMIT_MS, DUPLICATE_DELAY_S, Delivery, Effect, Event, Handle, Head, MAX_RETRY_DELAY_S, MIN_RETRY_DELAY_S,
    Report, Source, UNREADABLE_DEAD_LETTER_DELAY_S, UNREADABLE_DELAY_S, memory::Memory,
};
use crate::{
    CallbackResult, Failure, FetchResult, Outcome, RowError, Timestamp,
    backoff::{Judgement, judge, not_before},
    expires_at,
    id::accepted_at,
    limits,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::fmt;
use ulid::Ulid;

/// Decides what becomes of deliveries. One per isolate, for all its batches; it may be lost at any time.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// The time of the last step.
    latest: Timestamp,
    batches: BTreeMap<u64, Batch>,
    /// The message that stands for a request while it is worked on, in whatever batch.
    under_way: BTreeMap<Ulid, Handle>,
    memory: Memory,
}

#[derive(Clone, Debug)]
struct Batch {
    source: Source,
    deadline: Timestamp,
    /// Undecided messages by their index; repeats stand in the first one's list.
    tasks: BTreeMap<u32, Task>,
    /// Those without a slot, smallest ULID first.
    waiting: BTreeSet<(Ulid, u32)>,
}

#[derive(Clone, Debug)]
struct Task {
    head: Head,
    /// The platform's count.
    delivery: u32,
    /// Attempts started, as far as is known.
    attempts: u8,
    phase: Phase,
    /// Messages of the same batch with the same request: decided together.
    repeats: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// For a slot.
    Waiting,
    /// Its fetch runs, until this time at the latest.
    InFlight(Timestamp),
    /// Its outcome is chosen, its callback runs, until this time at the latest.
    Delivering(Outcome, Timestamp),
}

impl Batch {
    fn has_slot(&self) -> bool {
        self.tasks.len() - self.waiting.len() < limits::MAX_IN_FLIGHT
    }
}

impl Consumer {
    /// A consumer that knows nothing yet. It remembers at most `max_remembered` requests, 1 or more.
    #[must_use]
    pub const fn new(max_remembered: usize) -> Self {
        Self {
            latest: Timestamp(0),
            batches: BTreeMap::new(),
            under_way: BTreeMap::new(),
            memory: Memory::new(max_remembered),
        }
    }

    /// Takes in one event at the host's clock `now` and appends what follows to `out`, all of it for the event's batch.
    ///
    /// Total: no event makes it panic or stick. What names a message that is decided, or no message, changes nothing.
    pub fn step(&mut self, now: Timestamp, event: Event, out: &mut Vec<Effect>) {
        let now = now.min(Timestamp::MAX).max(self.latest);
        self.latest = now;
        self.memory.forget(now);
        let batch = event.batch();
        self.close_overdue(now, batch);
        match event {
            Event::Batch { batch, source, deadline, messages } => {
                self.close(now, batch);
                self.open(now, batch, source, deadline, messages, out);
            }
            Event::Fetched { at, result } => self.fetched(now, at, &result, out),
            Event::Delivered { at, result } => self.delivered(now, at, result, out),
            Event::Tick { .. } => {}
            Event::Closed { batch } => self.close(now, batch),
        }
        self.end_overdue(now, batch, out);
        self.fill(now, batch, out);
        if self.batches.get(&batch).is_some_and(|batch| batch.tasks.is_empty()) {
            self.batches.remove(&batch);
        }
    }

    /// Whether a message of this batch is neither acked nor given back: the invocation must go on.
    #[must_use]
    pub fn is_open(&self, batch: u64) -> bool {
        self.batches.contains_key(&batch)
    }

    /// When this batch must get an [`Event::Tick`] at the latest. The time may be in the past.
    #[must_use]
    pub fn next_wake(&self, batch: u64) -> Option<Timestamp> {
        let tasks = self.batches.get(&batch)?.tasks.values();
        tasks.filter_map(|task| task.until()).min()
    }

    /// How many requests are remembered.
    #[must_use]
    pub fn remembered_len(&self) -> usize {
        self.memory.len()
    }

    fn open(
        &mut self,
        now: Timestamp,
        number: u64,
        source: Source,
        deadline: Timestamp,
        messages: Vec<Delivery>,
        out: &mut Vec<Effect>,
    ) {
        // A host that knows of no deadline has the platform's.
        let deadline = deadline.min(now.plus_ms(BATCH_LIMIT_MS));
        self.batches.insert(number, Batch { source, deadline, tasks: BTreeMap::new(), waiting: BTreeSet::new() });
        for (index, Delivery { attempts, head }) in (0..).zip(messages) {
            let at = Handle { batch: number, index };
            match head {
                Ok(head) => self.admit(now, at, source, head, attempts, out),
                Err(error) => give_back_unread(at, source, error, out),
            }
        }
    }

    fn admit(&mut self, now: Timestamp, at: Handle, source: Source, head: Head, delivery: u32, out: &mut Vec<Effect>) {
        let id = head.id;
        let memo = self.memory.get(id);
        if memo.finished {
            out.push(Effect::Ack { at });
            return;
        }
        match source {
            Source::Queue => self.memory.note(now, id, |memo| memo.see(delivery)),
            // Its count is of another queue.
            Source::DeadLetters => {}
        }
        if let Some(first) = self.under_way.get(&id).copied() {
            // Not acked before the first is decided: if that is lost, this one is what is left of the request.
            match self.task(first).filter(|_| first.batch == at.batch) {
                Some(task) => task.repeats.push(at.index),
                None => out.push(Effect::Retry { at, delay_s: DUPLICATE_DELAY_S }),
            }
            return;
        }
        // Too early: a repeat, or a delivery after a lost invocation. An expired one waits for nothing.
        if source == Source::Queue && now < memo.not_before && now < expires_at(id) {
            out.push(Effect::Retry { at, delay_s: seconds(memo.not_before.ms_since(now)) });
            return;
        }
        let Some(batch) = self.batches.get_mut(&at.batch) else { return };
        batch.tasks.insert(at.index, Task { head, delivery, attempts: 0, phase: Phase::Waiting, repeats: Vec::new() });
        batch.waiting.insert((id, at.index));
        self.under_way.insert(id, at);
    }

    /// Gives free slots to waiting messages, and those back to the platform for which the time left is too short.
    fn fill(&mut self, now: Timestamp, number: u64, out: &mut Vec<Effect>) {
        while let Some(batch) = self.batches.get_mut(&number).filter(|batch| batch.has_slot()) {
            let Some((_, index)) = batch.waiting.pop_first() else { return };
            self.start(now, Handle { batch: number, index }, out);
        }
        let Some(batch) = self.batches.get_mut(&number) else { return };
        let deadline = batch.deadline;
        let late = |task: &Task| now.plus_ms(task.longest_ms()) > deadline;
        let late: Vec<(Ulid, u32)> =
            batch.waiting.iter().filter(|(_, index)| batch.tasks.get(index).is_some_and(late)).copied().collect();
        for waiting in &late {
            batch.waiting.remove(waiting);
        }
        for (_, index) in late {
            self.give_back(Handle { batch: number, index }, MIN_RETRY_DELAY_S, out);
        }
    }

    /// Begins with a message that has a slot.
    fn start(&mut self, now: Timestamp, at: Handle, out: &mut Vec<Effect>) {
        let Some(Batch { source, deadline, .. }) = self.batches.get(&at.batch) else { return };
        let (source, deadline) = (*source, *deadline);
        let Some(Task { head, delivery, .. }) = self.task(at) else { return };
        let (id, policy, delivery) = (head.id, head.policy, *delivery);
        let longest_ms = self.task(at).map_or(0, |task| task.longest_ms());
        let most = u32::from(policy.max_retries()) + 1;
        let spent = match source {
            Source::Queue => self.memory.get(id).spent(delivery).min(most),
            Source::DeadLetters => most,
        };
        let expires = expires_at(id);
        let attempts = u8::try_from(spent).unwrap_or(u8::MAX);
        if now.plus_ms(longest_ms) > deadline {
            self.give_back(at, MIN_RETRY_DELAY_S, out);
        } else if now >= expires {
            self.set_attempts(at, attempts);
            self.choose(now, at, Outcome::Expired, out);
        } else if spent >= most {
            // The last attempt was cut off, or is a dead letter: nobody will know how it ended.
            self.set_attempts(at, attempts);
            self.choose(now, at, Outcome::Interrupted, out);
        } else {
            let attempt = attempts.saturating_add(1);
            self.memory.note(now, id, |memo| memo.start());
            let timeout_ms = policy.timeout_ms();
            let lease_until = now.plus_ms(u64::from(timeout_ms) + limits::LEASE_GRACE_MS);
            self.set_attempts(at, attempt);
            self.set_phase(at, Phase::InFlight(lease_until.min(expires)));
            out.push(Effect::Fetch { at, id, attempt, timeout_ms });
        }
    }

    /// A host reports the end of an attempt.
    fn fetched(&mut self, now: Timestamp, at: Handle, result: &FetchResult, out: &mut Vec<Effect>) {
        match self.task(at).map(|task| task.phase) {
            Some(Phase::InFlight(_)) => self.end_attempt(now, at, result, out),
            // It is given back, over, or given up already.
            Some(Phase::Waiting | Phase::Delivering(..)) | None => {}
        }
    }

    /// Decides what follows an attempt's end.
    fn end_attempt(&mut self, now: Timestamp, at: Handle, result: &FetchResult, out: &mut Vec<Effect>) {
        let Some(Task { head, attempts, .. }) = self.task(at) else { return };
        let (Head { id, policy, .. }, attempts) = (*head, *attempts);
        let expires = expires_at(id);
        if now >= expires {
            self.choose(now, at, Outcome::Expired, out);
            return;
        }
        let Judgement { outcome, retryable, ambiguous: _, retry_after } = judge(&policy, result);
        if retryable && attempts <= policy.max_retries() {
            let start = not_before(&policy, id, attempts, retry_after, now, expires);
            let delay_s = seconds(start.ms_since(now));
            // The platform delays by whole seconds.
            let start = now.plus_ms(u64::from(delay_s) * 1_000);
            if start < expires {
                self.memory.note(now, id, |memo| memo.not_before = start);
                self.give_back(at, delay_s, out);
                return;
            }
        }
        self.choose(now, at, outcome, out);
    }

    /// Chooses the outcome of a message that has a slot (law S11).
    fn choose(&mut self, now: Timestamp, at: Handle, outcome: Outcome, out: &mut Vec<Effect>) {
        let Some(task) = self.task(at) else { return };
        if !task.head.has_callback {
            self.finish(now, at, out);
            return;
        }
        task.phase = Phase::Delivering(outcome, now.plus_ms(limits::CALLBACK_TIMEOUT_MS + limits::LEASE_GRACE_MS));
        let (id, attempts) = (task.head.id, task.attempts);
        out.push(Effect::Deliver { at, id, outcome, attempts, duration_ms: now.ms_since(accepted_at(id)) });
    }

    /// A host reports the end of a callback; answered or failed, it ends the request.
    fn delivered(&mut self, now: Timestamp, at: Handle, result: CallbackResult, out: &mut Vec<Effect>) {
        let Some(task) = self.task(at) else { return };
        let id = task.head.id;
        let outcome = match task.phase {
            Phase::Delivering(outcome, _) => outcome,
            Phase::Waiting | Phase::InFlight(_) => return,
        };
        match result {
            CallbackResult::Answered => {}
            CallbackResult::Failed => out.push(Effect::Report(Report::CallbackFailed { at, id, outcome })),
        }
        self.finish(now, at, out);
    }

    /// The request is over: its repeats too, now and for a while (law S6).
    fn finish(&mut self, now: Timestamp, at: Handle, out: &mut Vec<Effect>) {
        let Some(task) = self.remove(at) else { return };
        self.memory.note(now, task.head.id, |memo| memo.finished = true);
        for index in core::iter::once(at.index).chain(task.repeats) {
            out.push(Effect::Ack { at: Handle { batch: at.batch, index } });
        }
    }

    /// Gives a message and its repeats back to the platform.
    fn give_back(&mut self, at: Handle, delay_s: u32, out: &mut Vec<Effect>) {
        let Some(task) = self.remove(at) else { return };
        for index in core::iter::once(at.index).chain(task.repeats) {
            out.push(Effect::Retry { at: Handle { batch: at.batch, index }, delay_s });
        }
    }

    /// Ends what the host should have reported the end of.
    fn end_overdue(&mut self, now: Timestamp, number: u64, out: &mut Vec<Effect>) {
        let Some(batch) = self.batches.get(&number) else { return };
        let is_due = |task: &Task| task.until().is_some_and(|until| until <= now);
        let due: Vec<u32> = batch.tasks.iter().filter(|(_, task)| is_due(task)).map(|(index, _)| *index).collect();
        for index in due {
            let at = Handle { batch: number, index };
            out.push(Effect::Abort { at });
            self.fetched(now, at, &FetchResult::Failed(Failure::TimedOut), out);
            if self.task(at).is_some_and(|task| task.until().is_some_and(|until| until <= now)) {
                self.delivered(now, at, CallbackResult::Failed, out);
            }
        }
    }

    /// Forgets batches that the platform has ended, other than the one that speaks.
    fn close_overdue(&mut self, now: Timestamp, speaking: u64) {
        let others = self.batches.iter().filter(|(number, batch)| **number != speaking && batch.deadline <= now);
        let over: Vec<u64> = others.map(|(number, _)| *number).collect();
        for number in over {
            self.close(now, number);
        }
    }

    /// The messages of this batch are the platform's again. An attempt that was cut off has failed (law S7).
    fn close(&mut self, now: Timestamp, number: u64) {
        let Some(batch) = self.batches.remove(&number) else { return };
        let failed_at = now.min(batch.deadline);
        for Task { head: Head { id, policy, .. }, attempts, phase, .. } in batch.tasks.into_values() {
            self.under_way.remove(&id);
            match phase {
                Phase::Waiting => {}
                Phase::InFlight(_) | Phase::Delivering(..) => {
                    let start = not_before(&policy, id, attempts, None, failed_at, expires_at(id));
                    self.memory.note(now, id, |memo| memo.not_before = start);
                }
            }
        }
    }

    fn task(&mut self, at: Handle) -> Option<&mut Task> {
        self.batches.get_mut(&at.batch)?.tasks.get_mut(&at.index)
    }

    fn remove(&mut self, at: Handle) -> Option<Task> {
        let task = self.batches.get_mut(&at.batch)?.tasks.remove(&at.index)?;
        self.under_way.remove(&task.head.id);
        Some(task)
    }

    fn set_phase(&mut self, at: Handle, phase: Phase) {
        if let Some(task) = self.task(at) {
            task.phase = phase;
        }
    }

    fn set_attempts(&mut self, at: Handle, attempts: u8) {
        if let Some(task) = self.task(at) {
            task.attempts = attempts;
        }
    }
}

impl Task {
    fn until(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Waiting => None,
            Phase::InFlight(until) | Phase::Delivering(_, until) => Some(until),
        }
    }

    /// How long it may take from its start, in ms.
    fn longest_ms(&self) -> u64 {
        let callback = if self.head.has_callback { limits::CALLBACK_TIMEOUT_MS + limits::LEASE_GRACE_MS } else { 0 };
        u64::from(self.head.policy.timeout_ms()) + limits::LEASE_GRACE_MS + callback
    }
}

/// A message that cannot be read is not ours to destroy (laws S13, S24).
fn give_back_unread(at: Handle, source: Source, error: RowError, out: &mut Vec<Effect>) {
    out.push(Effect::Report(Report::Unreadable { at, error }));
    let delay_s = match source {
        Source::Queue => UNREADABLE_DELAY_S,
        Source::DeadLetters => UNREADABLE_DEAD_LETTER_DELAY_S,
    };
    out.push(Effect::Retry { at, delay_s });
}

/// A delay in whole seconds, never shorter than asked for, within the platform's bounds.
fn seconds(ms: u64) -> u32 {
    u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX).clamp(MIN_RETRY_DELAY_S, MAX_RETRY_DELAY_S)
}

impl fmt::Display for Consumer {
    /// The state for people: a head line, then a line per undecided message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batches={} remembered={}", self.batches.len(), self.memory.len())?;
        for (number, batch) in &self.batches {
            for (index, task) in &batch.tasks {
                let at = Handle { batch: *number, index: *index };
                write!(f, "\n  {at} {} delivery={} {}", task.head.id, task.delivery, task.phase)?;
                if !task.repeats.is_empty() {
                    write!(f, " repeats={}", task.repeats.len())?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waiting"),
            Self::InFlight(until) => write!(f, "in-flight until={until}"),
            Self::Delivering(outcome, until) => write!(f, "delivering {outcome} until={until}"),
        }
    }
}
