//! What callers are answered: enqueue, cancel, status.

use super::inputs::expires;
use super::model::{DEDUPE_WINDOW_MS, Ended, Live, Model, Predicted, State};
use proxy_fetch::{Outcome, Refusal, RefusalKind, RequestId, Stage, Status, Timestamp, Ulid};

fn refusal(kind: RefusalKind, field: &'static str) -> Refusal {
    Refusal { kind, field, problem: "".into(), retry_after_ms: None }
}

impl Model {
    pub(super) fn enqueue(
        &mut self,
        now: u64,
        name: &str,
        profile: usize,
        entropy: u128,
        out: &mut Predicted,
    ) -> Result<Ulid, Refusal> {
        let live = self.live.iter().find(|one| one.name == name).map(|one| (one.id, one.profile));
        let ended = self.finished.iter().find(|one| one.name == name).map(|one| (one.id, one.profile));
        if let Some((id, same)) = live.or(ended) {
            return if same == profile { Ok(id) } else { Err(refusal(RefusalKind::Conflict, "request_id")) };
        }
        let full = refusal(RefusalKind::QueueFull, "queue");
        if self.live.len() >= self.setup.max_live {
            return Err(full);
        }
        if self.live.len() + self.finished.len() >= self.setup.max_known {
            // The first that may be forgotten makes room (S6).
            let first = self.finished.iter().map(|one| one.at + DEDUPE_WINDOW_MS).min();
            return Err(Refusal { retry_after_ms: first.map(|end| end - now), ..full });
        }
        // Its timestamp is the age; greater than every earlier one (S17).
        let fresh = Ulid::from_parts(now, entropy);
        let id = if fresh > self.last_id { fresh } else { Ulid(self.last_id.0 + 1) };
        self.last_id = id;
        self.live.push(Live { id, name: name.into(), profile, attempts: 0, state: State::Queued { not_before: now } });
        out.changed = true;
        Ok(id)
    }

    pub(super) fn cancel(&mut self, now: u64, name: &str, out: &mut Predicted) -> Result<Ulid, Refusal> {
        let too_late = Err(refusal(RefusalKind::TooLate, "request_id"));
        if let Some(one) = self.live.iter().find(|one| one.name == name).cloned() {
            return match one.state {
                State::Delivering { outcome: Outcome::Cancelled, .. } => Ok(one.id),
                State::Delivering { .. } => too_late,
                // It is expired, whether or not that has been written (S9).
                State::Queued { .. } | State::InFlight { .. } if now >= expires(one.id) => too_late,
                State::Queued { .. } => {
                    self.choose(now, one.id, Outcome::Cancelled, out);
                    Ok(one.id)
                }
                State::InFlight { .. } => {
                    self.abort(self.attempt(&one), out);
                    self.choose(now, one.id, Outcome::Cancelled, out);
                    Ok(one.id)
                }
            };
        }
        match self.finished.iter().find(|one| one.name == name) {
            Some(one) if one.outcome == Outcome::Cancelled => Ok(one.id),
            Some(_) => too_late,
            None => Err(refusal(RefusalKind::NotFound, "request_id")),
        }
    }

    pub(super) fn status(&self, name: &str) -> Result<Status, Refusal> {
        let live = self.live.iter().find(|one| one.name == name).map(|one| {
            let stage = match one.state {
                State::Queued { not_before } => Stage::Queued { not_before: Timestamp(not_before) },
                State::InFlight { .. } => Stage::InFlight,
                State::Delivering { outcome, .. } => Stage::Delivering { outcome },
            };
            (one.id, stage, one.attempts)
        });
        let ended = self.finished.iter().find(|one| one.name == name).map(|one| {
            let Ended { id, outcome, attempts, at, .. } = *one;
            (id, Stage::Finished { outcome, at: Timestamp(at) }, attempts)
        });
        let (id, stage, attempts) = live.or(ended).ok_or_else(|| refusal(RefusalKind::NotFound, "request_id"))?;
        let Ok(request_id) = RequestId::new(name) else { panic!("{name} was accepted") };
        Ok(Status { id, request_id, stage, attempts })
    }
}
