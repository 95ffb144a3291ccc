//! The ground truth of a run: what was committed, and what upstreams and origins saw. Never asked of the machine.
//!
//! Laws read it; the world alone writes it. A commit is applied before the laws see it, with what it changed.

use super::storage::Rows;
use proxy_fetch::{
    Attempt, CallbackResult, FetchResult, FinishedRow, Key, Meta, Outcome, Phase, Record, Reply, RequestId, RequestRow,
    Table, Timestamp, Ulid, Write,
};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::fmt;

/// A request of the plan, by its number. Its request id is `r` and this number.
pub type Planned = u32;

/// What one commit made durable.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The object's clock in the turn; the same for all its events.
    pub now: Timestamp,
    /// What the turn took in.
    pub notes: &'a [Note],
    /// What it wrote, in order.
    pub writes: &'a [Write],
    /// The alarm that it stored, if it stored one.
    pub alarm_set: Option<Timestamp>,
    /// The alarm that is stored now.
    pub alarm: Option<Timestamp>,
    /// The requests whose rows it changed, with what they were before, by position in the ledger.
    pub changes: &'a [Change],
}

/// A request's row before a commit; what it is now stands in the ledger.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its entry in the ledger.
    pub entry: usize,
    /// What it was; `None`: the commit accepted it.
    pub before: Option<Stored>,
}

/// What a turn took in, in short.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// The first turn of an instance.
    Start,
    /// An alarm.
    Tick,
    /// A call of this number.
    Call(u64),
    /// The end of an attempt.
    Fetched(Attempt, FetchResult),
    /// The end of a callback.
    Delivered(Attempt, CallbackResult),
}

/// A request's committed row.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// Its request row.
    Live(RequestRow),
    /// Its row after the end.
    Finished(FinishedRow),
    /// Nothing: its window is over, or it was never readable.
    Forgotten,
}

/// One accepted request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Which of the plan.
    pub planned: Planned,
    /// Its ULID.
    pub id: Ulid,
    /// Its committed row.
    pub stored: Stored,
    /// How it ended, once it has; kept when its row is forgotten.
    pub outcome: Option<Outcome>,
    /// Whether its payload row is stored.
    pub payload: bool,
    /// The time (object's clock) of the commit that accepted it.
    pub accepted: Timestamp,
    /// The rows of this request were tampered with by a fault: unreadable, or of another version.
    pub tampered: bool,
    /// Its state can be read all the same: only its payload was tampered with, or it can be read again.
    pub state_readable: bool,
    /// Instances lost (crash, eviction, deploy, failed commit) since it was accepted.
    pub restarts: u32,
    /// Fetches that left the object, in order.
    pub fetches: SmallVec<[Fetch; 1]>,
    /// Callbacks that left the object, in order.
    pub callbacks: SmallVec<[Callback; 1]>,
    /// Outcomes that its origin was told, in order, told by the origin.
    pub told: SmallVec<[Outcome; 1]>,
}

/// A fetch that left the object.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetch {
    /// Which attempt.
    pub attempt: Attempt,
    /// When it left (object's clock).
    pub left: Timestamp,
    /// Times it reached an upstream that acted on it.
    pub executed: u32,
    /// Whether it still runs in the object.
    pub running: bool,
    /// What the host reported of it, if it did.
    pub result: Option<FetchResult>,
}

/// A callback that left the object.
#[derive(Clone, Debug, PartialEq)]
pub struct Callback {
    /// The attempt it named.
    pub attempt: Attempt,
    /// The outcome it carried.
    pub outcome: Outcome,
    /// When it left (object's clock).
    pub left: Timestamp,
}

/// What a caller asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Enqueue this request of the plan; `valid: false` for a request that must be refused whenever it comes.
    Enqueue {
        /// Which.
        planned: Planned,
        /// Whether the request is well-formed.
        valid: bool,
    },
    /// Enqueue a different request under the id of this one.
    Conflicting {
        /// Whose id.
        planned: Planned,
    },
    /// Cancel it.
    Cancel {
        /// Which.
        planned: Planned,
    },
    /// Ask how it is.
    Status {
        /// Which.
        planned: Planned,
    },
}

