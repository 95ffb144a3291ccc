//! What a run reached: faults and events by the states of requests, and what should happen now and then.

use super::{
    callers::planned_of,
    coverage::{
        self, EXPIRES_IN_FLIGHT, EXPIRES_QUEUED, EXPIRES_WAITING, Entering, FORGOTTEN_EARLY, Fault, MANY_ATTEMPTS,
        RETRY_AFTER_CRASH, State,
    },
    seen::Seen,
};
use crate::history::ledger::{Ask, Change, Ledger, Note, Stored};
use crate::laws::promised;
use durable_sim::Mark;
use proxy_fetch::{Outcome, Phase, RequestRow, Timestamp};

impl Seen {
    /// A fault hits one request.
    pub fn hit(&mut self, fault: Fault, entry: usize) {
        let state = State::of(&self.ledger.entries[entry]);
        coverage::hit(&mut self.coverage, fault, state);
    }

    /// A fault hits the object: each state that a live request is in.
    pub fn hit_object(&mut self, fault: Fault) {
        for state in self.present() {
            coverage::hit(&mut self.coverage, fault, state);
        }
    }

    /// A fault hits a request, if it is in flight.
    pub fn hit_if_in_flight(&mut self, fault: Fault, entry: usize) {
        if self.is_in_flight(entry) {
            self.hit(fault, entry);
        }
    }

    /// A fault hits a request, if it is in flight or being delivered.
    pub fn hit_running(&mut self, fault: Fault, entry: usize) {
        if self.ledger.entries[entry].row().is_some_and(|row| match row.phase {
            Phase::InFlight { .. } | Phase::Delivering { .. } => true,
            Phase::Queued { .. } => false,
        }) {
            self.hit(fault, entry);
        }
    }

    /// A fault hits a call: the request that it is about, or the object if there is none.
    pub fn hit_call(&mut self, fault: Fault, ask: Ask) {
        match self.ledger.latest_of(planned_of(ask)) {
            Some(entry) => self.hit(fault, entry),
            None => self.hit_object(fault),
        }
    }

    /// Whether this entry's request is in flight.
    pub fn is_in_flight(&self, entry: usize) -> bool {
        self.ledger.entries[entry].row().is_some_and(|row| match row.phase {
            Phase::InFlight { .. } => true,
            Phase::Queued { .. } | Phase::Delivering { .. } => false,
        })
    }

    /// The states that requests are in.
    fn present(&self) -> impl Iterator<Item = State> + use<> {
        let Ledger { queued, waiting, in_flight, delivering, finished, .. } = self.ledger;
        let counts = [
            (State::Idle, usize::from(queued + in_flight + delivering == 0)),
            (State::Queued, queued - waiting),
            (State::Waiting, waiting),
            (State::InFlight, in_flight),
            (State::Delivering, delivering),
            (State::Finished, finished),
        ];
        counts.into_iter().filter(|(_, count)| *count > 0).map(|(state, _)| state)
    }

    /// What a turn took in, and the states that it found; before the ledger learns what the turn wrote.
    pub fn entered(&mut self, notes: &[Note], asked: impl Fn(u64) -> Ask) {
        for note in notes {
            let (event, attempt) = match note {
                Note::Start | Note::Tick => {
                    let event = if *note == Note::Start { Entering::Start } else { Entering::Tick };
                    for state in self.present() {
                        coverage::entered(&mut self.coverage, event, state);
                    }
                    continue;
                }
                Note::Call(call) => {
                    self.call_entered(asked(*call));
                    continue;
                }
                Note::Fetched(attempt, _) => (Entering::Fetched, attempt),
                Note::Delivered(attempt, _) => (Entering::Delivered, attempt),
            };
            let Some(entry) = self.ledger.entry_of(attempt.id).and_then(|at| self.ledger.entries.get(at)) else {
                continue;
            };
            let is_last = entry.row().is_some_and(|row| {
                row.attempts == attempt.number
                    && match row.phase {
                        Phase::InFlight { epoch, .. } => epoch == attempt.epoch,
                        Phase::Queued { .. } | Phase::Delivering { .. } => false,
                    }
            });
            let late = event == Entering::Fetched && !is_last;
            coverage::entered(&mut self.coverage, if late { Entering::FetchedLate } else { event }, State::of(entry));
        }
    }

    fn call_entered(&mut self, ask: Ask) {
        let (event, planned) = match ask {
            Ask::Enqueue { planned, .. } => (Entering::Enqueue, planned),
            Ask::Conflicting { planned } => (Entering::Conflict, planned),
            Ask::Cancel { planned } => (Entering::Cancel, planned),
            Ask::Status { planned } => (Entering::Status, planned),
        };
        let entry = self.ledger.latest_of(planned).map(|at| &self.ledger.entries[at]);
        coverage::entered(&mut self.coverage, event, entry.map_or(State::Idle, State::of));
    }

    /// What happens in a commit now and then.
    pub fn sometimes(&mut self, now: Timestamp, changes: &[Change]) {
        for change in changes {
            let entry = &self.ledger.entries[change.entry];
            let before = change.before.as_ref();
            let row_before = before.and_then(Stored::row);
            let what = match &entry.stored {
                Stored::Live(row) => match row.phase {
                    Phase::Delivering { outcome: Outcome::Expired, .. } => row_before.and_then(expires_from),
                    Phase::InFlight { .. } if row.attempts >= 10 => Some(&MANY_ATTEMPTS),
                    Phase::InFlight { .. } if row.attempts > 1 && entry.restarts > 0 => Some(&RETRY_AFTER_CRASH),
                    Phase::InFlight { .. } | Phase::Queued { .. } | Phase::Delivering { .. } => None,
                },
                Stored::Finished(row) if row.outcome == Outcome::Expired => row_before.and_then(expires_from),
                Stored::Forgotten => match before {
                    Some(Stored::Finished(row)) if now < row.finished_at.plus_ms(promised::DEDUPE_WINDOW_MS) => {
                        Some(&FORGOTTEN_EARLY)
                    }
                    Some(Stored::Finished(_) | Stored::Live(_) | Stored::Forgotten) | None => None,
                },
                Stored::Finished(_) => None,
            };
            if let Some(what) = what {
                self.coverage.sometimes(what);
            }
        }
    }
}

/// From what a request expires.
fn expires_from(row: &RequestRow) -> Option<&'static Mark> {
    match row.phase {
        Phase::Queued { .. } if row.attempts == 0 => Some(&EXPIRES_QUEUED),
        Phase::Queued { .. } => Some(&EXPIRES_WAITING),
        Phase::InFlight { .. } => Some(&EXPIRES_IN_FLIGHT),
        Phase::Delivering { .. } => None,
    }
}
