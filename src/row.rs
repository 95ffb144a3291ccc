//! What is stored: rows, their keys, and their bytes.
//!
//! A stored value is one version byte and the row in postcard's wire format. The numbers of tables, versions and enum
//! variants, and the order of fields, are the format: they never change without a new version byte (law S24). A
//! golden file for each row is in `snapshots/`.

use crate::{Outcome, Payload, Policy, RequestId, Timestamp};
use alloc::{sync::Arc, vec::Vec};
use core::fmt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use ulid::Ulid;

/// The version byte that this program writes.
pub const ROW_VERSION: u8 = 1;

/// The kinds of row. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// One row: epoch, time mark, last ULID.
    Meta = 0,
    /// A row per live request: its state.
    Requests = 1,
    /// A row per live request: what is sent and whom to call back. Only hosts read it.
    Payloads = 2,
    /// A row per finished request, for the dedupe window.
    Finished = 3,
    /// Bytes of rows that could not be read, as they were found.
    Quarantine = 4,
}

impl Table {
    /// The tables whose rows [`Machine::restore`](crate::Machine::restore) wants.
    pub const RESTORED: [Self; 4] = [Self::Meta, Self::Requests, Self::Finished, Self::Quarantine];

    /// The table of a stored number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Meta),
            1 => Some(Self::Requests),
            2 => Some(Self::Payloads),
            3 => Some(Self::Finished),
            4 => Some(Self::Quarantine),
            _ => None,
        }
    }
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind of row.
    pub table: Table,
    /// The request's ULID; nil in the meta table.
    pub id: Ulid,
}

/// A stored row as a host reads it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub key: Key,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// One change of what is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    /// Insert the row, or replace it.
    Put(Record),
    /// Remove the row; it may be absent.
    Delete(Key),
}

/// A row to store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// The object's own row.
    Meta(Meta),
    /// A live request's state.
    Request(Ulid, RequestRow),
    /// A live request's payload; shared, so that a write is cheap to copy.
    Payload(Ulid, Arc<Payload>),
    /// A finished request.
    Finished(Ulid, FinishedRow),
    /// A row that could not be read, byte for byte.
    Quarantine(Ulid, Vec<u8>),
}

/// The object's own row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Meta {
    /// Which incarnation of the object this is; each restart adds one.
    pub epoch: u64,
    /// The latest time of any commit: time never falls below it (law S17).
    pub mark: Timestamp,
    /// The greatest ULID so far.
    pub last_id: u128,
}

/// A live request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestRow {
    /// The caller's name for it.
    pub request_id: RequestId,
    /// Tells a repeat from a different request.
    pub fingerprint: u128,
    /// Whether anybody is called back.
    pub has_callback: bool,
    /// How to fetch and retry.
    pub policy: Policy,
    /// Attempts started, counted when they start (law S8).
    pub attempts: u8,
    /// Its state.
    pub phase: Phase,
}

/// The state of a live request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Waits for a slot, and not to start before this time.
    Queued {
        /// The time.
        not_before: Timestamp,
    },
    /// Being fetched.
    InFlight {
        /// The incarnation of the object that started it.
        epoch: u64,
        /// When its slot is taken back, whatever the host does.
        lease_until: Timestamp,
    },
    /// Its outcome is chosen.
    Delivering {
        /// The outcome.
        outcome: Outcome,
        /// When the callback under way is given up; `None` while it waits for its turn.
        until: Option<Timestamp>,
    },
}

/// A finished request, kept for the dedupe window.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FinishedRow {
    /// The caller's name for it.
    pub request_id: RequestId,
    /// Tells a repeat from a different request.
    pub fingerprint: u128,
    /// How it ended.
    pub outcome: Outcome,
    /// Attempts started.
    pub attempts: u8,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// Why stored bytes are no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowError {
    /// Written by a program that this one does not know.
    UnknownVersion(u8),
    /// Not what this program writes.
    Corrupt,
}

impl Write {
    /// Where the row stands.
    #[must_use]
    pub const fn key(&self) -> Key {
        match self {
            Self::Put(record) => record.key(),
            Self::Delete(key) => *key,
        }
    }
}