/// Something that can be seen from outside the machine.
#[derive(Debug)]
pub enum Observation<'a> {
    /// An instance of the object was constructed.
    Started,
    /// The instance is gone, with all that it held in memory. Fetches of it run no longer.
    Lost,
    /// A fault has changed a stored row while no instance lived.
    Tampered {
        /// Its key.
        key: Key,
        /// What it is now.
        bytes: &'a [u8],
    },
    /// A commit became durable.
    Committed(&'a Commit<'a>),
    /// A fetch left the object; it is the last of the entry's fetches.
    FetchLeft {
        /// Whose.
        entry: usize,
    },
    /// An upstream was reached by a fetch of this entry, and acted.
    Executed {
        /// Whose.
        entry: usize,
        /// Which attempt.
        number: u8,
        /// The host it reached.
        host: &'a str,
        /// Its headers.
        headers: &'a [(String, String)],
    },
    /// A fetch runs no longer in the object: reported, aborted or timed out.
    FetchEnded {
        /// Whose.
        entry: usize,
        /// Which attempt.
        attempt: Attempt,
    },
    /// A callback left the object; it is the last of the entry's callbacks.
    CallbackLeft {
        /// Whose.
        entry: usize,
    },
    /// An origin was called back and acted; it is the last of what it was told.
    Told {
        /// Whose.
        entry: usize,
    },
    /// A reply left the object.
    Replied {
        /// What was asked.
        ask: Ask,
        /// The answer.
        reply: &'a Reply,
    },
    /// The object's memory after a turn whose writes are all durable, and what is stored.
    Settled {
        /// The machine.
        machine: &'a proxy_fetch::Machine,
        /// The stored rows, if everything is to be compared, whatever the cost (now and then, and at the end).
        rows: Option<&'a Rows>,
    },
    /// From now on there are no faults.
    Healed {
        /// When, by the object's time.
        now: Timestamp,
        /// The longest time until the platform retries what failed before, in ms.
        recovery_ms: u64,
    },
    /// The run is over: nothing is left to happen.
    Ended {
        /// When, by the object's time.
        now: Timestamp,
        /// The stored rows.
        rows: &'a Rows,
        /// The stored alarm.
        alarm: Option<Timestamp>,
    },
}

/// The ledger of one object.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Accepted requests in the order of their acceptance.
    pub entries: Vec<Entry>,
    /// The committed meta row.
    pub meta: Meta,
    /// Committed counts by phase: queued, in flight, delivering, finished.
    pub queued: usize,
    /// Of the queued, those that were started before.
    pub waiting: usize,
    /// In flight.
    pub in_flight: usize,
    /// Delivering.
    pub delivering: usize,
    /// Finished, remembered or forgotten.
    pub finished: usize,
    /// Fetches that run in the object now.
    pub running: usize,
    /// Whether the run's profile has no faults.
    pub calm: bool,
    /// Whether the host has told the object of its coming end: in this incarnation nothing more is to start.
    pub stopping: bool,
    /// The object's bound on live requests.
    pub max_live: usize,
    /// The object's bound on requests in flight; 0: the promised one.
    pub max_in_flight: usize,
    /// The object's bound on known requests, live and remembered; 0: it was not told.
    pub max_known: usize,
    /// The object's own row was tampered with by a fault: epoch and time mark may have gone back.
    pub meta_tampered: bool,
    /// Whether a fault has left the object without an alarm that will fire; see `Sim::alarm_is_lost`.
    pub alarm_lost: bool,
    by_id: FxHashMap<Ulid, usize>,
    latest: FxHashMap<Planned, usize>,
}

impl Ledger {
    /// The entry of this ULID.
    #[must_use]
    pub fn entry_of(&self, id: Ulid) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// The entry that was accepted last for this request of the plan.
    #[must_use]
    pub fn latest_of(&self, planned: Planned) -> Option<usize> {
        self.latest.get(&planned).copied()
    }

