//! No attempt starts at or after the expiry, which the ULID fixes; what ends then ends as "expired", and nothing before.

use super::promised::expires_at;
use super::{Law, Move, Turn, Verdict, ensure, view::Who};
use proxy_fetch::{Outcome, Phase};

/// S9.
#[derive(Clone, Debug, Default, Hash)]
pub struct Expiry;

impl Law for Expiry {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S9",
        "a request expires 30 minutes after it was accepted: nothing starts after that, and it ends as expired",
    );

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let expires = expires_at(step.entry.id);
        let time = turn.time;
        ensure!(
            time < expires || !step.starts(),
            "{} starts at {time}, though it expired at {expires}",
            Who(step.entry)
        );
        if let Some(Phase::Queued { not_before }) = step.phase() {
            ensure!(
                not_before < expires,
                "{} waits until {not_before} for an attempt that may not start from {expires} on",
                Who(step.entry)
            );
        }
        let Some(outcome) = step.chosen() else { return Ok(()) };
        ensure!(
            time >= expires || outcome != Outcome::Expired,
            "{} ended as expired at {time}, before {expires}",
            Who(step.entry)
        );
        ensure!(
            time < expires || matches!(outcome, Outcome::Expired | Outcome::Unreadable),
            "{} expired at {expires}, but ended at {time} as: {outcome}",
            Who(step.entry)
        );
        Ok(())
    }

    /// Nobody waits beyond it. Of those that may start the oldest expires first, and a delay ends before.
    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        let Some((id, at)) = turn.live.eligible().first() else { return Ok(()) };
        ensure!(
            turn.time < expires_at(*id) || turn.is_over_budget(),
            "{} expired at {}, and it is queued still at {}",
            Who(&turn.ledger.entries[*at]),
            expires_at(*id),
            turn.time
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::promised::MAX_REQUEST_AGE_MS as AGE;
    use crate::laws::testing::{Story, assert_broken, response};

    #[test]
    fn expired_at_its_age() {
        let mut story = Story::<Expiry>::new();
        story.queued(1, 0, 0).commits().at(AGE).delivering(1, Outcome::Expired).commits();
        story.at(AGE + 9).finished(1, Outcome::Expired).commits();
        let mut story = Story::<Expiry>::new();
        story.queued(1, 0, 0).commits().at(AGE - 1).in_flight(1, 1).commits().delivering(1, response(200)).commits();
        story.at(AGE).finished(1, response(200)).commits();
    }

    #[test]
    fn no_start_after_it() {
        let mut story = Story::<Expiry>::new();
        story.queued(1, 0, 0).commits();
        assert_broken(story.at(AGE).in_flight(1, 1).commit(), "though it expired at");
    }

    #[test]
    fn no_wait_beyond_it() {
        let mut story = Story::<Expiry>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.queued(1, 1, AGE).commit(), "waits until");
    }

    #[test]
    fn no_wait_for_a_slot_beyond_it() {
        let mut story = Story::<Expiry>::new();
        story.queued(1, 0, 0).commits().at(AGE - 1).mark(AGE - 1).commits();
        assert_broken(story.at(AGE).mark(AGE).commit(), "and it is queued still at");
    }

    #[test]
    fn the_outcome_follows_from_the_time() {
        let mut story = Story::<Expiry>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.at(AGE).delivering(1, response(200)).commit(), "ended at");
        let mut story = Story::<Expiry>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.at(AGE - 1).delivering(1, Outcome::Expired).commit(), "ended as expired");
    }
}
