//! A store in memory, with one alarm and commits that fail on demand.

use proxy_fetch::{Config, Key, Machine, RestoreError, Row, Store, Timestamp, Write};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub struct Mem {
    pub rows: BTreeMap<Key, Vec<u8>>,
    pub alarm: Option<Timestamp>,
    pub fail_next: bool,
    /// Of the last turn, emptied by the world before each turn.
    pub writes: Vec<Write>,
    pub commits: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub struct CommitFailed;

impl Store for Mem {
    type Error = CommitFailed;

    fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), CommitFailed> {
        if std::mem::take(&mut self.fail_next) {
            return Err(CommitFailed);
        }
        for write in writes {
            match write {
                Write::Put(record) => drop(self.rows.insert(record.key(), record.encode())),
                Write::Delete(key) => drop(self.rows.remove(key)),
            }
        }
        self.alarm = alarm.or(self.alarm);
        self.writes = writes.to_vec();
        self.commits += 1;
        Ok(())
    }
}

impl Mem {
    pub fn restore(&self, config: &Config) -> Result<Machine, RestoreError> {
        Machine::restore(config.clone(), self.rows.iter().map(|(key, value)| Row { key: *key, value: value.clone() }))
    }
}
