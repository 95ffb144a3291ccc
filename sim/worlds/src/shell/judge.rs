//! The ground truth of a run: what callers, upstream, origin and the outside of the process say of it, and its end.

use super::{
    callers::Wish,
    now,
    oracle::{Oracle, SLACK_MS, outcome_of},
};
use crate::history::ledger::{Ask, Entry, Observation, Planned};
use proxy_fetch::{Attempt, Outcome, Reply, Timestamp, Ulid, json::CallbackItem};
use proxy_fetch_native::shell::{CallError, GaveUp, Health, MAX_FAILURES, Mailbox};
use serde_json::Value;

/// How much later than told the shell may end where the disk has failed, in ms: it restores before it hears of the
/// stop.
const CLOSING_SLACK_MS: u64 = 20_000;
/// So long after a failure of the disk it counts for that: the longest grace, and all restores.
const AFTER_A_FAILURE_MS: u64 = 60_000;

/// The process from outside.
impl Oracle {
    pub fn listens(&mut self, mailbox: Mailbox) {
        self.mailbox = Some(mailbox);
    }

    /// The node goes on after a pause.
    pub fn resumed(&mut self) {
        self.totals.pauses += 1;
        (self.free_since, self.resumed) = (now(), now());
    }

    pub fn was_just_resumed(&self) -> bool {
        now().ms_since(self.resumed) <= SLACK_MS
    }

    /// The process is told to end within this time; whom to tell.
    pub fn close(&mut self, grace_ms: u64) -> Option<Mailbox> {
        let mailbox = self.mailbox.clone().filter(|_| !self.has_shell_ended)?;
        let until = now().plus_ms(grace_ms);
        self.closing = Some(self.closing.map_or(until, |earlier| earlier.min(until)));
        Some(mailbox)
    }

    /// The shell has returned.
    pub fn shell_ended(&mut self, end: &Result<(), GaveUp>) {
        self.has_shell_ended = true;
        let now = now();
        match end {
            Ok(()) => {
                let Some(until) = self.closing else { panic!("L8: the shell ended, and nobody told it to") };
                let under_way = self.fetches.len() + self.callbacks.len();
                self.totals.stops += 1;
                self.totals.stops_that_cut_off += u64::from(under_way > 0);
                let is_awaited = now >= until || under_way == 0 && self.is_flushed();
                assert!(
                    is_awaited,
                    "S11: the shell ended at {now} and cut {under_way} off, though it had until {until}"
                );
                let has_failed = now.ms_since(self.last_failure) < AFTER_A_FAILURE_MS;
                let latest = if has_failed { until.plus_ms(CLOSING_SLACK_MS) } else { until.max(self.free_since) };
                let latest = latest.plus_ms(SLACK_MS);
                assert!(now <= latest, "L5: the shell was to end by {until} and ended at {now}");
            }
            Err(GaveUp { .. }) => {
                assert_eq!(self.failures, MAX_FAILURES, "S25: it gave up after so many failures");
                self.totals.disks_given_up += 1;
            }
        }
        self.incarnation_ended();
    }

    /// Told of the stop, with something under way.
    pub fn waits_for_end(&mut self) {
        self.totals.stops_that_waited += u64::from(!self.fetches.is_empty() || !self.callbacks.is_empty());
    }
}

/// Calls and their answers.
impl Oracle {
    pub fn replied(&mut self, ask: Ask, reply: &Reply) {
        self.observe(&Observation::Replied { ask, reply });
    }

    pub fn call_failed(&mut self, asked_at: Timestamp, error: &CallError) {
        self.totals.unanswered_calls += 1;
        match error {
            CallError::Refused(refusal) => panic!("a refusal is an answer: {refusal}"),
            CallError::Overloaded => panic!("S15: so few calls cannot be too many"),
            CallError::StoreFailed => {
                assert!(
                    self.last_failure >= asked_at || self.has_shell_ended,
                    "S5: the disk has not failed since {asked_at}"
                );
            }
            CallError::Stopped => assert!(self.has_shell_ended, "S13: a call was dropped, and the shell goes on"),
        }
    }

    pub fn is_well(&self, health: &Health) {
        let is_possible = health.epoch <= self.ledger.meta.epoch && health.in_flight <= 5.min(health.live);
        assert!(is_possible, "S3: {health:?} in epoch {}", self.ledger.meta.epoch);
    }

    /// A caller has its answer.
    pub fn answered(&mut self, message: &Value, reply: &Value) {
        let Some(planned) = message["planned"].as_u64() else { return };
        let planned = planned as Planned;
        assert!(reply.get("refused").is_none() || message["ask"] != "enqueue", "S15: r{planned} was refused: {reply}");
        if let Some(id) = reply.get("accepted").and_then(Value::as_str) {
            let id: Ulid = id.parse().unwrap();
            // A repeat in the dedupe window, and callers repeat soon, gets the same answer.
            match self.acknowledged.insert(planned, (id, now())) {
                None => {}
                Some((before, at)) if now().ms_since(at) < 240_000 => {
                    self.totals.repeated_replies += 1;
                    assert_eq!(before, id, "S6: r{planned} was accepted twice");
                }
                Some(_) => {}
            }
        }
        if reply.get("cancelled").is_some() {
            self.cancelled.insert(planned);
        }
    }
}

