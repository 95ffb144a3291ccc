//! A response over its bounds ends its request at once, with a name for what was wrong, and frees its slot.

use super::promised::expires_at;
use super::{
    Law, Move, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::ledger::Note;
use proxy_fetch::{Failure, FetchResult, Outcome, Phase};

/// S21.
#[derive(Clone, Debug, Default, Hash)]
pub struct BoundedResponse;

impl Law for BoundedResponse {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S21",
        "a response over its bounds ends its request with a name for it, and frees the slot",
    );

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let Some(row) = step.row_before() else { return Ok(()) };
        let Phase::InFlight { epoch, lease_until } = row.phase else { return Ok(()) };
        if lease_until.min(expires_at(step.entry.id)) <= turn.time || epoch != turn.ledger.meta.epoch {
            return Ok(());
        }
        // A report may come twice; the first one counts.
        let result = turn.commit.notes.iter().find_map(|note| match note {
            Note::Fetched(attempt, result)
                if attempt.id == step.entry.id && attempt.number == row.attempts && attempt.epoch == epoch =>
            {
                Some(result)
            }
            Note::Fetched(..) | Note::Delivered(..) | Note::Start | Note::Tick | Note::Call(_) => None,
        });
        let Some(FetchResult::Failed(failure @ (Failure::BodyTooLarge | Failure::BadHead))) = result else {
            return Ok(());
        };
        let outcome = step.chosen();
        let is_cancelled = outcome == Some(Outcome::Cancelled) && turn.has_call();
        ensure!(
            outcome == Some(Outcome::Failed(*failure)) || is_cancelled,
            "attempt {} of {} ended with {failure}; then it is {}",
            row.attempts,
            Who(step.entry),
            Shown(Some(&step.entry.stored))
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};

    fn too_large() -> Story<BoundedResponse> {
        let mut story = Story::new();
        story.in_flight(1, 1).commits().fetched(1, 1, FetchResult::Failed(Failure::BodyTooLarge));
        story
    }

    #[test]
    fn it_ends_with_its_name() {
        too_large().delivering(1, Outcome::Failed(Failure::BodyTooLarge)).commits();
        too_large().finished(1, Outcome::Failed(Failure::BodyTooLarge)).commits();
        too_large().note(Note::Call(1)).delivering(1, Outcome::Cancelled).commits();
        assert_broken(too_large().queued(1, 1, 9).commit(), "ended with body_too_large");
        assert_broken(too_large().delivering(1, response(200)).commit(), "ended with body_too_large");
        assert_broken(too_large().delivering(1, Outcome::Cancelled).commit(), "ended with body_too_large");
    }

    #[test]
    fn unless_it_had_ended_before() {
        too_large().at(35_000).queued(1, 1, 40_000).commits();
        too_large().lose().queued(1, 1, 9).commits();
    }
}
