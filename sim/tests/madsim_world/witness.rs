//! What survives every kill: the object's disk, and beside it the ground truth that the laws are checked on.
//!
//! No node reads the ground truth; each only says what it saw.

use super::{callers::Wish, now};
use proxy_fetch::{
    Attempt, CallbackResult, Caller, Event, FetchResult, Key, Machine, Outcome, Payload, Reply, Report, Store, Table,
    Timestamp, Ulid, Write,
};
use proxy_fetch_sim::{
    engine::Object,
    laws::Laws,
    proxy::{
        ledger::{Ask, Callback, Change, Commit, Fetch, Ledger, Note, Observation, Planned},
        object::{ProxyObject, Rows},
    },
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Arc, Mutex},
};

/// One world, shared by all its nodes.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Witness>>);

impl Shared {
    pub fn see<T>(&self, look: impl FnOnce(&mut Witness) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }
}

/// How often what a run is for has happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub runs: u64,
    pub commits: u64,
    pub kills: u64,
    pub kills_in_flight: u64,
    pub kills_while_delivering: u64,
    pub kills_before_effects: u64,
    pub retries: u64,
    pub repeated_replies: u64,
    pub aborts: u64,
    pub lost_callbacks: u64,
    pub second_callbacks: u64,
    pub cancelled: u64,
    pub interrupted: u64,
    pub unknown: u64,
}

impl Totals {
    pub const NONE: Self = Self {
        runs: 0,
        commits: 0,
        kills: 0,
        kills_in_flight: 0,
        kills_while_delivering: 0,
        kills_before_effects: 0,
        retries: 0,
        repeated_replies: 0,
        aborts: 0,
        lost_callbacks: 0,
        second_callbacks: 0,
        cancelled: 0,
        interrupted: 0,
        unknown: 0,
    };

    const fn all(&mut self) -> [&mut u64; 14] {
        let Self {
            runs,
            commits,
            kills,
            kills_in_flight,
            kills_while_delivering,
            kills_before_effects,
            retries,
            repeated_replies,
            aborts,
            lost_callbacks,
            second_callbacks,
            cancelled,
            interrupted,
            unknown,
        } = self;
        [
            runs,
            commits,
            kills,
            kills_in_flight,
            kills_while_delivering,
            kills_before_effects,
            retries,
            repeated_replies,
            aborts,
            lost_callbacks,
            second_callbacks,
            cancelled,
            interrupted,
            unknown,
        ]
    }

    pub fn add(&mut self, other: &Self) {
        let mut other = *other;
        for (sum, count) in self.all().into_iter().zip(other.all()) {
            *sum += *count;
        }
    }

    /// Whether each of them happened.
    pub fn is_wide(mut self) -> bool {
        self.all().into_iter().all(|count| *count > 0)
    }
}

#[derive(Default)]
pub struct Witness {
    /// The disk.
    pub rows: Rows,
    pub alarm: Option<Timestamp>,
    pub totals: Totals,
    ledger: Ledger,
    laws: Laws,
    /// Fetches of the living instance.
    running: BTreeSet<Attempt>,
    /// Responses that it holds.
    held: BTreeSet<Attempt>,
    /// A turn is committed, and its effects have not all left.
    effects_wait: bool,
    wishes: BTreeMap<Planned, Wish>,
    asks: Vec<Ask>,
    /// What callers were told: their requests' ULIDs, and when.
    acknowledged: BTreeMap<Planned, (Ulid, Timestamp)>,
    cancelled: BTreeSet<Planned>,
    /// What the upstream counted, by idempotency key.
    executions: BTreeMap<String, u32>,
    /// Callbacks that failed, as the object knows or logged.
    failed_callbacks: BTreeSet<Ulid>,
    settled: u64,
}

/// The disk in one turn: a commit is all or nothing, and seen at once.
pub struct Disk<'a> {
    witness: &'a mut Witness,
    now: Timestamp,
    notes: Vec<Note>,
    is_committed: bool,
}

impl Store for Disk<'_> {
    type Error = Infallible;

    fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), Infallible> {
        for write in writes {
            ProxyObject::apply(&mut self.witness.rows, write);
        }
        self.is_committed = true;
        self.witness.committed(self.now, &self.notes, writes, alarm);
        Ok(())
    }
}

impl Disk<'_> {
    /// Ends the turn. An alarm that fired is gone, even if its turn had nothing to write.
    pub fn close(mut self) {
        if !self.is_committed && self.notes.contains(&Note::Tick) {
            let Ok(()) = self.commit(&[], None);
        }
    }
}

/// The object's side.
impl Witness {
    fn observe(&mut self, seen: &Observation<'_>) {
        if let Err(violation) = self.laws.observe(&self.ledger, seen) {
            panic!("{violation}");
        }
    }

    pub fn started(&mut self) {
        self.observe(&Observation::Started);
    }