/// The other nodes.
impl Oracle {
    pub fn wished(&mut self, planned: Planned, wish: Wish) {
        self.wishes.insert(planned, wish);
    }

    pub fn executed(&mut self, attempt: Attempt, request: &Value) {
        let entry = self.entry(attempt.id);
        let host = request["host"].as_str().unwrap();
        let headers: Vec<(String, String)> = serde_json::from_value(request["headers"].clone()).unwrap();
        let planned = self.ledger.entries[entry].planned;
        let (method, body) = ("POST".into(), format!("body of r{planned}").into());
        assert_eq!(
            (&request["method"], &request["body"]),
            (&method, &body),
            "S5: r{planned} leaves as it was accepted"
        );
        if let Some((_, key)) = headers.iter().find(|(name, _)| name == "idempotency-key") {
            assert_eq!(*key, attempt.id.to_string(), "S16: the key of r{planned}");
            *self.executions.entry(key.clone()).or_default() += 1;
        }
        if let Some(fetch) = self.ledger.entries[entry].fetches.iter_mut().find(|fetch| fetch.attempt == attempt) {
            fetch.executed += 1;
            self.totals.late_answers += u64::from(!fetch.running);
        }
        self.observe(&Observation::Executed { entry, number: attempt.number, host, headers: &headers });
    }

    pub fn told(&mut self, item: &CallbackItem) {
        let entries = &mut self.ledger.entries;
        // Of two under one name, the one that was called back so.
        let outcome = outcome_of(item);
        let is_it = |entry: &Entry| {
            let is_said = entry.callbacks.iter().any(|callback| callback.outcome == outcome);
            item.request_id == format!("r{}", entry.planned) && is_said
        };
        let Some(entry) = entries.iter().rposition(is_it) else {
            panic!("S11: {} was told {outcome}, which no callback said", item.request_id);
        };
        entries[entry].told.push(outcome);
        self.observe(&Observation::Told { entry });
    }
}

/// The end.
impl Oracle {
    pub fn healed(&mut self) {
        self.mood.heal();
        // Until the shell opens the database again, or the process starts again.
        self.observe(&Observation::Healed { now: now(), recovery_ms: 10_000 });
    }

    pub fn is_at_rest(&self) -> bool {
        self.is_up() && self.ledger.live().next().is_none() && self.alarm.is_none()
    }

    pub fn ended(&mut self, requests: Planned) {
        let rows = self.rows.clone();
        self.observe(&Observation::Ended { now: now(), rows: &rows, alarm: self.alarm });
        let under_way: Vec<_> = self.fetches.iter().chain(&self.callbacks).collect();
        assert!(under_way.is_empty(), "S23: {under_way:?} are under way at rest");
        assert_eq!(self.acknowledged.len(), requests as usize, "S13: some callers never got an answer");
        for (planned, (id, _)) in &self.acknowledged {
            let entry = &self.ledger.entries[self.entry(*id)];
            assert_eq!(entry.planned, *planned, "S19: the name of {id}");
            assert!(entry.row().is_none() && entry.outcome.is_some(), "L2: r{planned} was accepted and never ended");
        }
        for entry in &self.ledger.entries {
            self.check_end(entry);
            let outcome = entry.outcome;
            self.totals.cancelled += u64::from(outcome == Some(Outcome::Cancelled));
            self.totals.interrupted += u64::from(outcome == Some(Outcome::Interrupted));
            self.totals.unknown += u64::from(outcome == Some(Outcome::Unknown));
        }
        self.totals.failed_callbacks += self.failed_callbacks.len() as u64;
        self.totals.runs += 1;
        self.totals.calm_runs += u64::from(self.is_calm());
        self.recording.verify(&mut self.totals);
    }

    fn check_end(&self, entry: &Entry) {
        let (planned, wish) = (entry.planned, self.wishes[&entry.planned]);
        if wish.callback {
            let is_told = !entry.told.is_empty() || self.failed_callbacks.contains(&entry.id);
            assert!(is_told, "S11: the origin was not told of r{planned}, and the object knows of no failure");
        }
        if wish.at_most_once {
            let executed = self.executions.get(&entry.id.to_string()).copied().unwrap_or_default();
            assert!(executed <= 1, "S16: r{planned} was executed {executed} times");
        }
        if self.cancelled.contains(&planned) {
            assert_eq!(entry.outcome, Some(Outcome::Cancelled), "S11: r{planned} was cancelled");
        }
        if self.is_calm() {
            let calls = usize::from(wish.callback);
            assert_eq!(entry.fetches.len(), 1, "calm: fetches of r{planned}");
            assert_eq!((entry.callbacks.len(), entry.told.len()), (calls, calls), "calm: callbacks of r{planned}");
            assert_eq!(
                (entry.outcome, entry.restarts),
                (Some(Outcome::Response { status: 200 }), 0),
                "calm: r{planned}"
            );
        }
    }
}
