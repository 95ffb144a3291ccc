//! What the laws look at: an observation with what stands in the ledger about it.

use super::Live;
use super::promised as limits;
use crate::history::{
    ledger::{Commit, Entry, Ledger, Note, Stored},
    storage::Rows,
};
use proxy_fetch::{Key, Machine, Outcome, Phase, RequestRow, Timestamp, Write};
use std::fmt;

/// A durable commit, and what stands after it.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The commit.
    pub commit: &'a Commit<'a>,
    /// The ledger after it.
    pub ledger: &'a Ledger,
    /// What is live after it.
    pub live: &'a Live,
    /// Machine time in it.
    pub time: Timestamp,
}

impl Turn<'_> {
    /// Whether one of its steps may have used up its budget of deadlines; what is left is due in the next (law S15).
    #[must_use]
    pub const fn is_over_budget(&self) -> bool {
        self.commit.changes.len() >= limits::MAX_DUE_PER_STEP
    }

    /// Whether a caller asked something in it.
    #[must_use]
    pub fn has_call(&self) -> bool {
        self.commit.notes.iter().any(|note| matches!(note, Note::Call(_)))
    }

    /// Whether an alarm was among its events.
    #[must_use]
    pub fn has_tick(&self) -> bool {
        self.commit.notes.contains(&Note::Tick)
    }

    /// Whether alarms were its only events.
    #[must_use]
    pub fn is_only_ticks(&self) -> bool {
        !self.commit.notes.is_empty() && self.commit.notes.iter().all(|note| *note == Note::Tick)
    }

    /// What it wrote last under this key.
    #[must_use]
    pub fn last_write(&self, key: Key) -> Option<&Write> {
        self.commit.writes.iter().rev().find(|write| write.key() == key)
    }
}

/// How a commit changed the row of one request.
#[derive(Debug)]
pub struct Move<'a> {
    /// The request's place in the ledger.
    pub at: usize,
    /// The request as it stands now.
    pub entry: &'a Entry,
    /// Its row before; `None`: the commit accepted it.
    pub was: Option<&'a Stored>,
}

impl<'a> Move<'a> {
    /// Its row before, if it was live.
    #[must_use]
    pub const fn row_before(&self) -> Option<&'a RequestRow> {
        match self.was {
            Some(Stored::Live(row)) => Some(row),
            Some(Stored::Finished(_) | Stored::Forgotten) | None => None,
        }
    }

    /// Its phase before, if it was live.
    #[must_use]
    pub fn phase_before(&self) -> Option<Phase> {
        self.row_before().map(|row| row.phase)
    }

    /// Its phase now, if it is live.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        self.entry.row().map(|row| row.phase)
    }

    /// Its outcome, if this commit chose it.
    #[must_use]
    pub fn chosen(&self) -> Option<Outcome> {
        // One that is forgotten by the commit that ended it leaves its outcome in the ledger.
        let is_forgotten =
            matches!(self.entry.stored, Stored::Forgotten) && matches!(self.was, None | Some(Stored::Live(_)));
        let outcome = outcome_of(&self.entry.stored).or(if is_forgotten { self.entry.outcome } else { None })?;
        (self.was.and_then(outcome_of) != Some(outcome)).then_some(outcome)
    }

    /// Attempts started before and by this commit, where both are known.
    #[must_use]
    pub fn attempts(&self) -> Option<(u8, u8)> {
        let before = match self.was {
            None => 0,
            Some(stored) => attempts_of(stored)?,
        };
        Some((before, attempts_of(&self.entry.stored)?))
    }

    /// Whether an attempt starts.
    #[must_use]
    pub fn starts(&self) -> bool {
        let is_same = matches!(self.phase_before(), Some(Phase::InFlight { .. }))
            && self.attempts().is_some_and(|(before, now)| before == now);
        matches!(self.phase(), Some(Phase::InFlight { .. })) && !is_same
    }

    /// Whether the row is one that the machine put in the place of one it could not read.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.entry.row().or(self.row_before()).is_some_and(|row| row.request_id.as_str().is_empty())
    }
}

/// The outcome that is chosen in this row.
#[must_use]
pub const fn outcome_of(stored: &Stored) -> Option<Outcome> {
    match stored {
        Stored::Live(row) => match row.phase {
            Phase::Delivering { outcome, .. } => Some(outcome),
            Phase::Queued { .. } | Phase::InFlight { .. } => None,
        },
        Stored::Finished(row) => Some(row.outcome),
        Stored::Forgotten => None,
    }
}

const fn attempts_of(stored: &Stored) -> Option<u8> {
    match stored {
        Stored::Live(row) => Some(row.attempts),
        Stored::Finished(row) => Some(row.attempts),
        Stored::Forgotten => None,
    }
}

/// An upstream that was reached.
#[derive(Clone, Copy, Debug)]
pub struct Reached<'a> {
    /// The request's place in the ledger.
    pub at: usize,
    /// Which attempt.
    pub number: u8,
    /// The host.
    pub host: &'a str,
    /// The headers it saw.
    pub headers: &'a [(String, String)],
}

impl<'a> Reached<'a> {
    /// The value of the header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Memory and storage after a turn whose writes are all durable.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The stored rows, if everything is to be compared, whatever the cost.
    pub rows: Option<&'a Rows>,
}

/// What is left at the end of a run.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// True time, as the object's clock counts.
    pub now: Timestamp,
    /// The stored rows.
    pub rows: &'a Rows,
    /// The stored alarm.
    pub alarm: Option<Timestamp>,
    /// What is live.
    pub live: &'a Live,
}

/// A request's name for people: `r12 (01KD…)`.
pub(super) struct Who<'a>(pub &'a Entry);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{} ({})", self.0.planned, self.0.id)
    }
}

/// A stored row for people.
pub(super) struct Shown<'a>(pub Option<&'a Stored>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("not accepted yet"),
            Some(Stored::Live(row)) => write!(f, "{row}"),
            Some(Stored::Finished(row)) => {
                write!(f, "finished {} attempts={} at={}", row.outcome, row.attempts, row.finished_at)
            }
            Some(Stored::Forgotten) => f.write_str("forgotten"),
        }
    }
}
