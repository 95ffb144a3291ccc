//! The system under test: the machine, driven by `turn`, on a small platform. Rows are bytes in a map, there is one
//! alarm, commits fail on demand, and a restart has only what is stored.

use super::inputs::{End, Wait, allowing, date, request};
use super::{
    judge::Difference,
    model::{CALLER, Seen, Setup, Told},
    ops::{Fate, Wrong},
};
use proxy_fetch::{
    Alarm, Attempt, Callback, Config, Effect, Event, FetchResult, FinishedRow, Key, Machine, Meta, Outcome, Output,
    Phase, Record, Report, RequestRow, Row, Store, Table, Timestamp, Ulid, Write, turn,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, UNIX_EPOCH},
};

/// What was asked of the store in a turn.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    pub writes: usize,
    pub alarm: Option<u64>,
}

#[derive(Default)]
struct Mem {
    rows: BTreeMap<Key, Vec<u8>>,
    alarm: Option<Timestamp>,
    /// Whether the next commit keeps what it is given, and whether it says so.
    keeps: bool,
    succeeds: bool,
    last: Option<Commit>,
}

#[derive(Debug)]
struct CommitFailed;

impl Store for Mem {
    type Error = CommitFailed;

    fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), CommitFailed> {
        self.last = Some(Commit { writes: writes.len(), alarm: alarm.map(|at| at.0) });
        if self.keeps {
            for write in writes {
                match write {
                    Write::Put(record) => drop(self.rows.insert(record.key(), record.encode())),
                    Write::Delete(key) => drop(self.rows.remove(key)),
                }
            }
            self.alarm = alarm.or(self.alarm);
        }
        if self.succeeds { Ok(()) } else { Err(CommitFailed) }
    }
}

/// What a turn came to.
pub struct Happened {
    /// What the turn let out.
    pub effects: Vec<Effect>,
    pub commit: Option<Commit>,
    /// Whether the turn's work is stored.
    pub is_kept: bool,
    /// Whether the instance is lost.
    pub is_dead: bool,
    /// Whether the effects leave.
    pub leave: bool,
}

/// The stored rows, as another incarnation would read them.
#[derive(Debug, Default)]
pub struct Stored {
    pub meta: Meta,
    pub live: BTreeMap<Ulid, RequestRow>,
    pub finished: BTreeMap<Ulid, FinishedRow>,
    pub payloads: BTreeSet<Ulid>,
    pub rows: usize,
}

impl Seen for Stored {
    fn not_before(&self, id: Ulid) -> Option<u64> {
        match self.live.get(&id)?.phase {
            Phase::Queued { not_before } => Some(not_before.0),
            Phase::InFlight { .. } | Phase::Delivering { .. } => None,
        }
    }

    fn outcome(&self, id: Ulid) -> Option<Outcome> {
        if let Some(row) = self.finished.get(&id) {
            return Some(row.outcome);
        }
        match self.live.get(&id)?.phase {
            Phase::Delivering { outcome, .. } => Some(outcome),
            Phase::Queued { .. } | Phase::InFlight { .. } => None,
        }
    }
}

pub struct Platform {
    config: Config,
    setup: Setup,
    store: Mem,
    machine: Machine,
    known: Alarm,
    pub running: BTreeSet<Attempt>,
    pub calls: BTreeMap<Attempt, Outcome>,
    /// Attempts whose responses are in this incarnation's memory.
    pub held: BTreeSet<Attempt>,
}

impl Platform {
    pub fn new(setup: &Setup) -> Self {
        let config =
            Config { max_live: setup.max_live, max_known: setup.max_known, max_request_body_bytes: 100, ..allowing() };
        let store = Mem::default();
        let Ok(machine) = Machine::restore(config.clone(), []) else { panic!("nothing is stored") };
        Self {
            config,
            setup: setup.clone(),
            store,
            machine,
            known: Alarm::UNKNOWN,
            running: BTreeSet::new(),
            calls: BTreeMap::new(),
            held: BTreeSet::new(),
        }
    }

    pub fn alarm(&self) -> Option<u64> {
        self.store.alarm.map(|at| at.0)
    }

