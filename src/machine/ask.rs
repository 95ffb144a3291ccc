//! What callers ask: enqueue, cancel, status.
//!
//! *Why the machine makes the ULID, and not the caller:* it orders the queue and counts the age, so it must be greater
//! than every earlier one of this object, whatever clocks say. The caller's own name is the request id.
//!
//! Keeps S5 (the acknowledgement is an effect, so it follows the commit), S6, S15, S17, S18, S19.

use super::{Machine, lifecycle::window_end};
use crate::{
    Outcome, Refusal, Request, Timestamp,
    event::{Caller, Effect, Output, Reply, Stage, Status},
    id::{RequestId, next_ulid},
    row::{Phase, Record, RequestRow},
};
use alloc::sync::Arc;
use ulid::Ulid;

impl Machine {
    pub(super) fn enqueue(
        &mut self,
        now: Timestamp,
        caller: Caller,
        request: Request,
        entropy: u128,
        out: &mut Output,
    ) {
        let reply = match self.admit(now, request, entropy, out) {
            Ok(id) => Reply::Accepted { id },
            Err(refusal) => Reply::Refused(refusal),
        };
        out.effect(Effect::Reply { caller, reply });
    }

    fn admit(&mut self, now: Timestamp, request: Request, entropy: u128, out: &mut Output) -> Result<Ulid, Refusal> {
        let accepted = request.accept(&self.config)?;
        let request_id = accepted.payload.request_id.clone();
        if let Some((id, fingerprint)) = self.known(now, &request_id) {
            return if fingerprint == accepted.fingerprint { Ok(id) } else { Err(Refusal::conflict()) };
        }
        self.check_room(now)?;
        let id = next_ulid(Ulid(self.meta.last_id), now, entropy).ok_or_else(Refusal::no_ulid_left)?;
        self.meta.last_id = id.0;
        let row = RequestRow {
            request_id,
            fingerprint: accepted.fingerprint,
            has_callback: accepted.payload.callback.is_some(),
            policy: accepted.policy,
            attempts: 0,
            phase: Phase::Queued { not_before: now },
        };
        self.insert(id, row);
        out.put(Record::Payload(id, Arc::new(accepted.payload)));
        Ok(id)
    }

    /// Room for one more request, and for its name until the end of its dedupe window: a name that is known must not be
    /// forgotten early, so there must be room for it before it is known (law S6).
    fn check_room(&self, now: Timestamp) -> Result<(), Refusal> {
        let live = self.live.len() + self.kept.len();
        if live >= self.config.max_live {
            return Err(Refusal::queue_full(self.config.max_live));
        }
        let known = live + self.finished.len();
        if known >= self.config.max_known {
            let first = self.index.first_finished().map(|(at, _)| window_end(at).ms_since(now).max(1));
            return Err(Refusal::names_full(self.config.max_known, first));
        }
        Ok(())
    }

    pub(super) fn cancel(&mut self, now: Timestamp, caller: Caller, request_id: &str, out: &mut Output) {
        let reply = match self.try_cancel(now, request_id, out) {
            Ok(id) => Reply::Cancelled { id },
            Err(refusal) => Reply::Refused(refusal),
        };
        out.effect(Effect::Reply { caller, reply });
    }

    fn try_cancel(&mut self, now: Timestamp, request_id: &str, out: &mut Output) -> Result<Ulid, Refusal> {
        let request_id = RequestId::new(request_id)?;
        let (id, _) = self.known(now, &request_id).ok_or_else(Refusal::not_found)?;
        let outcome = match (self.live.get(&id), self.finished.get(&id)) {
            (Some(row), _) => match row.phase {
                Phase::Queued { .. } | Phase::InFlight { .. } if now >= crate::expires_at(id) => {
                    return Err(Refusal::too_late());
                }
                Phase::Queued { .. } => None,
                Phase::InFlight { .. } => {
                    out.abort(self.attempt(id, row));
                    None
                }
                Phase::Delivering { outcome, .. } => Some(outcome),
            },
            (None, Some(row)) => Some(row.outcome),
            (None, None) => return Err(Refusal::not_found()),
        };
        match outcome {
            None => self.choose(now, id, Outcome::Cancelled),
            // A repeated cancel gets the same answer.
            Some(Outcome::Cancelled) => {}
            Some(
                Outcome::Response { .. }
                | Outcome::Failed(_)
                | Outcome::Expired
                | Outcome::Interrupted
                | Outcome::Unknown
                | Outcome::Unreadable,
            ) => return Err(Refusal::too_late()),
        }
        Ok(id)
    }

    pub(super) fn status(&mut self, now: Timestamp, caller: Caller, request_id: &str, out: &mut Output) {
        let reply = match self.find_status(now, request_id) {
            Ok(status) => Reply::Status(status),
            Err(refusal) => Reply::Refused(refusal),
        };
        out.effect(Effect::Reply { caller, reply });
    }

    fn find_status(&self, now: Timestamp, request_id: &str) -> Result<Status, Refusal> {
        let request_id = RequestId::new(request_id)?;
        let (id, _) = self.known(now, &request_id).ok_or_else(Refusal::not_found)?;
        let (stage, attempts) = match (self.live.get(&id), self.finished.get(&id)) {
            (Some(row), _) => {
                let stage = match row.phase {
                    Phase::Queued { not_before } => Stage::Queued { not_before },
                    Phase::InFlight { .. } => Stage::InFlight,
                    Phase::Delivering { outcome, .. } => Stage::Delivering { outcome },
                };
                (stage, row.attempts)
            }
            (None, Some(row)) => (Stage::Finished { outcome: row.outcome, at: row.finished_at }, row.attempts),
            (None, None) => return Err(Refusal::not_found()),
        };
        Ok(Status { id, request_id, stage, attempts })
    }

    /// The live or remembered request of this name. One whose window is over is unknown, even before its row is gone.
    fn known(&self, now: Timestamp, request_id: &RequestId) -> Option<(Ulid, u128)> {
        let id = *self.names.get(request_id)?;
        if let Some(row) = self.live.get(&id) {
            return Some((id, row.fingerprint));
        }
        let row = self.finished.get(&id)?;
        let remembered = now < window_end(row.finished_at);
        remembered.then_some((id, row.fingerprint))
    }
}
