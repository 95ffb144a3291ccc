//! Each accepted request is in exactly one state; the counts add up, and none comes back from its end.

use super::{
    End, Law, Move, Settled, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::{
    ledger::{Entry, Ledger, Stored},
    storage::Rows,
};
use proxy_fetch::{Key, Table};

/// S1.
#[derive(Clone, Debug, Default, Hash)]
pub struct OneState;

impl Law for OneState {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S1",
        "each accepted request is in exactly one state, and none disappears without an outcome",
    );

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let entry = step.entry;
        let goes_back = match (step.was, &entry.stored) {
            // A request is new once; only a commit that accepts it has nothing before it.
            (None, Stored::Live(_) | Stored::Finished(_)) => entry.accepted != turn.commit.now,
            // Accepted, ended and over the bound of what is remembered, all in one commit.
            (None, Stored::Forgotten) => entry.outcome.is_none(),
            (Some(Stored::Live(_)), _) | (Some(Stored::Finished(_)), Stored::Finished(_) | Stored::Forgotten) => false,
            (Some(Stored::Finished(_) | Stored::Forgotten), _) => true,
        };
        ensure!(
            !goes_back,
            "{} cannot become {} from {}",
            Who(entry),
            Shown(Some(&entry.stored)),
            Shown(step.was.or(Some(&Stored::Forgotten)))
        );
        Ok(())
    }

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        let Ledger { queued, in_flight, delivering, finished, ref entries, .. } = *turn.ledger;
        ensure!(
            queued + in_flight + delivering + finished == entries.len(),
            "{queued} queued, {in_flight} in flight, {delivering} delivering and {finished} finished are not the {} \
             accepted",
            entries.len()
        );
        Ok(())
    }

    fn settled(&mut self, ledger: &Ledger, settled: &Settled<'_>) -> Verdict {
        settled.rows.map_or(Ok(()), |rows| Self::check_rows(ledger, rows))
    }

    fn ended(&mut self, ledger: &Ledger, end: &End<'_>) -> Verdict {
        Self::check_rows(ledger, end.rows)
    }
}

impl OneState {
    fn check_rows(ledger: &Ledger, rows: &Rows) -> Verdict {
        for entry in ledger.entries.iter().filter(|entry| !entry.tampered) {
            let Entry { id, stored, .. } = entry;
            let has = |table| rows.contains_key(&Key { table, id: *id });
            let is = (has(Table::Requests), has(Table::Finished));
            let should_be = (matches!(stored, Stored::Live(_)), matches!(stored, Stored::Finished(_)));
            ensure!(
                is == should_be,
                "{} is {}, but its request row is {} and its finished row is {}",
                Who(entry),
                Shown(Some(stored)),
                stored_or_not(is.0),
                stored_or_not(is.1)
            );
        }
        Ok(())
    }
}

const fn stored_or_not(is_stored: bool) -> &'static str {
    if is_stored { "stored" } else { "not stored" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::{Phase, Write};

    #[test]
    fn a_whole_lifecycle() {
        let mut story = Story::<OneState>::new();
        story.in_flight(1, 1).commits().delivering(1, response(200)).commits().finished(1, response(200)).commits();
        story.forgotten(1).commits();
        assert_eq!(story.end(), Ok(()));
    }

    #[test]
    fn nothing_comes_back() {
        let mut story = Story::<OneState>::new();
        story.in_flight(1, 1).commits().finished(1, response(200)).commits();
        assert_broken(story.at(9).in_flight(1, 1).commit(), "r1");
        let mut story = Story::<OneState>::new();
        story.in_flight(1, 1).commits().finished(1, response(200)).commits().forgotten(1).commits();
        assert_broken(story.at(9).in_flight(1, 1).commit(), "from forgotten");
    }

    #[test]
    fn an_accepted_request_has_a_row() {
        let mut story = Story::<OneState>::new();
        assert_broken(story.in_flight(1, 1).gone(1).commit(), "cannot become forgotten");
    }

    #[test]
    fn counts_add_up() {
        let mut story = Story::<OneState>::new();
        story.in_flight(1, 1).commits();
        story.ledger.queued += 1;
        assert_broken(story.in_flight(2, 1).commit(), "1 queued, 2 in flight");
    }

    #[test]
    fn rows_are_what_the_commits_say() {
        let mut story = Story::<OneState>::new();
        story.in_flight(1, 1).commits();
        assert_eq!(story.end(), Ok(()));
        let key = Key { table: Table::Requests, id: story.id(1) };
        story.rows.remove(&key);
        assert_broken(story.end(), "its request row is not stored");
        let machine = story.machine();
        assert_eq!(story.settle(&machine, false), Ok(()));
        assert_broken(story.settle(&machine, true), "its request row is not stored");
    }

    #[test]
    fn a_row_that_is_written_and_deleted_at_once_was_never_accepted() {
        let mut story = Story::<OneState>::new();
        let key = Key { table: Table::Requests, id: story.id(1) };
        let phase = Phase::Queued { not_before: crate::laws::testing::at(0) };
        assert_broken(story.put(1, 0, phase).write(Write::Delete(key)).commit(), "r1");
    }
}