    fn restored(&self) -> Machine {
        let rows = self.store.rows.iter().filter(|(key, _)| Table::RESTORED.contains(&key.table));
        let rows = rows.map(|(key, value)| Row { key: *key, value: value.clone() });
        match Machine::restore(self.config.clone(), rows) {
            Ok(machine) => machine,
            Err(error) => panic!("no row was damaged, and yet: {error}"),
        }
    }

    pub fn stored(&self) -> Stored {
        let mut stored = Stored { rows: self.store.rows.len(), ..Stored::default() };
        for record in self.restored().rows() {
            match record {
                Record::Meta(meta) => stored.meta = meta,
                Record::Request(id, row) => drop(stored.live.insert(id, row)),
                Record::Finished(id, row) => drop(stored.finished.insert(id, row)),
                Record::Payload(..) | Record::Quarantine(..) => {}
            }
        }
        let payloads = self.store.rows.keys().filter(|key| key.table == Table::Payloads);
        stored.payloads = payloads.map(|key| key.id).collect();
        stored
    }

    /// The shadow law: memory is what is stored (S25).
    pub fn is_shadow(&self) -> bool {
        self.restored().same_rows(&self.machine)
    }

    pub fn restart(&mut self) {
        self.machine = self.restored();
        self.known = match self.store.alarm {
            Some(at) if self.setup.reads_alarm => Alarm::stored(at),
            Some(_) | None => Alarm::UNKNOWN,
        };
        self.running.clear();
        self.calls.clear();
        self.held.clear();
    }

    /// One turn. What its fate lets out is in the answer, and not yet performed.
    pub fn turn(&mut self, clock: u64, told: &[Told], fate: Fate, is_alarm: bool) -> Happened {
        let (keeps, succeeds) = match fate {
            Fate::Fine | Fate::CrashBeforeEffects | Fate::CrashAfterEffects => (true, true),
            Fate::CommitUnknown => (true, false),
            Fate::CommitFails | Fate::CrashBeforeCommit => (false, false),
        };
        (self.store.keeps, self.store.succeeds, self.store.last) = (keeps, succeeds, None);
        let events: Vec<Event> = told.iter().map(|one| self.event(clock, one)).collect();
        let mut out = Output::default();
        let clock = Timestamp(clock);
        let result = turn(&mut self.machine, &mut self.known, &mut self.store, clock, events, &mut out);
        let commit = self.store.last;
        let mut effects = out.take_effects();
        let failed = result.is_err();
        let (is_kept, is_dead, leave) = match fate {
            Fate::Fine => (true, false, true),
            Fate::CommitFails | Fate::CommitUnknown if !failed => (true, false, true),
            Fate::CommitFails => (false, true, false),
            Fate::CommitUnknown => (true, true, false),
            Fate::CrashBeforeCommit => {
                // It died in the turn, so nobody looked at what the turn would have said.
                effects.clear();
                (false, true, false)
            }
            Fate::CrashBeforeEffects => (true, true, false),
            Fate::CrashAfterEffects => (true, true, true),
        };
        // The alarm that runs is gone when its handler has ended well, unless it was set again.
        if is_alarm && !is_dead && commit.is_none_or(|commit| commit.alarm.is_none()) {
            self.store.alarm = None;
        }
        Happened { effects, commit, is_kept, is_dead, leave }
    }

    /// The outside does what the effects say.
    pub fn perform(&mut self, effects: &[Effect]) -> Result<(), Difference> {
        for effect in effects {
            match effect {
                Effect::Fetch { attempt, .. } => {
                    self.running.insert(*attempt);
                }
                Effect::Abort { attempt } => {
                    self.running.remove(attempt);
                    self.held.remove(attempt);
                }
                Effect::Deliver { attempt, outcome, .. } => {
                    if outcome.has_response() && !self.held.contains(attempt) {
                        return Err(Difference { law: None, what: format!("{effect}: no response is held") });
                    }
                    self.calls.insert(*attempt, *outcome);
                }
                Effect::Reply { .. } | Effect::Report(_) => {}
            }
        }
        // The host's own time for a callback is over before the machine gives it up.
        let given_up = |id| move |effect: &Effect| matches!(effect, Effect::Report(Report::CallbackFailed { id: one, .. }) if *one == id);
        let over: Vec<Attempt> =
            self.calls.keys().copied().filter(|call| effects.iter().any(given_up(call.id))).collect();
        for attempt in over {
            self.calls.remove(&attempt);
            self.held.remove(&attempt);
        }
        Ok(())
    }

