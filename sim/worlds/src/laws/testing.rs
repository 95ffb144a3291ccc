//! Small worlds for the tests of laws: rows are staged by the number of their request, committed, and observed.
//!
//! Times are ms since [`START`]. A story begins at epoch 1 with nothing stored.

use super::{Law, Verdict, Watch};
use crate::history::{
    ledger::{Ask, Callback, Change, Commit, Fetch, Ledger, Note, Observation, Planned},
    storage::Rows,
};
use proxy_fetch::{
    Attempt, CallbackResult, Config, Event, FetchResult, FinishedRow, Key, Machine, Meta, Options, Outcome, Output,
    Payload, Phase, ROW_VERSION, Record, Reply, RequestId, RequestRow, Row, Table, Timestamp, Ulid, Write,
};
use std::collections::BTreeMap;

/// When every story begins.
pub const START: Timestamp = Timestamp(1_767_225_600_000);

/// Asserts that a law reports, in words that hold this text.
#[track_caller]
pub fn assert_broken(verdict: Verdict, text: &str) {
    let what = verdict.expect_err("the law must report").to_string();
    assert!(what.contains(text), "{what}");
}

/// So many ms after the start.
pub const fn at(ms: u64) -> Timestamp {
    START.plus_ms(ms)
}

/// One object's ledger and the law that watches it.
pub struct Story<L> {
    pub ledger: Ledger,
    pub watch: Watch<L>,
    pub rows: Rows,
    pub options: Options,
    pub has_callback: bool,
    pub epoch: u64,
    pub alarm: Option<Timestamp>,
    now: Timestamp,
    ids: BTreeMap<Planned, Ulid>,
    notes: Vec<Note>,
    writes: Vec<Write>,
    alarm_set: Option<Timestamp>,
}

impl<L: Law + Default> Story<L> {
    pub fn new() -> Self {
        let mut story = Self {
            ledger: Ledger::default(),
            watch: Watch::new(),
            rows: Rows::new(),
            options: Options::default(),
            has_callback: true,
            epoch: 1,
            alarm: None,
            now: START,
            ids: BTreeMap::new(),
            notes: vec![Note::Start],
            writes: Vec::new(),
            alarm_set: None,
        };
        story.ledger.max_live = 100;
        story.mark(0);
        assert_eq!(story.commit(), Ok(()));
        story
    }

    /// Sets the clock.
    pub fn at(&mut self, ms: u64) -> &mut Self {
        self.now = at(ms);
        self
    }

    /// The ULID of this request: that of its first row.
    pub fn id(&mut self, planned: Planned) -> Ulid {
        let now = self.now;
        *self.ids.entry(planned).or_insert_with(|| Ulid::from_parts(now.0, u128::from(planned)))
    }

    /// The next row under this number is another request's.
    pub fn renew(&mut self, planned: Planned) -> &mut Self {
        self.ids.remove(&planned);
        self
    }

    /// Its place in the ledger.
    pub fn place(&mut self, planned: Planned) -> usize {
        let id = self.id(planned);
        self.ledger.entry_of(id).expect("the request was accepted")
    }

    fn time(&self) -> Timestamp {
        self.now.max(self.ledger.meta.mark)
    }

    fn row(&mut self, planned: Planned) -> RequestRow {
        let id = self.id(planned);
        let staged = self.writes.iter().rev().find_map(|write| match write {
            Write::Put(Record::Request(other, row)) if *other == id => Some(row.clone()),
            Write::Put(_) | Write::Delete(_) => None,
        });
        let stored = || Some(self.ledger.entries[self.ledger.entry_of(id)?].row()?.clone());
        staged.or_else(stored).unwrap_or_else(|| RequestRow {
            request_id: RequestId::new(&format!("r{planned}")).expect("valid"),
            fingerprint: 7,
            has_callback: self.has_callback,
            policy: self.options.check().expect("valid options"),
            attempts: 0,
            phase: Phase::Queued { not_before: self.now },
        })
    }

    /// Stages any write.
    pub fn write(&mut self, write: Write) -> &mut Self {
        self.writes.push(write);
        self
    }

    /// Stages the meta row with this mark.
    pub fn mark(&mut self, ms: u64) -> &mut Self {
        let last_id = self.ids.values().max().map_or(0, |id| id.0);
        self.write(Write::Put(Record::Meta(Meta { epoch: self.epoch, mark: at(ms), last_id })))
    }

    /// Stages a request's row, and its payload the first time.
    pub fn put(&mut self, planned: Planned, attempts: u8, phase: Phase) -> &mut Self {
        self.put_with(planned, |row| {
            row.attempts = attempts;
            row.phase = phase;
        })
    }

