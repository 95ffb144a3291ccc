//! The ground truth of a run: what was seen from outside the consumers, and nothing that they say of themselves.
//!
//! Everything enters as an [`Observation`]; the world and the tests of the laws write it in the same way.

use proxy_fetch::{
    FetchResult, Options, Outcome, RowError, Timestamp, Ulid,
    queue::{Handle, Source},
};
use std::collections::{BTreeMap, BTreeSet};

/// The number of a request in its run.
pub type Number = usize;
/// The number of an incarnation of an isolate; no two incarnations share one.
pub type Incarnation = u32;

/// Something that can be seen from outside. Its time is [`Ledger::now`].
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// A producer minted a ULID for its request and is about to send it.
    Made { id: Ulid, options: Options, callback: bool, unread: Option<RowError> },
    /// The broker has stored a copy: of a send, or one too many (F29).
    Stored { request: Number },
    /// The producer was told that it is stored.
    Acknowledged { request: Number },
    /// A copy is gone otherwise than by an ack: deleted by the platform.
    Deleted { request: Number },
    /// A batch is delivered to an incarnation.
    Batch { incarnation: Incarnation, source: Source, messages: Vec<Delivered> },
    /// A step took an event of this batch and left an effect for that one.
    Step { event: u64, effect: u64 },
    /// A fetch left.
    Fetch { at: Handle, id: Ulid, attempt: u8, timeout_ms: u32 },
    /// An upstream was reached, with this `Idempotency-Key`.
    Executed { request: Number, key: Option<String> },
    /// A consumer heard how its fetch ended; `asked` is when `Retry-After`, if it was valid, allows the next.
    Fetched { at: Handle, result: FetchResult, asked: Option<Timestamp> },
    /// A callback left.
    Deliver { at: Handle, id: Ulid, outcome: Outcome, attempts: u8 },
    /// A consumer heard that its callback ended.
    Delivered { at: Handle, answered: bool },
    /// A consumer reported that a callback failed.
    CallbackFailed { at: Handle, id: Ulid, outcome: Outcome },
    /// After a step: whether the consumer says that the batch needs more, and when it wants to be woken.
    Rests { batch: u64, open: bool, wake: Option<Timestamp> },
    /// A consumer gave a fetch or a callback up.
    Abort { at: Handle },
    /// A consumer acked a message.
    Ack { at: Handle },
    /// A consumer gave a message back.
    Retry { at: Handle, delay_s: u32 },
    /// A consumer reported that it cannot read a message.
    Unreadable { at: Handle },
    /// A consumer heard that an invocation is over.
    Closed { batch: u64 },
    /// An invocation is over; for these messages the platform does not have the consumer's decision.
    Ended { batch: u64, undecided: Vec<u32> },
    /// From now on there are no faults.
    Healed,
    /// Nothing is left to happen.
    Over,
}

/// A message of a batch, as delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its request.
    pub request: Number,
    /// The platform's count of deliveries.
    pub delivery: u32,
    /// Why it cannot be read, if it cannot.
    pub unread: Option<RowError>,
    /// Until when no consumer had a part in its not being there: until it was sent or given back, and for the delay that
    /// a consumer asked for. Since then the platform kept it.
    pub due: Timestamp,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its ULID.
    pub id: Ulid,
    /// What was asked for.
    pub options: Options,
    /// Whether anybody is to be called back.
    pub callback: bool,
    /// Why its bytes can never be read, if so.
    pub unread: Option<RowError>,
    /// Whether a consumer got it and could not read it.
    pub was_unread: bool,
    /// Whether its producer was told that it is stored.
    pub acknowledged: bool,
    /// Copies that the broker has had.
    pub copies: u32,
    /// Copies that the platform deleted.
    pub deleted: u32,
    /// Attempts started, anywhere.
    pub starts: u32,
    /// Callbacks that left, from anywhere.
    pub callbacks: u32,
    /// Deliveries whose decision was lost.
    pub lost: u32,
    /// How long the platform kept copies of it since it had to end, in ms.
    pub kept_ms: u64,
    /// When a consumer acked it for the first time.
    pub ended_at: Option<Timestamp>,
    /// How it ended, as the first callback said.
    pub outcome: Option<Outcome>,
}