impl Record {
    /// Where the row stands.
    #[must_use]
    pub const fn key(&self) -> Key {
        match self {
            Self::Meta(_) => Key { table: Table::Meta, id: Ulid::nil() },
            Self::Request(id, _) => Key { table: Table::Requests, id: *id },
            Self::Payload(id, _) => Key { table: Table::Payloads, id: *id },
            Self::Finished(id, _) => Key { table: Table::Finished, id: *id },
            Self::Quarantine(id, _) => Key { table: Table::Quarantine, id: *id },
        }
    }

    /// The row's bytes, with the version byte.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Room for a small row, so that it is written without growing.
        self.encode_in(Vec::with_capacity(64))
    }

    /// The same in the memory of `buffer`, whose content is lost.
    #[must_use]
    pub fn encode_in(&self, mut buffer: Vec<u8>) -> Vec<u8> {
        buffer.clear();
        match self {
            Self::Meta(row) => encode(row, buffer),
            Self::Request(_, row) => encode(row, buffer),
            Self::Payload(_, row) => encode(row.as_ref(), buffer),
            Self::Finished(_, row) => encode(row, buffer),
            Self::Quarantine(_, bytes) => {
                buffer.extend_from_slice(bytes);
                buffer
            }
        }
    }
}

impl Payload {
    /// Reads a stored payload.
    ///
    /// # Errors
    /// [`RowError`]; the host then reports [`Failure::Unreadable`](crate::Failure::Unreadable), or a failed callback.
    pub fn decode(bytes: &[u8]) -> Result<Self, RowError> {
        decode(bytes)
    }
}

/// Appends the version byte and the row.
pub(crate) fn encode<T: Serialize>(row: &T, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(ROW_VERSION);
    match postcard::to_extend(row, bytes) {
        Ok(bytes) => bytes,
        // Rows hold nothing that postcard refuses: no maps or sequences of unknown length.
        Err(error) => panic!("a row cannot be encoded: {error}"),
    }
}

/// Reads stored bytes; every byte must belong to the row.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RowError> {
    match bytes.split_first() {
        Some((&ROW_VERSION, rest)) => match postcard::take_from_bytes(rest) {
            Ok((row, [])) => Ok(row),
            Ok(_) | Err(_) => Err(RowError::Corrupt),
        },
        Some((&version, _)) => Err(RowError::UnknownVersion(version)),
        None => Err(RowError::Corrupt),
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.table {
            Table::Meta => f.write_str("meta"),
            Table::Requests => write!(f, "request {}", self.id),
            Table::Payloads => write!(f, "payload {}", self.id),
            Table::Finished => write!(f, "finished {}", self.id),
            Table::Quarantine => write!(f, "quarantine {}", self.id),
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(record) => write!(f, "put {record}"),
            Self::Delete(key) => write!(f, "delete {key}"),
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key())?;
        match self {
            Self::Meta(row) => write!(f, " epoch={} mark={}", row.epoch, row.mark),
            Self::Request(_, row) => write!(f, " {row}"),
            Self::Payload(_, row) => write!(f, " {} {} body={}B", row.method, row.url, row.body.len()),
            Self::Finished(_, row) => {
                write!(f, " {} {} attempts={} at={}", row.request_id, row.outcome, row.attempts, row.finished_at)
            }
            Self::Quarantine(_, bytes) => write!(f, " {} bytes", bytes.len()),
        }
    }
}

impl fmt::Display for RequestRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} attempts={}", self.request_id, self.phase, self.attempts)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued { not_before } => write!(f, "queued not_before={not_before}"),
            Self::InFlight { epoch, lease_until } => write!(f, "in-flight epoch={epoch} lease_until={lease_until}"),
            Self::Delivering { outcome, until: None } => write!(f, "delivering {outcome} waiting"),
            Self::Delivering { outcome, until: Some(until) } => write!(f, "delivering {outcome} until={until}"),
        }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion(version) => write!(f, "unknown version {version}"),
            Self::Corrupt => f.write_str("corrupt"),
        }
    }
}

impl core::error::Error for RowError {}
