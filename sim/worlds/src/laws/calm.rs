//! Without faults the strict forms hold: one fetch for each good answer, one callback, starts in the order of ULIDs, and
//! no wait while a slot is free.

use super::{
    End, Law, Move, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::ledger::{Callback, Entry, Fetch, Ledger};
use proxy_fetch::{FetchResult, Outcome, Phase, Ulid};

/// The strict forms.
#[derive(Clone, Debug, Default, Hash)]
pub struct Calm {
    last_started: Option<Ulid>,
}

impl Law for Calm {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("calm", "without faults: one fetch, one callback, no waiting while a slot is free");

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        if !turn.ledger.calm {
            return Ok(());
        }
        let entry = step.entry;
        if step.was.is_none() && matches!(step.phase(), Some(Phase::Queued { .. })) {
            ensure!(!turn.live.has_free_slot(), "{} waits, though a slot is free", Who(entry));
        }
        let is_calm = match step.chosen() {
            Some(Outcome::Interrupted | Outcome::Unknown | Outcome::Unreadable) => false,
            Some(Outcome::Response { .. } | Outcome::Failed(_) | Outcome::Expired | Outcome::Cancelled) | None => true,
        };
        ensure!(is_calm, "{} ended as by a fault: {}", Who(entry), Shown(Some(&entry.stored)));
        Ok(())
    }

    fn lost(&mut self, ledger: &Ledger) -> Verdict {
        ensure!(!ledger.calm, "the instance was lost without a fault");
        Ok(())
    }

    fn fetch_left(&mut self, ledger: &Ledger, entry: &Entry, fetch: &Fetch) -> Verdict {
        if !ledger.calm {
            return Ok(());
        }
        let (_, earlier) = entry.fetches.split_last().unwrap_or((fetch, &[]));
        if let Some(last) = earlier.last() {
            ensure!(is_bad(last), "{} is fetched again, and its last answer was no bad one", Who(entry));
            return Ok(());
        }
        let after = self.last_started.replace(entry.id);
        ensure!(after.is_none_or(|id| id < entry.id), "{} starts after a younger one", Who(entry));
        Ok(())
    }

    fn callback_left(&mut self, ledger: &Ledger, entry: &Entry, _: &Callback) -> Verdict {
        let calls = entry.callbacks.len();
        ensure!(!ledger.calm || calls == 1, "{} is called back {calls} times", Who(entry));
        Ok(())
    }

    fn ended(&mut self, ledger: &Ledger, _: &End<'_>) -> Verdict {
        if !ledger.calm {
            return Ok(());
        }
        for entry in &ledger.entries {
            let (calls, told) = (entry.callbacks.len(), entry.told.len());
            ensure!(calls == told, "{} was called back {calls} times and told {told} times", Who(entry));
        }
        Ok(())
    }
}

/// An answer that may be retried. Any other end of a fetch, and none at all, only a fault can cause.
const fn is_bad(fetch: &Fetch) -> bool {
    matches!(fetch.result, Some(FetchResult::Response { status: 400.., .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{OK, Story, assert_broken, response};

    fn calm() -> Story<Calm> {
        let mut story = Story::new();
        story.ledger.calm = true;
        story
    }

    #[test]
    fn a_calm_run() {
        let mut story = calm();
        for planned in 1..=5 {
            story.in_flight(planned, 1).commits();
            assert_eq!(story.fetch_leaves(planned, 1), Ok(()));
        }
        story.queued(6, 0, 0).commits();
        let failed = FetchResult::Response { status: 503, retry_after: None };
        story.fetch_ends(1, failed).queued(1, 1, 90).in_flight(6, 1).commits();
        assert_eq!(story.fetch_leaves(6, 1), Ok(()));
        story.fetch_ends(2, OK).delivering(2, response(200)).commits();
        assert_eq!(story.callback_leaves(2, 1, response(200)), Ok(()));
        assert_eq!(story.tell(2, response(200)), Ok(()));
        story.at(90).in_flight(1, 2).commits();
        assert_eq!(story.fetch_leaves(1, 2), Ok(()));
        assert_eq!(story.end(), Ok(()));
    }

    #[test]
    fn no_wait_for_a_free_slot() {
        assert_broken(calm().queued(1, 0, 0).commit(), "though a slot is free");
    }

    #[test]
    fn no_outcome_of_a_fault() {
        let mut story = calm();
        story.in_flight(1, 1).commits();
        assert_broken(story.delivering(1, Outcome::Interrupted).commit(), "as by a fault");
    }

    #[test]
    fn one_fetch() {
        let mut story = calm();
        story.in_flight(1, 1).commits();
        assert_eq!(story.fetch_leaves(1, 1), Ok(()));
        story.fetch_ends(1, OK);
        assert_broken(story.fetch_leaves(1, 2), "is fetched again");
        story.fetch_ends(1, FetchResult::Failed(proxy_fetch::Failure::NotSent));
        assert_broken(story.fetch_leaves(1, 3), "is fetched again");
    }

    #[test]
    fn in_order() {
        let mut story = calm();
        story.in_flight(1, 1).in_flight(2, 1).commits();
        assert_eq!(story.fetch_leaves(2, 1), Ok(()));
        assert_broken(story.fetch_leaves(1, 1), "after a younger one");
    }

    #[test]
    fn one_callback() {
        let mut story = calm();
        story.in_flight(1, 1).commits().delivering(1, response(200)).commits();
        assert_eq!(story.callback_leaves(1, 1, response(200)), Ok(()));
        assert_broken(story.end(), "called back 1 times and told 0 times");
        assert_broken(story.callback_leaves(1, 1, response(200)), "is called back 2 times");
    }

    #[test]
    fn no_loss() {
        let mut story = calm();
        let lost = story.watch.observe(&story.ledger, &crate::history::ledger::Observation::Lost);
        assert_broken(lost, "lost without a fault");
    }

    #[test]
    fn with_faults_all_of_it_may_be() {
        let mut story = Story::<Calm>::new();
        story.queued(1, 0, 0).commits().in_flight(1, 1).in_flight(2, 1).commits().lose();
        assert_eq!(story.fetch_leaves(2, 1), Ok(()));
        assert_eq!(story.fetch_leaves(1, 1), Ok(()));
        assert_eq!(story.fetch_leaves(1, 2), Ok(()));
        story.delivering(1, Outcome::Interrupted).commits();
        assert_eq!(story.callback_leaves(1, 1, Outcome::Interrupted), Ok(()));
        assert_eq!(story.callback_leaves(1, 1, Outcome::Interrupted), Ok(()));
        assert_eq!(story.end(), Ok(()));
    }
}
