//! The object's storage: rows in SQLite, written by one call per turn, with the alarm.
//!
//! Keeps S2 (all or nothing, in one savepoint) and L3 (the alarm in the same commit).

use crate::glue;
use js_sys::Uint8Array;
use proxy_fetch::{Key, Row, Store, Table, Timestamp, Ulid, Write};
use std::collections::BTreeMap;
use wasm_bindgen::JsValue;

/// What glue.js knows these numbers as.
const PUT_ROW: u8 = 0;
const DELETE_ROW: u8 = 1;
const PUT_PAYLOAD: u8 = 2;
const DELETE_PAYLOAD: u8 = 3;
/// A table's number and a ULID.
const ROW_KEY_BYTES: usize = 17;

/// The storage of one object.
#[derive(Debug)]
pub struct Sql {
    /// A `DurableObjectStorage`.
    storage: JsValue,
    /// Memory of the last commit, for the next.
    packed: Vec<u8>,
    value: Vec<u8>,
}

impl Sql {
    /// Takes up a storage; an empty one gets its tables.
    ///
    /// # Errors
    /// What the storage threw.
    pub fn open(storage: JsValue) -> Result<Self, JsValue> {
        glue::create_tables(&storage)?;
        Ok(Self { storage, packed: Vec::new(), value: Vec::new() })
    }

    /// All rows that a machine is restored from.
    ///
    /// # Errors
    /// What the storage threw, or that it holds what is no row.
    pub fn rows(&self) -> Result<Vec<Row>, JsValue> {
        let packed = glue::read_rows(&self.storage)?.to_vec();
        unpack(&packed).ok_or_else(|| JsValue::from_str("the table proxy_fetch_rows holds keys that are not ours"))
    }

    /// A payload's bytes; `None` if the row is missing.
    ///
    /// # Errors
    /// What the storage threw.
    pub fn payload(&self, id: Ulid) -> Result<Option<Vec<u8>>, JsValue> {
        let bytes = glue::read_payload(&self.storage, &id.to_bytes())?;
        Ok(bytes.map(|bytes: Uint8Array| bytes.to_vec()))
    }

    fn pack(&mut self, writes: &[Write]) {
        // The last write of a key wins; each key is written once.
        let mut last: BTreeMap<Key, &Write> = BTreeMap::new();
        for write in writes {
            let key = match write {
                Write::Put(record) => record.key(),
                Write::Delete(key) => *key,
            };
            last.insert(key, write);
        }
        self.packed.clear();
        for (key, write) in last {
            match write {
                Write::Put(record) => {
                    self.key(key, PUT_ROW, PUT_PAYLOAD);
                    self.value = record.encode_in(std::mem::take(&mut self.value));
                    // A row is at most a few MiB.
                    let length = u32::try_from(self.value.len()).unwrap_or(u32::MAX);
                    self.packed.extend_from_slice(&length.to_le_bytes());
                    self.packed.extend_from_slice(&self.value);
                }
                Write::Delete(_) => self.key(key, DELETE_ROW, DELETE_PAYLOAD),
            }
        }
    }

    fn key(&mut self, key: Key, of_row: u8, of_payload: u8) {
        if key.table == Table::Payloads {
            self.packed.extend_from_slice(&[of_payload, 16]);
        } else {
            self.packed.extend_from_slice(&[of_row, 17, key.table as u8]);
        }
        self.packed.extend_from_slice(&key.id.to_bytes());
    }
}

impl Store for Sql {
    type Error = JsValue;

    fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), JsValue> {
        self.pack(writes);
        // Below 2^48, so exact.
        #[expect(clippy::cast_precision_loss, reason = "a timestamp is below 2^48")]
        glue::commit(&self.storage, &self.packed, alarm.map(|at| at.0 as f64))
    }
}

fn unpack(mut packed: &[u8]) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    while let Some((&key_bytes, rest)) = packed.split_first() {
        let (key, rest) = rest.split_at_checked(key_bytes.into())?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let key: [u8; ROW_KEY_BYTES] = key.try_into().ok()?;
        let [table, id @ ..] = key;
        let key = Key { table: Table::from_number(table)?, id: Ulid::from_bytes(id) };
        rows.push(Row { key, value: value.to_vec() });
        packed = rest;
    }
    Some(rows)
}
