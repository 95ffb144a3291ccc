//! How often each fault hit each state of a message: a green run that reached little proves little.

use durable_sim::Grid;

/// A fault of this world, by its number in the list of faults; F29 in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// F1: an isolate crashes, and the acks of its batches are lost.
    Crash,
    /// F7: the end of a fetch or callback is never reported.
    Unreported,
    /// F21: a fetch fails.
    FetchFails,
    /// F22: a body fails.
    BodyFails,
    /// F23: a fetch that was given up ends all the same.
    Late,
    /// F24: odd status, `Retry-After`.
    OddStatus,
    /// F26: a callback fails.
    CallbackFails,
    /// F29: duplicate.
    Duplicate,
    /// F29: reorder.
    Reorder,
    /// F29: delay.
    Delay,
    /// F29: a batch is cut.
    Cut,
    /// F29: an invocation throws, and its acks are kept.
    Throw,
    /// F29: an invocation is killed at 15 minutes.
    Killed,
    /// F29: retries used up, to the dead-letter queue.
    DeadLetter,
    /// F29: retries used up, deleted.
    Deleted,
    /// F29: the retention ends.
    Retention,
    /// F29: a send error.
    SendError,
    /// F30: explicit acks are forgotten.
    ForgottenAck,
    /// F33: a message of another version.
    Foreign,
    /// F27: a corrupt message.
    Corrupt,
}

/// What a fault can hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not stored yet.
    Unsent,
    /// In the broker, never delivered.
    Queued,
    /// In the broker, delivered before.
    Waiting,
    /// In a batch, without a slot.
    Held,
    /// Its fetch runs.
    InFlight,
    /// Its callback runs.
    Delivering,
    /// Decided, its invocation not over.
    Decided,
}

impl State {
    /// All states, in the order of a request's lifecycle.
    pub const ALL: [Self; 7] =
        [Self::Unsent, Self::Queued, Self::Waiting, Self::Held, Self::InFlight, Self::Delivering, Self::Decided];

    /// The column's heading.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsent => "unsent",
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::InFlight => "in-flight",
            Self::Delivering => "delivering",
            Self::Decided => "decided",
        }
    }
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 20] = [
        Self::Crash,
        Self::Unreported,
        Self::FetchFails,
        Self::BodyFails,
        Self::Late,
        Self::OddStatus,
        Self::CallbackFails,
        Self::Duplicate,
        Self::Reorder,
        Self::Delay,
        Self::Cut,
        Self::Throw,
        Self::Killed,
        Self::DeadLetter,
        Self::Deleted,
        Self::Retention,
        Self::SendError,
        Self::ForgottenAck,
        Self::Foreign,
        Self::Corrupt,
    ];

    /// Its number and what it is.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "F1   an isolate crashes, acks lost",
            Self::Unreported => "F7   an end is never reported",
            Self::FetchFails => "F21  fetch fails, or is never answered",
            Self::BodyFails => "F22  body fails",
            Self::Late => "F23  ends after it was given up",
            Self::OddStatus => "F24  odd status, Retry-After",
            Self::CallbackFails => "F26  callback fails",
            Self::Corrupt => "F27  corrupt message",
            Self::Duplicate => "F29  duplicate",
            Self::Reorder => "F29  reorder",
            Self::Delay => "F29  delay",
            Self::Cut => "F29  batch cut",
            Self::Throw => "F29  invocation throws, acks kept",
            Self::Killed => "F29  invocation killed at 15 min",
            Self::DeadLetter => "F29  dead letter",
            Self::Deleted => "F29  deleted after its retries",
            Self::Retention => "F29  retention ends",
            Self::SendError => "F29  send error",
            Self::ForgottenAck => "F30  acks forgotten as the batch fails",
            Self::Foreign => "F33  message of another version",
        }
    }

    /// Whether it can hit a message in this state.
    #[must_use]
    pub fn can_hit(self, state: State) -> bool {
        use State::{Decided, Delivering, Held, InFlight, Queued, Unsent, Waiting};
        match self {
            Self::Crash | Self::Throw | Self::Killed | Self::ForgottenAck => {
                matches!(state, Held | InFlight | Delivering | Decided)
            }
            Self::Unreported => matches!(state, InFlight | Delivering),
            Self::FetchFails | Self::BodyFails | Self::OddStatus => state == InFlight,
            Self::Late => matches!(state, Decided | Delivering),
            Self::CallbackFails => state == Delivering,
            // Retries are used up when a delivery ends, with or without a decision.
            Self::DeadLetter | Self::Deleted => matches!(state, Held | InFlight | Delivering | Decided),
            Self::Duplicate | Self::Reorder | Self::Cut | Self::Retention => matches!(state, Queued | Waiting),
            Self::Delay => state == Waiting,
            Self::SendError => state == Unsent,
            Self::Foreign | Self::Corrupt => state == Held,
        }
    }
}

const ROWS: [&str; Fault::ALL.len()] = {
    let mut rows = [""; Fault::ALL.len()];
    let mut at = 0;
    while at < rows.len() {
        rows[Fault::ALL[at] as usize] = Fault::ALL[at].name();
        at += 1;
    }
    rows
};

const COLUMNS: [&str; State::ALL.len()] = {
    let mut columns = [""; State::ALL.len()];
    let mut at = 0;
    while at < columns.len() {
        columns[State::ALL[at] as usize] = State::ALL[at].name();
        at += 1;
    }
    columns
};

/// Faults, and the states of messages that they hit.
pub static FAULTS_HIT: Grid = Grid {
    name: "faults, and the states of messages that they hit",
    rows: &ROWS,
    columns: &COLUMNS,
    cannot: |fault, state| {
        let fault = Fault::ALL.into_iter().find(|known| known.name() == fault)?;
        let state = State::ALL.into_iter().find(|known| known.name() == state)?;
        (!fault.can_hit(state)).then_some("it does not hit such a message")
    },
};

/// How requests ended.
pub static REQUESTS: Grid = Grid {
    name: "requests",
    rows: &[
        "response",
        "failed",
        "expired",
        "interrupted",
        "deleted by the platform",
        "never stored",
        "nobody to tell",
        "unreadable, never acked",
        "live",
        "cancelled",
        "unknown",
        "unreadable",
    ],
    columns: &["times"],
    cannot: |end, _| match end {
        "live" => Some("each ends"),
        "never stored" => Some("whoever cannot store it says so"),
        "cancelled" | "unknown" | "unreadable" => Some("no message of a queue ends so"),
        _ => None,
    },
};

/// All grids of this world.
pub static GRIDS: [&Grid; 2] = [&REQUESTS, &FAULTS_HIT];
