//! What goes into the consumer and what comes out: plain comparable data, one line each.

use super::Head;
use crate::{CallbackResult, FetchResult, Outcome, RowError, Timestamp};
use alloc::vec::Vec;
use core::fmt;
use ulid::Ulid;

/// One message of one batch: the host finds its message, its fetch and its callback by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handle {
    /// The batch, by the host's number for it.
    pub batch: u64,
    /// The message's place in the batch, from 0.
    pub index: u32,
}

/// Which queue a batch comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The queue that producers send to.
    Queue,
    /// The dead-letter queue: nothing is fetched any more, its messages only get their outcome.
    DeadLetters,
}

/// A message as it is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The platform's count of deliveries of this message, from 1.
    pub attempts: u32,
    /// [`Message::head`](super::Message::head), or why there is none.
    pub head: Result<Head, RowError>,
}

/// Everything that can happen to the consumer. Each event belongs to one batch, and so does all that follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A batch is delivered.
    Batch {
        /// The host's number for it, never used before in this incarnation of the consumer.
        batch: u64,
        /// Where it comes from.
        source: Source,
        /// When the platform ends the invocation: at most [`BATCH_LIMIT_MS`](super::BATCH_LIMIT_MS) after its begin.
        deadline: Timestamp,
        /// Its messages, in the order of their indexes.
        messages: Vec<Delivery>,
    },
    /// An attempt ended.
    Fetched {
        /// Whose.
        at: Handle,
        /// How. The host holds a response until [`Effect::Deliver`], [`Effect::Ack`] or [`Effect::Retry`] names the
        /// handle.
        result: FetchResult,
    },
    /// A callback ended.
    Delivered {
        /// Whose.
        at: Handle,
        /// How.
        result: CallbackResult,
    },
    /// The time that [`Consumer::next_wake`](super::Consumer::next_wake) named has come.
    Tick {
        /// For this batch.
        batch: u64,
    },
    /// The invocation ended before its time: nothing more can be done for its messages. They are the platform's again.
    Closed {
        /// The batch.
        batch: u64,
    },
}

impl Event {
    /// The batch that it belongs to.
    #[must_use]
    pub const fn batch(&self) -> u64 {
        match self {
            Self::Batch { batch, .. } | Self::Tick { batch } | Self::Closed { batch } => *batch,
            Self::Fetched { at, .. } | Self::Delivered { at, .. } => at.batch,
        }
    }
}

/// What a host must do, in this order, in the invocation of the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Fetch. Report with [`Event::Fetched`], within `timeout_ms` (connect, head and body).
    Fetch {
        /// Which message.
        at: Handle,
        /// Its request.
        id: Ulid,
        /// Which attempt, from 1.
        attempt: u8,
        /// Its time.
        timeout_ms: u32,
    },
    /// Stop this fetch or callback if it runs. There is nothing to report.
    Abort {
        /// Whose.
        at: Handle,
    },
    /// Call the message's callback target once and report with [`Event::Delivered`], within
    /// [`CALLBACK_TIMEOUT_MS`](crate::limits::CALLBACK_TIMEOUT_MS). Then drop the response.
    Deliver {
        /// Which message.
        at: Handle,
        /// Its request.
        id: Ulid,
        /// How the request ended.
        outcome: Outcome,
        /// Attempts started, as far as anybody can know: where the memory of them is lost, at most so many.
        attempts: u8,
        /// From acceptance to now, in ms.
        duration_ms: u64,
    },
    /// Acknowledge the message: it is over. Drop its response if one is held.
    Ack {
        /// Which.
        at: Handle,
    },
    /// Give the message back to the platform, to be delivered again. Drop its response if one is held.
    Retry {
        /// Which.
        at: Handle,
        /// Not before so many seconds.
        delay_s: u32,
    },
    /// Write a line to the log.
    Report(Report),
}

impl Effect {
    /// The message that it is about.
    #[must_use]
    pub const fn at(&self) -> Handle {
        match self {
            Self::Fetch { at, .. }
            | Self::Abort { at }
            | Self::Deliver { at, .. }
            | Self::Ack { at }
            | Self::Retry { at, .. }
            | Self::Report(Report::CallbackFailed { at, .. } | Report::Unreadable { at, .. }) => *at,
        }
    }
}

/// A line for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A callback failed; the request has ended all the same (law S11).
    CallbackFailed {
        /// Which message.
        at: Handle,
        /// Its request.
        id: Ulid,
        /// What the origin was not told.
        outcome: Outcome,
    },
    /// A message cannot be read. It is given back untouched, and at last kept by the dead-letter queue (laws S13, S24).
    Unreadable {
        /// Which message.
        at: Handle,
        /// Why.
        error: RowError,
    },
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.batch, self.index)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "queue",
            Self::DeadLetters => "dead letters",
        })
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.head {
            Ok(head) => write!(f, "{} delivery={}", head.id, self.attempts),
            Err(error) => write!(f, "({error}) delivery={}", self.attempts),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch { batch, source, deadline, messages } => {
                write!(f, "batch {batch} of {source} until {deadline}")?;
                for (index, message) in messages.iter().enumerate() {
                    write!(f, "{} {message}", if index == 0 { ":" } else { "," })?;
                }
                Ok(())
            }
            Self::Fetched { at, result } => write!(f, "fetched {at} {result}"),
            Self::Delivered { at, result } => write!(f, "delivered {at} {result}"),
            Self::Tick { batch } => write!(f, "tick {batch}"),
            Self::Closed { batch } => write!(f, "closed {batch}"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch { at, id, attempt, timeout_ms } => {
                write!(f, "fetch {at} {id} #{attempt} timeout={timeout_ms}ms")
            }
            Self::Abort { at } => write!(f, "abort {at}"),
            Self::Deliver { at, id, outcome, attempts, duration_ms } => {
                write!(f, "deliver {at} {id} {outcome} attempts={attempts} after={duration_ms}ms")
            }
            Self::Ack { at } => write!(f, "ack {at}"),
            Self::Retry { at, delay_s } => write!(f, "retry {at} delay={delay_s}s"),
            Self::Report(report) => write!(f, "report {report}"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CallbackFailed { at, id, outcome } => write!(f, "callback failed {at} {id} {outcome}"),
            Self::Unreadable { at, error } => write!(f, "message {at} cannot be read: {error}"),
        }
    }
}