    /// Stages a request's row, changed.
    pub fn put_with(&mut self, planned: Planned, change: impl FnOnce(&mut RequestRow)) -> &mut Self {
        let id = self.id(planned);
        let mut row = self.row(planned);
        if self.ledger.entry_of(id).is_none() {
            let payload = Payload {
                request_id: row.request_id.clone(),
                method: "GET".into(),
                url: "https://upstream.test/".into(),
                headers: Vec::new(),
                body: Vec::new(),
                callback: None,
            };
            self.write(Write::Put(Record::Payload(id, payload.into())));
        }
        change(&mut row);
        self.write(Write::Put(Record::Request(id, row)))
    }

    pub fn queued(&mut self, planned: Planned, attempts: u8, not_before: u64) -> &mut Self {
        self.put(planned, attempts, Phase::Queued { not_before: at(not_before) })
    }

    /// In flight in this epoch, with a lease of 35 s.
    pub fn in_flight(&mut self, planned: Planned, attempts: u8) -> &mut Self {
        let phase = Phase::InFlight { epoch: self.epoch, lease_until: self.time().plus_ms(35_000) };
        self.put(planned, attempts, phase)
    }

    /// Delivering, with a callback under way for 35 s.
    pub fn delivering(&mut self, planned: Planned, outcome: Outcome) -> &mut Self {
        let until = Some(self.time().plus_ms(35_000));
        self.put_with(planned, |row| row.phase = Phase::Delivering { outcome, until })
    }

    /// The row that the machine puts in the place of one it cannot read, and its bytes in quarantine.
    pub fn replaced(&mut self, planned: Planned) -> &mut Self {
        let id = self.id(planned);
        let unnamed = unnamed_row(id);
        self.write(Write::Put(Record::Quarantine(id, vec![9]))).write(Write::Put(Record::Request(id, unnamed)))
    }

    pub fn finished(&mut self, planned: Planned, outcome: Outcome) -> &mut Self {
        let id = self.id(planned);
        let RequestRow { request_id, fingerprint, attempts, .. } = self.row(planned);
        let row = FinishedRow { request_id, fingerprint, outcome, attempts, finished_at: self.time() };
        self.gone(planned).write(Write::Put(Record::Finished(id, row)))
    }

    /// Deletes a live request's rows.
    pub fn gone(&mut self, planned: Planned) -> &mut Self {
        self.delete(Table::Requests, planned).delete(Table::Payloads, planned)
    }

    /// Deletes a finished request's row.
    pub fn forgotten(&mut self, planned: Planned) -> &mut Self {
        self.delete(Table::Finished, planned)
    }

    pub fn delete(&mut self, table: Table, planned: Planned) -> &mut Self {
        let id = self.id(planned);
        self.write(Write::Delete(Key { table, id }))
    }

    /// Takes the staged deletions of this table back.
    pub fn unstage(&mut self, table: Table) -> &mut Self {
        self.writes.retain(|write| !matches!(write, Write::Delete(key) if key.table == table));
        self
    }

    pub fn note(&mut self, note: Note) -> &mut Self {
        self.notes.push(note);
        self
    }

    /// The end of an attempt, of this epoch.
    pub fn fetched(&mut self, planned: Planned, number: u8, result: FetchResult) -> &mut Self {
        let attempt = Attempt { id: self.id(planned), number, epoch: self.epoch };
        self.note(Note::Fetched(attempt, result))
    }

    /// An attempt that ended with an answer of this status.
    pub fn answered(&mut self, planned: Planned, number: u8, status: u16) -> &mut Self {
        self.fetched(planned, number, FetchResult::Response { status, retry_after: None })
    }

    /// A callback that was taken, of this epoch.
    pub fn called(&mut self, planned: Planned, number: u8) -> &mut Self {
        let attempt = Attempt { id: self.id(planned), number, epoch: self.epoch };
        self.note(Note::Delivered(attempt, CallbackResult::Answered))
    }

    /// The next commit stores this alarm.
    pub fn sets_alarm(&mut self, ms: u64) -> &mut Self {
        self.alarm_set = Some(at(ms));
        self
    }

    /// Commits what is staged, with a meta row unless one is staged or there is nothing to write.
    pub fn commit(&mut self) -> Verdict {
        let has_meta = self.writes.iter().any(|write| matches!(write, Write::Put(Record::Meta(_))));
        if !self.writes.is_empty() && !has_meta {
            self.mark(self.time().ms_since(START));
        }
        for write in &self.writes {
            match write {
                Write::Put(record) => drop(self.rows.insert(record.key(), record.encode())),
                Write::Delete(key) => drop(self.rows.remove(key)),
            }
        }
        let mut changes: Vec<Change> = Vec::new();
        self.ledger.apply(self.now, &self.writes, &mut changes);
        self.alarm = self.alarm_set.or(self.alarm);
        let (notes, writes) = (std::mem::take(&mut self.notes), std::mem::take(&mut self.writes));
        let commit = Commit {
            now: self.now,
            notes: &notes,
            writes: &writes,
            alarm_set: self.alarm_set.take(),
            alarm: self.alarm,
            changes: &changes,
        };
        self.watch.observe(&self.ledger, &Observation::Committed(&commit))
    }