/// A message of a batch, and what became of it.
#[derive(Clone, Debug)]
pub struct Message {
    /// As it was delivered.
    pub is: Delivered,
    /// Its attempt: number, and how it ended.
    pub fetch: Option<(u8, Option<Attempt>)>,
    /// Its callback.
    pub callback: Option<Callback>,
    /// When its attempt, or its callback, left.
    pub since: Timestamp,
    /// What the consumer decided: given back after so many s, or acked.
    pub decided: Option<Option<u32>>,
}

/// Where a callback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    /// It runs.
    Runs,
    /// It was answered.
    Answered,
    /// It failed, and the consumer has not said so.
    Failed,
    /// It failed, and the consumer has reported that.
    Reported,
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// How.
    pub result: FetchResult,
    /// When `Retry-After` allows the next.
    pub asked: Option<Timestamp>,
}

/// A batch.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Whose.
    pub incarnation: Incarnation,
    /// Where from.
    pub source: Source,
    /// When it was delivered.
    pub begun: Timestamp,
    /// Its messages.
    pub messages: Vec<Message>,
    /// Whether its invocation runs.
    pub open: bool,
    /// Whether its consumer knows that it is over.
    pub closed: bool,
}

/// What one incarnation of an isolate can know of one request.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The platform's counts of the deliveries that it got.
    pub seen: BTreeSet<u32>,
    /// Attempts that it started.
    pub starts: u32,
    /// Callbacks that it sent.
    pub callbacks: u32,
    /// Of these, cut off with their invocation.
    pub cut: u32,
    /// Whether it acked the request.
    pub finished: bool,
    /// The message that stands for it.
    pub under_way: Option<Handle>,
    /// The earliest and the latest time that its next attempt may wait for.
    pub not_before: (Timestamp, Timestamp),
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// The time of what is seen next.
    pub now: Timestamp,
    /// How many requests a consumer remembers.
    pub max_remembered: usize,
    /// The requests.
    pub entries: Vec<Entry>,
    /// The batches, from number 0.
    pub batches: Vec<Batch>,
    /// When faults ceased.
    pub healed: Option<Timestamp>,
    pub(super) known: BTreeMap<(Incarnation, Number), Known>,
}

impl Ledger {
    /// The message at a place.
    ///
    /// # Panics
    /// If there is none: a consumer named what it was never given.
    #[must_use]
    pub fn message(&self, at: Handle) -> &Message {
        &self.batches[at.batch as usize].messages[at.index as usize]
    }

    /// Whether there is such a message.
    #[must_use]
    pub fn has(&self, at: Handle) -> bool {
        self.batches.get(at.batch as usize).is_some_and(|batch| (at.index as usize) < batch.messages.len())
    }

    fn message_mut(&mut self, at: Handle) -> &mut Message {
        &mut self.batches[at.batch as usize].messages[at.index as usize]
    }

    /// The batch of a place.
    #[must_use]
    pub fn batch(&self, at: Handle) -> &Batch {
        &self.batches[at.batch as usize]
    }

    /// The request of a place.
    #[must_use]
    pub fn entry(&self, at: Handle) -> &Entry {
        &self.entries[self.message(at).is.request]
    }

    /// What the incarnation that got this message can know of its request.
    #[must_use]
    pub fn known(&self, at: Handle) -> Known {
        self.known.get(&(self.batch(at).incarnation, self.message(at).is.request)).cloned().unwrap_or_default()
    }

    fn known_mut(&mut self, at: Handle) -> &mut Known {
        let key = (self.batch(at).incarnation, self.message(at).is.request);
        self.known.entry(key).or_default()
    }

    /// Whether consumers have room to remember all that there is.
    #[must_use]
    pub fn all_remembered(&self) -> bool {
        self.entries.len() <= self.max_remembered
    }

