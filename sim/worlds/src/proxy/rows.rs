//! Stored rows that change while no instance lives: they decay, or are another version's (F27 and F33).

use super::{coverage::Fault, decisions::ROWS, stage::Stage, world::OBJECT};
use crate::history::ledger::Observation;
use crate::laws::outcome_of;
use durable_sim::Decision;
use proxy_fetch::{Key, ROW_VERSION, Table};

/// The stored rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Those of another version, each with its own first byte.
    foreign: Vec<(Key, u8)>,
}

impl Rows {
    /// F27 and F33: while no instance lives, a stored row changes.
    pub fn tamper(&mut self, stage: &mut Stage<'_>) {
        if stage.healthy {
            return;
        }
        let place = stage.sim.place(&ROWS, stage.sim.cause());
        let mut decide = stage.sim.decide_at(place);
        let corrupt = decide.happens(&ROWS.corrupt, stage.plan.world.row_corrupt);
        let foreign = decide.happens(&ROWS.foreign, stage.plan.world.row_foreign);
        if !corrupt && !foreign {
            return;
        }
        let keys: Vec<_> = stage
            .sim
            .storage(OBJECT)
            .read()
            .iter()
            .filter(|(key, bytes)| {
                let is_chosen_from = match key.table {
                    Table::Requests | Table::Payloads | Table::Finished => true,
                    // A damaged one may lead to any epoch and time; tests of the core look at that.
                    Table::Meta => foreign && !corrupt,
                    Table::Quarantine => false,
                };
                is_chosen_from && bytes.first() == Some(&ROW_VERSION)
            })
            .map(|(key, _)| *key)
            .collect();
        if corrupt {
            decide.without_effect(ROWS.foreign.field(), "the row becomes unreadable");
        }
        if keys.is_empty() {
            return without_effect(&decide, "there is no row that it could befall");
        }
        let key = keys[decide.up_to(&ROWS.row, keys.len() as u64 - 1) as usize];
        let fault = if corrupt { Fault(27) } else { Fault(33) };
        if key.table == Table::Meta {
            stage.seen.hit_object(fault);
        } else {
            let entry = stage.seen.ledger.entry_of(key.id);
            let Some(entry) = entry.filter(|entry| !stage.seen.ledger.entries[*entry].tampered) else {
                decide.without_effect(ROWS.row.field(), ALREADY);
                return without_effect(&decide, ALREADY);
            };
            stage.seen.hit(fault, entry);
            stage.seen.ledger.entries[entry].tampered = true;
            stage.seen.ledger.entries[entry].state_readable = key.table == Table::Payloads;
        }
        stage
            .sim
            .say("world", || format!("{fault}: the stored {key} is {}", if corrupt { "corrupt" } else { "foreign" }));
        let Some(bytes) = stage.sim.storage_mut(OBJECT).rows_mut().get_mut(&key) else { return };
        if corrupt {
            bytes.truncate(1 + bytes.len() / 3);
        } else if let Some(first) = bytes.first_mut() {
            self.foreign.push((key, *first));
            *first = ROW_VERSION + 1;
        }
        let bytes = bytes.clone();
        stage.observe(&Observation::Tampered { key, bytes: &bytes });
    }

    /// Whether some are another version's.
    pub const fn are_foreign(&self) -> bool {
        !self.foreign.is_empty()
    }

    /// A program that knows the other version has taken over: it can read them.
    pub fn become_known(&mut self, stage: &mut Stage<'_>) {
        let (sim, ledger) = (&mut *stage.sim, &mut stage.seen.ledger);
        for (key, first) in std::mem::take(&mut self.foreign) {
            if let Some(byte) = sim.storage_mut(OBJECT).rows_mut().get_mut(&key).and_then(|bytes| bytes.first_mut()) {
                *byte = first;
            }
            let Some(at) = ledger.entry_of(key.id) else { continue };
            // A payload stays for good once it could not be read.
            let outcome = outcome_of(&ledger.entries[at].stored).or(ledger.entries[at].outcome);
            let outlives = key.table == Table::Payloads && outcome.is_some();
            ledger.entries[at].tampered = outlives && sim.storage(OBJECT).read().contains_key(&key);
            // While it could not be read its name may have been taken: then two stand for one name.
            let planned = ledger.entries[at].planned;
            let mut named: Vec<_> = ledger.entries.iter_mut().filter(|entry| entry.planned == planned).collect();
            if named.len() > 1 {
                for entry in &mut named {
                    (entry.tampered, entry.state_readable) = (true, true);
                }
            }
        }
    }
}

const ALREADY: &str = "that row is damaged already";

/// Nothing happens to a row, whatever a script says.
fn without_effect(decide: &Decision, why: &str) {
    decide.without_effect(ROWS.corrupt.field(), why);
    decide.without_effect(ROWS.foreign.field(), why);
}
