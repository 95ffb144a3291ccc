//! At rest nothing is left but the object's own row, what is remembered for a while, and what could not be read.

use super::promised as limits;
use super::{
    End, Law, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::ledger::{Ledger, Stored};
use proxy_fetch::Table;

/// S23.
#[derive(Clone, Debug, Default, Hash)]
pub struct Rest;

impl Law for Rest {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("S23", "at rest nothing is left but what is remembered for a while");

    fn ended(&mut self, ledger: &Ledger, end: &End<'_>) -> Verdict {
        if !end.live.is_empty() {
            // L2 reports it.
            return Ok(());
        }
        // Only a stale one that the platform never fires may be left.
        let stale = end.alarm;
        if let Some(alarm) = stale.filter(|_| !ledger.alarm_lost) {
            ensure!(alarm <= end.now, "nothing is live at {}, and an alarm is stored for {alarm}", end.now);
        }
        for key in end.rows.keys() {
            match key.table {
                Table::Meta | Table::Quarantine => continue,
                Table::Requests | Table::Payloads | Table::Finished => {}
            }
            let Some(entry) = ledger.entry_of(key.id).map(|at| &ledger.entries[at]) else {
                ensure!(false, "the row of {key} is stored, which was never accepted");
                continue;
            };
            let is_remembered = match &entry.stored {
                // The alarm that would have forgotten it never fired.
                Stored::Finished(row) => {
                    key.table == Table::Finished
                        && (stale.is_some()
                            || ledger.alarm_lost
                            || end.now < row.finished_at.plus_ms(limits::DEDUPE_WINDOW_MS))
                }
                Stored::Live(_) | Stored::Forgotten => false,
            };
            ensure!(
                is_remembered || entry.tampered,
                "{key} of {} is stored still at {}: {}",
                Who(entry),
                end.now,
                Shown(Some(&entry.stored))
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::{Key, Ulid};

    fn finished() -> Story<Rest> {
        let mut story = Story::new();
        story.in_flight(1, 1).commits().finished(1, response(200)).commits();
        story
    }

    #[test]
    fn nothing_is_left() {
        assert_eq!(finished().at(299_999).end(), Ok(()));
        assert_broken(finished().at(300_000).end(), "is stored still");
        assert_eq!(finished().at(300_000).forgotten(1).commits().end(), Ok(()));
        let mut story = finished();
        story.in_flight(2, 1).commits();
        assert_eq!(story.end(), Ok(()));
    }

    #[test]
    fn no_alarm_but_a_stale_one() {
        let mut story = finished();
        story.alarm = Some(crate::laws::testing::at(300_000));
        assert_broken(story.at(299_999).end(), "an alarm is stored for");
        assert_eq!(story.at(300_000).end(), Ok(()));
    }

    #[test]
    fn no_row_of_nobody() {
        let mut story = finished();
        let id = story.id(1);
        story.rows.insert(Key { table: Table::Payloads, id }, vec![1]);
        assert_broken(story.end(), "payload");
        story.ledger.entries[0].tampered = true;
        assert_eq!(story.end(), Ok(()));
        story.rows.insert(Key { table: Table::Quarantine, id: Ulid(5) }, vec![1]);
        assert_eq!(story.end(), Ok(()));
        story.rows.insert(Key { table: Table::Requests, id: Ulid(5) }, vec![1]);
        assert_broken(story.end(), "never accepted");
    }
}
