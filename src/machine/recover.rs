//! Restart: from stored rows to a machine, and the first step of a new incarnation.
//!
//! - *Why the first step recovers, and not `restore`:* what a new incarnation changes must be committed, at a given
//!   time, and may lead to effects. A step has all three; a constructor has none, and a host that only reads must
//!   change nothing.
//! - *Why an attempt that was cut off has failed:* nobody knows whether the upstream acted. It was counted when it
//!   started, so a request that kills the process each time does end (law L7).
//! - *Why a response that was lost is fetched again:* the host's memory held it. The outcome alone would tell the
//!   origin about an answer that it can never get.
//! - *Why a row that cannot be right is set aside, not repaired:* a guess would be stored as a fact. Its bytes are
//!   kept for people, its request ends as unreadable, and the others go on.
//! - *Why a row of an unknown version is not touched:* after a rollback the old program would destroy what the new one
//!   wrote. For the same reason an object whose own row is unknown does not start.
//!
//! Keeps S13 (an unreadable row is quarantined), S24 (an unknown version is kept), S25, L7, and S16 across crashes.

use super::{Machine, index::Index};
use crate::{
    Config, Options, Outcome, Timestamp,
    event::{Effect, Output, Report},
    expires_at,
    id::{RequestId, accepted_at},
    limits,
    row::{FinishedRow, Key, Meta, Phase, Record, RequestRow, Row, RowError, Table, decode},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::fmt;
use serde::de::DeserializeOwned;
use ulid::Ulid;

/// A row that `restore` could not read.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    key: Key,
    value: Vec<u8>,
    error: RowError,
}

/// Why a machine cannot be restored. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreError {
    /// The object's own row was written by a newer program. Starting would risk what that one promised.
    MetaVersion(u8),
    /// A bound in the configuration is 0.
    EmptyBound(&'static str),
    /// `max_in_flight` is over [`MAX_IN_FLIGHT`](crate::limits::MAX_IN_FLIGHT).
    TooManyInFlight(usize),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MetaVersion(version) => {
                write!(f, "the stored data is of version {version}; this program knows version {}", crate::ROW_VERSION)
            }
            Self::EmptyBound(field) => write!(f, "{field}: must be at least 1"),
            Self::TooManyInFlight(given) => {
                write!(f, "max_in_flight: must be at most {}, not {given}", limits::MAX_IN_FLIGHT)
            }
        }
    }
}

impl core::error::Error for RestoreError {}

/// A row's content, if it is readable; what is not is noted.
fn read<T: DeserializeOwned>(key: Key, value: Vec<u8>, unread: &mut Vec<Unread>) -> Option<T> {
    match decode(&value) {
        Ok(row) => Some(row),
        Err(error) => {
            unread.push(Unread { key, value, error });
            None
        }
    }
}

/// Whether a step can have written this row.
fn is_plausible(id: Ulid, row: &RequestRow) -> bool {
    let may_start_again = row.attempts <= row.policy.max_retries;
    let fits = match row.phase {
        Phase::Queued { not_before } => may_start_again && not_before < expires_at(id),
        Phase::InFlight { .. } => row.attempts > 0,
        Phase::Delivering { .. } => row.has_callback,
    };
    fits && row.attempts.saturating_sub(1) <= row.policy.max_retries && row.policy.is_in_bounds()
}

/// Whether a ULID is from the future, as seen from the last commit.
fn is_ahead(id: Ulid, mark: Timestamp) -> bool {
    accepted_at(id) > mark.plus_ms(1)
}

/// Whether a commit can have left this row: its ULIDs are not ahead of its time, but for one ms at a carry.
fn is_plausible_meta(meta: &Meta) -> bool {
    meta.mark <= Timestamp::MAX && accepted_at(Ulid(meta.last_id)) <= meta.mark.plus_ms(1)
}

