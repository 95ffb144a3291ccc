//! What is stored of the object: rows as bytes.

use proxy_fetch::{Key, Record, Row, Table, Write};
use rustc_hash::FxHashMap;
use std::{
    cell::{Ref, RefCell},
    collections::BTreeMap,
};

/// Stored rows, as bytes.
pub type Rows = BTreeMap<Key, Vec<u8>>;

/// The rows that a machine is restored from.
pub fn restorable(rows: &Rows) -> impl Iterator<Item = Row> + '_ {
    rows.iter()
        .filter(|(key, _)| Table::RESTORED.contains(&key.table))
        .map(|(key, value)| Row { key: *key, value: value.clone() })
}

/// Writes one row, or deletes it.
pub fn write_row(rows: &mut Rows, write: &Write) {
    match write {
        Write::Put(record) => {
            // In the place of the old bytes, if there are any.
            let bytes = rows.entry(record.key()).or_insert_with(|| Vec::with_capacity(64));
            *bytes = record.encode_in(std::mem::take(bytes));
        }
        Write::Delete(key) => drop(rows.remove(key)),
    }
}

/// The rows of one object. Most of what is written is replaced or deleted before anybody reads it, so a row becomes bytes
/// when somebody reads.
#[derive(Clone, Debug, Default)]
pub struct Storage(RefCell<Inner>);

#[derive(Clone, Debug, Default)]
struct Inner {
    rows: Rows,
    /// What was written since, in the place of those rows.
    written: FxHashMap<Key, Record>,
}

impl Storage {
    /// Writes one row, or deletes it.
    pub fn write(&mut self, write: &Write) {
        let Inner { rows, written } = self.0.get_mut();
        match write {
            Write::Put(record) => drop(written.insert(record.key(), record.clone())),
            Write::Delete(key) => {
                written.remove(key);
                rows.remove(key);
            }
        }
    }

    /// One row, if it is stored.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let inner = self.0.borrow();
        inner.written.get(key).map(Record::encode).or_else(|| inner.rows.get(key).cloned())
    }

    /// The rows as they stand.
    #[must_use]
    pub fn read(&self) -> Ref<'_, Rows> {
        self.0.borrow_mut().settle();
        Ref::map(self.0.borrow(), |inner| &inner.rows)
    }

    /// The rows as they stand, to tamper with.
    pub fn rows_mut(&mut self) -> &mut Rows {
        let inner = self.0.get_mut();
        inner.settle();
        &mut inner.rows
    }
}

impl Inner {
    fn settle(&mut self) {
        for (_, record) in self.written.drain() {
            write_row(&mut self.rows, &Write::Put(record));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxy_fetch::{Meta, Timestamp, Ulid};

    /// The same writes, each become bytes at once.
    #[test]
    fn the_last_write_of_a_key_is_what_is_read() {
        let quarantined = |id, byte| Write::Put(Record::Quarantine(Ulid(id), vec![byte]));
        let deleted = |id| Write::Delete(Key { table: Table::Quarantine, id: Ulid(id) });
        let meta = |mark| Write::Put(Record::Meta(Meta { mark: Timestamp(mark), ..Meta::default() }));
        let draws = durable_sim::Draws::new(1);
        let (mut storage, mut rows) = (Storage::default(), Rows::new());
        for step in 0..2_000 {
            let mut draw = draws.at("step", step);
            let id = u128::from(draw.below(5));
            let write = match draw.below(3) {
                0 => quarantined(id, step as u8),
                1 => deleted(id),
                _ => meta(step),
            };
            storage.write(&write);
            write_row(&mut rows, &write);
            let key = write.key();
            assert_eq!(storage.get(&key), rows.get(&key).cloned(), "at step {step}");
            match draw.below(600) {
                0 => assert_eq!(*storage.read(), rows, "at step {step}"),
                1 => assert_eq!(*storage.rows_mut(), rows, "at step {step}"),
                _ => {}
            }
        }
        assert_eq!(*storage.read(), rows);
    }
}
