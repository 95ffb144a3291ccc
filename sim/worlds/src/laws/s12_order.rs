//! Among eligible requests the smallest ULID starts first.

use super::promised::expires_at;
use super::{Law, Move, Turn, Verdict, ensure, view::Who};

/// S12.
#[derive(Clone, Debug, Default, Hash)]
pub struct Order;

impl Law for Order {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S12", "of those that may start the smallest ULID, which is the oldest, starts first");

    /// Who is eligible after the commit was so before it, or is younger than all others: no delay ends within a turn.
    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        // A step over its budget does not know yet of all whose delay is over.
        if !step.starts() || turn.is_over_budget() {
            return Ok(());
        }
        // Of the older ones the youngest expires last.
        if let Some((id, at)) = turn.live.eligible().range(..(step.entry.id, 0)).next_back()
            && turn.time < expires_at(*id)
        {
            ensure!(
                false,
                "{} starts at {}, while {}, which is older, may start and waits",
                Who(step.entry),
                turn.time,
                Who(&turn.ledger.entries[*at])
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::promised::MAX_REQUEST_AGE_MS as AGE;
    use crate::laws::testing::{Story, assert_broken};

    #[test]
    fn the_oldest_that_may() {
        let mut story = Story::<Order>::new();
        story.queued(1, 0, 0).commits().at(1).queued(2, 0, 0).commits().at(2).queued(3, 0, 0).commits();
        story.in_flight(1, 1).commits().in_flight(2, 1).in_flight(3, 1).commits();
        let mut story = Story::<Order>::new();
        story.queued(1, 0, 0).commits().at(1).queued(2, 0, 0).commits();
        assert_broken(story.in_flight(2, 1).commit(), "while r1");
        let mut story = Story::<Order>::new();
        story.queued(1, 0, 0).commits().at(1);
        assert_broken(story.in_flight(2, 1).commit(), "while r1");
    }

    #[test]
    fn one_that_may_not_start_is_passed_over() {
        let mut story = Story::<Order>::new();
        story.queued(1, 0, 10).commits().at(1).queued(2, 0, 0).queued(3, 0, 0).commits();
        story.at(9).in_flight(2, 1).commits();
        assert_broken(story.at(10).in_flight(3, 1).commit(), "while r1");
        let mut story = Story::<Order>::new();
        story.queued(1, 0, 0).commits().at(AGE).in_flight(2, 1).commits();
    }

    #[test]
    fn over_budget_it_waits_for_the_next_step() {
        let mut story = Story::<Order>::new();
        story.queued(1, 0, 0).commits().at(1);
        for planned in 2..66 {
            story.in_flight(planned, 1);
        }
        story.commits();
    }
}
