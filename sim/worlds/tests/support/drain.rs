//! The end of a sequence: faults cease, the alarm fires, and nothing may be left behind.

use super::{
    ledger::{Law, Spoilt, expires},
    ops::{End, Fate, Input, Wait},
    world::World,
};
use proxy_fetch::{CallbackResult, Failure, Outcome, Table};

impl World {
    /// Lets the stored alarm fire until it asks for nothing more. The outside answers at once, or never again.
    pub fn drain(&mut self, answers: bool) {
        let begin = self.clock;
        // An alarm that has fired in vain leaves it to the next event to store one.
        if self.fresh || self.mem.alarm.is_none() {
            self.turn(&[Input::Start], Fate::Fine);
        }
        let mut turns = 0;
        while self.violation.is_none() {
            turns += 1;
            if turns > 3_000 {
                return self.violate(Law::NoLostRequest, || "it never comes to rest".into());
            }
            if answers && !self.running.is_empty() {
                let end = End::Status(200, Wait::None);
                self.turn(&[Input::Complete { pick: 0, end }], Fate::Fine);
            } else if answers && !self.calls.is_empty() {
                self.turn(&[Input::Answer { pick: 0, result: CallbackResult::Answered }], Fate::Fine);
            } else if self.mem.alarm.is_some() {
                // Lateness keeps the number of polls small.
                self.fire(if answers { 0 } else { 45_000 });
                self.ends_in_time(begin);
            } else {
                break;
            }
        }
        self.at_rest();
    }

    /// L2: by the end of its life, and the callback's; here with each of two alarms up to a minute late.
    fn ends_in_time(&mut self, begin: u64) {
        let late =
            self.before.live.keys().find(|id| self.clock > expires(**id).max(begin) + 35_000 + 2 * 60_000).copied();
        self.require(Law::L2, late.is_none(), || format!("{late:?} still lives"));
    }

    fn at_rest(&mut self) {
        if self.violation.is_some() {
            return;
        }
        let wake = self.machine.next_wake();
        self.require(Law::S23, wake.is_none(), || format!("at rest, but wake {wake:?}"));
        let left: Vec<_> = self.mem.rows.keys().copied().collect();
        for key in left {
            let entry = self.entries.get(&key.id);
            let foreign = entry.is_some_and(|entry| entry.spoilt == Spoilt::Foreign);
            // A payload that was reported as unreadable may be of another version: it stays (law S24).
            let unreadable = key.table == Table::Payloads
                && entry
                    .and_then(|entry| entry.finished.as_ref())
                    .is_some_and(|row| row.outcome == Outcome::Failed(Failure::Unreadable));
            let ok = foreign || unreadable || matches!(key.table, Table::Meta | Table::Quarantine);
            self.require(Law::S23, ok, || format!("{key} is left"));
        }
        let held = self.held.clone();
        self.require(Law::Held, held.is_empty(), || format!("still held: {held:?}"));
        let entries = self.entries.clone();
        for (id, entry) in entries {
            let outcome = entry.finished.as_ref().map(|row| row.outcome);
            let last = entry.delivered.last().map(|(_, outcome)| *outcome);
            let ok = match entry.spoilt {
                Spoilt::Foreign => true,
                // The row may have been spoilt after the end, when only its name was left to lose.
                Spoilt::Corrupt => outcome.is_some() || last == Some(Outcome::Unreadable),
                Spoilt::No if entry.profile.has_callback => last.is_some() && last == outcome,
                Spoilt::No => outcome.is_some() && last.is_none(),
            };
            self.require(Law::NoLostRequest, ok, || format!("{id} {entry:?}"));
        }
    }
}
