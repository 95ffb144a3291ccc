//! No slot is idle while a request may start, unless the object is to end. With S12 this keeps L4 too: the oldest is
//! next as soon as a slot is free.

use super::promised::expires_at;
use super::{Law, Turn, Verdict, ensure, view::Who};

/// L8.
#[derive(Clone, Debug, Default, Hash)]
pub struct NoIdleSlot;

impl Law for NoIdleSlot {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new("L8", "no slot is idle while a request may start");

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        // The youngest expires last.
        let Some((id, at)) = turn.live.eligible().last() else { return Ok(()) };
        if turn.ledger.stopping || !turn.live.has_free_slot() || turn.time >= expires_at(*id) || turn.is_over_budget() {
            return Ok(());
        }
        ensure!(
            false,
            "{} may start, and only {} requests are in flight, with {} responses held",
            Who(&turn.ledger.entries[*at]),
            turn.live.in_flight().len(),
            turn.live.held()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::promised as limits;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::Phase;

    #[test]
    fn a_free_slot_is_taken() {
        let mut story = Story::<NoIdleSlot>::new();
        story.queued(9, 0, 50).commits();
        for planned in 1..=5 {
            story.in_flight(planned, 1);
        }
        story.commits().queued(6, 0, 0).commits();
        assert_broken(story.delivering(1, response(200)).commit(), "r6");
        story.delivering(1, response(200)).in_flight(6, 1).commits();
        assert_broken(story.at(50).delivering(2, response(200)).commit(), "r9");
    }

    #[test]
    fn an_expired_one_takes_none() {
        let mut story = Story::<NoIdleSlot>::new();
        story.queued(1, 0, 5).commits().at(limits::MAX_REQUEST_AGE_MS).mark(limits::MAX_REQUEST_AGE_MS).commits();
    }

    #[test]
    fn an_incarnation_that_ends_takes_none() {
        let mut story = Story::<NoIdleSlot>::new();
        story.ledger.stopping = true;
        story.queued(1, 0, 0).commits();
        story.ledger.stopping = false;
        assert_broken(story.queued(2, 0, 0).commit(), "may start");
    }

    #[test]
    fn held_responses_are_bounded() {
        let mut story = Story::<NoIdleSlot>::new();
        for planned in 1..=63 {
            story.put(planned, 1, Phase::Delivering { outcome: response(200), until: None });
        }
        story.commits().in_flight(64, 1).queued(65, 0, 0).commits();
        assert_broken(story.finished(1, response(200)).commit(), "with 62 responses held");
    }

    #[test]
    fn over_budget_it_waits_for_the_next_step() {
        let mut story = Story::<NoIdleSlot>::new();
        story.queued(100, 0, 0);
        for planned in 1..64 {
            story.finished(planned, response(200));
        }
        story.commits();
    }
}
