//! A request's lifecycle: start, end of an attempt, retry, outcome, callback, end; and what becomes due.
//!
//! - *Why an attempt is counted when it starts:* if it were counted at its end, a request that kills the process
//!   would be tried forever.
//! - *Why what is due goes first, then callbacks, then fetches:* what has ended frees its slot for this same step; and
//!   a response waits in the host's memory until its callback, so callbacks make room before fetches take it.
//! - *Why a lease is longer than the time-out:* the host ends an attempt and says so. The machine takes the slot back
//!   by itself only when the host is silent.
//!
//! Keeps S3, S4, S7-S12, S15, S16, L4, L5, L8.

use super::Machine;
use crate::{
    CallbackResult, FetchResult, Outcome, Timestamp,
    backoff::{Judgement, RetryAfter, judge, not_before},
    event::{Attempt, Effect, Output, Report},
    expires_at,
    id::accepted_at,
    limits,
    row::{FinishedRow, Key, Phase, RequestRow, Table},
};
use ulid::Ulid;

impl Machine {
    pub(super) fn insert(&mut self, id: Ulid, row: RequestRow) {
        self.names.insert(row.request_id.clone(), id);
        self.index.add(id, row.phase);
        self.live.insert(id, row);
        self.touched.push(id);
    }

    pub(super) fn set_phase(&mut self, id: Ulid, phase: Phase) {
        if let Some(row) = self.live.get_mut(&id) {
            self.index.remove(id, row.phase);
            row.phase = phase;
            self.index.add(id, phase);
            self.touched.push(id);
        }
    }

    pub(super) const fn attempt(&self, id: Ulid, row: &RequestRow) -> Attempt {
        Attempt { id, number: row.attempts, epoch: self.meta.epoch }
    }

    /// A host reports the end of an attempt. Only the current attempt of a request in flight counts (law S10); it
    /// counts even if its lease has ended, as long as nobody acted on that.
    pub(super) fn fetched(&mut self, now: Timestamp, attempt: Attempt, result: &FetchResult, out: &mut Output) {
        let named = self.live.get(&attempt.id).filter(|row| row.attempts == attempt.number);
        let kept = match named.map(|row| row.phase) {
            Some(Phase::InFlight { epoch, .. }) if epoch == attempt.epoch => self.end_attempt(now, attempt.id, result),
            // The same report again: its response is the one being delivered.
            Some(Phase::Delivering { outcome, .. }) => outcome.has_response() && attempt.epoch == self.meta.epoch,
            Some(Phase::InFlight { .. } | Phase::Queued { .. }) | None => false,
        };
        if !kept && matches!(result, FetchResult::Response { .. }) {
            out.abort(attempt);
        }
    }

    /// Decides what follows an attempt's end; says whether its response is to be delivered.
    fn end_attempt(&mut self, now: Timestamp, id: Ulid, result: &FetchResult) -> bool {
        let Some(row) = self.live.get(&id) else { return false };
        let policy = row.policy;
        let Judgement { outcome, retryable, ambiguous, retry_after } = judge(&policy, result);
        let chosen = if ambiguous && policy.at_most_once { Outcome::Unknown } else { outcome };
        let retryable = retryable && chosen == outcome;
        self.retry_or_choose(now, id, chosen, retryable, retry_after)
    }

    /// Queues the request again if it may be, else chooses the outcome. Says whether a response is to be delivered.
    pub(super) fn retry_or_choose(
        &mut self,
        now: Timestamp,
        id: Ulid,
        outcome: Outcome,
        retryable: bool,
        retry_after: Option<RetryAfter>,
    ) -> bool {
        let Some(row) = self.live.get(&id) else { return false };
        let expires = expires_at(id);
        if now >= expires {
            self.choose(now, id, Outcome::Expired);
            return false;
        }
        if retryable && row.attempts <= row.policy.max_retries {
            let start = not_before(&row.policy, id, row.attempts, retry_after, now, expires);
            if start < expires {
                self.set_phase(id, Phase::Queued { not_before: start });
                return false;
            }
        }
        let delivered = outcome.has_response() && row.has_callback;
        self.choose(now, id, outcome);
        delivered
    }

    /// Chooses the outcome, once and for all (law S11).
    pub(super) fn choose(&mut self, now: Timestamp, id: Ulid, outcome: Outcome) {
        let Some(row) = self.live.get(&id) else { return };
        if row.has_callback {
            self.set_phase(id, Phase::Delivering { outcome, until: None });
        } else {
            self.finish(now, id, outcome);
        }
    }

    /// A host reports the end of a callback; answered or failed, it ends the request.
    pub(super) fn delivered(&mut self, now: Timestamp, attempt: Attempt, result: CallbackResult, out: &mut Output) {
        let Some(row) = self.live.get(&attempt.id) else { return };
        match row.phase {
            Phase::Delivering { outcome, until: Some(_) } if self.attempt(attempt.id, row) == attempt => {
                self.end_callback(now, attempt.id, outcome, result, out);
            }
            Phase::Queued { .. } | Phase::InFlight { .. } | Phase::Delivering { .. } => {}
        }
    }

