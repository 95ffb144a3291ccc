//! Time never goes back: each commit stores a mark, and each ULID is greater than every earlier one.

use super::{Law, Move, Turn, Verdict, ensure, promised::accepted_at, view::Who};
use proxy_fetch::{Meta, Timestamp, Ulid};

/// S17.
#[derive(Clone, Debug, Default, Hash)]
pub struct Time {
    last: Meta,
    last_accepted: Option<Ulid>,
}

impl Law for Time {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S17", "time and ULIDs never go back, even if the clock does");

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        if step.was.is_some() {
            return Ok(());
        }
        let id = step.entry.id;
        let last = self.last_accepted.replace(id);
        if turn.ledger.meta_tampered {
            return Ok(());
        }
        ensure!(
            last.is_none_or(|last| last < id),
            "{} was accepted after {}",
            Who(step.entry),
            last.unwrap_or_default()
        );
        ensure!(
            id.0 <= turn.ledger.meta.last_id,
            "{} was accepted, but the last stored ULID is {}",
            Who(step.entry),
            Ulid(turn.ledger.meta.last_id)
        );
        // Its age counts from the commit; a random part that is full carries into the time.
        let born = accepted_at(id);
        let latest = last.map_or(turn.time, |last| turn.time.max(accepted_at(last).plus_ms(1)));
        ensure!(
            turn.time <= born && born <= latest,
            "{} was accepted at {}, and its age counts from {born}",
            Who(step.entry),
            turn.time
        );
        Ok(())
    }

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        let last = std::mem::replace(&mut self.last, turn.ledger.meta);
        let Meta { epoch, mark, .. } = turn.ledger.meta;
        let now = turn.commit.now.min(Timestamp::MAX);
        ensure!(turn.commit.writes.is_empty() || mark >= now, "a commit at {now} stored the time mark {mark}");
        if turn.ledger.meta_tampered {
            return Ok(());
        }
        ensure!(mark >= last.mark, "the time mark went back from {} to {mark}", last.mark);
        ensure!(
            mark <= now.max(last.mark),
            "a commit at {now} after the time mark {} stored the time mark {mark}",
            last.mark
        );
        ensure!(epoch >= last.epoch, "the epoch went back from {} to {epoch}", last.epoch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken};

    #[test]
    fn time_goes_on_though_the_clock_goes_back() {
        let mut story = Story::<Time>::new();
        story.at(9).in_flight(1, 1).commits().at(5).mark(9).commits().at(12).in_flight(2, 1).in_flight(3, 1).commits();
    }

    #[test]
    fn ulids_increase() {
        let mut story = Story::<Time>::new();
        assert_broken(story.in_flight(2, 1).in_flight(1, 1).commit(), "was accepted after");
        let mut story = Story::<Time>::new();
        assert_broken(story.mark(0).in_flight(1, 1).commit(), "but the last stored ULID is");
        let mut story = Story::<Time>::new();
        story.at(5).id(1);
        assert_broken(story.at(6).in_flight(1, 1).commit(), "its age counts from");
        let mut story = Story::<Time>::new();
        story.at(7).id(1);
        assert_broken(story.at(6).in_flight(1, 1).commit(), "its age counts from");
    }

    #[test]
    fn the_mark_is_the_time() {
        let mut story = Story::<Time>::new();
        assert_broken(story.at(9).mark(8).commit(), "a commit at");
        let mut story = Story::<Time>::new();
        assert_broken(story.at(9).mark(10).commit(), "a commit at");
        let mut story = Story::<Time>::new();
        story.at(9).mark(9).commits();
        assert_broken(story.at(5).mark(8).commit(), "went back from");
    }

    #[test]
    fn the_epoch_increases() {
        let mut story = Story::<Time>::new();
        story.epoch = 0;
        assert_broken(story.mark(0).commit(), "the epoch went back");
        let mut story = Story::<Time>::new();
        story.epoch = 0;
        story.ledger.meta_tampered = true;
        story.mark(0).commits().in_flight(2, 1).in_flight(1, 1).commits();
    }
}
