//! Replays the turns that a host recorded ([`proxy_fetch::Recorded`]), and compares what the machine does now with what
//! it did then: each effect, the alarm, and, where the object was restored again, the rows that were on the disk.
//!
//! A log may hold anything else; only lines with `proxy-fetch record <object> <hex>` count. Each object is replayed by
//! itself.
//!
//! A record is written in the turn, before its commit is durable, so the disk may lack the last turns of an incarnation
//! that was killed. The disk must be as it was after one of its turns (law S2), and no turn may be lost if the world
//! has seen its effects: a response or a callback's answer shows that its fetch or its callback had left (S4, S11).

mod recorded;

use crate::{history::storage::Storage, proxy::object::ProxyObject};
use durable_sim::verify::{Findings, Record, Verifier};
use proxy_fetch::{Key, Recorded, Table, Ulid};
use std::{
    collections::BTreeMap,
    fmt,
    io::{self, BufRead},
};

/// What a line of a record holds before the object's name.
const MARK: &str = "proxy-fetch record ";

/// Why a log cannot be verified.
#[derive(Debug)]
pub enum LogError {
    /// It cannot be read.
    Unreadable(io::Error),
    /// A record in it is damaged, or stands where it cannot.
    Line {
        /// The line's number, from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing is recorded in it.
    Empty,
}

/// What a log showed, object by object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// By the object's name.
    pub objects: BTreeMap<String, Seen>,
}

/// What was found of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What was found.
    pub findings: Findings,
    /// The line of the log, from 1, at which it differs first.
    pub line: Option<usize>,
}

/// Verifies a log.
///
/// # Errors
/// [`LogError`], at the first line that is at fault.
pub fn verify(mut log: impl BufRead) -> Result<Verified, LogError> {
    let mut tracks: BTreeMap<String, Track> = BTreeMap::new();
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        if log.read_until(b'\n', &mut bytes).map_err(LogError::Unreadable)? == 0 {
            break;
        }
        // Other lines may hold anything.
        let text = String::from_utf8_lossy(&bytes);
        let Some((_, record)) = text.split_once(MARK) else { continue };
        let at_fault = |problem: String| LogError::Line { number, problem };
        let fields: Vec<&str> = record.split_whitespace().collect();
        let [object, hex] = fields.as_slice() else {
            return Err(at_fault(format!("a record has an object and its bytes, not {} words", fields.len())));
        };
        let entry = Recorded::from_line(hex)
            .map_err(|error| at_fault(format!("the record of {object} cannot be read: {error}; is it cut short?")))?;
        let track = tracks.entry((*object).to_owned()).or_default();
        track.take(number, entry).map_err(at_fault)?;
    }
    if tracks.is_empty() {
        return Err(LogError::Empty);
    }
    let seen = |Track { verifier, line }: Track| Seen { findings: verifier.findings().clone(), line };
    Ok(Verified { objects: tracks.into_iter().map(|(object, track)| (object, seen(track))).collect() })
}

/// An object as its record tells of it.
#[derive(Default)]
struct Track {
    verifier: Verifier<ProxyObject>,
    line: Option<usize>,
}

impl Track {
    /// An entry of the object's record; the error says why it cannot stand here.
    fn take(&mut self, line: usize, entry: Recorded) -> Result<(), String> {
        self.verifier.take(record(entry)?).map_err(|error| error.to_string())?;
        if self.verifier.findings().difference.is_some() {
            self.line.get_or_insert(line);
        }
        Ok(())
    }
}

fn record(entry: Recorded) -> Result<Record<ProxyObject>, String> {
    Ok(match entry {
        Recorded::Incarnation { config, rows } => {
            let mut storage = Storage::default();
            *storage.rows_mut() = rows.into_iter().map(stored).collect::<Result<_, String>>()?;
            Record::Incarnation { settings: config, storage }
        }
        Recorded::Turn { now, fired, events, effects, alarm } => {
            let (fired, alarm) = (fired.map(|at| at.0), alarm.map(|at| at.0));
            Record::Turn { now_ms: now.0, fired, events, effects, alarm }
        }
    })
}

fn stored((table, id, bytes): (u8, u128, Vec<u8>)) -> Result<(Key, Vec<u8>), String> {
    match Table::from_number(table) {
        Some(table) => Ok((Key { table, id: Ulid(id) }, bytes)),
        None => Err(format!("a row of the unknown table {table} is recorded")),
    }
}

impl Verified {
    /// Whether all was as recorded.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.objects.values().all(|seen| seen.line.is_none())
    }
}

impl fmt::Display for Verified {
    /// A line per object; after it, its first difference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (object, Seen { findings, line }) in &self.objects {
            let line = line.map_or(String::new(), |line| format!(" (line {line} of the log)"));
            writeln!(f, "object {object}{line}: {findings}")?;
        }
        Ok(())
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::Line { number, problem } => write!(f, "line {number}: {problem}"),
            Self::Empty => write!(f, "holds no line with `{}`", MARK.trim_end()),
        }
    }
}

impl std::error::Error for LogError {}
