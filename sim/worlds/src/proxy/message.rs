//! What happens outside the object, in the order of time.

use super::{coverage::Fault, plan::How};
use crate::history::ledger::Ask;
use std::fmt;

/// What happens outside the object.
#[derive(Clone, Debug)]
pub enum Message {
    /// A caller asks.
    Ask(Ask),
    /// A caller asks the same again, though nothing went wrong.
    AskAgain(Ask),
    /// A call reaches the object.
    CallArrives(u64),
    /// A caller waits no longer for its reply, or was told that the call failed.
    CallFails(u64),
    /// A reply reaches its caller, who asks no more.
    ReplyArrives(u64),
    /// A fetch has its connection slot.
    FetchConnects(u32),
    /// It reaches its upstream.
    FetchReaches(u32),
    /// The response's head reaches the object.
    FetchHead(u32),
    /// The response's body has arrived, or broken off.
    FetchBody(u32),
    /// The fetch breaks; whether it had been sent.
    FetchBreaks(u32, bool),
    /// The host's time for the fetch is up.
    FetchTimer(u32),
    /// A callback reaches its origin.
    CallbackReaches(u32),
    /// Its end reaches the object.
    CallbackEnds(u32, proxy_fetch::CallbackResult),
    /// The host's time for the callback is up.
    CallbackTimer(u32),
    /// The object's instance is lost.
    Reset(How),
    /// Origins are back after a reset.
    OriginsBack,
    /// The storage is full, or has room again.
    StorageFull(bool),
    /// Faults cease.
    Heal,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(ask) | Self::AskAgain(ask) => write!(f, "a caller asks: {ask}"),
            Self::CallArrives(call) => write!(f, "call {call} arrives"),
            Self::CallFails(call) => write!(f, "call {call} has failed"),
            Self::ReplyArrives(call) => write!(f, "the reply to call {call} arrives"),
            Self::FetchConnects(task) => write!(f, "task {task} has a connection"),
            Self::FetchReaches(task) => write!(f, "task {task} reaches its upstream"),
            Self::FetchHead(task) => write!(f, "task {task} has its response's head"),
            Self::FetchBody(task) => write!(f, "task {task} has its response's body"),
            Self::FetchBreaks(task, _) => write!(f, "task {task} breaks"),
            Self::FetchTimer(task) | Self::CallbackTimer(task) => write!(f, "the timer of task {task}"),
            Self::CallbackReaches(task) => write!(f, "task {task} reaches its origin"),
            Self::CallbackEnds(task, _) => write!(f, "task {task} ends"),
            Self::Reset(how) => write!(f, "{} finds no instance", Fault::from(how.fault())),
            Self::OriginsBack => f.write_str("origins are back"),
            Self::StorageFull(true) => f.write_str("the storage is full"),
            Self::StorageFull(false) => f.write_str("the storage has room again"),
            Self::Heal => f.write_str("faults cease"),
        }
    }
}
