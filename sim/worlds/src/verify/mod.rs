//! Replays the turns that a host recorded ([`proxy_fetch::Recorded`]), and compares what the machine does now with what
//! it did then: each effect, the alarm, and, where the object was restored again, the rows that were on the disk.
//!
//! A log may hold anything else; only lines with `proxy-fetch record <object> <hex>` count. Each object is replayed by
//! itself.
//!
//! A record is written in the turn, before its commit is durable, so the disk may lack the last turns of an incarnation
//! that was killed. The disk must be as it was after one of its turns (law S2), and no turn may be lost if the world
//! has seen its effects: a response or a callback's answer shows that its fetch or its callback had left (S4, S11).

mod incarnation;

use crate::history::storage::Rows;
use incarnation::Incarnation;
use proxy_fetch::{Config, Key, Recorded, Table, Ulid};
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
    pub objects: BTreeMap<String, Findings>,
}

/// What was found of one object, up to its first difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Incarnations: how often the object was restored.
    pub incarnations: u64,
    /// Turns that were taken again.
    pub turns: u64,
    /// Events that they took in.
    pub events: u64,
    /// Effects that left them.
    pub effects: u64,
    /// Restarts whose rows were compared with those that the incarnation before had written.
    pub restarts: u64,
    /// Rows that were compared then.
    pub rows: u64,
    /// Turns at the ends of incarnations that were recorded, but not on the disk.
    pub lost: u64,
    /// The first difference.
    pub difference: Option<Difference>,
}

/// Where the machine did not do what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of the log, from 1.
    pub line: usize,
    /// Which of the object's incarnations in the log, from 1.
    pub incarnation: u64,
    /// The turn in that incarnation, from 1; 0: the restart itself.
    pub turn: u64,
    /// What differs, line by line.
    pub what: Vec<String>,
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
    Ok(Verified { objects: tracks.into_iter().map(|(object, track)| (object, track.findings)).collect() })
}

/// An object as its record tells of it.
#[derive(Default)]
struct Track {
    findings: Findings,
    incarnation: Option<Incarnation>,
}

impl Track {
    /// An entry of the object's record; the error says why it cannot stand here.
    fn take(&mut self, line: usize, entry: Recorded) -> Result<(), String> {
        if self.findings.difference.is_some() {
            return Ok(());
        }
        match entry {
            Recorded::Incarnation { config, rows } => {
                let rows = rows.into_iter().map(stored).collect::<Result<Rows, String>>()?;
                self.begin(line, config, rows);
            }
            Recorded::Turn { now, fired, events, effects, alarm } => {
                let Some(incarnation) = &mut self.incarnation else {
                    return Err("a turn is recorded before the incarnation that took it".into());
                };
                let (taken, sent) = (events.len() as u64, effects.len() as u64);
                match incarnation.turn(now, fired, events, &effects, alarm) {
                    Ok(()) => {
                        self.findings.turns += 1;
                        self.findings.events += taken;
                        self.findings.effects += sent;
                    }
                    Err(what) => {
                        let (incarnation, turn) = (self.findings.incarnations, incarnation.turns);
                        self.findings.difference = Some(Difference { line, incarnation, turn, what });
                    }
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, line: usize, config: Config, rows: Rows) {
        self.findings.incarnations += 1;
        if let Some(incarnation) = self.incarnation.take() {
            match incarnation.left(&rows) {
                Ok(lost) => {
                    self.findings.restarts += 1;
                    self.findings.rows += rows.len() as u64;
                    self.findings.lost += lost;
                }
                Err(what) => {
                    let incarnation = self.findings.incarnations;
                    self.findings.difference = Some(Difference { line, incarnation, turn: 0, what });
                    return;
                }
            }
        }
        self.incarnation = Some(Incarnation::begin(config, rows));
    }
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
        self.objects.values().all(|findings| findings.difference.is_none())
    }
}

impl fmt::Display for Verified {
    /// A line per object; after it, its first difference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (object, findings) in &self.objects {
            writeln!(f, "object {object}: {findings}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { incarnations, turns, events, effects, restarts, rows, lost, difference } = self;
        write!(f, "incarnations={incarnations} turns={turns} events={events} effects={effects} ")?;
        write!(f, "restarts={restarts} rows={rows} lost={lost}: ")?;
        match difference {
            None => f.write_str("identical"),
            Some(difference) => write!(f, "DIFFERENT {difference}"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, incarnation, turn, what } = self;
        match turn {
            0 => write!(f, "at line {line}, the restart that begins incarnation {incarnation}:")?,
            turn => write!(f, "at line {line}, turn {turn} of incarnation {incarnation}:")?,
        }
        for line in what {
            write!(f, "\n  {line}")?;
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
