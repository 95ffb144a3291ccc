//! How often each fault hit each state of a request: a green run that reached little proves little.

use crate::engine::Fault;
use proxy_fetch::Phase;

use super::ledger::{Entry, Stored};

/// What a fault can hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// No request is live.
    Idle,
    /// Accepted, never started.
    Queued,
    /// Waiting for a retry.
    Waiting,
    /// In flight.
    InFlight,
    /// Its callback is under way.
    Delivering,
    /// Ended and remembered.
    Finished,
}

impl State {
    /// All states, in the order of a life.
    pub const ALL: [Self; 6] =
        [Self::Idle, Self::Queued, Self::Waiting, Self::InFlight, Self::Delivering, Self::Finished];

    /// The column's heading.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::InFlight => "in-flight",
            Self::Delivering => "delivering",
            Self::Finished => "finished",
        }
    }

    /// The state of this request.
    #[must_use]
    pub const fn of(entry: &Entry) -> Self {
        match &entry.stored {
            Stored::Live(row) => match row.phase {
                Phase::Queued { .. } if row.attempts == 0 => Self::Queued,
                Phase::Queued { .. } => Self::Waiting,
                Phase::InFlight { .. } => Self::InFlight,
                Phase::Delivering { .. } => Self::Delivering,
            },
            Stored::Finished(_) | Stored::Forgotten => Self::Finished,
        }
    }
}

/// The faults of this world, with what each is.
pub const FAULTS: [(Fault, &str); 29] = [
    (Fault(1), "crash after a commit, or at an await"),
    (Fault(2), "crash before the commit"),
    (Fault(3), "commit fails"),
    (Fault(4), "commit slow, 0-30 s"),
    (Fault(5), "exception in mid-turn"),
    (Fault(6), "eviction"),
    (Fault(7), "timers and work vanish"),
    (Fault(8), "deploy: proxy and origins reset"),
    (Fault(10), "ghost restart: an answer reaches the next life"),
    (Fault(11), "constructor throws, isolate killed"),
    (Fault(12), "alarm late, 0-60 s"),
    (Fault(13), "alarm twice"),
    (Fault(14), "alarm for an old time"),
    (Fault(15), "alarm handler fails"),
    (Fault(16), "alarm handler killed at 15 min"),
    (Fault(17), "alarm stuck in the past"),
    (Fault(18), "alarm interleaved"),
    (Fault(19), "clock goes back"),
    (Fault(20), "connection slots full"),
    (Fault(21), "fetch fails: DNS, connect, before or after executing"),
    (Fault(22), "body hangs, trickles, truncates, too large"),
    (Fault(23), "response after abort, time-out or lease end"),
    (Fault(24), "odd status, Retry-After, redirects"),
    (Fault(25), "call lost, reply lost, repeated, reordered"),
    (Fault(26), "callback target fails"),
    (Fault(27), "storage full, unreadable row"),
    (Fault(28), "overloaded, quota exceeded"),
    (Fault(32), "hostile caller"),
    (Fault(33), "row of another version"),
];

/// Why a pair cannot occur; `None` if it can.
#[must_use]
pub fn impossible(fault: Fault, state: State) -> Option<&'static str> {
    use State::{Delivering, Finished, Idle, InFlight, Queued, Waiting};
    match (fault.0, state) {
        (7, Idle | Queued | Waiting | Finished) => Some("nothing of it runs in memory"),
        (10, Idle | Queued) => Some("it was started in the life before"),
        (20, Idle | Queued | Waiting | Delivering | Finished) => Some("only fetches take slots here"),
        (21 | 22 | 24, Idle | Queued | Waiting | Delivering | Finished) => Some("only a fetch in flight meets it"),
        (23, Idle | InFlight) => Some("an answer to the attempt in flight is not late"),
        (23, Queued) => Some("it was never started"),
        (26, Idle | Queued | Waiting | InFlight | Finished) => Some("only a callback under way meets it"),
        (33, Idle) => Some("there is no row to read"),
        _ => None,
    }
}

/// Counts of hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage([[u64; 6]; 34]);

impl Default for Coverage {
    fn default() -> Self {
        Self([[0; 6]; 34])
    }
}

impl Coverage {
    /// A fault hit a request, or the idle object, in this state.
    pub fn hit(&mut self, fault: Fault, state: State) {
        self.0[fault.0 as usize][state as usize] += 1;
    }

    /// How often it did.
    #[must_use]
    pub fn hits(&self, fault: Fault, state: State) -> u64 {
        self.0[fault.0 as usize][state as usize]
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        for (row, more) in self.0.iter_mut().zip(&other.0) {
            for (count, more) in row.iter_mut().zip(more) {
                *count += more;
            }
        }
    }

    /// The pairs that can occur and were never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<(Fault, State)> {
        let pairs = FAULTS.iter().flat_map(|(fault, _)| State::ALL.map(|state| (*fault, state)));
        pairs.filter(|(fault, state)| impossible(*fault, *state).is_none() && self.hits(*fault, *state) == 0).collect()
    }
}
