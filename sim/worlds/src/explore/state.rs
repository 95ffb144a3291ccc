//! A state of the search: what is stored, what is in memory, what is under way outside, what may yet happen, and what
//! the laws remember.

use super::scope::Scope;
use crate::{
    history::{
        ledger::{Ledger, Observation},
        storage::Rows,
    },
    laws::Laws,
};
use proxy_fetch::{Alarm, Attempt, Machine, Timestamp};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

/// When every path begins: 1 January 2026.
pub const START: Timestamp = Timestamp(1_767_225_600_000);

/// Lines that a state and what follows from it share.
pub(super) type Lines = Arc<Mutex<Vec<String>>>;

/// One instance in memory.
#[derive(Clone, Debug)]
pub struct Incarnation {
    pub(super) machine: Machine,
    pub(super) alarm: Alarm,
}

/// What may yet happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    pub crashes: u8,
    /// Of all kinds together.
    pub faults: u8,
}

/// A state of the search.
#[derive(Clone, Debug)]
pub struct State {
    /// The ground truth.
    pub ledger: Ledger,
    /// The object's clock.
    pub now: Timestamp,
    pub(super) rows: Rows,
    pub(super) alarm: Option<Timestamp>,
    pub(super) incarnation: Option<Incarnation>,
    /// Callbacks under way.
    pub(super) calling: BTreeSet<Attempt>,
    /// Responses that the host holds.
    pub(super) held: BTreeSet<Attempt>,
    /// Requests handed in, and durable.
    pub(super) arrived: u8,
    /// Which of them were answered.
    pub(super) answered: Vec<bool>,
    pub(super) budget: Budget,
    pub(super) laws: Laws,
    /// Effects of the last turn.
    pub(super) effects: u8,
    /// Where to say what happens, line by line, if anybody wants to read it.
    pub(super) lines: Option<Lines>,
}

impl State {
    /// Nothing is stored, and nothing has happened.
    pub(super) fn new(scope: &Scope) -> Self {
        let mut ledger = Ledger::default();
        ledger.max_live = 2 * usize::from(scope.requests);
        ledger.max_in_flight = usize::from(scope.slots);
        let mut laws = Laws::default();
        // There is no moment from which on faults cease: the bound of L2 counts from the expiry alone, and a late alarm
        // may add what it is late.
        let recovery_ms = 60_000 * (u64::from(scope.faults) + u64::from(scope.crashes));
        let healed = laws.observe(&ledger, &Observation::Healed { now: Timestamp(0), recovery_ms });
        assert!(healed.is_ok(), "nothing has happened yet");
        Self {
            ledger,
            now: START,
            rows: Rows::new(),
            alarm: None,
            incarnation: None,
            calling: BTreeSet::new(),
            held: BTreeSet::new(),
            arrived: 0,
            answered: vec![false; usize::from(scope.requests)],
            budget: Budget { crashes: scope.crashes, faults: scope.faults },
            laws,
            effects: 0,
            lines: None,
        }
    }

    /// Whether nothing will happen any more, faults aside.
    pub(super) fn is_at_rest(&self) -> bool {
        let all_arrived = usize::from(self.arrived) == self.answered.len();
        all_arrived && self.ledger.running == 0 && self.calling.is_empty() && self.alarm.is_none()
    }

    pub(super) fn say(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.lines
            && let Ok(mut lines) = lines.lock()
        {
            lines.push(line());
        }
    }
}
