//! Derived indexes over the live and the remembered requests: who is ready, what is due when, how many in which state.
//!
//! A request's places follow from its row and from whether its delay is over, so `add`, `remove` and `end_delays` are
//! the only ways to change the index.
//!
//! *Why it is derived and never stored:* two records of one fact can differ. The index is rebuilt at each restart, and
//! `check` compares it with the rows.

use crate::{Timestamp, expires_at, row::Phase};
use alloc::collections::BTreeSet;
use ulid::Ulid;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Queued, its delay over: eligible, smallest ULID first (law S12).
    ready: BTreeSet<Ulid>,
    /// Queued, by the end of its delay.
    waiting: BTreeSet<(Timestamp, Ulid)>,
    /// Deadlines: expiries, ends of leases, ends of callbacks.
    due: BTreeSet<(Timestamp, Ulid)>,
    /// Outcomes that wait for a callback to be started, smallest ULID first.
    outbox: BTreeSet<Ulid>,
    /// Remembered requests by the time they ended.
    finished: BTreeSet<(Timestamp, Ulid)>,
    in_flight: usize,
    callbacks: usize,
    held_responses: usize,
}

impl Index {
    /// Of these live requests, none of which is ready, and these remembered ones.
    pub fn of(live: impl Iterator<Item = (Ulid, Phase)>, finished: impl Iterator<Item = (Timestamp, Ulid)>) -> Self {
        let mut index = Self { finished: finished.collect(), ..Self::default() };
        for (id, phase) in live {
            index.add(id, phase);
        }
        index
    }

    pub fn add(&mut self, id: Ulid, phase: Phase) {
        match phase {
            Phase::Queued { not_before } => {
                self.waiting.insert((not_before, id));
            }
            Phase::InFlight { .. } => self.in_flight += 1,
            Phase::Delivering { outcome, until } => {
                self.held_responses += usize::from(outcome.has_response());
                match until {
                    Some(_) => self.callbacks += 1,
                    None => {
                        self.outbox.insert(id);
                    }
                }
            }
        }
        if let Some(at) = deadline(id, phase) {
            self.due.insert((at, id));
        }
    }

    pub fn remove(&mut self, id: Ulid, phase: Phase) {
        match phase {
            Phase::Queued { not_before } => {
                if !self.ready.remove(&id) {
                    self.waiting.remove(&(not_before, id));
                }
            }
            Phase::InFlight { .. } => self.in_flight -= 1,
            Phase::Delivering { outcome, until } => {
                self.held_responses -= usize::from(outcome.has_response());
                match until {
                    Some(_) => self.callbacks -= 1,
                    None => {
                        self.outbox.remove(&id);
                    }
                }
            }
        }
        if let Some(at) = deadline(id, phase) {
            self.due.remove(&(at, id));
        }
    }

    /// Makes all requests ready whose delay is over. That is a note in memory: it changes no row, and each delay ends
    /// once, so it needs no bound per step; with one, a larger ULID could start before a smaller one.
    pub fn end_delays(&mut self, now: Timestamp) {
        while let Some(&(at, id)) = self.waiting.first()
            && at <= now
        {
            self.waiting.pop_first();
            self.ready.insert(id);
        }
    }

    pub fn first_delay(&self) -> Option<Timestamp> {
        self.waiting.first().map(|(at, _)| *at)
    }

    pub fn first_due(&self) -> Option<(Timestamp, Ulid)> {
        self.due.first().copied()
    }

    pub fn first_ready(&self) -> Option<Ulid> {
        self.ready.first().copied()
    }

    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub fn first_in_outbox(&self) -> Option<Ulid> {
        self.outbox.first().copied()
    }

    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub const fn callbacks(&self) -> usize {
        self.callbacks
    }

    pub const fn held_responses(&self) -> usize {
        self.held_responses
    }

    pub fn add_finished(&mut self, at: Timestamp, id: Ulid) {
        self.finished.insert((at, id));
    }

    pub fn first_finished(&self) -> Option<(Timestamp, Ulid)> {
        self.finished.first().copied()
    }

    pub fn last_finished(&self) -> Option<Timestamp> {
        self.finished.last().map(|(at, _)| *at)
    }

    pub fn remove_finished(&mut self, at: Timestamp, id: Ulid) {
        self.finished.remove(&(at, id));
    }

    /// Nothing is ready any more before [`Index::end_delays`] says so, as after a restart.
    pub fn begin_delays_again(&mut self, not_before: impl Fn(Ulid) -> Option<Timestamp>) {
        for id in core::mem::take(&mut self.ready) {
            if let Some(at) = not_before(id) {
                self.waiting.insert((at, id));
            }
        }
    }
}

/// The deadline of a request in this phase, its delay aside.
fn deadline(id: Ulid, phase: Phase) -> Option<Timestamp> {
    match phase {
        Phase::Queued { .. } => Some(expires_at(id)),
        Phase::InFlight { lease_until, .. } => Some(lease_until.min(expires_at(id))),
        Phase::Delivering { until, .. } => until,
    }
}