    pub fn disk(&mut self, now: Timestamp, events: &[Event]) -> Disk<'_> {
        let notes = events.iter().map(ProxyObject::note).collect();
        Disk { witness: self, now, notes, is_committed: false }
    }

    fn committed(&mut self, now: Timestamp, notes: &[Note], writes: &[Write], alarm_set: Option<Timestamp>) {
        if notes.contains(&Note::Tick) {
            self.alarm = None;
        }
        self.alarm = alarm_set.or(self.alarm);
        self.totals.commits += 1;
        self.effects_wait = true;
        for note in notes {
            if let Note::Delivered(attempt, CallbackResult::Failed) = note {
                self.failed_callbacks.insert(attempt.id);
            }
        }
        let mut changes: Vec<Change> = Vec::new();
        self.ledger.apply(now, writes, &mut changes);
        let alarm = self.alarm;
        let commit = Commit { now, notes, writes, alarm_set, alarm, changes: &changes };
        self.observe(&Observation::Committed(&commit));
    }

    pub fn settled(&mut self, machine: &Machine) {
        self.settled += 1;
        let thorough = self.settled % 8 == 1;
        if thorough {
            machine.check();
        }
        let Self { laws, ledger, rows, alarm, .. } = self;
        let seen = Observation::Settled { machine, rows, alarm: *alarm, thorough };
        if let Err(violation) = laws.observe(ledger, &seen) {
            panic!("{violation}");
        }
    }

    /// The effects of the last turn have left.
    pub fn effects_left(&mut self) {
        self.effects_wait = false;
    }

    pub fn payload(&self, id: Ulid) -> Payload {
        Payload::decode(&self.rows[&Key { table: Table::Payloads, id }]).unwrap()
    }

    fn entry(&self, id: Ulid) -> usize {
        match self.ledger.entry_of(id) {
            Some(entry) => entry,
            None => panic!("{id} is not stored, and an effect of it left"),
        }
    }

    pub fn fetch_left(&mut self, attempt: Attempt) {
        let entry = self.entry(attempt.id);
        self.running.insert(attempt);
        assert!(self.running.len() <= 5, "{} fetches run", self.running.len());
        self.ledger.running += 1;
        self.totals.retries += u64::from(attempt.number > 1);
        let fetch = Fetch { attempt, left: now(), executed: 0, running: true, result: None };
        self.ledger.entries[entry].fetches.push(fetch);
        self.observe(&Observation::FetchLeft { entry });
    }

    pub fn fetch_ended(&mut self, attempt: Attempt, result: &FetchResult) {
        if matches!(result, FetchResult::Response { .. }) {
            self.held.insert(attempt);
        }
        self.end_fetch(attempt, Some(result));
    }

    pub fn aborted(&mut self, attempt: Attempt) {
        self.totals.aborts += 1;
        self.held.remove(&attempt);
        if self.running.contains(&attempt) {
            self.end_fetch(attempt, None);
        }
    }

    fn end_fetch(&mut self, attempt: Attempt, result: Option<&FetchResult>) {
        let entry = self.entry(attempt.id);
        assert!(self.running.remove(&attempt), "{attempt} ended twice");
        self.ledger.running -= 1;
        if let Some(fetch) = self.ledger.entries[entry].fetches.iter_mut().find(|fetch| fetch.attempt == attempt) {
            fetch.running = false;
            fetch.result = result.cloned();
        }
        self.observe(&Observation::FetchEnded { entry, attempt });
    }

    pub fn callback_left(&mut self, attempt: Attempt, outcome: Outcome) {
        let entry = self.entry(attempt.id);
        let callbacks = &mut self.ledger.entries[entry].callbacks;
        self.totals.second_callbacks += u64::from(!callbacks.is_empty());
        callbacks.push(Callback { attempt, outcome, left: now() });
        self.observe(&Observation::CallbackLeft { entry });
        assert!(!outcome.has_response() || self.held.contains(&attempt), "the response of {attempt} was dropped");
    }

    pub fn callback_ended(&mut self, attempt: Attempt) {
        self.held.remove(&attempt);
    }

    pub fn asked(&mut self, ask: Ask) -> Caller {
        self.asks.push(ask);
        Caller(self.asks.len() as u64 - 1)
    }

    pub fn replied(&mut self, caller: Caller, reply: &Reply) {
        let ask = self.asks[caller.0 as usize];
        self.observe(&Observation::Replied { ask, reply });
    }

    pub fn reported(&mut self, report: &Report) {
        match report {
            Report::CallbackFailed { id, .. } => {
                self.totals.lost_callbacks += 1;
                self.failed_callbacks.insert(*id);
            }
            Report::Quarantined { .. } | Report::Foreign { .. } => panic!("no row was tampered with: {report}"),
        }
    }

    /// The object's node was killed.
    pub fn lost(&mut self) {
        self.totals.kills += 1;
        self.totals.kills_in_flight += u64::from(self.ledger.in_flight > 0);
        self.totals.kills_while_delivering += u64::from(self.ledger.delivering > 0);
        self.totals.kills_before_effects += u64::from(std::mem::take(&mut self.effects_wait));
        self.held.clear();
        while let Some(attempt) = self.running.first().copied() {
            self.end_fetch(attempt, None);
        }
        for entry in &mut self.ledger.entries {
            if entry.row().is_some() {
                entry.restarts += 1;
            }
        }
        self.observe(&Observation::Lost);
    }
}

