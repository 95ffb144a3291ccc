//! Nothing is deleted whose successor is not in the same commit, and a payload is stored as long as its request is
//! live.

use super::promised as limits;
use super::{
    Law, Move, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::ledger::Stored;
use proxy_fetch::{Key, Table, Write};

/// S2.
#[derive(Clone, Debug, Default, Hash)]
pub struct Atomic;

impl Law for Atomic {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S2", "nothing is deleted whose successor is not in the same commit");

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let entry = step.entry;
        // A request that could not be read has no name to be remembered under.
        if entry.tampered {
            return Ok(());
        }
        let is_live = matches!(entry.stored, Stored::Live(_));
        ensure!(
            entry.payload == is_live,
            "{} is {}, but its payload is {}",
            Who(entry),
            Shown(Some(&entry.stored)),
            if entry.payload { "stored" } else { "not stored" }
        );
        match (step.was, &entry.stored) {
            (None | Some(Stored::Live(_)), Stored::Finished(_)) => {
                let key = Key { table: Table::Requests, id: entry.id };
                let is_gone = match turn.last_write(key) {
                    Some(Write::Delete(_)) => true,
                    Some(Write::Put(_)) => false,
                    None => step.was.is_none(),
                };
                ensure!(is_gone, "{} is finished, but its request row stays", Who(entry));
            }
            (Some(Stored::Live(_)), Stored::Forgotten) => {
                ensure!(
                    entry.tampered,
                    "{} disappeared without being remembered; it was {}",
                    Who(entry),
                    Shown(step.was)
                );
            }
            (Some(Stored::Finished(row)), Stored::Forgotten) => {
                let window_end = row.finished_at.plus_ms(limits::DEDUPE_WINDOW_MS);
                ensure!(
                    turn.time >= window_end || Self::may_be_unreadable(turn),
                    "{} is forgotten at {}, before the end of its window at {window_end}",
                    Who(entry),
                    turn.time
                );
            }
            (None | Some(Stored::Live(_)), Stored::Live(_))
            | (None, Stored::Forgotten)
            | (Some(Stored::Finished(_)), Stored::Live(_) | Stored::Finished(_))
            | (Some(Stored::Forgotten), _) => {}
        }
        Ok(())
    }
}

impl Atomic {
    /// Which rows of a tampered request can be read is not for the ledger to say.
    fn may_be_unreadable(turn: &Turn<'_>) -> bool {
        turn.ledger.entries.iter().any(|entry| entry.tampered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};

    #[test]
    fn a_whole_lifecycle() {
        let mut story = Story::<Atomic>::new();
        story.in_flight(1, 1).commits().delivering(1, response(200)).commits().finished(1, response(200)).commits();
        story.at(limits::DEDUPE_WINDOW_MS).forgotten(1).commits();
    }

    #[test]
    fn accepted_and_over_in_one_commit() {
        let mut story = Story::<Atomic>::new();
        story.queued(1, 0, 0).finished(1, proxy_fetch::Outcome::Cancelled).commits();
    }

    #[test]
    fn a_live_request_does_not_disappear() {
        let mut story = Story::<Atomic>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.gone(1).commit(), "disappeared without being remembered");
        let mut story = Story::<Atomic>::new();
        story.in_flight(1, 1).in_flight(2, 1).commits();
        story.finished(1, response(200)).forgotten(1);
        assert_broken(story.finished(2, response(200)).commit(), "disappeared without being remembered");
    }

    #[test]
    fn an_unreadable_one_does() {
        let mut story = Story::<Atomic>::new();
        story.in_flight(1, 1).commits();
        story.ledger.entries[0].tampered = true;
        story.lose().replaced(1).commits().gone(1).commits();
    }

    #[test]
    fn the_payload_goes_with_the_request() {
        let mut story = Story::<Atomic>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.delete(Table::Payloads, 1).delivering(1, response(200)).commit(), "payload is not stored");
        let mut story = Story::<Atomic>::new();
        story.in_flight(1, 1).finished(1, response(200)).commits();
        story.in_flight(2, 1).commits().finished(2, response(200));
        story.unstage(Table::Payloads);
        assert_broken(story.commit(), "payload is stored");
    }

    #[test]
    fn the_request_row_goes_when_it_is_finished() {
        let mut story = Story::<Atomic>::new();
        story.in_flight(1, 1).commits().finished(1, response(200));
        story.unstage(Table::Requests);
        assert_broken(story.commit(), "its request row stays");
    }

    #[test]
    fn the_window_is_kept() {
        let mut story = Story::<Atomic>::new();
        story.in_flight(1, 1).commits().finished(1, response(200)).commits();
        assert_broken(story.at(limits::DEDUPE_WINDOW_MS - 1).forgotten(1).commit(), "before the end of its window");
    }
}
