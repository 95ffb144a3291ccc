//! Fetches and callbacks as the oracle sees them leave and end, and what their messages say.

use super::{super::now, Oracle};
use crate::history::ledger::{Callback, Fetch, Observation, Planned};
use proxy_fetch::{Attempt, CallbackResult, FetchResult, Outcome, Phase, Ulid, json::CallbackItem};
use serde_json::{Value, json};
/// Fetches and callbacks.
impl Oracle {
    pub fn entry(&self, id: Ulid) -> usize {
        match self.ledger.entry_of(id) {
            Some(entry) => entry,
            None => panic!("S4: {id} is not stored, and an effect of it left"),
        }
    }

    /// A fetch leaves. Which attempt it is, only what is durable can say.
    pub fn fetch_left(&mut self, id: Ulid) -> Attempt {
        assert!(self.is_living, "S4: a fetch of {id} left, and the machine that sent it is gone");
        let entry = self.entry(id);
        let row = self.ledger.entries[entry].row();
        let attempt = match row.map(|row| (row.phase, row.attempts)) {
            Some((Phase::InFlight { epoch, .. }, number)) => Attempt { id, number, epoch },
            Some((Phase::Queued { .. } | Phase::Delivering { .. }, _)) | None => {
                panic!("S4: a fetch of {id} left; what is durable is {row:?}")
            }
        };
        self.fetches.insert(attempt);
        self.ledger.running += 1;
        self.totals.retries += u64::from(attempt.number > 1);
        let fetch = Fetch { attempt, left: now(), executed: 0, running: true, result: None };
        self.ledger.entries[entry].fetches.push(fetch);
        self.observe(&Observation::FetchLeft { entry });
        attempt
    }

    /// A fetch has ended; without a result it was cut off.
    pub fn fetch_ended(&mut self, incarnation: u64, attempt: Attempt, result: Option<&FetchResult>) {
        if incarnation != self.incarnation || !self.is_living {
            assert!(
                result.is_none() || !self.is_up,
                "S3: {attempt} ended, and the incarnation that sent it had ended before"
            );
            return;
        }
        if self.aborted.remove(&attempt).is_some() {
            assert!(result.is_none(), "S3: {attempt} was given up, and ran on to {result:?}");
            return;
        }
        if let Some(result) = result {
            self.totals.timeouts += u64::from(*result == FetchResult::Failed(proxy_fetch::Failure::TimedOut));
            self.totals.unsent += u64::from(*result == FetchResult::Failed(proxy_fetch::Failure::NotSent));
            self.fetched.insert(attempt, result.clone());
        }
        self.fetch_is_over(attempt, result);
    }

    pub(super) fn fetch_is_over(&mut self, attempt: Attempt, result: Option<&FetchResult>) {
        let entry = self.entry(attempt.id);
        assert!(self.fetches.remove(&attempt), "S10: {attempt} ended twice");
        self.ledger.running -= 1;
        if let Some(fetch) = self.ledger.entries[entry].fetches.iter_mut().find(|fetch| fetch.attempt == attempt) {
            fetch.running = false;
            fetch.result = result.cloned();
        }
        self.observe(&Observation::FetchEnded { entry, attempt });
    }

    /// A callback leaves. Which incarnation it is of, only what is durable can say.
    pub fn callback_left(&mut self, item: &CallbackItem) -> Attempt {
        assert!(self.is_living, "S11: a callback of {} left, and the machine that sent it is gone", item.request_id);
        let outcome = outcome_of(item);
        let entries = &mut self.ledger.entries;
        let named = |planned: Planned| item.request_id == format!("r{planned}");
        let Some(entry) = entries.iter().rposition(|entry| named(entry.planned) && entry.row().is_some()) else {
            panic!("S11: {} is called back, and no such request is live", item.request_id);
        };
        let attempt = Attempt { id: entries[entry].id, number: item.attempts, epoch: self.ledger.meta.epoch };
        if let Some(response) = &item.response {
            let body = String::from_utf8_lossy(&response.body);
            assert_eq!(body, body_of(attempt), "S11: the callback of {attempt} carries another attempt's response");
        }
        self.totals.second_callbacks += u64::from(!entries[entry].callbacks.is_empty());
        entries[entry].callbacks.push(Callback { attempt, outcome, left: now() });
        self.callbacks.insert(attempt);
        self.observe(&Observation::CallbackLeft { entry });
        attempt
    }

    /// A callback has ended; without a result it was cut off.
    pub fn callback_ended(&mut self, incarnation: u64, attempt: Attempt, result: Option<CallbackResult>) {
        if incarnation != self.incarnation || !self.is_living {
            assert!(
                result.is_none() || !self.is_up,
                "S11: the callback of {attempt} ended after the incarnation that sent it"
            );
            return;
        }
        self.callbacks.remove(&attempt);
        if let Some(result) = result {
            self.called_back.insert(attempt, (result, now()));
        }
    }

    /// Whether all that ended has been taken in.
    pub fn is_flushed(&self) -> bool {
        self.fetched.is_empty() && self.called_back.is_empty()
    }
}

/// The body that the upstream answers an attempt with.
pub fn body_of(attempt: Attempt) -> String {
    format!("{}#{} in incarnation {}", attempt.id, attempt.number, attempt.epoch)
}

/// The outcome that a callback tells of.
pub fn outcome_of(item: &CallbackItem) -> Outcome {
    use proxy_fetch::Failure;
    let failures = [Failure::NotSent, Failure::TimedOut, Failure::Broken, Failure::Unreadable];
    let failed = failures.into_iter().find(|failure| Some(failure.name()) == item.error.as_deref());
    let plain = [Outcome::Expired, Outcome::Cancelled, Outcome::Interrupted, Outcome::Unknown];
    let plain = plain.into_iter().find(|outcome| outcome.name() == item.outcome);
    match (&item.response, failed, plain) {
        (Some(response), None, None) => Outcome::Response { status: response.status },
        (None, Some(failure), None) => Outcome::Failed(failure),
        (None, None, Some(outcome)) => outcome,
        (_, _, _) => panic!("S11: a callback tells of no outcome: {item:?}"),
    }
}

/// An attempt's name in a message.
pub fn message_of(attempt: Attempt) -> Value {
    json!([attempt.id.to_string(), attempt.number, attempt.epoch])
}

pub fn attempt_of(message: &Value) -> Attempt {
    let (id, number, epoch): (String, u8, u64) = serde_json::from_value(message.clone()).unwrap();
    Attempt { id: id.parse().unwrap(), number, epoch }
}
