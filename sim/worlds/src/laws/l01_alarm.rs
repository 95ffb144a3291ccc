//! While anything is live an alarm is stored, no later than the next thing that is due.

use super::{Law, Turn, Verdict, ensure};

/// L1.
#[derive(Clone, Debug, Default, Hash)]
pub struct AlarmStored;

impl Law for AlarmStored {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("L1", "while a request is live, an alarm is stored no later than what is due next");

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        if turn.live.is_empty() || turn.ledger.alarm_lost {
            return Ok(());
        }
        let Some(alarm) = turn.commit.alarm else {
            ensure!(false, "{} requests are live and no alarm is stored", turn.live.len());
            return Ok(());
        };
        let Some(due) = turn.live.due() else {
            ensure!(false, "{} requests are live and none waits for anything", turn.live.len());
            return Ok(());
        };
        // What is overdue is done at the next possible alarm: not this ms, and not that of the alarm that runs.
        let latest = due.max(turn.commit.now.plus_ms(2));
        ensure!(alarm <= latest, "the alarm is stored for {alarm}, but something is due at {latest}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::promised::MAX_REQUEST_AGE_MS as AGE;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::{Outcome, Phase};

    fn story() -> Story<AlarmStored> {
        Story::new()
    }

    /// Asserts that an alarm at `due` is right for what `stage` commits, and that one ms later is too late.
    fn assert_due(due: u64, stage: impl Fn(&mut Story<AlarmStored>)) {
        let mut right = story();
        stage(&mut right);
        right.sets_alarm(due).commits();
        let mut late = story();
        stage(&mut late);
        assert_broken(late.sets_alarm(due + 1).commit(), "something is due at");
    }

    #[test]
    fn each_reason_to_wake() {
        assert_due(7_000, |story| {
            story.queued(1, 0, 7_000);
        });
        assert_due(500, |story| {
            story.queued(1, 0, 0);
        });
        assert_due(30_000, |story| {
            story.in_flight(1, 1);
        });
        assert_due(9_000, |story| {
            story.put(1, 1, Phase::InFlight { epoch: 1, lease_until: crate::laws::testing::at(9_000) });
        });
        assert_due(35_000, |story| {
            story.delivering(1, response(200));
        });
        assert_due(AGE + 2, |story| {
            story.queued(1, 0, 0).sets_alarm(500).commits().at(AGE).in_flight(2, 1);
        });
    }

    #[test]
    fn none_is_needed_when_nothing_is_live() {
        story().finished(1, response(200)).commits();
        assert_broken(story().queued(1, 0, 0).commit(), "no alarm is stored");
        let stuck = Phase::Delivering { outcome: Outcome::Expired, until: None };
        assert_broken(story().put(1, 1, stuck).sets_alarm(9).commit(), "none waits for anything");
    }
}
