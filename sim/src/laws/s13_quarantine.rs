//! A row that cannot be read ends its request; its bytes are kept in quarantine. A readable one is never given up.

use super::promised as limits;
use super::{End, Law, Move, Turn, Verdict, ensure, view::Who};
use crate::ledger::{Ledger, Stored};
use proxy_fetch::{Key, Outcome, Record, Table, Ulid, Write};

/// S13.
#[derive(Clone, Debug, Default, Hash)]
pub struct Quarantine {
    kept: Vec<Ulid>,
}

impl Law for Quarantine {
    const ID: &'static str = "S13";

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let entry = step.entry;
        let is_given_up = step.chosen() == Some(Outcome::Unreadable);
        ensure!(entry.tampered || !is_given_up, "{} was given up as unreadable, though it can be read", Who(entry));
        let is_cut_short = match (step.was, &entry.stored) {
            (Some(Stored::Finished(row)), Stored::Forgotten) => {
                entry.tampered
                    && !entry.state_readable
                    && turn.live.is_first_of_incarnation()
                    && turn.time < row.finished_at.plus_ms(limits::DEDUPE_WINDOW_MS)
                    && turn.ledger.max_finished > 0
                    && turn.live.remembered_len() + turn.commit.changes.len() <= turn.ledger.max_finished
            }
            (None | Some(Stored::Live(_) | Stored::Finished(_) | Stored::Forgotten), _) => false,
        };
        if is_given_up || is_cut_short {
            let key = Key { table: Table::Quarantine, id: entry.id };
            ensure!(
                matches!(turn.last_write(key), Some(Write::Put(Record::Quarantine(..)))),
                "{} was unreadable, and its bytes are gone",
                Who(entry)
            );
            self.kept.push(entry.id);
        }
        Ok(())
    }

    fn ended(&mut self, _: &Ledger, end: &End<'_>) -> Verdict {
        for id in &self.kept {
            let key = Key { table: Table::Quarantine, id: *id };
            ensure!(end.rows.contains_key(&key), "the unreadable bytes of {id} are no longer in quarantine");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};

    fn tampered() -> Story<Quarantine> {
        let mut story = Story::new();
        story.ledger.max_finished = 9;
        story.in_flight(1, 1).in_flight(2, 1).commits().finished(2, response(200)).commits();
        for entry in &mut story.ledger.entries {
            entry.tampered = true;
        }
        story.lose();
        story
    }

    #[test]
    fn bytes_are_kept() {
        let mut story = tampered();
        let two = Record::Quarantine(story.id(2), vec![9]);
        story.replaced(1).write(Write::Put(two)).forgotten(2).commits().gone(1).commits();
        assert_eq!(story.end(), Ok(()));
        story.rows.retain(|key, _| key.table != Table::Quarantine);
        assert_broken(story.end(), "no longer in quarantine");
    }

    #[test]
    fn bytes_are_not_kept() {
        let mut story = tampered();
        assert_broken(story.forgotten(2).commit(), "its bytes are gone");
        let mut story = tampered();
        assert_broken(story.delivering(1, Outcome::Unreadable).commit(), "its bytes are gone");
    }

    #[test]
    fn a_readable_row_is_not_given_up() {
        let mut story = tampered();
        story.ledger.entries[0].tampered = false;
        assert_broken(story.replaced(1).commit(), "though it can be read");
    }
}