    fn event(&mut self, clock: u64, told: &Told) -> Event {
        match told {
            Told::Start => Event::Start,
            Told::Tick => Event::Tick,
            Told::Stop => Event::Stop,
            Told::Enqueue { name, profile, entropy } => {
                let number = u8::try_from(*profile).unwrap_or(u8::MAX);
                let request = request(name, number, self.setup.profiles[*profile]);
                Event::Enqueue { caller: CALLER, request: Box::new(request), entropy: *entropy }
            }
            Told::Invalid(wrong) => self.wrong(*wrong),
            Told::Cancel { name } => Event::Cancel { caller: CALLER, request_id: name.clone() },
            Told::Status { name } => Event::Status { caller: CALLER, request_id: name.clone() },
            Told::Fetched { attempt, end } => {
                if self.running.remove(attempt) && matches!(end, End::Status(..)) {
                    self.held.insert(*attempt);
                }
                Event::Fetched { attempt: *attempt, result: result(clock, *end) }
            }
            Told::Delivered { attempt, result } => {
                if self.calls.remove(attempt).is_some() {
                    self.held.remove(attempt);
                }
                Event::Delivered { attempt: *attempt, result: *result }
            }
        }
    }

    /// A call that would be a fresh and valid one but for one field.
    fn wrong(&self, wrong: Wrong) -> Event {
        let mut request = request("fresh", 0, self.setup.profiles[0]);
        let options = &mut request.options;
        match wrong {
            Wrong::EmptyName => request.request_id.clear(),
            Wrong::NameOfTwoWords => request.request_id = "two words".into(),
            Wrong::LongName => request.request_id = "x".repeat(129),
            Wrong::Method => request.method = "get".into(),
            Wrong::Url => request.url = "no url".into(),
            Wrong::Scheme => request.url = "ftp://example.com/".into(),
            Wrong::Password => request.url = "https://user:secret@example.com/".into(),
            Wrong::PrivateAddress => request.url = "http://10.0.0.1/".into(),
            Wrong::Header => request.headers.push(("x".into(), "a\r\nb: c".into())),
            Wrong::BodyOfGet => {
                request.method = "GET".into();
                request.body = vec![1];
            }
            Wrong::CallbackElsewhere => request.callback = Some(Callback::Url("https://elsewhere.example/".into())),
            Wrong::ShortTimeout => options.timeout_ms = 99,
            Wrong::LongTimeout => options.timeout_ms = 300_001,
            Wrong::NegativeRetries => options.max_retries = -1,
            Wrong::ManyRetries => options.max_retries = 11,
            Wrong::ShortDelay => options.retry_delay_ms = 99,
            Wrong::LongDelay => options.max_retry_delay_ms = 600_001,
            Wrong::DelaysCrossed => {
                options.retry_delay_ms = 101;
                options.max_retry_delay_ms = 100;
            }
            Wrong::CancelNoName => return Event::Cancel { caller: CALLER, request_id: "two words".into() },
            Wrong::StatusNoName => return Event::Status { caller: CALLER, request_id: String::new() },
        }
        Event::Enqueue { caller: CALLER, request: Box::new(request), entropy: 0 }
    }
}

fn result(clock: u64, end: End) -> FetchResult {
    let (status, wait) = match end {
        End::Failed(failure) => return FetchResult::Failed(failure),
        End::Status(status, wait) => (status, wait),
    };
    let retry_after = match wait {
        Wait::None => None,
        Wait::Seconds(seconds) => Some(seconds.to_string()),
        Wait::Date(offset) => Some(httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(date(clock, offset)))),
        Wait::Garbage(kind) => {
            let garbage = ["", "-5", "1.5", "soon", "Mon, 99 Foo 2026 00:00:00 GMT", "\u{1F980}", "+7"];
            Some(garbage[usize::from(kind) % garbage.len()].into())
        }
    };
    FetchResult::Response { status, retry_after }
}
