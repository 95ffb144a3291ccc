//! The turn of an alarm stores the next one with its writes, while anything is live: the platform cannot give it up.

use super::{Law, Turn, Verdict, ensure};

/// L6.
#[derive(Clone, Debug, Default, Hash)]
pub struct NextAlarm;

impl Law for NextAlarm {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new("L6", "the turn of an alarm stores the next one");

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        ensure!(
            turn.commit.alarm_set.is_some() || turn.live.is_empty() || !turn.has_tick(),
            "an alarm fired at {}, {} requests are live, and no next alarm is in the commit",
            turn.commit.now,
            turn.live.len()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ledger::Note;
    use crate::laws::testing::{Story, assert_broken, response};

    #[test]
    fn the_next_alarm_is_in_the_commit() {
        let mut story = Story::<NextAlarm>::new();
        story.in_flight(1, 1).commits().note(Note::Tick).sets_alarm(9).mark(0).commits();
        assert_broken(story.note(Note::Tick).mark(0).commit(), "no next alarm");
        story.note(Note::Tick).finished(1, response(200)).commits();
    }
}
