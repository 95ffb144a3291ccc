//! No attempt starts before its delay is over; the delay is the backoff, or what a valid `Retry-After` asks for, and
//! only time ends it.

use super::promised::{self, expires_at};
use super::{
    Law, Move, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::ledger::Note;
use proxy_fetch::{FetchResult, Phase, RetryAfter, backoff_ms};

/// S7.
#[derive(Clone, Debug, Default, Hash)]
pub struct NotBefore;

impl Law for NotBefore {
    const ID: &'static str = "S7";

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
                let backoff = turn.time.plus_ms(backoff_ms(&row.policy, step.entry.id, row.attempts));
                ensure!(
                    not_before >= backoff,
                    "{} may start again at {not_before}; its backoff after attempt {} ends at {backoff}",
                    Who(step.entry),
                    row.attempts
                );
                let (least, most) = promised::backoff_ms(&row.policy, row.attempts);
                ensure!(
                    (turn.time.plus_ms(least)..=turn.time.plus_ms(most)).contains(&backoff),
                    "the backoff of {} after attempt {} ends at {backoff}; {least} to {most} ms are promised",
                    Who(step.entry),
                    row.attempts
                );
                let latest = Self::asked(turn, step).map_or(backoff, |asked| backoff.max(turn.time.plus_ms(asked)));
                // Over what is asked it would wait for nothing.
                ensure!(
                    not_before == latest || not_before == backoff && Self::is_lapsed(turn, step),
                    "{} may start again at {not_before}; backoff and Retry-After end at {latest}",
                    Who(step.entry)
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
                Some(RetryAfter::parse(retry_after.as_deref()?)?.delay_ms(turn.time))
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

    /// One request whose first attempt was answered with 503; the delay after it in ms.
    fn failed(retry_after: Option<&str>) -> (Story<NotBefore>, u64) {
        let mut story = Story::<NotBefore>::new();
        story.in_flight(1, 1).commits();
        let result = FetchResult::Response { status: 503, retry_after: retry_after.map(Into::into) };
        story.at(100).fetched(1, 1, result);
        let id = story.id(1);
        let policy = story.options.check().expect("valid");
        (story, 100 + backoff_ms(&policy, id, 1))
    }

    #[test]
    fn after_the_backoff() {
        let (mut story, end) = failed(None);
        story.queued(1, 1, end).commits().at(end).in_flight(1, 2).commits();
        let (mut story, end) = failed(None);
        story.queued(1, 1, end).commits();
        assert_broken(story.at(end - 1).in_flight(1, 2).commit(), "starts attempt 2");
        let (mut story, end) = failed(None);
        assert_broken(story.queued(1, 1, end - 1).commit(), "its backoff after attempt 1");
        let (mut story, end) = failed(None);
        assert_broken(story.queued(1, 1, end + 1).commit(), "backoff and Retry-After end at");
    }

    /// Jitter is only ever added: the machine's own sum is checked against what is promised.
    #[test]
    fn the_backoff_is_what_is_promised() {
        let policy = Story::<NotBefore>::new().options.check().expect("valid");
        assert_eq!(promised::backoff_ms(&policy, 1), (1_000, 1_250));
        assert_eq!(promised::backoff_ms(&policy, 3), (4_000, 5_000));
        assert_eq!(promised::backoff_ms(&policy, 9), (10_000, 12_500));
        for attempt in 1..=10 {
            let (least, most) = promised::backoff_ms(&policy, attempt);
            let backoff = backoff_ms(&policy, proxy_fetch::Ulid(u128::from(attempt)), attempt);
            assert!((least..=most).contains(&backoff), "{backoff} is not in {least} to {most}");
        }
    }

    #[test]
    fn after_what_the_answer_asks_for() {
        let (mut story, _) = failed(Some("20"));
        story.queued(1, 1, 20_100).commits();
        let (mut story, end) = failed(Some("20"));
        assert_broken(story.queued(1, 1, end).commit(), "backoff and Retry-After end at");
        let (mut story, end) = failed(Some("soon"));
        story.queued(1, 1, end).commits();
        // The lease had ended before the answer came in.
        let (mut story, end) = failed(Some("20"));
        story.at(35_000).queued(1, 1, end + 34_900).commits();
    }

    #[test]
    fn after_a_lost_incarnation() {
        let mut story = Story::<NotBefore>::new();
        story.in_flight(1, 1).in_flight(2, 1).commits().delivering(2, response(200)).commits().lose();
        let policy = story.options.check().expect("valid");
        let (one, two) = (story.id(1), story.id(2));
        story.queued(1, 1, backoff_ms(&policy, one, 1)).queued(2, 1, backoff_ms(&policy, two, 1)).commits();
    }

    #[test]
    fn never_without_a_delay() {
        let (mut story, _) = failed(None);
        assert_broken(story.in_flight(1, 2).commit(), "without a delay");
    }

    #[test]
    fn only_time_ends_it() {
        let (mut story, end) = failed(None);
        story.queued(1, 1, end).commits();
        assert_broken(story.queued(1, 1, end - 5).commit(), "while it waited");
        assert_eq!(crate::laws::testing::at(0), START);
    }
}
