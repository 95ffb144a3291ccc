//! A row that cannot be read ends its request; its bytes are kept in quarantine. A readable one is never given up.

use super::promised as limits;
use super::{End, Law, Move, Turn, Verdict, ensure, view::Who};
use crate::history::ledger::{Ledger, Stored};
use proxy_fetch::{Key, Outcome, Record, Table, Ulid, Write};

/// S13.
#[derive(Clone, Debug, Default, Hash)]
pub struct Quarantine {
    kept: Vec<Ulid>,
    /// Rows that a fault has made unreadable, until an incarnation has dealt with them.
    unread: Vec<(Key, Vec<u8>)>,
}

impl Law for Quarantine {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S13",
        "nothing makes the machine panic or stick, and the bytes of an unreadable row are kept",
    );

    fn tampered(&mut self, key: Key, bytes: &[u8]) -> Verdict {
        // One of an unknown version is another law's (S24), and nobody reads a payload at a restart.
        let is_read = matches!(key.table, Table::Requests | Table::Finished);
        if is_read && bytes.first() == Some(&proxy_fetch::ROW_VERSION) {
            self.unread.push((key, bytes.to_vec()));
        }
        Ok(())
    }

    /// The first commit of an incarnation leaves no unreadable row as it is: else its request would never end.
    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        if !turn.live.is_first_of_incarnation() {
            return Ok(());
        }
        for (key, bytes) in self.unread.drain(..) {
            let keeps = |write: &Write| matches!(write, Write::Put(Record::Quarantine(_, kept)) if *kept == bytes);
            ensure!(turn.commit.writes.iter().any(keeps), "{key} was unreadable, and its bytes are not in quarantine");
            ensure!(turn.last_write(key).is_some(), "{key} was unreadable, and was left as it is");
        }
        Ok(())
    }

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
    use crate::history::ledger::Observation;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::ROW_VERSION;

    fn tampered() -> Story<Quarantine> {
        let mut story = Story::new();
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

    /// Of request 1, whose bytes are these after a fault, with what the first commit of the next incarnation writes.
    fn first_commit(bytes: &[u8], stage: impl FnOnce(&mut Story<Quarantine>)) -> Verdict {
        let mut story = tampered();
        let key = Key { table: Table::Requests, id: story.id(1) };
        assert_eq!(story.watch.observe(&story.ledger, &Observation::Tampered { key, bytes }), Ok(()));
        stage(&mut story);
        story.commit()
    }

    #[test]
    fn an_unreadable_row_is_dealt_with_at_once() {
        let corrupt = [ROW_VERSION, 7];
        let kept = |bytes: &[u8], id| Write::Put(Record::Quarantine(id, bytes.to_vec()));
        let deals = |bytes: &'static [u8]| {
            move |story: &mut Story<Quarantine>| {
                let id = story.id(1);
                // Under whatever id there is room.
                story.replaced(1).write(kept(bytes, Ulid(id.0 + 1)));
            }
        };
        assert_eq!(first_commit(&corrupt, deals(&[ROW_VERSION, 7])), Ok(()));
        assert_broken(first_commit(&corrupt, deals(&[ROW_VERSION])), "its bytes are not in quarantine");
        let nothing = |story: &mut Story<Quarantine>| {
            story.mark(0);
        };
        assert_broken(first_commit(&corrupt, nothing), "its bytes are not in quarantine");
        let leaves = |story: &mut Story<Quarantine>| {
            story.mark(0).write(kept(&corrupt, Ulid(9)));
        };
        assert_broken(first_commit(&corrupt, leaves), "was left as it is");
        // One of an unknown version is to be left.
        assert_eq!(first_commit(&[9, 7], nothing), Ok(()));
    }

    #[test]
    fn a_readable_row_is_not_given_up() {
        let mut story = tampered();
        story.ledger.entries[0].tampered = false;
        assert_broken(story.replaced(1).commit(), "though it can be read");
    }
}
