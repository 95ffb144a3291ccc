//! What goes out, after its commit: each effect is started here and awaited elsewhere.

use super::{Database, DatabaseError, Delivery, Desk, Fetch, Incarnation, Platform, Response};
use futures_util::future::{AbortHandle, abortable};
use proxy_fetch::{
    Attempt, Callback, CallbackResult, Caller, Effect, Event, Failure, FetchResult, Outcome, Output, Payload, Reply,
    json::callback_json,
};
use tracing::{debug, warn};

/// The end of a task.
#[derive(Debug)]
pub(super) enum Ended {
    Fetch { attempt: Attempt, result: Result<Response, Failure> },
    Callback { attempt: Attempt, result: CallbackResult },
}

impl<P: Platform> Desk<P> {
    /// Performs all effects of a committed turn. If the database cannot be read on the way, the rest is performed all
    /// the same: callers get the answers that are theirs.
    pub(super) fn perform(
        &mut self,
        incarnation: &mut Incarnation<P::Database>,
        out: &mut Output,
    ) -> Result<(), DatabaseError<P>> {
        let mut read = Ok(());
        for effect in out.drain_effects() {
            debug!("{effect}");
            let done = match effect {
                Effect::Fetch { attempt, timeout_ms } => self.fetch(&mut incarnation.database, attempt, timeout_ms),
                Effect::Abort { attempt } => {
                    self.abort(attempt);
                    Ok(())
                }
                Effect::Deliver { attempt, outcome, duration_ms } => {
                    self.deliver(&mut incarnation.database, attempt, outcome, duration_ms)
                }
                Effect::Reply { caller, reply } => {
                    self.reply(caller, reply);
                    Ok(())
                }
                Effect::Report(report) => {
                    warn!("{report}");
                    Ok(())
                }
            };
            read = read.and(done);
        }
        read
    }

    fn reply(&mut self, caller: Caller, reply: Reply) {
        let answer = self.callers.remove(&caller);
        if answer.is_none_or(|answer| answer.send(Ok(reply)).is_err()) {
            debug!("caller {} has gone", caller.0);
        }
    }

    fn fetch(&mut self, database: &mut P::Database, attempt: Attempt, timeout_ms: u32) -> Result<(), DatabaseError<P>> {
        let Some(payload) = payload(database, attempt)? else {
            let result = FetchResult::Failed(Failure::Unreadable);
            self.batch.push(Event::Fetched { attempt, result });
            return Ok(());
        };
        let platform = self.platform.clone();
        let task = self.spawn(async move {
            let result = platform.fetch(Fetch { id: attempt.id, payload, timeout_ms }).await;
            Ended::Fetch { attempt, result }
        });
        self.fetches.insert(attempt, task);
        Ok(())
    }

    fn abort(&mut self, attempt: Attempt) {
        if let Some(task) = self.fetches.remove(&attempt) {
            task.abort();
        }
        self.responses.remove(&attempt);
    }

    fn deliver(
        &mut self,
        database: &mut P::Database,
        attempt: Attempt,
        outcome: Outcome,
        duration_ms: u64,
    ) -> Result<(), DatabaseError<P>> {
        let response = self.responses.remove(&attempt);
        assert_eq!(response.is_some(), outcome.has_response(), "{attempt}: {outcome}, and a response is held or not");
        let Some((payload, url)) = payload(database, attempt)?.and_then(with_target) else {
            // Nobody can be told whom to call; the machine reports it.
            self.batch.push(Event::Delivered { attempt, result: CallbackResult::Failed });
            return Ok(());
        };
        let platform = self.platform.clone();
        let task = self.spawn(async move {
            let json = callback_json(&payload.request_id, attempt.number, outcome, duration_ms, response.as_ref());
            drop((payload, response));
            Ended::Callback { attempt, result: platform.deliver(Delivery { url, json }).await }
        });
        self.callbacks.insert(attempt, task);
        Ok(())
    }

    fn spawn(&self, task: impl Future<Output = Ended> + Send + 'static) -> AbortHandle {
        let ended = self.ended.clone();
        let (task, handle) = abortable(task);
        self.platform.spawn(async move {
            // Aborted: there is nothing to report.
            let Ok(end) = task.await else { return };
            if ended.send(end).await.is_err() {
                debug!("the shell has ended before this task");
            }
        });
        handle
    }
}

/// The request's payload; `None` if its row is missing or unreadable (law S13).
fn payload<D: Database>(database: &mut D, attempt: Attempt) -> Result<Option<Payload>, D::Error> {
    let Some(bytes) = database.payload(attempt.id)? else {
        warn!("the payload of {} is missing", attempt.id);
        return Ok(None);
    };
    match Payload::decode(&bytes) {
        Ok(payload) => Ok(Some(payload)),
        Err(error) => {
            warn!("the payload of {} cannot be read: {error}", attempt.id);
            Ok(None)
        }
    }
}

/// The payload, with the URL to call back.
fn with_target(payload: Payload) -> Option<(Payload, String)> {
    match &payload.callback {
        Some(Callback::Url(url)) => {
            let url = url.clone();
            Some((payload, url))
        }
        // This host has no objects to call.
        Some(Callback::Object(_)) | None => None,
    }
}
