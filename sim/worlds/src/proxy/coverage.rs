//! How often each fault hit each state of a request: a green run that reached little proves little.

use durable_sim::Fault as Named;
use proxy_fetch::Phase;
use std::fmt;

use crate::history::ledger::{Entry, Stored};

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
pub const FAULTS: [(Fault, &str); 30] = [
    (Fault(1), "crash after a commit, or at an await"),
    (Fault(2), "crash before the commit"),
    (Fault(3), "commit fails"),
    (Fault(4), "commit slow, 0-30 s"),
    (Fault(5), "exception in mid-turn"),
    (Fault(6), "eviction"),
    (Fault(7), "timers and work vanish"),
    (Fault(8), "deploy: proxy and origins reset"),
    (Fault(9), "zombie: a replaced instance's fetches go out"),
    (Fault(10), "ghost restart: the machine's memory alone is lost"),
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
    pub const ALL: [Self; 9] = [
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

    /// The row's heading.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start of an incarnation",
            Self::Tick => "alarm",
            Self::Enqueue => "enqueue",
            Self::Conflict => "enqueue of another request under its id",
            Self::Cancel => "cancel",
            Self::Status => "status",
            Self::Fetched => "end of the attempt",
            Self::FetchedLate => "end of an earlier attempt, or of an earlier incarnation's",
            Self::Delivered => "end of the callback",
        }
    }

    /// Why it cannot reach a request in this state; `None` if it can. Of a call and its request, "idle" is that there
    /// is no such request.
    #[must_use]
    pub const fn impossible(self, state: State) -> Option<&'static str> {
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

/// What must happen now and then, or the campaign is too tame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sometimes {
    /// Five fetches run at once.
    AllSlotsBusy,
    /// A callback overtakes the reply to its enqueue (S19).
    CallbackOvertakes,
    /// A request expires that was never started.
    ExpiresQueued,
    /// One expires that waits for a retry.
    ExpiresWaiting,
    /// One expires in flight.
    ExpiresInFlight,
    /// An attempt follows one that a crash cut off.
    RetryAfterCrash,
    /// The tenth attempt or a later one starts.
    ManyAttempts,
    /// A full queue refuses a request.
    QueueFull,
    /// A finished request is forgotten before its window ends.
    ForgottenEarly,
    /// A commit that nobody was told of survives a crash.
    UnconfirmedSurvives,
}

impl Sometimes {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::AllSlotsBusy,
        Self::CallbackOvertakes,
        Self::ExpiresQueued,
        Self::ExpiresWaiting,
        Self::ExpiresInFlight,
        Self::RetryAfterCrash,
        Self::ManyAttempts,
        Self::QueueFull,
        Self::ForgottenEarly,
        Self::UnconfirmedSurvives,
    ];

    /// What happens.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::AllSlotsBusy => "five fetches run at once",
            Self::CallbackOvertakes => "a callback overtakes the reply to its enqueue",
            Self::ExpiresQueued => "a request expires that was never started",
            Self::ExpiresWaiting => "one expires that waits for a retry",
            Self::ExpiresInFlight => "one expires in flight",
            Self::RetryAfterCrash => "an attempt follows one that a crash cut off",
            Self::ManyAttempts => "a tenth attempt starts",
            Self::QueueFull => "a full queue refuses a request",
            Self::ForgottenEarly => "a finished request is forgotten before its window ends",
            Self::UnconfirmedSurvives => "a commit survives whose effects were lost",
        }
    }
}

const EVENTS: usize = Entering::ALL.len();
const SOMETIMES: usize = Sometimes::ALL.len();
const STATES: usize = State::ALL.len();

/// Counts of what was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    faults: [[u64; STATES]; 34],
    events: [[u64; STATES]; EVENTS],
    sometimes: [u64; SOMETIMES],
}

impl Default for Coverage {
    fn default() -> Self {
        Self { faults: [[0; STATES]; 34], events: [[0; STATES]; EVENTS], sometimes: [0; SOMETIMES] }
    }
}

impl Coverage {
    /// A fault hit a request, or the idle object, in this state.
    pub fn hit(&mut self, fault: Fault, state: State) {
        self.faults[fault.0 as usize][state as usize] += 1;
    }

    /// An event reached a request in this state.
    pub fn entered(&mut self, event: Entering, state: State) {
        self.events[event as usize][state as usize] += 1;
    }

    /// It happened.
    pub fn sometimes(&mut self, what: Sometimes) {
        self.sometimes[what as usize] += 1;
    }

    /// How often the fault hit.
    #[must_use]
    pub fn hits(&self, fault: Fault, state: State) -> u64 {
        self.faults[fault.0 as usize][state as usize]
    }

    /// How often the event came.
    #[must_use]
    pub fn entries(&self, event: Entering, state: State) -> u64 {
        self.events[event as usize][state as usize]
    }

    /// How often it happened.
    #[must_use]
    pub fn times(&self, what: Sometimes) -> u64 {
        self.sometimes[what as usize]
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts_mut().zip(other.counts()) {
            *count += more;
        }
    }

    fn counts_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let pairs = self.faults.iter_mut().chain(&mut self.events).flatten();
        pairs.chain(&mut self.sometimes)
    }

    /// All counts, in one order.
    pub fn counts(&self) -> impl Iterator<Item = u64> {
        self.faults.iter().chain(&self.events).flatten().chain(&self.sometimes).copied()
    }

    /// The pairs that can occur and were never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<(Fault, State)> {
        let pairs = FAULTS.iter().flat_map(|(fault, _)| State::ALL.map(|state| (*fault, state)));
        pairs.filter(|(fault, state)| impossible(*fault, *state).is_none() && self.hits(*fault, *state) == 0).collect()
    }

    /// Events that can come in a state and never did.
    #[must_use]
    pub fn missing_events(&self) -> Vec<(Entering, State)> {
        let pairs = Entering::ALL.into_iter().flat_map(|event| State::ALL.map(|state| (event, state)));
        pairs.filter(|(event, state)| event.impossible(*state).is_none() && self.entries(*event, *state) == 0).collect()
    }

    /// What should have happened and never did.
    #[must_use]
    pub fn missing_sometimes(&self) -> Vec<Sometimes> {
        Sometimes::ALL.into_iter().filter(|what| self.times(*what) == 0).collect()
    }
}
