//! The machine: what is held in memory, how an event enters, and when to wake.
//!
//! Memory is a shadow of storage (law S25): a step changes rows in memory and notes which ones; at its end each noted
//! row is written as it now is. The indexes are derived from the rows and never stored.
//!
//! - *Why a step notes what it touched and writes at its end:* no branch can change a row and forget to write it, and a
//!   row that changes three times in a step is written once.
//! - *Why ordered maps:* a map's order reaches an output some day, and must then be the same in every run.
//! - *Why deadlines are looked up and not remembered as timers:* a timer is lost with its instance, a row is not. So
//!   what is due follows from the rows alone, and a restart knows all of it.

mod ask;
mod check;
mod index;
mod lifecycle;
mod recover;

use crate::{
    Config, Failure, Outcome, Timestamp,
    event::{Event, Output},
    id::RequestId,
    limits,
    row::{FinishedRow, Key, Meta, Phase, Record, RequestRow, Table},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::fmt;
use index::Index;
pub use recover::RestoreError;
use ulid::Ulid;

/// Why a host must wake the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// A queued request's delay ends.
    RetryDue,
    /// A request's attempt is declared lost.
    LeaseEnd,
    /// A request turns 30 minutes old.
    Expiry,
    /// A callback is given up.
    CallbackDeadline,
    /// Eligible work waits at capacity: the safety net.
    CapacityPoll,
    /// Something is in flight: the object must not fall asleep.
    Heartbeat,
    /// The last remembered request is forgotten.
    Forget,
}

/// The one state machine. See the [crate page](crate) for its contract.
#[derive(Clone, Debug)]
pub struct Machine {
    config: Config,
    meta: Meta,
    /// The time of the last step.
    latest: Timestamp,
    live: BTreeMap<Ulid, RequestRow>,
    finished: BTreeMap<Ulid, FinishedRow>,
    /// Rows that are kept as they are: quarantined bytes, and rows of versions this program does not know.
    kept: BTreeSet<Key>,
    /// By the caller's id: live and remembered requests.
    names: BTreeMap<RequestId, Ulid>,
    index: Index,
    /// Whether this incarnation has recovered what the last one left.
    recovered: bool,
    /// Whether this incarnation starts no more fetches.
    stopping: bool,
    /// Rows found unreadable by `restore`, until `recover` deals with them.
    unread: Vec<recover::Unread>,
    /// Requests touched by the step under way.
    touched: Vec<Ulid>,
    /// Remembered requests that the step under way forgets.
    forgotten: Vec<Ulid>,
}

impl Machine {
    /// Takes in one event at the host's clock `now` and appends what follows to `out`: first the writes, all to be
    /// committed together, then the effects, to be released after that commit and never before.
    ///
    /// Total: no event makes it panic or stick. The work is bounded: at most
    /// [`MAX_DUE_PER_STEP`](limits::MAX_DUE_PER_STEP) deadlines, and [`MAX_IN_FLIGHT`](limits::MAX_IN_FLIGHT) starts.
    pub fn step(&mut self, now: Timestamp, event: Event, out: &mut Output) {
        // Time never falls below the mark (law S17).
        let now = now.min(Timestamp::MAX).max(self.meta.mark);
        if now < self.latest {
            self.begin_delays_again();
        }
        self.latest = now;
        let writes_before = out.writes().len();
        // First, so that what ends in this step is remembered at least until the next.
        self.forget(now);
        if !self.recovered {
            self.recover(now, out);
        }
        let is_tick = matches!(event, Event::Tick);
        match event {
            Event::Start | Event::Tick => {}
            Event::Stop => self.stopping = true,
            Event::Enqueue { caller, request, entropy } => self.enqueue(now, caller, *request, entropy, out),
            Event::Cancel { caller, request_id } => self.cancel(now, caller, &request_id, out),
            Event::Status { caller, request_id } => self.status(now, caller, &request_id, out),
            Event::Fetched { attempt, result } => self.fetched(now, attempt, &result, out),
            Event::Delivered { attempt, result } => self.delivered(now, attempt, result, out),
        }
        self.advance(now, out);
        self.fill(now, out);
        self.flush(out);
        // The mark moves with every write. It moves with a poll too, which is counted from it: else the same poll would
        // be due again at once, for ever (law S20). Nothing else may write it: an alarm that finds nothing due writes
        // nothing.
        let polled = is_tick && self.next_poll().is_some_and(|(at, _)| at <= now);
        if out.writes().len() > writes_before || polled {
            self.meta.mark = now;
            out.put_meta(Record::Meta(self.meta));
        }
    }

    /// When the machine must be woken at the latest, and why. `None`: never.
    ///
    /// The time may be in the past: then there is more to do at once.
    #[must_use]
    pub fn next_wake(&self) -> Option<(Timestamp, Wake)> {
        let delay = self.index.first_delay().map(|at| (at, Wake::RetryDue));
        let due = self.index.first_due().map(|(at, id)| (at, self.wake_reason(at, id)));
        let forget = if self.live.is_empty() {
            self.index.last_finished().map(|at| (lifecycle::window_end(at), Wake::Forget))
        } else {
            None
        };
        [delay, due, self.next_poll(), forget].into_iter().flatten().min()
    }

