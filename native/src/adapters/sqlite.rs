//! The database: one SQLite file, one table per kind of row, and nobody else on the file.
//!
//! Keeps S2 (a commit is one transaction, on disk before it returns: WAL, `synchronous=FULL`), S24 (a file of another
//! program or of a newer version is left as it is), and F31 (a second process is refused).

use super::data_file::{self, Files};
use crate::shell::Database;
use proxy_fetch::{Key, Row, Store, Table, Timestamp, Ulid, Write};
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tracing::warn;

/// "pxft": marks the file as ours.
const APPLICATION_ID: i32 = 0x7078_6674;
/// The layout of the tables. The rows have their own version.
const SCHEMA_VERSION: i32 = 1;
/// How long a process that is just ending may keep the file.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);
/// The write-ahead log is moved into the file at this size, in pages of 4 KiB: seldom enough not to slow commits down,
/// soon enough for a quick start after a kill.
const WAL_PAGES: u32 = 4_000;
/// After a larger commit the log is cut back to this size, in bytes.
const WAL_BYTES: u32 = WAL_PAGES * 4_096;

const ALL_TABLES: [Table; 5] = [Table::Meta, Table::Requests, Table::Payloads, Table::Finished, Table::Quarantine];

/// Why the database failed. The text names the file.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the file.
    #[error("{} is in use by another process; one data file serves one process", .0.display())]
    InUse(PathBuf),
    /// There is no such folder, or no right to it.
    #[error("the data file {} cannot be opened or made; is its folder there, and may it be written?", .0.display())]
    CannotOpen(PathBuf),
    /// The file is no SQLite file, or another program's.
    #[error("{} is not a data file of proxy-fetch; it was left as it is", .0.display())]
    NotOurs(PathBuf),
    /// A newer program wrote the file.
    #[error("{} has layout {version}; this program knows up to {SCHEMA_VERSION}; it was left as it is", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        version: i32,
    },
    /// The file, or its log, is not the one that was opened: what is written to it is lost with the process.
    #[error("{} was removed or replaced while it was in use; nothing is taken any more", .0.display())]
    Replaced(PathBuf),
    /// Nobody can tell whether the file is the one that was opened.
    #[error("{} cannot be looked at: {error}", path.display())]
    NotSeen {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// SQLite failed.
    #[error("{}: {error}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        error: rusqlite::Error,
    },
}

/// An open data file. The lock on it ends with the process, however that ends.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    files: Files,
    connection: Connection,
}

impl Sqlite {
    /// Opens the file, or makes it, and keeps other processes from it.
    ///
    /// # Errors
    /// [`StoreError`]. A file that is not ours is not changed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let fail = |error| classify(path, error);
        data_file::make(path).map_err(|_| StoreError::CannotOpen(path.to_owned()))?;
        let connection = Connection::open(path).map_err(fail)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
        // Before anything is written, and before the first use of the log, so that the lock is for good.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(fail)?;
        let is_new = check_owner(path, &connection)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(fail)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(fail)?;
        connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES).map_err(fail)?;
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES).map_err(fail)?;
        connection.set_prepared_statement_cache_capacity(4 * ALL_TABLES.len());
        let mut database = Self { path: path.to_owned(), files: Files::of(path), connection };
        if is_new {
            database.create().map_err(fail)?;
        }
        database.look()?;
        Ok(database)
    }

    /// Whether what is written here is still what others find under its name.
    fn look(&mut self) -> Result<(), StoreError> {
        match self.files.replaced() {
            Ok(None) => Ok(()),
            Ok(Some(path)) => Err(StoreError::Replaced(path.to_owned())),
            Err(error) => Err(StoreError::NotSeen { path: self.path.clone(), error }),
        }
    }

    fn create(&mut self) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for table in ALL_TABLES {
            let name = name(table);
            // Payloads can be large, and rows without rowid are slow then.
            let form = if table == Table::Payloads { "STRICT" } else { "STRICT, WITHOUT ROWID" };
            transaction.execute_batch(&format!(
                "CREATE TABLE {name} (id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16), value BLOB NOT NULL) {form}"
            ))?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        transaction.commit()
    }

    fn write(&mut self, writes: &[Write]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for write in writes {
            match write {
                Write::Put(record) => {
                    let Key { table, id } = record.key();
                    let sql = put_sql(table);
                    transaction.prepare_cached(sql)?.execute((id.to_bytes(), record.encode()))?;
                }
                Write::Delete(Key { table, id }) => {
                    transaction.prepare_cached(delete_sql(*table))?.execute((id.to_bytes(),))?;
                }
            }
        }
        transaction.commit()
    }

    fn read_rows(&self) -> rusqlite::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for table in Table::RESTORED {
            let mut statement = self.connection.prepare(&format!("SELECT id, value FROM {}", name(table)))?;
            let mut found = statement.query(())?;
            while let Some(row) = found.next()? {
                let id: Vec<u8> = row.get(0)?;
                // The table's CHECK makes sure of it.
                let Ok(id) = <[u8; 16]>::try_from(id.as_slice()) else {
                    warn!("a row of {} has the key {id:?}; it was left as it is", name(table));
                    continue;
                };
                rows.push(Row { key: Key { table, id: Ulid::from_bytes(id) }, value: row.get(1)? });
            }
        }
        Ok(rows)
    }

    fn read_payload(&self, id: Ulid) -> rusqlite::Result<Option<Vec<u8>>> {
        let mut statement = self.connection.prepare_cached("SELECT value FROM payloads WHERE id = ?1")?;
        statement.query_row((id.to_bytes(),), |row| row.get(0)).optional()
    }
}

