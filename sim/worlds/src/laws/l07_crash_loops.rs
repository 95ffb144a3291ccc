//! A request that kills the instance each time it runs ends after its last attempt; a new incarnation takes back every
//! slot.

use super::promised::{backoff_ms, expires_at};
use super::{
    Law, Move, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::ledger::{Entry, Fetch, Ledger};
use proxy_fetch::{Outcome, Phase};

/// L7.
#[derive(Clone, Debug, Default, Hash)]
pub struct CrashLoops;

impl Law for CrashLoops {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "L7",
        "a request that kills the instance ends after its last attempt, and a new incarnation takes back every slot",
    );

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        if step.chosen() != Some(Outcome::Interrupted) {
            return Ok(());
        }
        ensure!(
            turn.live.is_first_of_incarnation(),
            "{} ended as interrupted, but no incarnation began",
            Who(step.entry)
        );
        let Some(row) = step.row_before() else { return Ok(()) };
        // With whatever jitter.
        let (_, backoff) = backoff_ms(&row.policy, row.attempts);
        let may_start_again =
            row.attempts <= row.policy.max_retries() && turn.time.plus_ms(backoff) < expires_at(step.entry.id);
        ensure!(!may_start_again, "{} ended as interrupted, but it may start again: {row}", Who(step.entry));
        Ok(())
    }

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        if !turn.live.is_first_of_incarnation() {
            return Ok(());
        }
        let epoch = turn.ledger.meta.epoch;
        for (_, at) in turn.live.in_flight() {
            let entry = &turn.ledger.entries[*at];
            let is_of_this_incarnation =
                entry.row().is_some_and(|row| matches!(row.phase, Phase::InFlight { epoch: of, .. } if of == epoch));
            ensure!(
                is_of_this_incarnation,
                "incarnation {epoch} began, and {} holds a slot of another: {}",
                Who(entry),
                Shown(Some(&entry.stored))
            );
        }
        Ok(())
    }

    fn fetch_left(&mut self, _: &Ledger, entry: &Entry, _: &Fetch) -> Verdict {
        let Some(row) = entry.row() else { return Ok(()) };
        let (left, most) = (entry.fetches.len(), usize::from(row.policy.max_retries()) + 1);
        ensure!(left <= most, "{left} fetches of {} left over {} restarts; it has {most}", Who(entry), entry.restarts);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken};

    fn last_attempt() -> Story<CrashLoops> {
        let mut story = Story::new();
        story.options.max_retries = 0;
        story.in_flight(1, 1).commits();
        assert_eq!(story.fetch_leaves(1, 1), Ok(()));
        story.lose();
        story
    }

    #[test]
    fn it_ends_as_interrupted() {
        last_attempt().delivering(1, Outcome::Interrupted).commits();
        let mut story = Story::<CrashLoops>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.delivering(1, Outcome::Interrupted).commit(), "no incarnation began");
        let mut story = Story::<CrashLoops>::new();
        story.in_flight(1, 1).commits().lose();
        assert_broken(story.delivering(1, Outcome::Interrupted).commit(), "it may start again");
    }

    #[test]
    fn no_fetch_over_the_bound() {
        assert_broken(last_attempt().fetch_leaves(1, 2), "2 fetches of r1");
    }

    #[test]
    fn slots_are_taken_back() {
        assert_broken(last_attempt().mark(0).commit(), "holds a slot of another");
    }
}