    /// The incarnation of the object that this machine is in; 0 before its first step.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.meta.epoch
    }

    /// The host's configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The live requests in the order of their ULIDs.
    pub fn live(&self) -> impl Iterator<Item = (Ulid, &RequestRow)> {
        self.live.iter().map(|(id, row)| (*id, row))
    }

    /// How many requests are live.
    #[must_use]
    pub fn live_len(&self) -> usize {
        self.live.len()
    }

    /// How many requests are in flight.
    #[must_use]
    pub const fn in_flight_len(&self) -> usize {
        self.index.in_flight()
    }

    /// Every row that the machine believes is stored, payloads and kept rows aside.
    pub fn rows(&self) -> impl Iterator<Item = Record> + '_ {
        let live = self.live.iter().map(|(id, row)| Record::Request(*id, row.clone()));
        let finished = self.finished.iter().map(|(id, row)| Record::Finished(*id, row.clone()));
        core::iter::once(Record::Meta(self.meta)).chain(live).chain(finished)
    }

    /// The object's own row as the machine believes it is stored.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The row of a live request as the machine believes it is stored.
    #[must_use]
    pub fn live_row(&self, id: Ulid) -> Option<&RequestRow> {
        self.live.get(&id)
    }

    /// The row of a remembered request as the machine believes it is stored.
    #[must_use]
    pub fn finished_row(&self, id: Ulid) -> Option<&FinishedRow> {
        self.finished.get(&id)
    }

    /// Whether two machines stand for the same stored rows: the shadow law (S25), for tests.
    #[must_use]
    pub fn same_rows(&self, other: &Self) -> bool {
        self.meta == other.meta && self.live == other.live && self.finished == other.finished && self.kept == other.kept
    }

    /// The clock has gone back since the last step, which wrote nothing: delays that were over are not (law S7).
    fn begin_delays_again(&mut self) {
        let live = &self.live;
        self.index.begin_delays_again(|id| match live.get(&id)?.phase {
            Phase::Queued { not_before } => Some(not_before),
            Phase::InFlight { .. } | Phase::Delivering { .. } => None,
        });
    }

    /// The periodic wake-ups, counted from the last commit: while a fetch is in flight, and more often while eligible
    /// work waits at capacity.
    fn next_poll(&self) -> Option<(Timestamp, Wake)> {
        if self.index.has_ready() {
            Some((self.meta.mark.plus_ms(limits::CAPACITY_POLL_MS), Wake::CapacityPoll))
        } else if self.index.in_flight() > 0 {
            Some((self.meta.mark.plus_ms(limits::HEARTBEAT_MS), Wake::Heartbeat))
        } else {
            None
        }
    }

    fn wake_reason(&self, at: Timestamp, id: Ulid) -> Wake {
        match self.live.get(&id).map(|row| row.phase) {
            Some(Phase::Delivering { .. }) => Wake::CallbackDeadline,
            Some(Phase::InFlight { .. }) if at < crate::expires_at(id) => Wake::LeaseEnd,
            Some(Phase::Queued { .. } | Phase::InFlight { .. }) | None => Wake::Expiry,
        }
    }

    /// Writes each touched request as it now stands, once per step.
    fn flush(&mut self, out: &mut Output) {
        self.touched.sort_unstable();
        self.touched.dedup();
        for id in self.touched.drain(..) {
            if let Some(row) = self.live.get(&id) {
                out.put(Record::Request(id, row.clone()));
                continue;
            }
            out.delete(Key { table: Table::Requests, id });
            let finished = self.finished.get(&id);
            // A payload that nobody could read stays: it may be of a version that another program knows (law S24).
            let is_unreadable = finished.is_some_and(|row| row.outcome == Outcome::Failed(Failure::Unreadable));
            if !is_unreadable {
                out.delete(Key { table: Table::Payloads, id });
            }
            if let Some(row) = finished {
                out.put(Record::Finished(id, row.clone()));
            }
        }
        for id in self.forgotten.drain(..) {
            out.delete(Key { table: Table::Finished, id });
        }
    }
}

impl fmt::Display for Machine {
    /// The state for people: a head line, then a line per live request.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Meta { epoch, mark, last_id: _ } = self.meta;
        write!(f, "epoch={epoch} mark={mark} live={} remembered={}", self.live.len(), self.finished.len())?;
        match self.next_wake() {
            Some((at, why)) => write!(f, " wake={at} ({why})")?,
            None => f.write_str(" wake=never")?,
        }
        for (id, row) in &self.live {
            write!(f, "\n  {id} {row}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RetryDue => "retry due",
            Self::LeaseEnd => "lease end",
            Self::Expiry => "expiry",
            Self::CallbackDeadline => "callback deadline",
            Self::CapacityPoll => "capacity poll",
            Self::Heartbeat => "heartbeat",
            Self::Forget => "forget",
        })
    }
}
