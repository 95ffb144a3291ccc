//! Nobody waits for ever for a turn: the head of the queue starts after a bounded number of others, and a chosen outcome
//! waits for its callback only while every place for a callback is taken.

use super::promised::{MAX_ATTEMPTS, MAX_CALLBACKS};
use super::{Law, Move, Turn, Verdict, ensure, view::Who};

/// L4.
#[derive(Clone, Debug, Default, Hash)]
pub struct NoStarvation {
    /// The first of the queue, and how many have started since it became that.
    head: Option<usize>,
    passed_by: usize,
}

impl Law for NoStarvation {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("L4", "nobody waits for ever: neither for a slot nor to be called back");

    fn moved(&mut self, _: &Turn<'_>, step: &Move<'_>) -> Verdict {
        self.passed_by += usize::from(step.starts());
        Ok(())
    }

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        let head = turn.live.eligible().first().map(|(_, at)| *at);
        if head != self.head {
            (self.head, self.passed_by) = (head, 0);
        }
        if let Some(at) = head {
            // Those that were accepted before it may each start as often as they may.
            let most = MAX_ATTEMPTS * at;
            let others = self.passed_by;
            ensure!(others <= most, "{} may start, and {others} others did", Who(&turn.ledger.entries[at]));
        }
        let (waiting, calling) = (turn.live.outbox_len(), turn.live.calling().len());
        ensure!(
            waiting == 0 || calling >= MAX_CALLBACKS,
            "{waiting} outcomes wait to be told, and only {calling} callbacks are under way"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::NoStarvation;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::Phase;

    fn story() -> Story<NoStarvation> {
        Story::new()
    }

    #[test]
    fn a_younger_one_may_not_pass_the_head_of_the_queue() {
        let mut story = story();
        story.queued(1, 0, 0).commits().in_flight(2, 1);
        assert_broken(story.commit(), "may start, and 1 others did");
    }

    #[test]
    fn older_ones_may_each_start_as_often_as_they_may() {
        let mut story = story();
        story.queued(1, 0, 0).queued(2, 0, 0).commits().in_flight(1, 1).commits();
        for attempt in 2..=11 {
            story.queued(1, attempt - 1, 0).commits().in_flight(1, attempt).commits();
        }
        story.in_flight(2, 1).commits();
    }

    #[test]
    fn an_outcome_waits_only_while_all_places_are_taken() {
        let mut story = story();
        let waits = Phase::Delivering { outcome: response(200), until: None };
        story.delivering(1, response(200)).commits().put(2, 1, waits);
        assert_broken(story.commit(), "1 outcomes wait to be told, and only 1 callbacks are under way");
    }

    #[test]
    fn an_outcome_waits_when_all_places_are_taken() {
        let mut story = story();
        for number in 1..=256 {
            story.delivering(number, response(200));
        }
        story.put(257, 1, Phase::Delivering { outcome: response(200), until: None }).commits();
    }
}
