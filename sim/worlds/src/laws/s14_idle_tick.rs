//! An alarm that finds nothing due changes nothing.

use super::promised as limits;
use super::{Law, Turn, Verdict, ensure};
use crate::history::ledger::Stored;
use proxy_fetch::Timestamp;

/// S14.
#[derive(Clone, Debug, Default, Hash)]
pub struct IdleTick;

impl Law for IdleTick {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S14", "an alarm that finds nothing due changes nothing");

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        let writes = turn.commit.writes.len();
        if writes == 0 || !turn.is_only_ticks() || turn.live.is_first_of_incarnation() {
            return Ok(());
        }
        let is_due = turn.live.due_before().is_some_and(|due| due <= turn.time);
        // The finished that this commit forgets are remembered no longer: look at what it deletes.
        let forgets = turn.commit.changes.iter().any(|change| {
            matches!(&change.before, Some(Stored::Finished(row))
                if row.finished_at.plus_ms(limits::DEDUPE_WINDOW_MS) <= turn.time)
        });
        ensure!(
            is_due || forgets || turn.ledger.entries.iter().any(|entry| entry.tampered),
            "an alarm at {} wrote {writes} rows, though nothing was due before {}",
            turn.time,
            turn.live.due_before().unwrap_or(Timestamp::MAX)
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ledger::Note;
    use crate::laws::testing::{Story, assert_broken, response};

    /// In flight since 0, with a poll at 30 s and a lease until 35 s.
    fn in_flight() -> Story<IdleTick> {
        let mut story = Story::new();
        story.in_flight(1, 1).commits();
        story
    }

    #[test]
    fn polls_and_deadlines_are_due() {
        in_flight().at(30_000).note(Note::Tick).mark(30_000).commits();
        assert_broken(in_flight().at(29_999).note(Note::Tick).mark(29_999).commit(), "nothing was due");
        in_flight().at(29_999).note(Note::Call(1)).mark(29_999).commits();
        in_flight().at(29_999).note(Note::Tick).sets_alarm(30_000).commits();
        let mut story = in_flight();
        story.queued(2, 0, 0).commits();
        story.at(500).note(Note::Tick).mark(500).commits();
        let delayed = || {
            let mut story = Story::<IdleTick>::new();
            story.queued(1, 0, 70_000).commits();
            story
        };
        assert_broken(delayed().at(69_999).note(Note::Tick).in_flight(1, 1).commit(), "nothing was due");
        delayed().at(70_000).note(Note::Tick).in_flight(1, 1).commits();
    }

    #[test]
    fn a_new_incarnation_writes() {
        in_flight().lose().note(Note::Tick).queued(1, 1, 9).commits();
    }

    #[test]
    fn windows_are_due() {
        let mut story = Story::<IdleTick>::new();
        story.in_flight(1, 1).commits().finished(1, response(200)).commits();
        assert_broken(story.at(299_999).note(Note::Tick).forgotten(1).commit(), "nothing was due");
        let mut story = Story::<IdleTick>::new();
        story.in_flight(1, 1).commits().finished(1, response(200)).commits();
        story.at(300_000).note(Note::Tick).forgotten(1).commits();
    }
}
