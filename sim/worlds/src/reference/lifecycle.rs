//! A request's lifecycle in the model: start, end of an attempt, retry, outcome, callback, end.

use super::inputs::{End, asked_ms, expires};
use super::model::{Ended, Live, Model, Predicted, Seen, State};
use proxy_fetch::{Attempt, CallbackResult, Effect, Failure, Outcome, Report, Ulid};

const MAX_IN_FLIGHT: usize = 5;
/// The host's own time for a callback, and what the machine waits longer than the host.
const CALLBACK_MS: u64 = 30_000 + 5_000;
const GRACE_MS: u64 = 5_000;

/// What the end of an attempt says.
struct Verdict {
    last: Outcome,
    /// Whether another attempt may help, and is wanted.
    again: bool,
    /// `Retry-After` asks not to come before.
    asked: u64,
}

impl Model {
    /// "The constructor bumps the epoch and treats each request that was in flight or delivering as a failed attempt:
    /// backoff, or the outcome 'interrupted' if none is left." But an outcome never changes (S11), so one that needs no
    /// response from the dead memory stands, and is delivered again.
    pub(super) fn begin_incarnation(&mut self, now: u64, seen: &dyn Seen, out: &mut Predicted) {
        self.begun = true;
        self.epoch += 1;
        out.changed = true;
        for one in self.live.clone() {
            let lost = match one.state {
                State::Queued { .. } => false,
                State::InFlight { .. } => true,
                State::Delivering { outcome, .. } => matches!(outcome, Outcome::Response { .. }),
            };
            if lost && self.options(one.profile).at_most_once {
                self.end_attempt(now, one.id, Verdict { last: Outcome::Unknown, again: false, asked: 0 }, seen, out);
            } else if lost {
                self.end_attempt(now, one.id, Verdict { last: Outcome::Interrupted, again: true, asked: 0 }, seen, out);
            } else if let State::Delivering { outcome, .. } = one.state {
                self.set(one.id, State::Delivering { outcome, until: None }, out);
            }
        }
    }

    /// Only (request, attempt, epoch) as stored counts (S10).
    pub(super) fn fetched(&mut self, now: u64, attempt: Attempt, end: End, seen: &dyn Seen, out: &mut Predicted) {
        let one = self.live.iter().find(|one| self.attempt(one) == attempt).cloned();
        let is_response = matches!(end, End::Status(..));
        let held = match one.as_ref().map(|one| one.state) {
            Some(State::InFlight { .. }) => {
                let asked = asked_ms(end, self.clock, now);
                self.report(now, attempt.id, end, now.saturating_add(asked), seen, out)
            }
            // The same end again: its response is the one that is being delivered.
            Some(State::Delivering { outcome, .. }) => matches!(outcome, Outcome::Response { .. }),
            Some(State::Queued { .. }) | None => false,
        };
        // The host holds each response until it is told to deliver it or to drop it.
        if is_response && !held {
            self.abort(attempt, out);
        }
    }

    /// What an attempt's end means: retry, or an outcome. Says whether its response is to be delivered.
    fn report(&mut self, now: u64, id: Ulid, end: End, asked: u64, seen: &dyn Seen, out: &mut Predicted) -> bool {
        let Some(at) = self.position(id) else { return false };
        let options = self.options(self.live[at].profile);
        let once = options.at_most_once;
        let (last, again) = match end {
            // An answer says that it was executed, so an at-most-once request takes it as it is (S16).
            End::Status(status, _) => (
                Outcome::Response { status },
                !once
                    && match status {
                        408 | 425 | 429 => true,
                        500..600 => options.retry_on_5xx,
                        _ => false,
                    },
            ),
            End::Failed(failure) => match failure {
                Failure::NotSent => (Outcome::Failed(failure), true),
                Failure::Broken | Failure::TimedOut | Failure::BodyBroken if once => (Outcome::Unknown, false),
                Failure::Broken | Failure::TimedOut | Failure::BodyBroken => (Outcome::Failed(failure), true),
                Failure::BodyTooLarge
                | Failure::BadHead
                | Failure::AddressRefused
                | Failure::BadRedirect
                | Failure::Unreadable => (Outcome::Failed(failure), false),
            },
        };
        self.end_attempt(now, id, Verdict { last, again, asked }, seen, out);
        let state = self.live.iter().find(|one| one.id == id).map(|one| one.state);
        matches!(end, End::Status(..)) && state == Some(State::Delivering { outcome: last, until: None })
    }