    fn end_callback(&mut self, now: Timestamp, id: Ulid, outcome: Outcome, result: CallbackResult, out: &mut Output) {
        match result {
            CallbackResult::Answered => {}
            CallbackResult::Failed => out.effect(Effect::Report(Report::CallbackFailed { id, outcome })),
        }
        self.finish(now, id, outcome);
    }

    /// The request is over; its name is remembered for a while (law S6).
    fn finish(&mut self, now: Timestamp, id: Ulid, outcome: Outcome) {
        let Some(row) = self.live.remove(&id) else { return };
        self.index.remove(id, row.phase);
        self.touched.push(id);
        // Nothing is remembered of a nameless request, nor in the place of a row that is kept as it is (law S24).
        let is_taken = self.kept.contains(&Key { table: Table::Finished, id });
        if is_taken || row.request_id.is_unreadable() {
            self.forget_name(id, &row.request_id);
            return;
        }
        self.index.add_finished(now, id);
        let RequestRow { request_id, fingerprint, attempts, .. } = row;
        self.finished.insert(id, FinishedRow { request_id, fingerprint, outcome, attempts, finished_at: now });
    }

    fn forget_name(&mut self, id: Ulid, request_id: &crate::RequestId) {
        if self.names.get(request_id) == Some(&id) {
            self.names.remove(request_id);
        }
    }

    /// Does what is due, earliest first: ends of leases, expiries, callbacks without an end.
    pub(super) fn advance(&mut self, now: Timestamp, out: &mut Output) {
        self.index.end_delays(now);
        for _ in 0..limits::MAX_DUE_PER_STEP {
            let Some((_, id)) = self.index.first_due().filter(|(at, _)| *at <= now) else { return };
            // An entry without its row cannot be; if it were, it would be due for ever (law S20).
            let Some(row) = self.live.get(&id) else { panic!("the index names {id}, which is not live") };
            let attempt = self.attempt(id, row);
            match row.phase {
                Phase::Queued { .. } => self.choose(now, id, Outcome::Expired),
                Phase::InFlight { .. } => {
                    out.abort(attempt);
                    self.end_attempt(now, id, &FetchResult::Failed(crate::Failure::TimedOut));
                }
                Phase::Delivering { outcome, .. } => {
                    self.end_callback(now, id, outcome, CallbackResult::Failed, out);
                }
            }
        }
    }

    /// Starts what may start: callbacks, then fetches, smallest ULID first (law S12).
    pub(super) fn fill(&mut self, now: Timestamp, out: &mut Output) {
        loop {
            self.send_callbacks(now, out);
            let free = !self.stopping
                && self.index.in_flight() < self.config.max_in_flight
                && self.index.in_flight() + self.index.held_responses() < limits::MAX_HELD_RESPONSES;
            let Some(id) = self.index.first_ready().filter(|_| free) else { return };
            // One that has expired is due, and is still here only if more was due than one step does: a later step ends
            // it, and no younger one may start before that.
            if now >= expires_at(id) {
                return;
            }
            self.start(now, id, out);
        }
    }

    fn start(&mut self, now: Timestamp, id: Ulid, out: &mut Output) {
        let epoch = self.meta.epoch;
        let Some(row) = self.live.get_mut(&id) else { return };
        row.attempts = row.attempts.saturating_add(1);
        let timeout_ms = row.policy.timeout_ms;
        let attempt = Attempt { id, number: row.attempts, epoch };
        let lease_until = now.plus_ms(u64::from(timeout_ms) + limits::LEASE_GRACE_MS);
        self.set_phase(id, Phase::InFlight { epoch, lease_until });
        out.effect(Effect::Fetch { attempt, timeout_ms });
    }

    fn send_callbacks(&mut self, now: Timestamp, out: &mut Output) {
        while self.index.callbacks() < limits::MAX_CALLBACKS {
            let Some(id) = self.index.first_in_outbox() else { return };
            let Some(row) = self.live.get(&id) else { panic!("the outbox names {id}, which is not live") };
            let attempt = self.attempt(id, row);
            let outcome = match row.phase {
                Phase::Delivering { outcome, .. } => outcome,
                Phase::Queued { .. } | Phase::InFlight { .. } => panic!("the outbox names {id}, which has no outcome"),
            };
            let until = now.plus_ms(limits::CALLBACK_TIMEOUT_MS + limits::LEASE_GRACE_MS);
            self.set_phase(id, Phase::Delivering { outcome, until: Some(until) });
            out.effect(Effect::Deliver { attempt, outcome, duration_ms: now.ms_since(accepted_at(id)) });
        }
    }

    /// Forgets finished requests whose window is over, and none before (law S6). Bounded per step like everything else;
    /// more than that go with the next step that writes.
    pub(super) fn forget(&mut self, now: Timestamp) {
        for _ in 0..limits::MAX_DUE_PER_STEP {
            let Some((at, id)) = self.index.first_finished().filter(|(at, _)| now >= window_end(*at)) else { return };
            self.index.remove_finished(at, id);
            if let Some(row) = self.finished.remove(&id) {
                self.forget_name(id, &row.request_id);
            }
            self.forgotten.push(id);
        }
    }
}

/// When a request that ended at this time is forgotten (law S6).
pub(super) fn window_end(finished_at: Timestamp) -> Timestamp {
    finished_at.plus_ms(limits::DEDUPE_WINDOW_MS)
}
