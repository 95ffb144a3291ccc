//! What is live, by what it waits for: kept once for all laws, from committed rows alone.
//!
//! Rows of a version that the program does not know stay in the ledger as they were, but nothing can happen to them:
//! they leave this index when the next life of the object begins.

use crate::proxy::ledger::{Commit, Entry, Ledger, Stored};
use proxy_fetch::{Phase, Timestamp, Ulid, expires_at, limits};
use std::collections::{BTreeSet, VecDeque};

/// Where an entry stands in the index.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    Gone,
    Live(Phase),
    Remembered,
}

/// Live requests by what they wait for, and the finished ones that are remembered.
#[derive(Debug, Default)]
pub struct Live {
    places: Vec<Place>,
    waiting: BTreeSet<(Timestamp, usize)>,
    eligible: BTreeSet<(Ulid, usize)>,
    in_flight: Vec<(Timestamp, usize)>,
    calling: BTreeSet<(Timestamp, usize)>,
    remembered: VecDeque<(Timestamp, usize)>,
    remembered_len: usize,
    len: usize,
    held: usize,
    time: Timestamp,
    due: Option<Timestamp>,
    due_before: Option<Timestamp>,
    epoch: u64,
    is_first_of_life: bool,
}

impl Live {
    /// Takes a durable commit in. The ledger has it already.
    pub(super) fn apply(&mut self, ledger: &Ledger, commit: &Commit<'_>) {
        self.is_first_of_life = ledger.meta.epoch != self.epoch;
        self.epoch = ledger.meta.epoch;
        if self.is_first_of_life {
            self.drop_unknown_versions(ledger);
        }
        self.due_before = self.due;
        let time = ledger.meta.mark.max(commit.now);
        while let Some(&(not_before, at)) = self.waiting.first()
            && not_before <= time
        {
            self.waiting.pop_first();
            self.eligible.insert((ledger.entries[at].id, at));
        }
        self.time = time;
        for change in commit.changes {
            let entry = &ledger.entries[change.entry];
            self.remove(change.entry, entry.id);
            self.add(change.entry, entry);
        }
        while let Some(&(_, at)) = self.remembered.front()
            && !matches!(self.places[at], Place::Remembered)
        {
            self.remembered.pop_front();
        }
        self.due = self.next_due(ledger.meta.mark);
    }

    fn add(&mut self, at: usize, entry: &Entry) {
        if self.places.len() <= at {
            self.places.resize(at + 1, Place::Gone);
        }
        self.places[at] = match &entry.stored {
            Stored::Forgotten => Place::Gone,
            Stored::Finished(row) => {
                self.remembered.push_back((row.finished_at, at));
                self.remembered_len += 1;
                Place::Remembered
            }
            Stored::Live(row) => {
                self.len += 1;
                match row.phase {
                    Phase::Queued { not_before } if not_before > self.time => {
                        self.waiting.insert((not_before, at));
                    }
                    Phase::Queued { .. } => {
                        self.eligible.insert((entry.id, at));
                    }
                    Phase::InFlight { lease_until, .. } => {
                        self.in_flight.push((lease_until.min(expires_at(entry.id)), at));
                    }
                    Phase::Delivering { outcome, until } => {
                        self.held += usize::from(outcome.has_response());
                        if let Some(until) = until {
                            self.calling.insert((until, at));
                        }
                    }
                }
                Place::Live(row.phase)
            }
        };
    }

    fn remove(&mut self, at: usize, id: Ulid) {
        let Some(place) = self.places.get_mut(at) else { return };
        match std::mem::take(place) {
            Place::Gone => {}
            Place::Remembered => self.remembered_len -= 1,
            Place::Live(phase) => {
                self.len -= 1;
                match phase {
                    Phase::Queued { not_before } if not_before > self.time => {
                        self.waiting.remove(&(not_before, at));
                    }
                    Phase::Queued { .. } => {
                        self.eligible.remove(&(id, at));
                    }
                    Phase::InFlight { .. } => self.in_flight.retain(|(_, other)| *other != at),
                    Phase::Delivering { outcome, until } => {
                        self.held -= usize::from(outcome.has_response());
                        if let Some(until) = until {
                            self.calling.remove(&(until, at));
                        }
                    }
                }
            }
        }
    }

    /// Only when a life begins: tampering is not observed, and the running machine does not notice it either.
    fn drop_unknown_versions(&mut self, ledger: &Ledger) {
        for (at, entry) in ledger.entries.iter().enumerate() {
            let is_replaced = entry.row().is_some_and(|row| row.request_id.as_str().is_empty());
            if entry.tampered && !is_replaced {
                self.remove(at, entry.id);
            }
        }
    }

    fn next_due(&self, mark: Timestamp) -> Option<Timestamp> {
        let delay = self.waiting.first().map(|(at, _)| *at);
        let callback = self.calling.first().map(|(at, _)| *at);
        let attempt = self.in_flight.iter().map(|(at, _)| *at).min();
        let heartbeat = attempt.map(|_| mark.plus_ms(limits::HEARTBEAT_MS));
        let expiry = self.eligible.first().map(|(id, _)| expires_at(*id));
        let poll = expiry.map(|_| mark.plus_ms(limits::CAPACITY_POLL_MS));
        [delay, callback, attempt, heartbeat, expiry, poll].into_iter().flatten().min()
    }

    /// Machine time of the last commit.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// Whether the last commit was the first of a life of the object.
    #[must_use]
    pub const fn is_first_of_life(&self) -> bool {
        self.is_first_of_life
    }

    /// When the object must be woken at the latest, as of the last commit: the next deadline or poll.
    #[must_use]
    pub const fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// The same as of the commit before the last one.
    #[must_use]
    pub const fn due_before(&self) -> Option<Timestamp> {
        self.due_before
    }

    /// Live requests.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is live.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Queued requests whose delay is over, by ULID, with their place in the ledger.
    #[must_use]
    pub const fn eligible(&self) -> &BTreeSet<(Ulid, usize)> {
        &self.eligible
    }

    /// When each request in flight loses its slot, with its place in the ledger.
    #[must_use]
    pub fn in_flight(&self) -> &[(Timestamp, usize)] {
        &self.in_flight
    }

    /// Callbacks under way by their deadlines, with their place in the ledger.
    #[must_use]
    pub const fn calling(&self) -> &BTreeSet<(Timestamp, usize)> {
        &self.calling
    }

    /// Responses that the host holds for a callback.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// Whether another fetch may start.
    #[must_use]
    pub fn has_free_slot(&self) -> bool {
        let in_flight = self.in_flight.len();
        in_flight < limits::MAX_IN_FLIGHT && in_flight + self.held < limits::MAX_HELD_RESPONSES
    }

    /// How many finished requests are remembered.
    #[must_use]
    pub const fn remembered_len(&self) -> usize {
        self.remembered_len
    }

    /// When the first remembered request ended.
    #[must_use]
    pub fn first_remembered(&self) -> Option<Timestamp> {
        self.remembered.front().map(|(at, _)| *at)
    }

    /// Whether this entry is live and the object can do something about it: its row is readable.
    #[must_use]
    pub fn knows(&self, at: usize) -> bool {
        matches!(self.places.get(at), Some(Place::Live(_)))
    }
}
