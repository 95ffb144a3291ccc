//! Only a report that names the stored attempt of this incarnation ends it, or its deadline, a cancel, or a new
//! incarnation; and what follows is what the report says.

use super::promised::{expires_at, is_ambiguous, is_retryable};
use super::{
    Law, Move, Turn, Verdict, ensure, outcome_of,
    view::{Shown, Who},
};
use crate::history::ledger::{Entry, Note, Stored};
use proxy_fetch::{Failure, FetchResult, Outcome, Phase, RequestRow, Timestamp};

/// S10.
#[derive(Clone, Debug, Default, Hash)]
pub struct Completions;

impl Law for Completions {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S10", "only a report of the stored attempt of this incarnation counts");

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let Some(row) = step.row_before() else { return Ok(()) };
        match row.phase {
            Phase::Queued { .. } => Ok(()),
            Phase::InFlight { epoch, lease_until } => {
                let stays =
                    step.phase() == Some(row.phase) && step.entry.row().map(|now| now.attempts) == Some(row.attempts);
                let is_lapsed = lease_until.min(expires_at(step.entry.id)) <= turn.time;
                if stays || is_lapsed || epoch != turn.ledger.meta.epoch {
                    return Ok(());
                }
                Self::check_end_of_attempt(turn, step, row)
            }
            Phase::Delivering { until, .. } => Self::check_end_of_callback(turn, step, row, until),
        }
    }

    /// A report that names an attempt in flight is never ignored, however late it is.
    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        for note in turn.commit.notes {
            let Note::Fetched(attempt, result) = note else { continue };
            let Some(entry) = turn.ledger.entry_of(attempt.id).map(|at| &turn.ledger.entries[at]) else { continue };
            let Some(row) = entry.row() else { continue };
            let is_ignored = matches!(row.phase, Phase::InFlight { epoch, .. } if epoch == attempt.epoch)
                && row.attempts == attempt.number
                && attempt.epoch == turn.ledger.meta.epoch;
            ensure!(
                !is_ignored,
                "attempt {} of {} ended with {result}, and is in flight still",
                attempt.number,
                Who(entry)
            );
        }
        Ok(())
    }
}

impl Completions {
    fn check_end_of_attempt(turn: &Turn<'_>, step: &Move<'_>, row: &RequestRow) -> Verdict {
        let Phase::InFlight { epoch, .. } = row.phase else { return Ok(()) };
        let Entry { id, stored, outcome: ended, .. } = step.entry;
        // A row that is forgotten at once leaves its outcome in the ledger.
        let outcome = outcome_of(stored).or(if *stored == Stored::Forgotten { *ended } else { None });
        let mut is_reported = false;
        for note in turn.commit.notes {
            let Note::Fetched(attempt, result) = note else { continue };
            if attempt.id == *id && attempt.number == row.attempts && attempt.epoch == epoch {
                is_reported = true;
                if Self::follows(row, result, outcome) {
                    return Ok(());
                }
            }
        }
        let is_cancelled = outcome == Some(Outcome::Cancelled) && turn.has_call();
        ensure!(
            is_cancelled || is_reported,
            "attempt {} of {} was ended by nothing: {}, then {}",
            row.attempts,
            Who(step.entry),
            Shown(step.was),
            Shown(Some(stored))
        );
        ensure!(
            is_cancelled,
            "{} is {}, which does not follow from what attempt {} ended with",
            Who(step.entry),
            Shown(Some(stored)),
            row.attempts
        );
        Ok(())
    }

    /// Whether this outcome, or another attempt, can follow from what was reported.
    fn follows(row: &RequestRow, result: &FetchResult, outcome: Option<Outcome>) -> bool {
        let at_most_once = row.policy.at_most_once();
        match (result, outcome) {
            (FetchResult::Response { status, .. }, None) => {
                !at_most_once && (matches!(status, 408 | 425 | 429) || (500..600).contains(status))
            }
            (FetchResult::Response { status, .. }, Some(outcome)) => outcome == Outcome::Response { status: *status },
            // S21 looks at those.
            (FetchResult::Failed(Failure::BodyTooLarge | Failure::BadHead), _) => true,
            (FetchResult::Failed(Failure::NotSent), None) => true,
            (FetchResult::Failed(failure), None) => is_retryable(*failure) && !at_most_once,
            (FetchResult::Failed(failure), Some(Outcome::Unknown)) => is_ambiguous(*failure) && at_most_once,
            (FetchResult::Failed(failure), Some(outcome)) => {
                outcome == Outcome::Failed(*failure) && !(at_most_once && is_ambiguous(*failure))
            }
        }
    }

