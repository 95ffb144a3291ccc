//! Derived indexes over the live and the remembered requests: who is ready, what is due when, and how many are where.
//!
//! A request has at most one entry in `due`, and its place follows from its row and from whether its delay is over, so
//! `add` and `remove` are the only two ways to change the index.

use crate::{Timestamp, expires_at, row::Phase};
use alloc::collections::BTreeSet;
use ulid::Ulid;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// Queued, its delay over: eligible, smallest ULID first (law S12).
    ready: BTreeSet<Ulid>,
    /// Deadlines, one per request that has one.
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
    pub fn add(&mut self, id: Ulid, phase: Phase) {
        match phase {
            Phase::Queued { .. } => {}
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
            Phase::Queued { .. } => {
                if self.ready.remove(&id) {
                    self.due.remove(&(expires_at(id), id));
                    return;
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

    /// The request's delay is over: from now on only its expiry is due.
    pub fn make_ready(&mut self, id: Ulid, phase: Phase) {
        if let Some(at) = deadline(id, phase) {
            self.due.remove(&(at, id));
        }
        self.due.insert((expires_at(id), id));
        self.ready.insert(id);
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

    pub fn ready(&self) -> impl Iterator<Item = Ulid> + '_ {
        self.ready.iter().copied()
    }
}

/// When a request in this phase, not yet ready, must be looked at.
fn deadline(id: Ulid, phase: Phase) -> Option<Timestamp> {
    match phase {
        Phase::Queued { not_before } => Some(not_before.min(expires_at(id))),
        Phase::InFlight { lease_until, .. } => Some(lease_until.min(expires_at(id))),
        Phase::Delivering { until, .. } => until,
    }
}