    /// The entries that are live.
    pub fn live(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.row().is_some())
    }

    /// Of the live entries that with the least ULID.
    #[must_use]
    pub fn oldest_live(&self) -> Option<&Entry> {
        self.live().min_by_key(|entry| entry.id)
    }

    /// Applies one commit's writes; `changes` receives what they changed, one entry per request.
    ///
    /// # Panics
    /// If a request row appears without the payload row that says whose it is.
    pub fn apply(&mut self, now: Timestamp, writes: &[Write], changes: &mut Vec<Change>) {
        changes.clear();
        for write in writes {
            match write {
                Write::Put(Record::Meta(meta)) => self.meta = *meta,
                Write::Put(Record::Payload(id, payload)) => {
                    let entry = self.entry_or_insert(*id, &payload.request_id, now);
                    self.entries[entry].payload = true;
                }
                Write::Put(Record::Request(id, row)) => {
                    let entry = self.entry_or_insert(*id, &row.request_id, now);
                    self.change(entry, Stored::Live(row.clone()), changes);
                }
                Write::Put(Record::Finished(id, row)) => {
                    let entry = self.entry_or_insert(*id, &row.request_id, now);
                    self.entries[entry].outcome = Some(row.outcome);
                    self.change(entry, Stored::Finished(row.clone()), changes);
                }
                Write::Put(Record::Quarantine(..)) => {}
                Write::Delete(Key { table, id }) => {
                    let Some(entry) = self.entry_of(*id) else { continue };
                    match table {
                        Table::Requests if matches!(self.entries[entry].stored, Stored::Live(_)) => {
                            self.change(entry, Stored::Forgotten, changes);
                        }
                        Table::Finished if matches!(self.entries[entry].stored, Stored::Finished(_)) => {
                            self.change(entry, Stored::Forgotten, changes);
                        }
                        Table::Payloads => self.entries[entry].payload = false,
                        Table::Requests | Table::Finished | Table::Meta | Table::Quarantine => {}
                    }
                }
            }
        }
        // A request that was accepted by this commit has its rows in any order; what it was before is nothing.
        changes.retain(|change| change.before.as_ref() != Some(&self.entries[change.entry].stored));
    }

    fn entry_or_insert(&mut self, id: Ulid, request_id: &RequestId, now: Timestamp) -> usize {
        if let Some(entry) = self.by_id.get(&id) {
            return *entry;
        }
        let entry = self.entries.len();
        let planned = planned_of(request_id.as_str());
        self.entries.push(Entry {
            planned,
            id,
            stored: Stored::Forgotten,
            outcome: None,
            payload: false,
            accepted: now,
            tampered: false,
            state_readable: false,
            restarts: 0,
            fetches: SmallVec::new(),
            callbacks: SmallVec::new(),
            told: SmallVec::new(),
        });
        // Counted as finished until its row is seen, in this same commit.
        self.finished += 1;
        self.by_id.insert(id, entry);
        self.latest.insert(planned, entry);
        entry
    }

    fn change(&mut self, entry: usize, to: Stored, changes: &mut Vec<Change>) {
        *self.count_of(&to) += 1;
        self.waiting += usize::from(to.is_waiting());
        let is_live = matches!(to, Stored::Live(_));
        let from = std::mem::replace(&mut self.entries[entry].stored, to);
        *self.count_of(&from) -= 1;
        self.waiting -= usize::from(from.is_waiting());
        if changes.iter().all(|change| change.entry != entry) {
            // The first row of a request that this commit accepts replaces nothing.
            let is_new = matches!(from, Stored::Forgotten) && is_live;
            changes.push(Change { entry, before: (!is_new).then_some(from) });
        }
    }

    fn count_of(&mut self, stored: &Stored) -> &mut usize {
        match stored {
            Stored::Live(row) => match row.phase {
                Phase::Queued { .. } => &mut self.queued,
                Phase::InFlight { .. } => &mut self.in_flight,
                Phase::Delivering { .. } => &mut self.delivering,
            },
            Stored::Finished(_) | Stored::Forgotten => &mut self.finished,
        }
    }
}

impl Stored {
    /// The request row, while it is live.
    #[must_use]
    pub const fn row(&self) -> Option<&RequestRow> {
        match self {
            Self::Live(row) => Some(row),
            Self::Finished(_) | Self::Forgotten => None,
        }
    }

    /// Whether it waits for a retry.
    const fn is_waiting(&self) -> bool {
        match self {
            Self::Live(row) => row.attempts > 0 && matches!(row.phase, Phase::Queued { .. }),
            Self::Finished(_) | Self::Forgotten => false,
        }
    }
}

impl Entry {
    /// Its request row, while it is live.
    #[must_use]
    pub const fn row(&self) -> Option<&RequestRow> {
        self.stored.row()
    }
}

/// The number in a planned request's id; unreadable rows have none and count as the last.
fn planned_of(request_id: &str) -> Planned {
    request_id.strip_prefix('r').and_then(|number| number.parse().ok()).unwrap_or(Planned::MAX)
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enqueue { planned, .. } => write!(f, "enqueue r{planned}"),
            Self::Conflicting { planned } => write!(f, "enqueue another request as r{planned}"),
            Self::Cancel { planned } => write!(f, "cancel r{planned}"),
            Self::Status { planned } => write!(f, "status of r{planned}"),
        }
    }
}