    /// Whether an incarnation that has ended this message's request must still know that: there is room, and the dedupe
    /// window is not over. The window is counted from the end, which is not later than the expiry.
    ///
    /// Afterwards it may know it, and ack a copy at once; or it has forgotten it, and works on the copy as on a new
    /// one.
    #[must_use]
    pub fn must_be_remembered(&self, at: Handle) -> bool {
        use super::laws::promised::{DEDUPE_WINDOW_MS, expires_at};
        self.all_remembered() && self.now < expires_at(self.entry(at).id).plus_ms(DEDUPE_WINDOW_MS)
    }

    /// Takes an observation in.
    pub fn apply(&mut self, seen: &Observation) {
        match seen {
            Observation::Made { id, options, callback, unread } => self.entries.push(Entry {
                id: *id,
                options: *options,
                callback: *callback,
                unread: *unread,
                was_unread: false,
                acknowledged: false,
                copies: 0,
                deleted: 0,
                starts: 0,
                callbacks: 0,
                lost: 0,
                kept_ms: 0,
                ended_at: None,
                outcome: None,
            }),
            Observation::Stored { request } => self.entries[*request].copies += 1,
            Observation::Acknowledged { request } => self.entries[*request].acknowledged = true,
            Observation::Deleted { request } => self.entries[*request].deleted += 1,
            Observation::Batch { incarnation, source, messages } => self.begin(*incarnation, *source, messages),
            Observation::Fetch { at, id: _, attempt, timeout_ms: _ } => {
                let now = self.now;
                let message = self.message_mut(*at);
                message.fetch = Some((*attempt, None));
                message.since = now;
                let known = self.known_mut(*at);
                known.starts += 1;
                known.under_way = Some(*at);
                let request = self.message(*at).is.request;
                self.entries[request].starts += 1;
            }
            Observation::Fetched { at, result, asked } => {
                let ended = Attempt { result: result.clone(), asked: *asked };
                self.end_fetch(*at, ended);
            }
            Observation::Deliver { at, outcome, .. } => {
                let now = self.now;
                let message = self.message_mut(*at);
                message.callback = Some(Callback::Runs);
                message.since = now;
                let known = self.known_mut(*at);
                known.callbacks += 1;
                known.under_way = Some(*at);
                let request = self.message(*at).is.request;
                let entry = &mut self.entries[request];
                entry.callbacks += 1;
                entry.outcome = entry.outcome.or(Some(*outcome));
            }
            Observation::Delivered { at, answered } => {
                let callback = if *answered { Callback::Answered } else { Callback::Failed };
                self.message_mut(*at).callback = Some(callback);
            }
            Observation::CallbackFailed { at, .. } => self.message_mut(*at).callback = Some(Callback::Reported),
            Observation::Abort { at } => {
                if self.message(*at).callback.is_some() {
                    self.message_mut(*at).callback = Some(Callback::Failed);
                } else {
                    let result = FetchResult::Failed(proxy_fetch::Failure::TimedOut);
                    self.end_fetch(*at, Attempt { result, asked: None });
                }
            }
            Observation::Ack { at } => self.decide(*at, None),
            Observation::Retry { at, delay_s } => self.decide(*at, Some(*delay_s)),
            Observation::Closed { batch } => self.close(*batch, self.now),
            Observation::Ended { batch, undecided } => {
                for index in undecided {
                    let request = self.message(Handle { batch: *batch, index: *index }).is.request;
                    self.entries[request].lost += 1;
                }
                self.batches[*batch as usize].open = false;
            }
            Observation::Healed => self.healed = Some(self.now),
            Observation::Step { .. }
            | Observation::Rests { .. }
            | Observation::Executed { .. }
            | Observation::Unreadable { .. }
            | Observation::Over => {}
        }
    }