impl Store for Sqlite {
    type Error = StoreError;

    /// The alarm is not stored: while the process lives it is a timer, and a start looks at everything anyway.
    fn commit(&mut self, writes: &[Write], _alarm: Option<Timestamp>) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        self.look()?;
        self.write(writes).map_err(|error| classify(&self.path, error))
    }
}

impl Database for Sqlite {
    fn ends_all(error: &StoreError) -> bool {
        matches!(error, StoreError::Replaced(_))
    }

    fn rows(&mut self) -> Result<Vec<Row>, StoreError> {
        self.read_rows().map_err(|error| classify(&self.path, error))
    }

    fn payload(&mut self, id: Ulid) -> Result<Option<Vec<u8>>, StoreError> {
        match self.read_payload(id) {
            // A damaged page stands in the way of its own request only (law L4): opening the file again would not help.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                warn!("{}: {error}", self.path.display());
                Ok(None)
            }
            read => read.map_err(|error| classify(&self.path, error)),
        }
    }
}

/// Makes sure that the file is ours; says whether it is empty.
fn check_owner(path: &Path, connection: &Connection) -> Result<bool, StoreError> {
    let number = |name: &str| -> Result<i32, StoreError> {
        connection.pragma_query_value(None, name, |row| row.get(0)).map_err(|error| classify(path, error))
    };
    let (application_id, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .map_err(|error| classify(path, error))?;
    match (application_id, version) {
        (0, 0) if tables == 0 => Ok(true),
        (APPLICATION_ID, SCHEMA_VERSION) => Ok(false),
        (APPLICATION_ID, version) => Err(StoreError::Newer { path: path.to_owned(), version }),
        _ => Err(StoreError::NotOurs(path.to_owned())),
    }
}

fn classify(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse(path),
        Some(ErrorCode::CannotOpen) => StoreError::CannotOpen(path),
        Some(ErrorCode::NotADatabase) => StoreError::NotOurs(path),
        Some(_) | None => StoreError::Sqlite { path, error },
    }
}

const fn name(table: Table) -> &'static str {
    match table {
        Table::Meta => "meta",
        Table::Requests => "requests",
        Table::Payloads => "payloads",
        Table::Finished => "finished",
        Table::Quarantine => "quarantine",
    }
}

const fn put_sql(table: Table) -> &'static str {
    match table {
        Table::Meta => "INSERT OR REPLACE INTO meta (id, value) VALUES (?1, ?2)",
        Table::Requests => "INSERT OR REPLACE INTO requests (id, value) VALUES (?1, ?2)",
        Table::Payloads => "INSERT OR REPLACE INTO payloads (id, value) VALUES (?1, ?2)",
        Table::Finished => "INSERT OR REPLACE INTO finished (id, value) VALUES (?1, ?2)",
        Table::Quarantine => "INSERT OR REPLACE INTO quarantine (id, value) VALUES (?1, ?2)",
    }
}

const fn delete_sql(table: Table) -> &'static str {
    match table {
        Table::Meta => "DELETE FROM meta WHERE id = ?1",
        Table::Requests => "DELETE FROM requests WHERE id = ?1",
        Table::Payloads => "DELETE FROM payloads WHERE id = ?1",
        Table::Finished => "DELETE FROM finished WHERE id = ?1",
        Table::Quarantine => "DELETE FROM quarantine WHERE id = ?1",
    }
}