    /// Commits what is staged, which no law must mind.
    #[track_caller]
    pub fn commits(&mut self) -> &mut Self {
        assert_eq!(self.commit(), Ok(()));
        self
    }

    /// The instance is lost; the next commit is the first of a new incarnation.
    pub fn lose(&mut self) -> &mut Self {
        self.epoch += 1;
        self.ledger.running = 0;
        for entry in &mut self.ledger.entries {
            entry.restarts += 1;
            entry.fetches.iter_mut().for_each(|fetch| fetch.running = false);
        }
        assert_eq!(self.watch.observe(&self.ledger, &Observation::Lost), Ok(()));
        self.note(Note::Start)
    }

    pub fn attempt(&mut self, planned: Planned, number: u8) -> Attempt {
        Attempt { id: self.id(planned), number, epoch: self.epoch }
    }

    pub fn fetch_leaves(&mut self, planned: Planned, number: u8) -> Verdict {
        let attempt = self.attempt(planned, number);
        let entry = self.place(planned);
        let fetch = Fetch { attempt, left: self.now, executed: 0, running: true, result: None };
        self.ledger.entries[entry].fetches.push(fetch);
        self.ledger.running += 1;
        self.watch.observe(&self.ledger, &Observation::FetchLeft { entry })
    }

    /// The last fetch ends.
    pub fn fetch_ends(&mut self, planned: Planned, result: FetchResult) -> &mut Self {
        let entry = self.place(planned);
        let fetch = self.ledger.entries[entry].fetches.last_mut().expect("a fetch left");
        fetch.running = false;
        fetch.result = Some(result);
        self.ledger.running -= 1;
        self
    }

    /// The last fetch reaches an upstream.
    pub fn executes(&mut self, planned: Planned, host: &str, headers: &[(&str, &str)]) -> Verdict {
        let entry = self.place(planned);
        let fetch = self.ledger.entries[entry].fetches.last_mut().expect("a fetch left");
        fetch.executed += 1;
        let number = fetch.attempt.number;
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.watch.observe(&self.ledger, &Observation::Executed { entry, number, host, headers: &headers })
    }

    pub fn callback_leaves(&mut self, planned: Planned, number: u8, outcome: Outcome) -> Verdict {
        let attempt = self.attempt(planned, number);
        let entry = self.place(planned);
        self.ledger.entries[entry].callbacks.push(Callback { attempt, outcome, left: self.now });
        self.watch.observe(&self.ledger, &Observation::CallbackLeft { entry })
    }

    pub fn tell(&mut self, planned: Planned, outcome: Outcome) -> Verdict {
        let entry = self.place(planned);
        self.ledger.entries[entry].told.push(outcome);
        self.watch.observe(&self.ledger, &Observation::Told { entry })
    }

    pub fn reply(&mut self, ask: Ask, reply: &Reply) -> Verdict {
        self.watch.observe(&self.ledger, &Observation::Replied { ask, reply })
    }

    /// The reply to this valid request of the plan.
    pub fn accept(&mut self, planned: Planned, id: Ulid) -> Verdict {
        self.reply(Ask::Enqueue { planned, valid: true }, &Reply::Accepted { id })
    }

    pub fn settle(&mut self, machine: &Machine, thorough: bool) -> Verdict {
        let seen = Observation::Settled { machine, rows: thorough.then_some(&self.rows) };
        self.watch.observe(&self.ledger, &seen)
    }

    /// A machine restored from the stored rows.
    pub fn machine(&self) -> Machine {
        let rows = self.rows.iter().map(|(key, value)| Row { key: *key, value: value.clone() });
        Machine::restore(Config::default(), rows).expect("restored")
    }

    pub fn heal(&mut self, recovery_ms: u64) -> &mut Self {
        assert_eq!(self.watch.observe(&self.ledger, &Observation::Healed { now: self.now, recovery_ms }), Ok(()));
        self
    }

    pub fn end(&mut self) -> Verdict {
        let seen = Observation::Ended { now: self.now, rows: &self.rows, alarm: self.alarm };
        self.watch.observe(&self.ledger, &seen)
    }
}

/// Only a machine can name a request that it could not read.
fn unnamed_row(id: Ulid) -> RequestRow {
    let corrupt = Row { key: Key { table: Table::Requests, id }, value: vec![ROW_VERSION] };
    let mut machine = Machine::restore(Config::default(), [corrupt]).expect("restored");
    let mut out = Output::default();
    machine.step(START, Event::Start, &mut out);
    let (_, row) = machine.live().next().expect("replaced");
    row.clone()
}

/// An answer of this status.
pub const fn response(status: u16) -> Outcome {
    Outcome::Response { status }
}

/// The answer 200, as a host reports it.
pub const OK: FetchResult = FetchResult::Response { status: 200, retry_after: None };
