//! How often each fault hit each state of a request: a green run that reached little proves little.

use crate::history::ledger::{Entry, Stored};
use durable_sim::{Coverage, Fault as Named, Grid};
use proxy_fetch::Phase;
use std::fmt;

/// A fault by its number in the list of faults: F1, F2, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault(pub u8);

impl Fault {
    /// F7: timers and work vanish with their instance.
    pub const WORK_VANISHES: Self = Self(7);
    /// F9: an instance that was replaced runs on.
    pub const ZOMBIE: Self = Self(9);
    /// F20: no connection is free.
    pub const CONNECTIONS_FULL: Self = Self(20);
}

/// The numbers of the faults that the platform injects.
const NUMBERS: [(Named, u8); 20] = [
    (Named::CRASH, 1),
    (Named::CRASH_BEFORE_COMMIT, 2),
    (Named::COMMIT_FAILS, 3),
    (Named::COMMIT_SLOW, 4),
    (Named::EXCEPTION, 5),
    (Named::EVICTION, 6),
    (Named::WORK_VANISHES, 7),
    (Named::DEPLOY, 8),
    (Named::ZOMBIE, 9),
    (Named::GHOST_RESTART, 10),
    (Named::ISOLATE_KILLED, 11),
    (Named::ALARM_LATE, 12),
    (Named::ALARM_TWICE, 13),
    (Named::ALARM_STALE, 14),
    (Named::ALARM_FAILS, 15),
    (Named::ALARM_HANGS, 16),
    (Named::ALARM_STUCK, 17),
    (Named::ALARM_INTERLEAVED, 18),
    (Named::CLOCK_MOVES, 19),
    (Named::CONNECTIONS_FULL, 20),
];

impl From<Named> for Fault {
    /// The number of a fault of the platform; 0 if the list does not have it, which no test accepts.
    fn from(named: Named) -> Self {
        Self(NUMBERS.iter().find(|(known, _)| *known == named).map_or(0, |(_, number)| *number))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "F{}", self.0)
    }
}

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
    /// All states, in the order of a request's lifecycle.
    pub const ALL: [Self; 6] =
        [Self::Idle, Self::Queued, Self::Waiting, Self::InFlight, Self::Delivering, Self::Finished];

    /// The columns' headings, in that order.
    const NAMES: [&'static str; 6] = ["idle", "queued", "waiting", "in-flight", "delivering", "finished"];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().zip(Self::NAMES).find(|(_, known)| *known == name).map(|(state, _)| state)
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

/// The faults of this world and what each is, by their numbers.
#[rustfmt::skip]
const FAULTS: [&str; 30] = [
    "F1   crash after a commit, or at an await",
    "F2   crash before the commit",
    "F3   commit fails",
    "F4   commit slow, 0-30 s",
    "F5   exception in mid-turn",
    "F6   eviction",
    "F7   timers and work vanish",
    "F8   deploy: proxy and origins reset",
    "F9   zombie: a replaced instance's fetches go out",
    "F10  ghost restart: the machine's memory alone is lost",
    "F11  constructor throws, isolate killed",
    "F12  alarm late, 0-60 s",
    "F13  alarm twice",
    "F14  alarm for an old time",
    "F15  alarm handler fails",
    "F16  alarm handler killed at 15 min",
    "F17  alarm stuck in the past",
    "F18  alarm interleaved",
    "F19  clock goes back",
    "F20  connection slots full",
    "F21  fetch fails: DNS, connect, before or after executing",
    "F22  body hangs, trickles, truncates, too large",
    "F23  response after abort, time-out or lease end",
    "F24  odd status, Retry-After, redirects",
    "F25  call lost, reply lost, repeated, reordered",
    "F26  callback target fails",
    "F27  storage full, unreadable row",
    "F28  overloaded, quota exceeded",
    "F32  hostile caller",
    "F33  row of another version",
];

/// The numbers of [`FAULTS`], in their order.
const LISTED: [u8; FAULTS.len()] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 32, 33];

/// Faults, and the states of requests that they hit.
pub static FAULTS_HIT: Grid = Grid {
    name: "faults, and the states of requests that they hit",
    rows: &FAULTS,
    columns: &State::NAMES,
    cannot: |fault, state| {
        let row = FAULTS.iter().position(|known| *known == fault)?;
        impossible(Fault(LISTED[row]), State::named(state)?)
    },
};

