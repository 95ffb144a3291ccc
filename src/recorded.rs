//! A record of what a host did, one line of text for each entry, so that the same turns can be replayed elsewhere.
//!
//! A line is hexadecimal: the version byte, and the entry in postcard's wire format, as in rows.

use crate::{Config, Event, RowError, Timestamp, row};
use alloc::{string::String, vec::Vec};
use core::fmt::Write;
use serde::{Deserialize, Serialize};

/// One entry of a record. Requests stand in it with their bodies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recorded {
    /// An incarnation began: the machine was restored.
    Incarnation {
        /// The host's configuration.
        config: Config,
        /// The rows: table number, ULID, bytes.
        rows: Vec<(u8, u128, Vec<u8>)>,
    },
    /// A turn was taken, and committed.
    Turn {
        /// The host's clock.
        now: Timestamp,
        /// The alarm whose handler it is, if the host is told which one fired.
        fired: Option<Timestamp>,
        /// What it took in.
        events: Vec<Event>,
        /// The lines of its effects.
        effects: Vec<String>,
        /// The alarm that is known to be stored after it.
        alarm: Option<Timestamp>,
    },
}

impl Recorded {
    /// The entry as one line, without its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        let bytes = row::encode(self, Vec::new());
        let mut line = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            // A string takes in everything.
            let Ok(()) = write!(line, "{byte:02x}") else { break };
        }
        line
    }

    /// Reads a line.
    ///
    /// # Errors
    /// [`RowError`], if the line is no entry that this program knows.
    pub fn from_line(line: &str) -> Result<Self, RowError> {
        if !line.is_ascii() || line.len() % 2 == 1 {
            return Err(RowError::Corrupt);
        }
        let digits = |at: usize| line.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = (0..line.len()).step_by(2).map(digits).collect();
        row::decode(&bytes.ok_or(RowError::Corrupt)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attempt, CallbackResult, Caller, Failure, FetchResult, Request, Ulid};
    use alloc::{boxed::Box, vec};

    #[test]
    fn what_is_written_can_be_read() {
        let attempt = Attempt { id: Ulid::from_parts(7, 8), number: 2, epoch: 3 };
        let request = Request { request_id: "a".into(), body: vec![0, 255], ..Request::default() };
        let caller = Caller(4);
        let response = FetchResult::Response { status: 200, retry_after: Some("1".into()) };
        let events = vec![
            Event::Start,
            Event::Tick,
            Event::Stop,
            Event::Enqueue { caller, request: Box::new(request), entropy: u128::MAX },
            Event::Cancel { caller, request_id: "a".into() },
            Event::Status { caller, request_id: "a".into() },
            Event::Fetched { attempt, result: response },
            Event::Fetched { attempt, result: FetchResult::Failed(Failure::TimedOut) },
            Event::Delivered { attempt, result: CallbackResult::Answered },
        ];
        let turn = Recorded::Turn {
            now: Timestamp(9),
            fired: Some(Timestamp(8)),
            events,
            effects: vec!["abort".into()],
            alarm: Some(Timestamp(10)),
        };
        let incarnation = Recorded::Incarnation { config: Config::default(), rows: vec![(1, 2, vec![3])] };
        for entry in [turn, incarnation] {
            assert_eq!(Recorded::from_line(&entry.to_line()), Ok(entry));
        }
        for wrong in ["", "0", "zz", "01ff", "\u{e9}"] {
            assert_eq!(Recorded::from_line(wrong), Err(RowError::Corrupt), "{wrong}");
        }
        assert_eq!(Recorded::from_line("02"), Err(RowError::UnknownVersion(2)));
    }
}