    fn begin(&mut self, incarnation: Incarnation, source: Source, messages: &[Delivered]) {
        let number = self.batches.len() as u64;
        let fresh =
            |is: &Delivered| Message { is: *is, fetch: None, callback: None, since: Timestamp(0), decided: None };
        let messages_of_batch = messages.iter().map(fresh).collect();
        self.forget_overdue(incarnation);
        let begun = self.now;
        self.batches.push(Batch { incarnation, source, begun, messages: messages_of_batch, open: true, closed: false });
        for (index, message) in (0..).zip(messages) {
            let at = Handle { batch: number, index };
            let kept_ms = self.kept_ms(message);
            let entry = &mut self.entries[message.request];
            entry.was_unread |= message.unread.is_some();
            entry.kept_ms += kept_ms;
            let must_be_remembered = self.must_be_remembered(at);
            let known = self.known_mut(at);
            let is_over = known.finished && must_be_remembered;
            if message.unread.is_none() && !is_over {
                known.under_way = known.under_way.or(Some(at));
                if source == Source::Queue {
                    known.seen.insert(message.delivery);
                }
            }
        }
    }

    /// How long the platform has kept this message until now, since faults ceased and its request expired.
    fn kept_ms(&self, message: &Delivered) -> u64 {
        let Some(healed) = self.healed else { return 0 };
        let had_to_end = super::laws::promised::expires_at(self.entries[message.request].id).max(healed);
        self.now.0.saturating_sub(had_to_end.max(message.due).0)
    }

    /// Batches that an incarnation has not heard the end of are over for it after 15 minutes.
    fn forget_overdue(&mut self, incarnation: Incarnation) {
        let deadline = |batch: &Batch| batch.begun.plus_ms(super::laws::promised::BATCH_LIMIT_MS);
        let over = |batch: &Batch| batch.incarnation == incarnation && !batch.closed && deadline(batch) <= self.now;
        let over: Vec<(u64, Timestamp)> = (0..)
            .zip(&self.batches)
            .filter(|(_, batch)| over(batch))
            .map(|(number, batch)| (number, deadline(batch)))
            .collect();
        for (number, deadline) in over {
            self.close(number, deadline);
        }
    }

    /// What was under way in this batch is cut off, and counts as failed at this time.
    fn close(&mut self, number: u64, failed_at: Timestamp) {
        self.batches[number as usize].closed = true;
        let count = self.batches[number as usize].messages.len() as u32;
        for index in 0..count {
            let at = Handle { batch: number, index };
            let known = self.known(at);
            if known.under_way != Some(at) {
                continue;
            }
            let message = self.message(at);
            let attempt = message.fetch.as_ref().map_or(1, |(attempt, _)| *attempt);
            let cut = u32::from(message.callback == Some(Callback::Runs));
            let (low, high) = super::laws::promised::backoff_ms(&self.entry(at).options, attempt);
            // Attempts that it did not start may count too.
            let (_, most) = super::laws::promised::backoff_ms(&self.entry(at).options, 11);
            let fetched = message.fetch.is_some();
            let known = self.known_mut(at);
            known.under_way = None;
            known.cut += cut;
            known.not_before = if fetched {
                (failed_at.plus_ms(low), failed_at.plus_ms(high))
            } else {
                (known.not_before.0, failed_at.plus_ms(most))
            };
        }
    }

    fn end_fetch(&mut self, at: Handle, ended: Attempt) {
        let Some((attempt, _)) = self.message(at).fetch else { return };
        let (low, high) = super::laws::promised::backoff_ms(&self.entry(at).options, attempt);
        let asked = ended.asked.unwrap_or_default();
        // The platform delays by whole seconds, 1 at least.
        let range = (self.now.plus_ms(low).max(asked), self.now.plus_ms(high.max(1_000)).max(asked).plus_ms(1_000));
        self.known_mut(at).not_before = range;
        self.message_mut(at).fetch = Some((attempt, Some(ended)));
    }

    fn decide(&mut self, at: Handle, decision: Option<u32>) {
        self.message_mut(at).decided = Some(decision);
        let now = self.now;
        let known = self.known_mut(at);
        if known.under_way == Some(at) {
            known.under_way = None;
        }
        if decision.is_none() {
            known.finished = true;
            let request = self.message(at).is.request;
            let entry = &mut self.entries[request];
            entry.ended_at = entry.ended_at.or(Some(now));
        }
    }
}
