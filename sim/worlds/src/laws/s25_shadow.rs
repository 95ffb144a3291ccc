//! Memory is a shadow of storage: what the machine holds is what was committed.

use super::{
    Law, Move, Settled, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::ledger::{Entry, Ledger, Stored};
use proxy_fetch::{Key, Machine, Record, Row, Table};

/// S25.
#[derive(Clone, Debug, Default, Hash)]
pub struct Shadow {
    /// Entries that changed since memory and storage were compared last.
    changed: Vec<usize>,
}

impl Law for Shadow {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S25", "memory is a shadow of storage: restored from its rows the machine is the same");

    fn moved(&mut self, _: &Turn<'_>, step: &Move<'_>) -> Verdict {
        self.changed.push(step.at);
        Ok(())
    }

    fn lost(&mut self, _: &Ledger) -> Verdict {
        self.changed.clear();
        Ok(())
    }

    fn settled(&mut self, ledger: &Ledger, settled: &Settled<'_>) -> Verdict {
        let Settled { machine, rows } = *settled;
        // A machine that has not stepped yet may have guessed its row.
        ensure!(
            *machine.meta() == ledger.meta || machine.epoch() != ledger.meta.epoch,
            "the machine holds {}; what is stored is {}",
            Record::Meta(*machine.meta()),
            Record::Meta(ledger.meta)
        );
        for at in self.changed.drain(..) {
            let entry = &ledger.entries[at];
            Self::compare(machine, entry)?;
            if let Some(rows) = rows {
                let id = entry.id;
                let live = machine.live_row(id).map(|row| Record::Request(id, row.clone()).encode());
                let finished = machine.finished_row(id).map(|row| Record::Finished(id, row.clone()).encode());
                for (table, held) in [(Table::Requests, live), (Table::Finished, finished)] {
                    let key = Key { table, id };
                    ensure!(
                        held.as_ref() == rows.get(&key),
                        "the bytes of {key} ({}) are not those of what the machine holds",
                        Who(entry)
                    );
                }
            }
        }
        if let Some(rows) = rows {
            let stored = rows.iter().map(|(key, value)| Row { key: *key, value: value.clone() });
            match Machine::restore(machine.config().clone(), stored) {
                Ok(restored) => ensure!(
                    restored.same_rows(machine),
                    "a machine restored from what is stored is not the one in memory.\nrestored: {restored}\nin memory: \
                     {machine}"
                ),
                Err(error) => ensure!(false, "what is stored cannot be restored: {error}"),
            }
        }
        Ok(())
    }
}

impl Shadow {
    fn compare(machine: &Machine, entry: &Entry) -> Verdict {
        let (live, finished) = (machine.live_row(entry.id), machine.finished_row(entry.id));
        let is_same = match (&entry.stored, live, finished) {
            (Stored::Live(stored), Some(row), None) => stored == row,
            (Stored::Finished(stored), None, Some(row)) => stored == row,
            (Stored::Forgotten, None, None) => true,
            (Stored::Live(_) | Stored::Finished(_) | Stored::Forgotten, _, _) => false,
        };
        if is_same {
            return Ok(());
        }
        let live = live.map(|row| Stored::Live(row.clone()));
        let held = live.or_else(|| finished.map(|row| Stored::Finished(row.clone())));
        ensure!(
            false,
            "the machine holds {}; what is stored of {} is {}",
            Shown(held.as_ref()),
            Who(entry),
            Shown(Some(&entry.stored))
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::{Event, Output};

    #[test]
    fn memory_is_what_is_stored() {
        let mut story = Story::<Shadow>::new();
        story.in_flight(1, 1).queued(2, 0, 0).in_flight(3, 1).commits();
        story.finished(1, response(200)).finished(3, response(200)).commits().forgotten(3).commits();
        let machine = story.machine();
        assert_eq!(story.settle(&machine, false), Ok(()));
        assert_eq!(story.settle(&machine, true), Ok(()));
    }

    #[test]
    fn a_row_that_was_not_committed() {
        let mut story = Story::<Shadow>::new();
        story.in_flight(1, 1).commits();
        let old = story.machine();
        story.put_with(1, |row| row.fingerprint = 8).mark(0).commits();
        assert_broken(story.settle(&old, false), "what is stored of r1");
        // It is looked at again only once it changes, or thoroughly.
        assert_eq!(story.settle(&old, false), Ok(()));
        assert_broken(story.settle(&old, true), "is not the one in memory");
        story.finished(1, response(200)).mark(0).commits();
        assert_broken(story.settle(&old, false), "what is stored of r1");
    }

    #[test]
    fn a_meta_row_that_was_not_committed() {
        let mut story = Story::<Shadow>::new();
        let old = story.machine();
        story.mark(9).commits();
        assert_broken(story.settle(&old, false), "the machine holds meta");
    }

    #[test]
    fn bytes_that_were_not_committed() {
        let mut story = Story::<Shadow>::new();
        story.in_flight(1, 1).commits();
        let machine = story.machine();
        let key = Key { table: Table::Requests, id: story.id(1) };
        story.rows.get_mut(&key).expect("stored").push(0);
        assert_broken(story.settle(&machine, true), "the bytes of request");
        story.rows.insert(Key { table: Table::Meta, id: proxy_fetch::Ulid::nil() }, vec![9]);
        assert_broken(story.settle(&machine, true), "cannot be restored");
    }

    #[test]
    fn what_was_not_stored_died_with_the_instance() {
        let mut story = Story::<Shadow>::new();
        story.in_flight(1, 1).commits().lose();
        let mut machine = story.machine();
        let mut out = Output::default();
        machine.step(crate::laws::testing::START, Event::Start, &mut out);
        assert_eq!(story.settle(&machine, false), Ok(()));
    }
}
