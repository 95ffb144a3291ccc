//! The disk of the object's node: it outlives every process, and fails as it is told to.

use super::{OBJECT_NODE, between, chance, ms, now, one_of, platform::Simulated};
use crate::history::storage::restorable;
use madsim::{runtime::Handle, time::advance};
use proxy_fetch::{Key, Row, Store, Table, Timestamp, Ulid, Write};
use proxy_fetch_native::shell::Database;
use std::fmt;

/// What goes wrong with the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mood {
    /// Of 100 commits so many are slow, by up to so many ms.
    pub slow: (u64, u64),
    /// Of 100 commits so many fail.
    pub failing: u64,
    /// Of 100 payloads so many cannot be read.
    pub unreadable: u64,
    /// Nothing works before that time.
    pub broken_until: Option<Timestamp>,
    /// The process is killed in its next commit; whether that is stored.
    pub trap: Option<bool>,
}

impl Mood {
    pub fn random() -> Self {
        let slow = one_of(&[(0, 1), (10, 50), (60, 10), (20, 1_500)]);
        let failing = one_of(&[0, 0, 2, 8]);
        Self { slow, failing, unreadable: failing / 4, ..Self::default() }
    }

    pub fn calm() -> Self {
        Self { slow: one_of(&[(0, 1), (30, 20)]), ..Self::default() }
    }

    /// From now on it works, as slowly as before.
    pub const fn heal(&mut self) {
        *self = Self { slow: self.slow, failing: 0, unreadable: 0, broken_until: None, trap: None };
    }

    pub fn is_broken(&self) -> bool {
        self.broken_until.is_some_and(|until| now() < until)
    }

    fn fate(&mut self) -> Fate {
        if let Some(kept) = self.trap.take() {
            Fate::Dies { kept }
        } else if self.is_broken() {
            Fate::Fails { kept: false }
        } else if chance(self.failing) {
            Fate::Fails { kept: chance(40) }
        } else {
            Fate::Works
        }
    }
}

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Works,
    /// It returns an error; all of it is stored, or nothing.
    Fails {
        kept: bool,
    },
    /// The process is killed before it returns; all of it is stored, or nothing.
    Dies {
        kept: bool,
    },
}

/// Why the disk failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskError(&'static str);

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An open database.
pub struct Disk(Simulated);

impl Disk {
    pub fn open(platform: &Simulated) -> Result<Self, DiskError> {
        platform.assert_nothing_is_under_way("when the database is opened");
        let is_open = platform.see_alive(|it| it.open()).ok_or(DiskError("the process is gone"))?;
        if is_open { Ok(Self(platform.clone())) } else { Err(DiskError("the disk is broken")) }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !self.0.is_over() {
            self.0.see_alive(|it| it.closed());
        }
    }
}

impl Store for Disk {
    type Error = DiskError;

    /// The alarm is kept for the laws alone: it dies with the process, and costs no time.
    fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), DiskError> {
        let mut fate = Fate::Works;
        if !writes.is_empty() {
            let gone = DiskError("the process is gone");
            let (percent, most_ms) = self.0.see_alive(|it| it.mood.slow).ok_or(gone)?;
            let takes_ms = if chance(percent) { between(1, most_ms) } else { 0 };
            for part in 0..3 {
                advance(ms((takes_ms + part) / 3));
                self.0.go_on();
            }
            fate = self.0.see_alive(|it| it.mood.fate()).ok_or(DiskError("the process is gone"))?;
        }
        self.0.see_alive(|it| it.commit(writes, alarm, fate));
        match fate {
            Fate::Works => Ok(()),
            Fate::Fails { .. } => Err(DiskError("the commit failed")),
            // What the shell does until it waits again is seen by nobody.
            Fate::Dies { .. } => {
                Handle::current().kill(OBJECT_NODE);
                Ok(())
            }
        }
    }
}

impl Database for Disk {
    fn rows(&mut self) -> Result<Vec<Row>, DiskError> {
        self.0
            .see_alive(|it| {
                it.started();
                restorable(&it.rows).collect()
            })
            .ok_or(DiskError("the process is gone"))
    }

    fn payload(&mut self, id: Ulid) -> Result<Option<Vec<u8>>, DiskError> {
        self.0.see(|it| {
            if it.mood.unreadable > 0 && chance(it.mood.unreadable) {
                it.read_failed();
                return Err(DiskError("the payload cannot be read"));
            }
            Ok(it.rows.get(&Key { table: Table::Payloads, id }).cloned())
        })
    }
}
