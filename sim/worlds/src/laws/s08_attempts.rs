//! Attempts are counted when they start, one by one, and never exceed the retries that were asked for and one more.

use super::{
    Law, Move, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use proxy_fetch::{Outcome, Phase};

/// S8.
#[derive(Clone, Debug, Default, Hash)]
pub struct Attempts;

impl Law for Attempts {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S8",
        "attempts are counted as they start, and are at most the retries asked for and one more",
    );

    fn moved(&mut self, _: &Turn<'_>, step: &Move<'_>) -> Verdict {
        if step.is_replaced() {
            return Ok(());
        }
        let Some((before, now)) = step.attempts() else { return Ok(()) };
        let was_queued = matches!(step.phase_before(), Some(Phase::Queued { .. })) || step.was.is_none();
        let is_right = if step.starts() {
            was_queued && now == before + 1
        } else {
            // It may start and be cancelled in one commit.
            now == before || was_queued && now == before + 1 && step.chosen() == Some(Outcome::Cancelled)
        };
        ensure!(
            is_right,
            "attempts of {} went from {before} to {now}: {}, then {}",
            Who(step.entry),
            Shown(step.was),
            Shown(Some(&step.entry.stored))
        );
        let Some(row) = step.entry.row().or(step.row_before()) else { return Ok(()) };
        let most = row.policy.max_retries() + 1;
        ensure!(now <= most, "{} has started {now} attempts of {most}", Who(step.entry));
        ensure!(
            now < most || !matches!(step.phase(), Some(Phase::Queued { .. })),
            "{} waits for an attempt after {now} of {most}",
            Who(step.entry)
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};

    fn story() -> Story<Attempts> {
        let mut story = Story::new();
        story.options.max_retries = 1;
        story
    }

    #[test]
    fn one_by_one_up_to_the_bound() {
        let mut story = story();
        story.queued(1, 0, 0).commits().in_flight(1, 1).commits().queued(1, 1, 9).commits().in_flight(1, 2).commits();
        story.delivering(1, response(200)).commits().finished(1, response(200)).commits().forgotten(1).commits();
        story.in_flight(2, 1).delivering(2, Outcome::Cancelled).commits();
    }

    #[test]
    fn each_start_counts_one() {
        assert_broken(story().in_flight(1, 2).commit(), "from 0 to 2");
        let mut one = story();
        one.queued(1, 0, 0).commits();
        assert_broken(one.in_flight(1, 0).commit(), "from 0 to 0");
        let mut one = story();
        one.in_flight(1, 1).commits();
        assert_broken(one.in_flight(1, 2).commit(), "from 1 to 2");
        let mut one = story();
        one.in_flight(1, 1).commits();
        assert_broken(one.queued(1, 0, 9).commit(), "from 1 to 0");
        let mut one = story();
        one.queued(1, 0, 0).commits();
        assert_broken(one.queued(1, 1, 0).commit(), "from 0 to 1");
    }

    #[test]
    fn not_over_the_bound() {
        let mut one = story();
        one.in_flight(1, 1).commits().queued(1, 1, 9).commits().in_flight(1, 2).commits();
        assert_broken(one.queued(1, 2, 20).commit(), "waits for an attempt after 2 of 2");
        let mut one = Story::<Attempts>::new();
        one.queued(1, 0, 9).commits().in_flight(1, 1).commits().queued(1, 1, 9).commits();
        let mut low = story().options;
        low.max_retries = 0;
        one.put_with(1, |row| {
            row.policy = low.check().expect("valid");
            row.attempts = 2;
            row.phase = Phase::InFlight { epoch: 1, lease_until: crate::laws::testing::at(35_000) };
        });
        assert_broken(one.commit(), "has started 2 attempts of 1");
    }

    #[test]
    fn a_row_put_in_the_place_of_an_unreadable_one_counts_nothing() {
        let mut one = story();
        one.in_flight(1, 1).commits();
        one.ledger.entries[0].tampered = true;
        one.lose().replaced(1).commits().gone(1).commits();
    }
}
