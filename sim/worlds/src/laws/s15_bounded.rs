//! What a step writes, what is live, what is remembered and what is under way is bounded.

use super::promised::{MAX_CALLBACKS, MAX_DUE_PER_STEP, MAX_HELD_RESPONSES, MAX_IN_FLIGHT};
use super::{Law, Move, Turn, Verdict, ensure, view::Who};
use proxy_fetch::Outcome;

/// Writes of one step: each deadline ends a request (three rows) and forgets another, and a callback takes its place.
const WRITES_PER_STEP: usize = 6 * MAX_DUE_PER_STEP;
/// Requests that expire in one step: so many deadlines, and the event's own.
const EXPIRED_PER_STEP: usize = MAX_DUE_PER_STEP + 1;
/// What the first step of an incarnation adds for each request that was under way.
const WRITES_OF_A_RESTART: usize = 4 * (MAX_CALLBACKS + MAX_IN_FLIGHT);
/// And for each row that cannot be read: its bytes, and the rows that take its place or go.
const WRITES_PER_UNREADABLE: usize = 4;

/// S15.
#[derive(Clone, Debug, Default, Hash)]
pub struct Bounded {
    /// Requests that the commit under way ends as expired.
    expired: usize,
}

impl Law for Bounded {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S15", "what is stored, held and done in a step is bounded");

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        self.expired += usize::from(step.chosen() == Some(Outcome::Expired));
        let (live, most) = (turn.live.len(), turn.ledger.max_live);
        ensure!(
            step.was.is_some() || step.entry.row().is_none() || most == 0 || live <= most,
            "{} was accepted as one of {live} live requests; the bound is {most}",
            Who(step.entry)
        );
        let (known, most) = (live + turn.live.remembered_len(), turn.ledger.max_known);
        ensure!(
            step.was.is_some() || step.entry.row().is_none() || most == 0 || known <= most,
            "{} was accepted as one of {known} known requests; the bound is {most}",
            Who(step.entry)
        );
        Ok(())
    }

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        let (writes, notes) = (turn.commit.writes.len(), turn.commit.notes.len());
        if writes > WRITES_PER_STEP * notes {
            let unreadable = turn.ledger.entries.iter().filter(|entry| entry.tampered).count();
            let restart = WRITES_OF_A_RESTART + WRITES_PER_UNREADABLE * unreadable;
            let most = WRITES_PER_STEP * notes + if turn.live.is_first_of_incarnation() { restart } else { 0 };
            ensure!(writes <= most, "{notes} events wrote {writes} rows; the bound is {most}");
        }
        let (expired, most) = (std::mem::take(&mut self.expired), EXPIRED_PER_STEP * notes);
        // A new incarnation takes up all that the last one left.
        ensure!(
            expired <= most || turn.live.is_first_of_incarnation(),
            "{expired} requests expired in {notes} events; the bound is {most}"
        );
        let calls = turn.live.calling().len();
        ensure!(calls <= MAX_CALLBACKS, "{calls} callbacks are under way");
        let held = turn.live.in_flight().len() + turn.live.held();
        ensure!(held <= MAX_HELD_RESPONSES, "the host may have to hold {held} responses");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ledger::Note;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::Phase;

    fn story() -> Story<Bounded> {
        let mut story = Story::new();
        story.ledger.max_live = 2;
        story.note(Note::Call(1));
        story
    }

    #[test]
    fn live_requests() {
        let mut story = story();
        story.in_flight(1, 1).in_flight(2, 1).commits();
        assert_broken(story.note(Note::Call(2)).queued(3, 0, 0).commit(), "one of 3 live requests");
    }

    #[test]
    fn writes_of_a_step() {
        let mut one = story();
        for _ in 0..WRITES_PER_STEP - 1 {
            one.delete(proxy_fetch::Table::Finished, 9);
        }
        one.commits().note(Note::Tick);
        for _ in 0..WRITES_PER_STEP {
            one.delete(proxy_fetch::Table::Finished, 9);
        }
        assert_broken(one.commit(), "1 events wrote 385 rows");
        let mut one = story();
        one.commits().lose();
        for _ in 0..WRITES_PER_STEP {
            one.delete(proxy_fetch::Table::Finished, 9);
        }
        one.commits();
    }

    #[test]
    fn expiries_of_a_step() {
        let many = |lost: bool| {
            let mut one = story();
            one.ledger.max_live = 0;
            if lost {
                one.lose();
            }
            for planned in 0..66 {
                one.delivering(planned, Outcome::Expired);
            }
            one
        };
        // The first note is of the story's own start.
        let mut one = many(false);
        assert_broken(one.commit(), "66 requests expired in 1 events; the bound is 65");
        assert_eq!(many(true).commit(), Ok(()), "a new incarnation takes up all");
        let mut one = many(false);
        assert_eq!(one.note(Note::Tick).commit(), Ok(()), "two events");
    }

    #[test]
    fn known_requests() {
        let mut one = story();
        one.ledger.max_known = 2;
        one.in_flight(1, 1).commits().note(Note::Tick).finished(1, response(200)).commits();
        one.note(Note::Call(2)).queued(2, 0, 0).commits();
        assert_broken(one.note(Note::Call(3)).queued(3, 0, 0).commit(), "one of 3 known requests; the bound is 2");
    }

    #[test]
    fn callbacks_and_responses() {
        let mut one = story();
        one.ledger.max_live = 0;
        for planned in 0..256 {
            one.delivering(planned, Outcome::Cancelled);
        }
        one.note(Note::Call(2)).note(Note::Call(3)).commits().note(Note::Call(4));
        assert_broken(one.delivering(256, Outcome::Cancelled).commit(), "257 callbacks");
        let mut one = story();
        one.ledger.max_live = 0;
        let waiting = Phase::Delivering { outcome: response(200), until: None };
        for planned in 0..64 {
            one.put(planned, 1, waiting);
        }
        one.commits().note(Note::Call(2));
        assert_broken(one.in_flight(64, 1).commit(), "hold 65 responses");
    }
}
