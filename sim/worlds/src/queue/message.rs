//! What happens in this world, as the engine's calendar has it.

use super::{ledger::Number, plan::Planned};
use proxy_fetch::{
    FetchResult, Timestamp,
    queue::{Handle, Source},
};
use std::fmt;

/// Something that happens in this world.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A producer sends the request of this number in the plan, for the `nth` time.
    Send { planned: Planned, made: Option<Number>, nth: u32 },
    /// The broker looks at a queue.
    Pump(Source),
    /// An upstream acts.
    Executes { request: Number, key: Option<String> },
    /// A fetch ends, the `nth` of its request.
    FetchEnds { at: Handle, nth: u32, result: FetchResult, asked: Option<Timestamp> },
    /// A callback ends.
    CallbackEnds { at: Handle, answered: bool },
    /// A host's timer.
    Tick { batch: u64, at: Timestamp },
    /// An invocation returns.
    Returns { batch: u64 },
    /// An invocation throws.
    Throws { batch: u64 },
    /// An invocation makes no more progress.
    Hangs { batch: u64 },
    /// An invocation is 15 minutes old.
    Kill { batch: u64 },
    /// An isolate crashes.
    Crash { isolate: usize },
    /// Faults cease.
    Heal,
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { planned, nth, .. } => write!(f, "send r{planned}#{nth}"),
            Self::Pump(source) => write!(f, "look at the {source}"),
            Self::Executes { .. } => f.write_str("an upstream acts"),
            Self::FetchEnds { at, result, .. } => write!(f, "fetch of {at} ends: {result}"),
            Self::CallbackEnds { at, answered } => write!(f, "callback of {at} ends: {answered}"),
            Self::Tick { batch, at } => write!(f, "timer of batch {batch} for {at}"),
            Self::Returns { batch } => write!(f, "batch {batch} returns"),
            Self::Throws { batch } => write!(f, "batch {batch} throws"),
            Self::Hangs { batch } => write!(f, "batch {batch} hangs"),
            Self::Kill { batch } => write!(f, "batch {batch} is 15 minutes old"),
            Self::Crash { isolate } => write!(f, "isolate {isolate} crashes"),
            Self::Heal => f.write_str("faults cease"),
        }
    }
}