impl Machine {
    /// The machine that these stored rows stand for. `rows` holds the tables of [`Table::RESTORED`], in any order;
    /// payload rows may be left out and are ignored.
    ///
    /// The first step of the machine, of whatever event, begins a new incarnation of the object.
    ///
    /// # Errors
    /// [`RestoreError`]: the host must not go on, and nothing is lost.
    pub fn restore(config: Config, rows: impl IntoIterator<Item = Row>) -> Result<Self, RestoreError> {
        let bounds =
            [("max_live", config.max_live), ("max_known", config.max_known), ("max_in_flight", config.max_in_flight)];
        for (field, bound) in bounds {
            if bound == 0 {
                return Err(RestoreError::EmptyBound(field));
            }
        }
        if config.max_in_flight > limits::MAX_IN_FLIGHT {
            return Err(RestoreError::TooManyInFlight(config.max_in_flight));
        }
        let mut machine = Self {
            config,
            meta: Meta::default(),
            latest: Timestamp::default(),
            live: BTreeMap::new(),
            finished: BTreeMap::new(),
            kept: BTreeSet::new(),
            names: BTreeMap::new(),
            index: Index::default(),
            recovered: false,
            stopping: false,
            unread: Vec::new(),
            touched: Vec::new(),
            forgotten: Vec::new(),
        };
        let mut meta = None;
        // A tree is built at once from what is gathered, far sooner than row by row.
        let (mut live, mut finished) = (Vec::new(), Vec::new());
        for Row { key, value } in rows {
            match key.table {
                Table::Meta if key.id == Ulid::nil() => {
                    let bytes = value.clone();
                    meta = read(key, value, &mut machine.unread);
                    if meta.as_ref().is_some_and(|meta| !is_plausible_meta(meta)) {
                        meta = None;
                        machine.unread.push(Unread { key, value: bytes, error: RowError::Corrupt });
                    }
                }
                // There is one such row, and this is not it.
                Table::Meta => machine.unread.push(Unread { key, value, error: RowError::Corrupt }),
                Table::Requests => {
                    live.extend(read(key, value, &mut machine.unread).map(|row| (key.id, row)));
                }
                Table::Finished => {
                    finished.extend(read(key, value, &mut machine.unread).map(|row| (key.id, row)));
                }
                Table::Payloads => {}
                Table::Quarantine => {
                    machine.kept.insert(key);
                }
            }
        }
        machine.live = live.into_iter().collect();
        machine.finished = finished.into_iter().collect();
        machine.take_kept_rows()?;
        machine.meta = match meta {
            Some(meta) => meta,
            None => machine.guess_meta(),
        };
        machine.set_implausible_aside();
        machine.latest = machine.meta.mark;
        machine.build_index();
        Ok(machine)
    }

    /// Sets rows of unknown versions aside, untouched.
    fn take_kept_rows(&mut self) -> Result<(), RestoreError> {
        for unread in &self.unread {
            if let RowError::UnknownVersion(version) = unread.error {
                if unread.key.table == Table::Meta {
                    return Err(RestoreError::MetaVersion(version));
                }
                self.kept.insert(unread.key);
            }
        }
        Ok(())
    }

    /// A row that decodes but that no step can have written is as unreadable as one that does not.
    fn set_implausible_aside(&mut self) {
        let mark = self.meta.mark;
        let live = self.live.iter().filter(|(id, row)| !is_plausible(**id, row) || is_ahead(**id, mark));
        let live = live.map(|(id, row)| Record::Request(*id, row.clone()));
        let is_odd =
            |id: &Ulid, row: &FinishedRow| row.finished_at > mark || is_ahead(*id, mark) || self.live.contains_key(id);
        let finished = self.finished.iter().filter(|(id, row)| is_odd(id, row));
        let finished = finished.map(|(id, row)| Record::Finished(*id, row.clone()));
        let implausible: Vec<Record> = live.chain(finished).collect();
        for record in implausible {
            let key = record.key();
            match key.table {
                Table::Requests => drop(self.live.remove(&key.id)),
                Table::Finished => drop(self.finished.remove(&key.id)),
                Table::Meta | Table::Payloads | Table::Quarantine => {}
            }
            self.unread.push(Unread { key, value: record.encode(), error: RowError::Corrupt });
        }
        // The object's own row may be older than the others, if it was damaged once.
        let corrupt = self.unread.iter().filter(|row| row.error == RowError::Corrupt);
        let unread = corrupt.map(|row| row.key.id).filter(|id| !is_ahead(*id, mark));
        let last = self.live.keys().chain(self.finished.keys()).copied().chain(unread).max().unwrap_or_default();
        self.meta.last_id = self.meta.last_id.max(last.0);
    }

    /// Without a readable meta row: what the other rows prove. Of a new object: nothing.
    fn guess_meta(&self) -> Meta {
        let ids = self.live.keys().chain(self.finished.keys()).copied().chain(self.unread.iter().map(|row| row.key.id));
        let last_id = ids.max().unwrap_or_default();
        let ended = self.finished.values().map(|row| row.finished_at).filter(|at| *at <= Timestamp::MAX).max();
        let ended = ended.unwrap_or_default();
        let epochs = self.live.values().filter_map(|row| match row.phase {
            Phase::InFlight { epoch, .. } => Some(epoch),
            Phase::Queued { .. } | Phase::Delivering { .. } => None,
        });
        Meta { epoch: epochs.max().unwrap_or_default(), mark: accepted_at(last_id).max(ended), last_id: last_id.0 }
    }

