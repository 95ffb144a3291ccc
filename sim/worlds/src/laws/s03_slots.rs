//! At most 5 requests are in flight in every committed state, and at most 5 fetches run in the object.

use super::live::slots;
use super::{Law, Turn, Verdict, ensure, view::Who};
use crate::history::ledger::{Entry, Fetch, Ledger};

/// S3.
#[derive(Clone, Debug, Default, Hash)]
pub struct Slots;

impl Law for Slots {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S3", "at most 5 requests are in flight, and at most 5 fetches run");

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        let in_flight = turn.live.in_flight().len();
        let most = slots(turn.ledger);
        ensure!(in_flight <= most, "{in_flight} requests are in flight; the bound is {most}");
        Ok(())
    }

    fn fetch_left(&mut self, ledger: &Ledger, entry: &Entry, fetch: &Fetch) -> Verdict {
        ensure!(
            ledger.running <= slots(ledger),
            "{} fetches run once attempt {} of {} has left",
            ledger.running,
            fetch.attempt.number,
            Who(entry)
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{OK, Story, assert_broken, response};

    #[test]
    fn five_and_not_six() {
        let mut story = Story::<Slots>::new();
        for planned in 1..=5 {
            story.in_flight(planned, 1).commits();
            assert_eq!(story.fetch_leaves(planned, 1), Ok(()));
        }
        story.fetch_ends(1, OK).delivering(1, response(200)).in_flight(6, 1).commits();
        assert_eq!(story.fetch_leaves(6, 1), Ok(()));
        assert_broken(story.fetch_leaves(6, 1), "6 fetches run once attempt 1 of r6");
        assert_broken(story.in_flight(7, 1).commit(), "6 requests are in flight");
    }
}
