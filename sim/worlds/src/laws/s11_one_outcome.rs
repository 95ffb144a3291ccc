//! One outcome is chosen and told: once without a crash, at least once with crashes, and it never changes. Only a
//! response that died with the instance is fetched again.

use super::promised::has_response;
use super::{
    Law, Move, Turn, Verdict, ensure, outcome_of,
    view::{Shown, Who},
};
use crate::history::ledger::{Callback, Entry, Ledger, Stored};
use proxy_fetch::{Outcome, Phase};

/// S11.
#[derive(Clone, Debug, Default, Hash)]
pub struct OneOutcome;

impl Law for OneOutcome {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S11",
        "a request has one outcome, which never changes; it is told once, or with crashes at least once",
    );

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let entry = step.entry;
        let before = step.was.and_then(outcome_of);
        if let Some(before) = before
            && outcome_of(&entry.stored) != Some(before)
            && entry.stored != Stored::Forgotten
        {
            let is_lost = has_response(before) && turn.live.is_first_of_incarnation() && step.row_before().is_some();
            ensure!(
                is_lost || entry.tampered,
                "the outcome of {} was {before}; now it is {}",
                Who(entry),
                Shown(Some(&entry.stored))
            );
        }
        let is_over = matches!(entry.stored, Stored::Finished(_) | Stored::Forgotten);
        if let Some(row) = step.row_before().filter(|row| is_over && row.has_callback) {
            ensure!(
                matches!(row.phase, Phase::Delivering { until: Some(_), .. }),
                "{} ended without a callback: {row}",
                Who(entry)
            );
            let (calls, restarts) = (entry.callbacks.len(), entry.restarts);
            ensure!(
                calls == 1 || calls > 1 && restarts > 0,
                "{} ended with {calls} callbacks and {restarts} restarts",
                Who(entry)
            );
        }
        Ok(())
    }

    fn callback_left(&mut self, ledger: &Ledger, entry: &Entry, callback: &Callback) -> Verdict {
        let Callback { attempt, outcome, .. } = callback;
        let stored = outcome_of(&entry.stored);
        // A later commit may have ended an unreadable one, which leaves nothing.
        ensure!(
            stored == Some(*outcome) || entry.stored == Stored::Forgotten && entry.tampered,
            "a callback of {} says {outcome}; what is stored is: {}",
            Who(entry),
            Shown(Some(&entry.stored))
        );
        let (number, epoch) = (entry.row().map_or(attempt.number, |row| row.attempts), ledger.meta.epoch);
        ensure!(
            (attempt.number, attempt.epoch) == (number, epoch),
            "a callback of {} names attempt {} of epoch {}, not {number} of {epoch}",
            Who(entry),
            attempt.number,
            attempt.epoch
        );
        let calls = entry.callbacks.iter().filter(|other| other.attempt.epoch == attempt.epoch).count();
        ensure!(calls == 1, "{} is called back {calls} times in one incarnation", Who(entry));
        ensure!(
            entry.callbacks.len() == 1 || entry.restarts > 0,
            "{} is called back {} times without a restart",
            Who(entry),
            entry.callbacks.len()
        );
        Ok(())
    }

    fn told(&mut self, entry: &Entry) -> Verdict {
        let (told, calls) = (entry.told.len(), entry.callbacks.len());
        ensure!(told <= calls, "{} was told {told} times by {calls} callbacks", Who(entry));
        let Some(outcome) = entry.told.last() else { return Ok(()) };
        ensure!(
            entry.callbacks.iter().any(|callback| callback.outcome == *outcome),
            "{} was told {outcome}, which no callback said",
            Who(entry)
        );
        // What was told may be told again; only a response may be followed by another outcome. A response of an earlier
        // incarnation may also arrive after that other outcome: the network is slow.
        let other = entry.told.iter().find(|other| *other != outcome && !has_response(**other));
        let is_late = has_response(*outcome)
            && entry.callbacks.last().is_some_and(|last| last.outcome != *outcome)
            && entry.restarts > 0;
        ensure!(
            other.is_none() || is_late || entry.tampered,
            "{} was told {outcome} after {}",
            Who(entry),
            other.copied().unwrap_or(Outcome::Unknown)
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::Failure;

    fn delivering() -> Story<OneOutcome> {
        let mut story = Story::new();
        story.in_flight(1, 1).commits().delivering(1, response(200)).commits();
        story
    }

    fn called() -> Story<OneOutcome> {
        let mut story = delivering();
        assert_eq!(story.callback_leaves(1, 1, response(200)), Ok(()));
        story
    }

    #[test]
    fn chosen_told_and_over() {
        let mut story = called();
        assert_eq!(story.tell(1, response(200)), Ok(()));
        story.finished(1, response(200)).commits().forgotten(1).commits();
    }

    #[test]
    fn it_does_not_change() {
        assert_broken(delivering().delivering(1, response(201)).commit(), "was response 200; now");
        assert_broken(delivering().in_flight(1, 2).commit(), "was response 200; now");
        assert_broken(called().finished(1, response(201)).commit(), "was response 200; now");
        let mut story = called();
        story.finished(1, response(200)).commits();
        assert_broken(story.finished(1, response(201)).commit(), "was response 200; now");
    }

    #[test]
    fn a_lost_response_may_be_fetched_again_but_no_other_outcome() {
        delivering().lose().queued(1, 1, 9).commits();
        let mut story = Story::<OneOutcome>::new();
        story.in_flight(1, 1).commits().delivering(1, Outcome::Expired).commits().lose();
        assert_broken(story.queued(1, 1, 9).commit(), "was expired; now");
    }

    #[test]
    fn no_end_without_a_callback() {
        let mut story = Story::<OneOutcome>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.finished(1, response(200)).commit(), "ended without a callback");
        assert_broken(delivering().finished(1, response(200)).commit(), "ended with 0 callbacks");
        let mut story = Story::<OneOutcome>::new();
        story.has_callback = false;
        story.in_flight(1, 1).commits().finished(1, response(200)).commits();
    }

    #[test]
    fn one_callback_in_an_incarnation() {
        let mut story = called();
        assert_broken(story.callback_leaves(1, 1, response(200)), "2 times in one incarnation");
        story.lose().delivering(1, response(200)).commits();
        let mut story = called();
        story.lose().at(1).delivering(1, response(200)).commits();
        assert_eq!(story.callback_leaves(1, 1, response(200)), Ok(()));
        story.finished(1, response(200)).commits();
        let mut story = called();
        story.lose().at(1).delivering(1, response(200)).commits();
        story.ledger.entries[0].restarts = 0;
        assert_broken(story.callback_leaves(1, 1, response(200)), "without a restart");
        assert_broken(story.finished(1, response(200)).commit(), "2 callbacks and 0 restarts");
    }

    #[test]
    fn a_callback_says_what_is_stored() {
        assert_broken(delivering().callback_leaves(1, 1, response(201)), "says response 201");
        assert_broken(delivering().callback_leaves(1, 2, response(200)), "names attempt 2");
        let mut story = delivering();
        story.epoch = 7;
        assert_broken(story.callback_leaves(1, 1, response(200)), "of epoch 7, not 1 of 1");
    }

    #[test]
    fn an_unreadable_one_is_called_back_too() {
        let mut story = Story::<OneOutcome>::new();
        story.in_flight(1, 1).commits();
        story.ledger.entries[0].tampered = true;
        story.lose().replaced(1).commits();
        assert_eq!(story.callback_leaves(1, 0, Outcome::Unreadable), Ok(()));
        story.gone(1).commits();
    }

    #[test]
    fn the_origin_hears_what_was_said() {
        assert_broken(delivering().tell(1, response(200)), "told 1 times by 0 callbacks");
        assert_broken(called().tell(1, response(404)), "which no callback said");
        let mut story = Story::<OneOutcome>::new();
        let failed = Outcome::Failed(Failure::Broken);
        story.in_flight(1, 1).commits().delivering(1, failed).commits();
        assert_eq!(story.callback_leaves(1, 1, failed), Ok(()));
        assert_eq!(story.tell(1, failed), Ok(()));
        let second = Callback { outcome: response(200), ..story.ledger.entries[0].callbacks[0].clone() };
        story.ledger.entries[0].callbacks.push(second);
        assert_broken(story.tell(1, response(200)), "told response 200 after failed");
        // The outcome was lost with its row.
        story.ledger.entries[0].tampered = true;
        story.ledger.entries[0].told.pop();
        assert_eq!(story.tell(1, response(200)), Ok(()));
    }
}
