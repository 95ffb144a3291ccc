//! Every turn repairs the alarm: while anything is live the stored one is never in the past.

use super::{Law, Turn, Verdict, ensure};

/// L3.
#[derive(Clone, Debug, Default, Hash)]
pub struct AlarmAhead;

impl Law for AlarmAhead {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "L3",
        "each turn repairs the alarm: while a request is live it is never in the past, nor at the present",
    );

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        let now = turn.commit.now;
        if let Some(set) = turn.commit.alarm_set {
            ensure!(set > now, "an alarm was set for {set}, at {now}");
        }
        if let Some(alarm) = turn.commit.alarm {
            ensure!(
                alarm > now || turn.live.is_empty(),
                "the stored alarm, {alarm}, is not after {now}, and {} requests are live",
                turn.live.len()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};

    #[test]
    fn ahead_while_live() {
        let mut story = Story::<AlarmAhead>::new();
        story.in_flight(1, 1).sets_alarm(1).commits();
        assert_broken(story.at(1).mark(1).commit(), "1 requests are live");
        story.at(1).finished(1, response(200)).commits();
        story.at(2).mark(2).commits();
    }

    #[test]
    fn never_set_to_the_present() {
        let mut story = Story::<AlarmAhead>::new();
        assert_broken(story.at(5).mark(5).sets_alarm(5).commit(), "an alarm was set for");
    }
}