/// The other nodes' side.
impl Witness {
    pub fn wished(&mut self, planned: Planned, wish: Wish) {
        self.wishes.insert(planned, wish);
    }

    pub fn executed(&mut self, attempt: Attempt, host: &str, headers: &[(String, String)]) {
        let entry = self.entry(attempt.id);
        if let Some((_, key)) = headers.iter().find(|(name, _)| name == "idempotency-key") {
            assert_eq!(*key, attempt.id.to_string());
            *self.executions.entry(key.clone()).or_default() += 1;
        }
        if let Some(fetch) = self.ledger.entries[entry].fetches.iter_mut().find(|fetch| fetch.attempt == attempt) {
            fetch.executed += 1;
        }
        self.observe(&Observation::Executed { entry, number: attempt.number, host, headers });
    }

    pub fn told(&mut self, attempt: Attempt, outcome: Outcome) {
        let entry = self.entry(attempt.id);
        self.ledger.entries[entry].told.push(outcome);
        self.observe(&Observation::Told { entry });
    }

    /// A caller has its answer.
    pub fn answered(&mut self, message: &Value, reply: &Value) {
        let planned = message["planned"].as_u64().unwrap() as Planned;
        assert!(reply.get("refused").is_none() || message["ask"] != "enqueue", "r{planned} was refused: {reply}");
        if let Some(id) = reply.get("accepted").and_then(Value::as_str) {
            let id: Ulid = id.parse().unwrap();
            // A repeat in the dedupe window, and callers repeat soon, gets the same answer.
            match self.acknowledged.insert(planned, (id, now())) {
                None => {}
                Some((before, at)) if now().ms_since(at) < 240_000 => {
                    self.totals.repeated_replies += 1;
                    assert_eq!(before, id, "r{planned} was accepted twice");
                }
                Some(_) => {}
            }
        }
        if reply.get("cancelled").is_some() {
            self.cancelled.insert(planned);
        }
    }
}

/// The end.
impl Witness {
    pub fn healed(&mut self) {
        self.observe(&Observation::Healed { now: now(), recovery_ms: 0 });
    }

    pub fn is_at_rest(&self) -> bool {
        self.ledger.live().next().is_none() && self.alarm.is_none()
    }

    pub fn ended(&mut self, requests: Planned) {
        let rows = self.rows.clone();
        self.observe(&Observation::Ended { now: now(), rows: &rows, alarm: self.alarm });
        assert!(self.held.is_empty(), "{:?} are held at rest", self.held);
        assert!(self.running.is_empty(), "{:?} run at rest", self.running);
        assert_eq!(self.acknowledged.len(), requests as usize, "some callers never got an answer");
        for (planned, (id, _)) in &self.acknowledged {
            let entry = &self.ledger.entries[self.entry(*id)];
            assert_eq!(entry.planned, *planned);
            assert!(entry.row().is_none() && entry.outcome.is_some(), "r{planned} was accepted and never ended");
        }
        for entry in &self.ledger.entries {
            let wish = self.wishes[&entry.planned];
            if wish.callback {
                let is_told = !entry.told.is_empty() || self.failed_callbacks.contains(&entry.id);
                assert!(is_told, "the origin was not told of r{}, and the object knows of no failure", entry.planned);
            }
            if wish.at_most_once {
                let executed = self.executions.get(&entry.id.to_string()).copied().unwrap_or_default();
                assert!(executed <= 1, "r{} was executed {executed} times", entry.planned);
            }
            if self.cancelled.contains(&entry.planned) {
                assert_eq!(entry.outcome, Some(Outcome::Cancelled), "r{} was cancelled", entry.planned);
            }
            let outcome = entry.outcome;
            self.totals.cancelled += u64::from(outcome == Some(Outcome::Cancelled));
            self.totals.interrupted += u64::from(outcome == Some(Outcome::Interrupted));
            self.totals.unknown += u64::from(outcome == Some(Outcome::Unknown));
        }
        self.totals.runs += 1;
    }
}

/// An attempt's name in a message.
pub fn message_of(attempt: Attempt) -> Value {
    json!([attempt.id.to_string(), attempt.number, attempt.epoch])
}

pub fn attempt_of(message: &Value) -> Attempt {
    let (id, number, epoch): (String, u8, u64) = serde_json::from_value(message.clone()).unwrap();
    Attempt { id: id.parse().unwrap(), number, epoch }
}