    fn check_end_of_callback(turn: &Turn<'_>, step: &Move<'_>, row: &RequestRow, until: Option<Timestamp>) -> Verdict {
        if step.entry.row().is_some() {
            return Ok(());
        }
        let is_lapsed = until.is_some_and(|until| until <= turn.time);
        let epoch = turn.ledger.meta.epoch;
        let is_reported = until.is_some()
            && turn.commit.notes.iter().any(|note| {
                matches!(note, Note::Delivered(attempt, _)
                    if attempt.id == step.entry.id && attempt.number == row.attempts && attempt.epoch == epoch)
            });
        ensure!(
            is_lapsed || is_reported,
            "the callback of {} was ended by nothing: {}, then {}",
            Who(step.entry),
            Shown(step.was),
            Shown(Some(&step.entry.stored))
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::promised::MAX_REQUEST_AGE_MS as AGE;
    use crate::laws::testing::{OK, Story, assert_broken, response};

    fn in_flight() -> Story<Completions> {
        let mut story = Story::new();
        story.in_flight(1, 1).commits();
        story
    }

    #[test]
    fn the_report_of_the_attempt_ends_it() {
        in_flight().answered(1, 1, 200).delivering(1, response(200)).commits();
        in_flight().answered(1, 1, 503).queued(1, 1, 9).commits();
        in_flight().fetched(1, 1, FetchResult::Failed(Failure::Broken)).queued(1, 1, 9).commits();
        let text = "was ended by nothing";
        assert_broken(in_flight().delivering(1, response(200)).commit(), text);
        assert_broken(in_flight().answered(1, 2, 200).delivering(1, response(200)).commit(), text);
        assert_broken(in_flight().answered(2, 1, 200).delivering(1, response(200)).commit(), text);
    }

    #[test]
    fn a_report_of_another_incarnation_does_not() {
        let mut story = in_flight();
        let late = Note::Fetched(proxy_fetch::Attempt { epoch: 0, ..story.attempt(1, 1) }, OK);
        assert_broken(story.note(late).delivering(1, response(200)).commit(), "was ended by nothing");
    }

    #[test]
    fn deadlines_and_new_incarnations_do() {
        in_flight().at(35_000).queued(1, 1, 36_000).commits();
        in_flight().at(AGE).delivering(1, Outcome::Expired).commits();
        in_flight().lose().queued(1, 1, 9).commits();
        assert_broken(in_flight().at(34_999).queued(1, 1, 36_000).commit(), "was ended by nothing");
    }

    #[test]
    fn a_cancel_does() {
        in_flight().note(Note::Call(3)).delivering(1, Outcome::Cancelled).commits();
        assert_broken(in_flight().delivering(1, Outcome::Cancelled).commit(), "was ended by nothing");
    }

    #[test]
    fn what_follows_is_what_was_reported() {
        let text = "does not follow";
        assert_broken(in_flight().answered(1, 1, 200).delivering(1, response(201)).commit(), text);
        assert_broken(in_flight().answered(1, 1, 200).queued(1, 1, 9).commit(), text);
        let refused = FetchResult::Failed(Failure::AddressRefused);
        in_flight().fetched(1, 1, refused.clone()).delivering(1, Outcome::Failed(Failure::AddressRefused)).commits();
        assert_broken(in_flight().fetched(1, 1, refused.clone()).queued(1, 1, 9).commit(), text);
        assert_broken(in_flight().fetched(1, 1, refused).delivering(1, Outcome::Unknown).commit(), text);
    }

    #[test]
    fn what_follows_at_most_once() {
        let once = || {
            let mut story = Story::<Completions>::new();
            story.options.at_most_once = true;
            story.in_flight(1, 1).commits();
            story
        };
        let broken = FetchResult::Failed(Failure::Broken);
        once().fetched(1, 1, broken.clone()).delivering(1, Outcome::Unknown).commits();
        once().fetched(1, 1, FetchResult::Failed(Failure::NotSent)).queued(1, 1, 9).commits();
        once().answered(1, 1, 503).delivering(1, response(503)).commits();
        let text = "does not follow";
        assert_broken(once().answered(1, 1, 503).queued(1, 1, 9).commit(), text);
        assert_broken(once().fetched(1, 1, broken.clone()).queued(1, 1, 9).commit(), text);
        assert_broken(once().fetched(1, 1, broken).delivering(1, Outcome::Failed(Failure::Broken)).commit(), text);
    }

    #[test]
    fn no_report_is_ignored() {
        assert_broken(in_flight().answered(1, 1, 200).commit(), "is in flight still");
    }

    #[test]
    fn a_callback_ends_by_its_report_or_its_deadline() {
        let delivering = || {
            let mut story = in_flight();
            story.answered(1, 1, 200).delivering(1, response(200)).commits();
            story
        };
        delivering().called(1, 1).finished(1, response(200)).commits();
        delivering().at(35_000).finished(1, response(200)).commits();
        let text = "the callback of r1";
        assert_broken(delivering().finished(1, response(200)).commit(), text);
        assert_broken(delivering().called(1, 2).finished(1, response(200)).commit(), text);
        let mut story = delivering();
        story.called(1, 1).lose();
        assert_broken(story.finished(1, response(200)).commit(), text);
    }
}
