//! No attempt starts before its delay is over; the delay is the backoff, or what a valid `Retry-After` asks for, and
//! only time ends it.

use super::promised::{self, expires_at};
use super::{
    Law, Move, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::ledger::Note;
use proxy_fetch::{FetchResult, Phase};

/// S7.
#[derive(Clone, Debug, Default, Hash)]
pub struct NotBefore;

impl Law for NotBefore {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S7",
        "no attempt starts before its delay is over, and the delay is no shorter than backoff and Retry-After",
    );

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let Some(row) = step.entry.row() else { return Ok(()) };
        match (step.phase_before(), row.phase) {
            (Some(Phase::Queued { not_before }), Phase::InFlight { .. }) => {
                ensure!(
                    turn.time >= not_before,
                    "{} starts attempt {} at {}, before {not_before}",
                    Who(step.entry),
                    row.attempts,
                    turn.time
                );
            }
            (Some(Phase::Queued { not_before }), Phase::Queued { not_before: now }) => {
                ensure!(
                    now == not_before,
                    "the delay of {} changed from {not_before} to {now} while it waited",
                    Who(step.entry)
                );
            }
            (Some(Phase::InFlight { .. } | Phase::Delivering { .. }), Phase::InFlight { .. }) => {
                ensure!(
                    !step.starts(),
                    "{} starts attempt {} without a delay after: {}",
                    Who(step.entry),
                    row.attempts,
                    Shown(step.was)
                );
            }
            (Some(Phase::InFlight { .. } | Phase::Delivering { .. }), Phase::Queued { not_before }) => {
                let (least, most) = promised::backoff_ms(&row.policy, row.attempts);
                let waits = not_before.ms_since(turn.time);
                ensure!(
                    waits >= least,
                    "the backoff of {} after attempt {} ends at {not_before}; {least} to {most} ms are promised",
                    Who(step.entry),
                    row.attempts
                );
                let asked = Self::asked(turn, step).unwrap_or_default();
                ensure!(
                    waits >= asked || Self::is_lapsed(turn, step),
                    "{} may start again at {not_before}; its Retry-After asks for {asked} ms",
                    Who(step.entry)
                );
                // Over what is promised it would wait for nothing.
                ensure!(
                    waits <= most.max(asked),
                    "{} may start again at {not_before}; its backoff after attempt {} ends after {least} to {most} ms, \
                     and its Retry-After asks for {asked} ms",
                    Who(step.entry),
                    row.attempts
                );
            }
            (None, _) | (Some(_), Phase::Delivering { .. }) => {}
        }
        Ok(())
    }
}

impl NotBefore {
    /// The delay that the answer of the attempt under way asks for, in ms.
    fn asked(turn: &Turn<'_>, step: &Move<'_>) -> Option<u64> {
        let row = step.row_before()?;
        let Phase::InFlight { epoch, .. } = row.phase else { return None };
        turn.commit.notes.iter().find_map(|note| match note {
            Note::Fetched(attempt, FetchResult::Response { retry_after, .. })
                if attempt.id == step.entry.id && attempt.number == row.attempts && attempt.epoch == epoch =>
            {
                promised::retry_after_ms(retry_after.as_deref()?, turn.time)
            }
            Note::Fetched(..) | Note::Delivered(..) | Note::Start | Note::Tick | Note::Call(_) => None,
        })
    }

    /// Whether the attempt ended by itself, before its answer came in.
    fn is_lapsed(turn: &Turn<'_>, step: &Move<'_>) -> bool {
        match step.phase_before() {
            Some(Phase::InFlight { epoch, lease_until }) => {
                epoch != turn.ledger.meta.epoch || lease_until.min(expires_at(step.entry.id)) <= turn.time
            }
            Some(Phase::Delivering { .. }) => true,
            Some(Phase::Queued { .. }) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{START, Story, assert_broken, response};

    /// The shortest and the longest delay after a first attempt, in ms.
    const LEAST: u64 = 1_000;
    const MOST: u64 = 1_250;

    /// One request whose first attempt was answered with 503 at 100 ms.
    fn failed(retry_after: Option<&str>) -> Story<NotBefore> {
        let mut story = Story::<NotBefore>::new();
        story.in_flight(1, 1).commits();
        let result = FetchResult::Response { status: 503, retry_after: retry_after.map(Into::into) };
        story.at(100).fetched(1, 1, result);
        story
    }

    #[test]
    fn after_the_backoff() {
        for end in [100 + LEAST, 100 + MOST] {
            failed(None).queued(1, 1, end).commits().at(end).in_flight(1, 2).commits();
            let mut story = failed(None);
            story.queued(1, 1, end).commits();
            assert_broken(story.at(end - 1).in_flight(1, 2).commit(), "starts attempt 2");
        }
        assert_broken(failed(None).queued(1, 1, 99 + LEAST).commit(), "after attempt 1 ends at");
        assert_broken(
            failed(None).queued(1, 1, 101 + MOST).commit(),
            "its backoff after attempt 1 ends after 1000 to 1250",
        );
    }

    #[test]
    fn after_what_the_answer_asks_for() {
        failed(Some("20")).queued(1, 1, 20_100).commits();
        assert_broken(failed(Some("20")).queued(1, 1, 20_099).commit(), "its Retry-After asks for 20000 ms");
        assert_broken(failed(Some("20")).queued(1, 1, 20_101).commit(), "its Retry-After asks for 20000 ms");
        failed(Some("soon")).queued(1, 1, 100 + MOST).commits();
        assert_broken(failed(Some("soon")).queued(1, 1, 20_100).commit(), "its Retry-After asks for 0 ms");
        // Shorter than the backoff it changes nothing.
        assert_broken(failed(Some("0")).queued(1, 1, 100).commit(), "1000 to 1250 ms are promised");
        // The lease had ended before the answer came in.
        failed(Some("20")).at(35_000).queued(1, 1, 35_000 + LEAST).commits();
    }

    #[test]
    fn after_a_lost_incarnation() {
        let mut story = Story::<NotBefore>::new();
        story.in_flight(1, 1).in_flight(2, 1).commits().delivering(2, response(200)).commits().lose();
        story.queued(1, 1, LEAST).queued(2, 1, MOST).commits();
    }

    #[test]
    fn never_without_a_delay() {
        assert_broken(failed(None).in_flight(1, 2).commit(), "without a delay");
    }

    #[test]
    fn only_time_ends_it() {
        let mut story = failed(None);
        story.queued(1, 1, 100 + LEAST).commits();
        assert_broken(story.queued(1, 1, 95 + LEAST).commit(), "while it waited");
        assert_eq!(crate::laws::testing::at(0), START);
    }
}
