//! What happens outside the object in a story, in the order of time.

use proxy_fetch::{CallbackResult, FetchResult};
use std::fmt;

/// What happens outside the object.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// A step of the story.
    Step(usize),
    /// A call reaches the object.
    Call(usize),
    /// A fetch reaches the upstream, which answers it, and the answer reaches the object.
    Arrives(usize),
    Answers(usize, FetchResult),
    Lands(usize, FetchResult),
    /// The host's time for the fetch is up.
    TimesOut(usize),
    /// A callback reaches its origin.
    Told(usize),
    /// Its end reaches the object, or the host's time for it is up.
    CallbackEnds(usize, CallbackResult),
    /// Nothing is made to fail from now on.
    Heal,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => write!(f, "steps[{step}]"),
            Self::Call(call) => write!(f, "call {call} arrives"),
            Self::Arrives(task) => write!(f, "task {task} reaches its upstream"),
            Self::Answers(task, _) => write!(f, "the upstream of task {task} answers"),
            Self::Lands(task, _) => write!(f, "task {task} has its answer"),
            Self::TimesOut(task) => write!(f, "the timer of task {task}"),
            Self::Told(task) => write!(f, "task {task} reaches its origin"),
            Self::CallbackEnds(task, _) => write!(f, "task {task} ends"),
            Self::Heal => f.write_str("faults cease"),
        }
    }
}
