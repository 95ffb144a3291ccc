//! A fetch leaves only after "in flight, this attempt, this incarnation" is durable, and each attempt leaves once.

use super::{Law, Move, Turn, Verdict, ensure, view::Who};
use crate::history::ledger::{Entry, Fetch, Ledger};
use proxy_fetch::Phase;

/// S4.
#[derive(Clone, Debug, Default, Hash)]
pub struct DurableStart {
    /// The last durable attempt of each entry, with its epoch; attempt 0: none. A later commit may have ended it
    /// before its fetch leaves.
    started: Vec<(u8, u64)>,
}

impl Law for DurableStart {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S4", "a fetch leaves only after its attempt is stored as started");

    fn moved(&mut self, _: &Turn<'_>, step: &Move<'_>) -> Verdict {
        if let Some(row) = step.entry.row()
            && let Phase::InFlight { epoch, .. } = row.phase
        {
            if self.started.len() <= step.at {
                self.started.resize(step.at + 1, (0, 0));
            }
            self.started[step.at] = (row.attempts, epoch);
        }
        Ok(())
    }

    fn fetch_left(&mut self, ledger: &Ledger, entry: &Entry, fetch: &Fetch) -> Verdict {
        let at = ledger.entry_of(entry.id).unwrap_or(usize::MAX);
        let (number, epoch) = self.started.get(at).copied().unwrap_or_default();
        ensure!(
            (number, epoch) == (fetch.attempt.number, fetch.attempt.epoch),
            "attempt {} of {} left in epoch {}; what is durable is attempt {number} in epoch {epoch}",
            fetch.attempt.number,
            Who(entry),
            fetch.attempt.epoch
        );
        // The attempts that left before it are fewer than 12.
        let left = entry.fetches.iter().filter(|other| other.attempt.number == fetch.attempt.number).count();
        ensure!(left <= 1, "attempt {} of {} left {left} times", fetch.attempt.number, Who(entry));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};

    #[test]
    fn what_is_durable_may_leave_once() {
        let mut story = Story::<DurableStart>::new();
        story.queued(1, 0, 0).commits();
        assert_broken(story.fetch_leaves(1, 1), "what is durable is attempt 0");
        let mut story = Story::<DurableStart>::new();
        story.in_flight(1, 1).commits().delivering(1, response(200)).commits();
        assert_eq!(story.fetch_leaves(1, 1), Ok(()));
        assert_broken(story.fetch_leaves(1, 1), "left 2 times");
        assert_broken(story.fetch_leaves(1, 2), "attempt 2 of r1");
    }

    #[test]
    fn an_attempt_of_another_incarnation_may_not() {
        let mut story = Story::<DurableStart>::new();
        story.in_flight(1, 1).commits().lose();
        assert_broken(story.fetch_leaves(1, 1), "left in epoch 2; what is durable is attempt 1 in epoch 1");
    }
}
