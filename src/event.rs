//! What goes into the machine and what comes out: plain comparable data, one line each.
//!
//! *Why effects are data and not calls:* they can be held back until the commit, compared in tests, and recorded.

use crate::{
    CallbackResult, FetchResult, Outcome, Refusal, Request, RequestId, Timestamp,
    row::{Key, Record, RowError, Write},
};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::{fmt, mem};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The host's name for a caller that waits for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Caller(pub u64);

/// One attempt of one request by one incarnation of the object. A report that names another is ignored (law S10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attempt {
    /// The request.
    #[serde(with = "as_number")]
    pub id: Ulid,
    /// Which attempt, from 1. A request that never started has 0.
    pub number: u8,
    /// The incarnation of the object that started it.
    pub epoch: u64,
}

/// A ULID in a record. The crate's own form needs std.
mod as_number {
    use serde::{Deserialize, Deserializer, Serializer};
    use ulid::Ulid;

    pub fn serialize<S: Serializer>(id: &Ulid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u128(id.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ulid, D::Error> {
        u128::deserialize(deserializer).map(Ulid)
    }
}

/// Everything that can happen to the machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// The host has restored the machine: recover what the last incarnation left.
    Start,
    /// The alarm fired, or the host thinks that something may be due.
    Tick,
    /// The host is about to end: start no more fetches in this incarnation. What is queued stays as it is for the next
    /// one.
    Stop,
    /// A caller hands in a request.
    Enqueue {
        /// Who gets the reply.
        caller: Caller,
        /// The request.
        request: Box<Request>,
        /// Fresh randomness for the ULID; its low 80 bits are used.
        entropy: u128,
    },
    /// A caller gives a request up.
    Cancel {
        /// Who gets the reply.
        caller: Caller,
        /// The request's name.
        request_id: String,
    },
    /// A caller asks how a request is.
    Status {
        /// Who gets the reply.
        caller: Caller,
        /// The request's name.
        request_id: String,
    },
    /// An attempt ended.
    Fetched {
        /// Which.
        attempt: Attempt,
        /// How.
        result: FetchResult,
    },
    /// A callback ended.
    Delivered {
        /// The attempt whose outcome it carried.
        attempt: Attempt,
        /// How.
        result: CallbackResult,
    },
}

impl Event {
    /// How long a host may hold this event back, in ms, to let it share the commit of the next one. An answered
    /// callback only ends what is over already, so a request alone costs two commits; everything else changes what
    /// somebody waits for. Not longer: a crash in that time calls the origin back again.
    #[must_use]
    pub const fn linger_ms(&self) -> u64 {
        match self {
            Self::Delivered { .. } => 100,
            Self::Start
            | Self::Tick
            | Self::Stop
            | Self::Enqueue { .. }
            | Self::Cancel { .. }
            | Self::Status { .. }
            | Self::Fetched { .. } => 0,
        }
    }
}

/// What a host must do after the commit, never before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Read the payload and fetch. Report with [`Event::Fetched`], within `timeout_ms` (connect, head and body); hold
    /// a response until [`Effect::Deliver`] or [`Effect::Abort`] names the attempt.
    Fetch {
        /// The attempt to make.
        attempt: Attempt,
        /// Its time.
        timeout_ms: u32,
    },
    /// Stop this attempt if it runs, and drop its response if one is held. There is nothing to report.
    Abort {
        /// The attempt to stop.
        attempt: Attempt,
    },
    /// Read the payload, call its callback target once and report with [`Event::Delivered`], within
    /// [`CALLBACK_TIMEOUT_MS`](crate::limits::CALLBACK_TIMEOUT_MS). Then drop the response.
    Deliver {
        /// The attempt that led to the outcome.
        attempt: Attempt,
        /// How the request ended.
        outcome: Outcome,
        /// From acceptance to now, in ms.
        duration_ms: u64,
    },
    /// Answer a caller.
    Reply {
        /// Whom.
        caller: Caller,
        /// With what.
        reply: Reply,
    },
    /// Write a line to the log.
    Report(Report),
}

/// An answer to a caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// The request is stored under this ULID. A repeat gets the same answer (law S6).
    Accepted {
        /// Its ULID.
        id: Ulid,
    },
    /// The request ends as "cancelled".
    Cancelled {
        /// Its ULID.
        id: Ulid,
    },
    /// How the request is.
    Status(Status),
    /// No, and why.
    Refused(Refusal),
}

/// A view of one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// Its ULID.
    pub id: Ulid,
    /// The caller's name for it.
    pub request_id: RequestId,
    /// Where it is in its lifecycle.
    pub stage: Stage,
    /// Attempts started.
    pub attempts: u8,
}