    /// Retry if it is wanted, allowed, and in time; else the outcome is the last result.
    fn end_attempt(&mut self, now: u64, id: Ulid, verdict: Verdict, seen: &dyn Seen, out: &mut Predicted) {
        let Verdict { last, again, asked } = verdict;
        let Some(at) = self.position(id) else { return };
        let attempts = self.live[at].attempts;
        let options = self.options(self.live[at].profile);
        if now >= expires(id) {
            return self.choose(now, id, Outcome::Expired, out);
        }
        if !again || i64::from(attempts) > options.max_retries {
            return self.choose(now, id, last, out);
        }
        let mut plain = options.retry_delay_ms.unsigned_abs();
        for _ in 1..attempts {
            plain = (plain * 2).min(options.max_retry_delay_ms.unsigned_abs());
        }
        let least = asked.max(now + plain);
        let most = asked.max(now + plain + plain / 4);
        let is_in_time = if most < expires(id) {
            true
        } else if least >= expires(id) {
            false
        } else {
            // The jitter decides, and what is stored tells.
            out.jitter_decided = true;
            seen.outcome(id) != Some(last)
        };
        if is_in_time {
            let seen = seen.not_before(id).unwrap_or(least);
            let not_before = seen.clamp(least, most.min(expires(id) - 1));
            self.set(id, State::Queued { not_before }, out);
        } else {
            self.choose(now, id, last, out);
        }
    }

    /// An answered or a failed callback ends the request (S11).
    pub(super) fn delivered(&mut self, now: u64, attempt: Attempt, result: CallbackResult, out: &mut Predicted) {
        let Some((_, outcome)) = self.calls().into_iter().find(|(one, _)| *one == attempt) else { return };
        if result == CallbackResult::Failed {
            out.effects.push(Effect::Report(Report::CallbackFailed { id: attempt.id, outcome }));
        }
        self.finish(now, attempt.id, outcome, out);
    }

    pub(super) fn time_brings(&mut self, now: u64, seen: &dyn Seen, out: &mut Predicted) {
        for one in self.live.clone() {
            match one.state {
                State::Queued { .. } if now >= expires(one.id) => self.choose(now, one.id, Outcome::Expired, out),
                State::InFlight { lease_until } if now >= lease_until.min(expires(one.id)) => {
                    self.abort(self.attempt(&one), out);
                    self.report(now, one.id, End::Failed(Failure::TimedOut), 0, seen, out);
                }
                State::Delivering { until: Some(until), .. } if now >= until => {
                    self.delivered(now, self.attempt(&one), CallbackResult::Failed, out);
                }
                State::Queued { .. } | State::InFlight { .. } | State::Delivering { .. } => {}
            }
        }
    }

    /// Each chosen outcome is sent in the step that chose it.
    pub(super) fn call_back(&mut self, now: u64, out: &mut Predicted) {
        for one in self.live.clone() {
            if let State::Delivering { outcome, until: None } = one.state {
                self.set(one.id, State::Delivering { outcome, until: Some(now + CALLBACK_MS) }, out);
                let duration_ms = now.saturating_sub(one.id.timestamp_ms());
                out.effects.push(Effect::Deliver { attempt: self.attempt(&one), outcome, duration_ms });
            }
        }
    }

    /// Free slots are filled at once (L8), by the smallest ULIDs (S12).
    pub(super) fn fetch(&mut self, now: u64, out: &mut Predicted) {
        for id in self.eligible() {
            if self.stopping || self.running().len() >= MAX_IN_FLIGHT {
                return;
            }
            let Some(at) = self.position(id) else { return };
            // Counted when it starts (S8).
            self.live[at].attempts += 1;
            let timeout = self.options(self.live[at].profile).timeout_ms;
            let attempt = self.attempt(&self.live[at]);
            let lease_until = now + timeout.unsigned_abs() + GRACE_MS;
            self.set(id, State::InFlight { lease_until }, out);
            let timeout_ms = u32::try_from(timeout).unwrap_or(u32::MAX);
            out.effects.push(Effect::Fetch { attempt, timeout_ms });
        }
    }

    fn set(&mut self, id: Ulid, state: State, out: &mut Predicted) {
        if let Some(at) = self.position(id) {
            self.live[at].state = state;
            out.changed = true;
        }
    }

    pub(super) fn choose(&mut self, now: u64, id: Ulid, outcome: Outcome, out: &mut Predicted) {
        let Some(at) = self.position(id) else { return };
        if self.setup.profiles[self.live[at].profile].has_callback {
            self.set(id, State::Delivering { outcome, until: None }, out);
        } else {
            self.finish(now, id, outcome, out);
        }
    }

    fn finish(&mut self, now: u64, id: Ulid, outcome: Outcome, out: &mut Predicted) {
        let Some(at) = self.position(id) else { return };
        let Live { name, profile, attempts, .. } = self.live.remove(at);
        self.finished.push(Ended { id, name, profile, attempts, outcome, at: now });
        self.finished.sort_by_key(|one| (one.at, one.id));
        if outcome == Outcome::Failed(Failure::Unreadable) {
            self.unread.push(id);
        }
        out.changed = true;
    }

    /// A fetch that has not left yet, because its turn is not committed, never leaves.
    pub(super) fn abort(&self, attempt: Attempt, out: &mut Predicted) {
        let unsent = |effect: &Effect| matches!(effect, Effect::Fetch { attempt: one, .. } if *one == attempt);
        match out.effects.iter().position(unsent) {
            Some(at) => drop(out.effects.remove(at)),
            None => out.effects.push(Effect::Abort { attempt }),
        }
    }
}
