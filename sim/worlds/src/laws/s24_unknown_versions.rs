//! A row of a version that the program does not know stays as it is.

use super::{End, Law, Settled, Verdict, ensure};
use crate::history::{ledger::Ledger, storage::Rows};
use proxy_fetch::{Failure, Key, Outcome, ROW_VERSION, Table, Timestamp};

/// S24.
#[derive(Clone, Debug, Default, Hash)]
pub struct UnknownVersions {
    kept: Rows,
}

impl Law for UnknownVersions {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new("S24", "a row of an unknown version stays as it is");

    /// The first turn of the next incarnation is the one that may destroy it.
    fn tampered(&mut self, key: Key, bytes: &[u8]) -> Verdict {
        self.keep(key, bytes);
        Ok(())
    }

    fn settled(&mut self, ledger: &Ledger, settled: &Settled<'_>) -> Verdict {
        settled.rows.map_or(Ok(()), |rows| self.check(ledger, rows))
    }

    /// A program that knows the version takes over.
    fn healed(&mut self, _: Timestamp, _: u64) -> Verdict {
        self.kept.clear();
        Ok(())
    }

    fn ended(&mut self, ledger: &Ledger, end: &End<'_>) -> Verdict {
        self.check(ledger, end.rows)
    }
}

impl UnknownVersions {
    fn check(&mut self, ledger: &Ledger, rows: &Rows) -> Verdict {
        for (key, bytes) in &self.kept {
            let stored = rows.get(key);
            ensure!(
                stored == Some(bytes) || (stored.is_none() && Self::may_go(ledger, *key)),
                "the row of {key} was of the unknown version {}; then it was {}",
                bytes.first().copied().unwrap_or_default(),
                if stored.is_some() { "changed" } else { "deleted" }
            );
        }
        for (key, bytes) in rows {
            self.keep(*key, bytes);
        }
        Ok(())
    }

    /// A payload goes with its request, unless that ended because nobody could read it.
    fn may_go(ledger: &Ledger, key: Key) -> bool {
        let outcome = ledger.entry_of(key.id).and_then(|at| ledger.entries.get(at)?.outcome);
        key.table == Table::Payloads && outcome.is_some_and(|outcome| outcome != Outcome::Failed(Failure::Unreadable))
    }

    fn keep(&mut self, key: Key, bytes: &[u8]) {
        let is_unknown = bytes.first().is_some_and(|version| *version != ROW_VERSION);
        // Bytes in quarantine are kept as they were found, whatever they are.
        if is_unknown && key.table != Table::Quarantine && !self.kept.contains_key(&key) {
            self.kept.insert(key, bytes.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::ledger::Observation;
    use crate::laws::testing::{Story, assert_broken, response};

    fn kept() -> (Story<UnknownVersions>, Key) {
        let mut story = Story::new();
        let machine = story.machine();
        story.in_flight(1, 1).in_flight(2, 1).commits();
        let (key, other) = (Key { table: Table::Requests, id: story.id(1) }, story.id(2));
        story.rows.insert(key, vec![9, 1]);
        assert_eq!(story.settle(&machine, true), Ok(()));
        story.rows.insert(Key { table: Table::Quarantine, id: other }, vec![9]);
        story.rows.remove(&Key { table: Table::Requests, id: other });
        (story, key)
    }

    #[test]
    fn they_stay() {
        let (mut story, _) = kept();
        let machine = story.machine();
        assert_eq!(story.settle(&machine, true), Ok(()));
        story.rows.retain(|key, _| key.table != Table::Quarantine);
        assert_eq!(story.end(), Ok(()));
    }

    /// The first turn of an incarnation may destroy it before the object rests for the first time.
    #[test]
    fn one_that_was_never_seen_at_rest_stays_too() {
        let mut story = Story::<UnknownVersions>::new();
        story.in_flight(1, 1).commits().lose();
        let key = Key { table: Table::Requests, id: story.id(1) };
        let tampered = Observation::Tampered { key, bytes: &[9, 1] };
        assert_eq!(story.watch.observe(&story.ledger, &tampered), Ok(()));
        story.rows.remove(&key);
        let machine = story.machine();
        assert_broken(story.settle(&machine, true), "of the unknown version 9; then it was deleted");
    }

    #[test]
    fn a_payload_that_nobody_could_read_stays() {
        for (outcome, stays) in [(Outcome::Failed(Failure::Unreadable), true), (response(200), false)] {
            let mut story = Story::<UnknownVersions>::new();
            story.in_flight(1, 1).commits();
            let key = Key { table: Table::Payloads, id: story.id(1) };
            let tampered = Observation::Tampered { key, bytes: &[9, 1] };
            assert_eq!(story.watch.observe(&story.ledger, &tampered), Ok(()));
            story.finished(1, outcome).commits();
            story.rows.remove(&key);
            assert_eq!(story.end().is_err(), stays, "{outcome}");
        }
    }

    #[test]
    fn corrupt_bytes_may_go() {
        let mut story = Story::<UnknownVersions>::new();
        let key = Key { table: Table::Requests, id: story.id(1) };
        let tampered = Observation::Tampered { key, bytes: &[ROW_VERSION] };
        assert_eq!(story.watch.observe(&story.ledger, &tampered), Ok(()));
        assert_eq!(story.end(), Ok(()));
    }

    #[test]
    fn they_do_not_change() {
        let (mut story, key) = kept();
        let machine = story.machine();
        story.rows.insert(key, vec![9, 2]);
        assert_eq!(story.settle(&machine, false), Ok(()));
        assert_broken(story.settle(&machine, true), "then it was changed");
        story.rows.remove(&key);
        assert_broken(story.end(), "then it was deleted");
    }
}
