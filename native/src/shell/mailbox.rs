//! How calls reach the shell: a bounded mailbox. What does not fit is refused at once, so callers feel the pressure.

use async_channel::TrySendError;
use futures_channel::oneshot;
use proxy_fetch::{Refusal, Reply, Request, Status, Ulid};

/// Calls that may wait for the shell.
pub const MAX_WAITING_CALLS: usize = 1_024;

/// Puts calls into a shell's mailbox. Clones lead to the same shell.
#[derive(Clone, Debug)]
pub struct Mailbox {
    calls: async_channel::Sender<Call>,
}

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The machine said no.
    #[error("{0}")]
    Refused(Refusal),
    /// Too many calls are waiting. Nothing was done.
    #[error("too many calls are waiting; try again")]
    Overloaded,
    /// A commit failed; what was asked may or may not have been done. A repeat is safe: it has the same request id.
    #[error("the database failed; whether the call took effect is not known; repeat it")]
    StoreFailed,
    /// The process is stopping; what was asked may or may not have been done.
    #[error("the server is stopping")]
    Stopped,
}

/// How the shell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Which incarnation of the object this is.
    pub epoch: u64,
    /// Requests that have not ended.
    pub live: usize,
    /// Requests in flight.
    pub in_flight: usize,
}

pub(super) type Answer = Result<Reply, CallError>;

#[derive(Debug)]
pub(super) enum Call {
    Enqueue { request: Box<Request>, answer: oneshot::Sender<Answer> },
    Cancel { request_id: String, answer: oneshot::Sender<Answer> },
    Status { request_id: String, answer: oneshot::Sender<Answer> },
    Health { answer: oneshot::Sender<Health> },
    Close { grace_ms: u64 },
}

impl Mailbox {
    pub(super) fn new() -> (Self, async_channel::Receiver<Call>) {
        let (calls, waiting) = async_channel::bounded(MAX_WAITING_CALLS);
        (Self { calls }, waiting)
    }

    /// Hands a request in. `Ok` says that it is stored (law S5).
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn enqueue(&self, request: Request) -> Result<Ulid, CallError> {
        match self.ask(|answer| Call::Enqueue { request: Box::new(request), answer }).await?? {
            Reply::Accepted { id } => Ok(id),
            Reply::Refused(refusal) => Err(CallError::Refused(refusal)),
            reply @ (Reply::Cancelled { .. } | Reply::Status(_)) => panic!("an enqueue was answered with {reply}"),
        }
    }

    /// Gives a request up; it ends as "cancelled".
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn cancel(&self, request_id: String) -> Result<Ulid, CallError> {
        match self.ask(|answer| Call::Cancel { request_id, answer }).await?? {
            Reply::Cancelled { id } => Ok(id),
            Reply::Refused(refusal) => Err(CallError::Refused(refusal)),
            reply @ (Reply::Accepted { .. } | Reply::Status(_)) => panic!("a cancel was answered with {reply}"),
        }
    }

    /// How a request is.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn status(&self, request_id: String) -> Result<Status, CallError> {
        match self.ask(|answer| Call::Status { request_id, answer }).await?? {
            Reply::Status(status) => Ok(status),
            Reply::Refused(refusal) => Err(CallError::Refused(refusal)),
            reply @ (Reply::Accepted { .. } | Reply::Cancelled { .. }) => panic!("a status was answered with {reply}"),
        }
    }

    /// How the shell is; an answer shows that its loop turns.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn health(&self) -> Result<Health, CallError> {
        self.ask(|answer| Call::Health { answer }).await
    }

    /// Tells the shell to stop: it starts no more fetches, waits at most `grace_ms` for what is under way, and ends.
    /// Told again, it takes the earlier end. Whatever has not ended by then stays stored for the next start.
    pub async fn close(&self, grace_ms: u64) {
        // A closed channel means that it has ended already.
        if self.calls.send(Call::Close { grace_ms }).await.is_err() {
            tracing::debug!("the shell has ended before it was told to");
        }
    }

    async fn ask<T>(&self, call: impl FnOnce(oneshot::Sender<T>) -> Call) -> Result<T, CallError> {
        let (answer, answered) = oneshot::channel();
        self.calls.try_send(call(answer)).map_err(|error| match error {
            TrySendError::Full(_) => CallError::Overloaded,
            TrySendError::Closed(_) => CallError::Stopped,
        })?;
        answered.await.map_err(|oneshot::Canceled| CallError::Stopped)
    }
}