    fn build_index(&mut self) {
        self.index = Index::of(
            self.live.iter().map(|(id, row)| (*id, row.phase)),
            self.finished.iter().map(|(id, row)| (row.finished_at, *id)),
        );
        let finished = self.finished.iter().map(|(id, row)| (row.request_id.clone(), *id));
        // The last of a name has it: a live request before a finished one, the older of two before the younger.
        let live = self.live.iter().rev().map(|(id, row)| (row.request_id.clone(), *id));
        let live = live.filter(|(name, _)| !name.is_unreadable());
        self.names = finished.chain(live).collect();
    }

    /// Begins a new incarnation: the next epoch, and whatever was under way counts as a failed attempt.
    pub(super) fn recover(&mut self, now: Timestamp, out: &mut Output) {
        self.recovered = true;
        self.meta.epoch = self.meta.epoch.wrapping_add(1);
        out.put_meta(Record::Meta(self.meta));
        for unread in core::mem::take(&mut self.unread) {
            self.deal_with(unread, out);
        }
        let under_way: Vec<(Ulid, Phase)> = self
            .live
            .iter()
            .filter(|(_, row)| match row.phase {
                Phase::Queued { .. } => false,
                Phase::InFlight { .. } => true,
                // One that waits for its turn and needs no response waits on.
                Phase::Delivering { outcome, until } => until.is_some() || outcome.has_response(),
            })
            .map(|(id, row)| (*id, row.phase))
            .collect();
        for (id, phase) in under_way {
            match phase {
                Phase::Delivering { outcome, .. } if !outcome.has_response() => {
                    // The outcome stands (law S11); its callback is sent again.
                    self.set_phase(id, Phase::Delivering { outcome, until: None });
                }
                // The response died with the last incarnation.
                Phase::Queued { .. } | Phase::InFlight { .. } | Phase::Delivering { .. } => {
                    let at_most_once = self.live.get(&id).is_some_and(|row| row.policy.at_most_once);
                    let outcome = if at_most_once { Outcome::Unknown } else { Outcome::Interrupted };
                    self.retry_or_choose(now, id, outcome, !at_most_once, None);
                }
            }
        }
    }

    fn deal_with(&mut self, Unread { key, value, error }: Unread, out: &mut Output) {
        match error {
            RowError::UnknownVersion(version) => out.effect(Effect::Report(Report::Foreign { key, version })),
            RowError::Corrupt => {
                let kept = self.free_quarantine(key.id);
                out.put(Record::Quarantine(kept.id, value));
                self.kept.insert(kept);
                out.effect(Effect::Report(Report::Quarantined { key, error }));
                match key.table {
                    Table::Requests if self.may_end_unreadable(key.id) => self.end_unreadable(key.id),
                    Table::Requests => out.delete(key),
                    Table::Finished => out.delete(key),
                    Table::Meta if key.id != Ulid::nil() => out.delete(key),
                    // The object's own row is replaced by this step.
                    Table::Meta | Table::Payloads | Table::Quarantine => {}
                }
            }
        }
    }

    /// Where these bytes can be kept without taking another's place.
    fn free_quarantine(&self, id: Ulid) -> Key {
        let mut key = Key { table: Table::Quarantine, id };
        while self.kept.contains(&key) {
            key.id = Ulid(key.id.0.wrapping_add(1));
        }
        key
    }

    /// Not under a ULID from the future, whose time would never come, and not if the request has ended already.
    fn may_end_unreadable(&self, id: Ulid) -> bool {
        !is_ahead(id, self.meta.mark) && !self.finished.contains_key(&id)
    }

    /// Puts a row in the place of one that could not be read, so that its payload's callback hears of it.
    fn end_unreadable(&mut self, id: Ulid) {
        let Ok(policy) = Options::default().check() else { panic!("the default options are out of bounds") };
        let row = RequestRow {
            request_id: RequestId::unreadable(),
            fingerprint: 0,
            has_callback: true,
            policy,
            attempts: 0,
            phase: Phase::Delivering { outcome: Outcome::Unreadable, until: None },
        };
        self.index.add(id, row.phase);
        self.live.insert(id, row);
        self.touched.push(id);
    }
}
