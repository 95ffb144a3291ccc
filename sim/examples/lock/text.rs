//! How the trace shows the locks.

use super::object::{Ask, Event, Lock, Locks, Put, Reply};
use std::fmt::{Display, Formatter, Result};

/// Seconds since the run began, of a clock in ms.
pub fn time(ms: u64) -> String {
    let since = ms.cast_signed() - super::START_MS.cast_signed();
    format!("{:.3}s", since as f64 / 1_000.0)
}

/// All of them in words.
pub fn all(locks: &Locks) -> String {
    locks.iter().map(|(name, lock)| format!("{name}: {lock}")).collect::<Vec<_>>().join("; ")
}

impl Display for Lock {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { token, held, line } = self;
        match held {
            Some((claim, until)) => write!(f, "client {} until {}, token {token}", claim.client, time(*until))?,
            None => write!(f, "free, last token {token}")?,
        }
        line.iter().try_for_each(|claim| write!(f, ", then client {}", claim.client))
    }
}

impl Display for Put {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}: {}", self.0, self.1)
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Alarm => f.write_str("alarm"),
            Self::Asked(lock, client, Ask::Acquire { lease_ms }) => {
                write!(f, "client {client} acquires {lock} for {lease_ms} ms")
            }
            Self::Asked(lock, client, Ask::Renew) => write!(f, "client {client} renews {lock}"),
            Self::Asked(lock, client, Ask::Release) => write!(f, "client {client} releases {lock}"),
        }
    }
}

impl Display for Reply {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(lock, client, lease) = self;
        match lease {
            Some((token, until)) => write!(f, "client {client}: {lock} is yours until {}, token {token}", time(*until)),
            None => write!(f, "client {client}: {lock} is not yours"),
        }
    }
}