/// Why a pair cannot occur; `None` if it can.
fn impossible(fault: Fault, state: State) -> Option<&'static str> {
    use State::{Delivering, Finished, Idle, InFlight, Queued, Waiting};
    match (fault.0, state) {
        (7, Idle | Queued | Waiting | Finished) => Some("nothing of it runs in memory"),
        (9, Idle | Queued | Waiting | Delivering | Finished) => {
            Some("only a fetch that waits for its connection goes out late")
        }
        (20, Idle | Queued | Waiting | Delivering | Finished) => Some("only fetches take slots here"),
        (21 | 22 | 24, Idle | Queued | Waiting | Delivering | Finished) => Some("only a fetch in flight meets it"),
        (23, Idle | InFlight) => Some("an answer to the attempt in flight is not late"),
        (23, Queued) => Some("it was never started"),
        (26, Idle | Queued | Waiting | InFlight | Finished) => Some("only a callback under way meets it"),
        _ => None,
    }
}

/// What reaches the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entering {
    /// The first turn of an incarnation.
    Start,
    /// An alarm.
    Tick,
    /// A request is handed in.
    Enqueue,
    /// Another request is handed in under its id.
    Conflict,
    /// It is given up.
    Cancel,
    /// Somebody asks how it is.
    Status,
    /// The end of its last attempt.
    Fetched,
    /// The end of an attempt that is not its last, or of another incarnation.
    FetchedLate,
    /// The end of its callback.
    Delivered,
}

impl Entering {
    /// All of them.
    const ALL: [Self; 9] = [
        Self::Start,
        Self::Tick,
        Self::Enqueue,
        Self::Conflict,
        Self::Cancel,
        Self::Status,
        Self::Fetched,
        Self::FetchedLate,
        Self::Delivered,
    ];

    /// The rows' headings, in that order.
    const NAMES: [&'static str; 9] = [
        "start of an incarnation",
        "alarm",
        "enqueue",
        "enqueue of another request under its id",
        "cancel",
        "status",
        "end of the attempt",
        "end of an earlier attempt, or of an earlier incarnation's",
        "end of the callback",
    ];

    /// Why it cannot reach a request in this state; `None` if it can. Of a call and its request, "idle" is that there
    /// is no such request.
    const fn impossible(self, state: State) -> Option<&'static str> {
        use State::{Delivering, Finished, Idle, InFlight, Queued, Waiting};
        match (self, state) {
            (Self::Fetched | Self::FetchedLate | Self::Delivered, Idle) => Some("the request was stored before"),
            (Self::Fetched | Self::FetchedLate, Queued) => Some("it was never started"),
            (Self::Fetched, Waiting | Delivering | Finished) => Some("it is not in flight"),
            (Self::Delivered, Queued | Waiting | InFlight) => Some("it has no outcome yet"),
            _ => None,
        }
    }
}

/// What reaches the machine, and the states of requests that it finds.
pub static EVENTS: Grid = Grid {
    name: "events, and the states of requests that they find",
    rows: &Entering::NAMES,
    columns: &State::NAMES,
    cannot: |event, state| {
        let row = Entering::NAMES.iter().position(|known| *known == event)?;
        Entering::ALL[row].impossible(State::named(state)?)
    },
};

/// How accepted requests ended.
pub static REQUESTS: Grid = Grid {
    name: "requests",
    rows: &["response", "failed", "expired", "cancelled", "interrupted", "unknown", "unreadable", "live"],
    columns: &["times"],
    cannot: |end, _| (end == "live").then_some("each ends"),
};

durable_sim::marks! {
    /// What must happen now and then, or the campaign is too tame.
    pub MARKS = [
        ALL_SLOTS_BUSY = "five fetches run at once",
        CALLBACK_OVERTAKES = "a callback overtakes the reply to its enqueue",
        EXPIRES_QUEUED = "a request expires that was never started",
        EXPIRES_WAITING = "one expires that waits for a retry",
        EXPIRES_IN_FLIGHT = "one expires in flight",
        RETRY_AFTER_CRASH = "an attempt follows one that a crash cut off",
        MANY_ATTEMPTS = "a tenth attempt starts",
        QUEUE_FULL = "a full queue refuses a request",
        FORGOTTEN_EARLY = "a finished request is forgotten before its window ends",
        UNCONFIRMED_SURVIVES = "a commit survives whose effects were lost",
    ];
}

/// All grids of this world.
pub static GRIDS: [&Grid; 3] = [&REQUESTS, &FAULTS_HIT, &EVENTS];

/// A fault hit a request, or the idle object, in this state.
///
/// # Panics
/// If the list of faults does not have it.
pub(super) fn hit(coverage: &mut Coverage, fault: Fault, state: State) {
    let row = LISTED.iter().position(|listed| *listed == fault.0);
    coverage.count(&FAULTS_HIT, row.unwrap_or(usize::MAX), state as usize);
}

/// An event reached a request in this state.
pub(super) fn entered(coverage: &mut Coverage, event: Entering, state: State) {
    coverage.count(&EVENTS, event as usize, state as usize);
}