/// Where a request is in its lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Waiting for a slot, and not to start before this time.
    Queued {
        /// The time; in the past if only a slot is missing.
        not_before: Timestamp,
    },
    /// Being fetched.
    InFlight,
    /// Its outcome is chosen and its callback under way.
    Delivering {
        /// The outcome.
        outcome: Outcome,
    },
    /// Over.
    Finished {
        /// The outcome.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Report {
    /// A callback failed; the request has ended all the same (law S11).
    CallbackFailed {
        /// The request.
        id: Ulid,
        /// What the origin was not told.
        outcome: Outcome,
    },
    /// A stored row could not be read; its bytes are in quarantine (law S13).
    Quarantined {
        /// Its key.
        key: Key,
        /// Why.
        error: RowError,
    },
    /// A row of a version this program does not know is kept untouched (law S24).
    Foreign {
        /// Its key.
        key: Key,
        /// Its version.
        version: u8,
    },
}

/// What steps produced: writes to commit all or nothing, and effects to release after that commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    writes: Vec<Write>,
    effects: Vec<Effect>,
    meta_at: Option<usize>,
}

impl Output {
    /// The writes, in order; the last write of a key wins.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The effects, in order.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// Takes the effects out, to perform them. Call it only after the writes are committed.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        mem::take(&mut self.effects)
    }

    /// Empties both lanes and keeps their memory.
    pub fn clear(&mut self) {
        self.clear_writes();
        self.effects.clear();
    }

    /// The effects, removed as they are iterated; their memory is kept.
    pub fn drain_effects(&mut self) -> impl Iterator<Item = Effect> + '_ {
        self.effects.drain(..)
    }

    pub(crate) fn clear_writes(&mut self) {
        self.writes.clear();
        self.meta_at = None;
    }

    pub(crate) fn put(&mut self, record: Record) {
        self.writes.push(Write::Put(record));
    }

    pub(crate) fn delete(&mut self, key: Key) {
        self.writes.push(Write::Delete(key));
    }

    /// The one meta row of a commit, however many steps share it.
    pub(crate) fn put_meta(&mut self, record: Record) {
        match self.meta_at.and_then(|at| self.writes.get_mut(at)) {
            Some(write) => *write = Write::Put(record),
            None => {
                self.meta_at = Some(self.writes.len());
                self.writes.push(Write::Put(record));
            }
        }
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Gives an attempt up. A fetch that has not left yet, because its turn is not committed, never leaves.
    pub(crate) fn abort(&mut self, attempt: Attempt) {
        let unsent = |effect: &Effect| matches!(effect, Effect::Fetch { attempt: started, .. } if *started == attempt);
        match self.effects.iter().rposition(unsent) {
            Some(at) => drop(self.effects.remove(at)),
            None => self.effects.push(Effect::Abort { attempt }),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{} epoch={}", self.id, self.number, self.epoch)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Tick => f.write_str("tick"),
            Self::Stop => f.write_str("stop"),
            Self::Enqueue { caller, request, entropy: _ } => {
                write!(f, "enqueue {} {} {}", request.request_id, request.method, request.url)?;
                if !request.body.is_empty() {
                    write!(f, " body={}B", request.body.len())?;
                }
                write!(f, " caller={}", caller.0)
            }
            Self::Cancel { caller, request_id } => write!(f, "cancel {request_id} caller={}", caller.0),
            Self::Status { caller, request_id } => write!(f, "status {request_id} caller={}", caller.0),
            Self::Fetched { attempt, result } => write!(f, "fetched {attempt} {result}"),
            Self::Delivered { attempt, result } => write!(f, "delivered {attempt} {result}"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch { attempt, timeout_ms } => write!(f, "fetch {attempt} timeout={timeout_ms}ms"),
            Self::Abort { attempt } => write!(f, "abort {attempt}"),
            Self::Deliver { attempt, outcome, duration_ms } => {
                write!(f, "deliver {attempt} {outcome} after={duration_ms}ms")
            }
            Self::Reply { caller, reply } => write!(f, "reply caller={} {reply}", caller.0),
            Self::Report(report) => write!(f, "report {report}"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { id } => write!(f, "accepted {id}"),
            Self::Cancelled { id } => write!(f, "cancelled {id}"),
            Self::Status(status) => write!(f, "status {} {} attempts={}", status.id, status.stage, status.attempts),
            Self::Refused(refusal) => write!(f, "refused {} {refusal}", refusal.kind.name()),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued { not_before } => write!(f, "queued not_before={not_before}"),
            Self::InFlight => f.write_str("in-flight"),
            Self::Delivering { outcome } => write!(f, "delivering {outcome}"),
            Self::Finished { outcome, at } => write!(f, "finished {outcome} at={at}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallbackFailed { id, outcome } => write!(f, "callback failed {id} {outcome}"),
            Self::Quarantined { key, error } => write!(f, "quarantined {key}: {error}"),
            Self::Foreign { key, version } => write!(f, "kept {key} of unknown version {version}"),
        }
    }
}
