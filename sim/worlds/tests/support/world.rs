//! A host in memory that runs a [`Plan`]: it performs every effect in its ledger, crashes as told, and has the laws
//! checked after each turn.

use super::{
    host::Mem,
    ledger::{Entry, Law, Snapshot, Spoilt, date, machine_time},
    ops::{End, Fate, Input, Op, Plan, Profile, Wait},
};
use proxy_fetch::{
    Alarm, Attempt, CallbackResult, Caller, Config, Effect, Event, FetchResult, Machine, Options, Outcome, Output,
    Reply, Row, Table, Timestamp, Ulid, turn,
};
pub use proxy_fetch_sim::reference::inputs::{allowing, request};
use std::collections::{BTreeMap, BTreeSet};

/// 2026-01-01, so that dates of `Retry-After` are well inside what the formats can say.
pub const BEGIN: u64 = 1_767_225_600_000;

pub struct World {
    pub config: Config,
    pub mem: Mem,
    pub machine: Machine,
    pub alarm: Alarm,
    pub clock: u64,
    pub profiles: Vec<Profile>,
    /// The first law that was broken, and how.
    pub violation: Option<(Law, String)>,
    pub entries: BTreeMap<Ulid, Entry>,
    pub running: BTreeSet<Attempt>,
    pub calls: BTreeMap<Attempt, Outcome>,
    pub held: BTreeSet<Attempt>,
    pub history: Vec<Attempt>,
    /// What was ever called back.
    pub called: BTreeSet<Attempt>,
    /// How many instances of the host there were.
    pub incarnation: u32,
    /// No step yet in this incarnation.
    pub fresh: bool,
    pub before: Snapshot,
    pub hits: BTreeMap<&'static str, u32>,
    pub log: Vec<String>,
}

/// One turn as the laws see it.
pub struct Turn<'a> {
    pub inputs: &'a [Input],
    pub events: &'a [Event],
    pub ends: &'a BTreeMap<Attempt, End>,
    pub effects: &'a [Effect],
    /// The machine's time.
    pub now: u64,
    pub fresh: bool,
    pub lost: bool,
    /// Nothing was due before the turn.
    pub idle: bool,
}

impl World {
    pub fn new(config: Config, profiles: Vec<Profile>) -> Self {
        let mem = Mem::default();
        let machine = mem.restore(&config).unwrap();
        Self {
            config,
            mem,
            machine,
            alarm: Alarm::UNKNOWN,
            clock: BEGIN,
            profiles,
            violation: None,
            entries: BTreeMap::new(),
            running: BTreeSet::new(),
            calls: BTreeMap::new(),
            held: BTreeSet::new(),
            history: Vec::new(),
            called: BTreeSet::new(),
            incarnation: 0,
            fresh: true,
            before: Snapshot::default(),
            hits: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// Runs the whole plan and then the drain under all laws; the error is the first violation, with the trace.
    pub fn run(plan: &Plan) -> Result<Self, String> {
        let mut world = Self::new(allowing(), plan.profiles.clone());
        for op in &plan.ops {
            world.op(op);
            if world.violation.is_some() {
                break;
            }
        }
        if world.violation.is_none() {
            world.drain(plan.answers_at_the_end);
        }
        match world.violation.take() {
            None => Ok(world),
            Some((law, text)) => Err(format!("{law:?}: {text}\n{}", world.log.join("\n"))),
        }
    }

    pub fn violate(&mut self, law: Law, text: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.violation = Some((law, text()));
        }
    }

    pub fn require(&mut self, law: Law, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.violate(law, text);
        }
    }

    pub fn hit(&mut self, what: &'static str) {
        *self.hits.entry(what).or_default() += 1;
    }

    pub fn op(&mut self, op: &Op) {
        match op {
            Op::Turn(inputs, fate) => self.turn(inputs, *fate),
            Op::Pass(ms) => self.clock += ms,
            Op::Back(ms) => self.clock -= ms,
            Op::Alarm(late) => self.fire(*late),
            Op::Spoil { pick, foreign } => self.spoil(*pick, *foreign),
        }
    }

    /// The stored alarm fires; the platform forgets it when it does.
    pub fn fire(&mut self, late: u64) {
        if let Some(at) = self.mem.alarm.take() {
            self.clock = self.clock.max(at.0) + late;
            self.turn(&[Input::Tick], Fate::Fine);
        }
    }

    pub fn turn(&mut self, inputs: &[Input], fate: Fate) {
        let mut ends = BTreeMap::new();
        let alone = inputs.len() == 1;
        let events: Vec<Event> = inputs.iter().filter_map(|input| self.event(*input, alone, &mut ends)).collect();
        if events.is_empty() {
            return;
        }
        let now = machine_time(self.clock, &self.before.meta);
        if let [event] = events.as_slice() {
            self.probe(event, Timestamp(now));
        }
        let idle = self.is_idle(now);
        self.mem.writes.clear();
        self.mem.fail_next = matches!(fate, Fate::CommitFails);
        let mut out = Output::default();
        let clock = Timestamp(self.clock);
        let done = turn(&mut self.machine, &mut self.alarm, &mut self.mem, clock, events.clone(), &mut out);
        self.mem.fail_next = false;
        let fresh = std::mem::take(&mut self.fresh);
        self.log.extend(events.iter().map(|event| format!("{} {event}", Timestamp(now))));
        if done.is_err() {
            self.log.push("commit fails".into());
            self.hit("commit failed");
            self.require(Law::S5, out.effects().is_empty(), || format!("effects of a failed commit: {out:?}"));
            return self.restart();
        }
        let effects = out.take_effects();
        self.log.extend(effects.iter().map(|effect| format!("    {effect}")));
        let lost = matches!(fate, Fate::CrashBeforeEffects);
        self.after(&Turn { inputs, events: &events, ends: &ends, effects: &effects, now, fresh, lost, idle });
        if lost {
            self.hit("crash before effects");
            self.restart();
        } else if matches!(fate, Fate::CrashAfterEffects) {
            self.hit("crash after effects");
            self.restart();
        }
    }

    /// Whether a tick at `now` has nothing to do.
    fn is_idle(&self, now: u64) -> bool {
        let wakes = self.machine.next_wake().is_some_and(|(at, _)| at.0 <= now);
        let forgets = self.before.finished.values().any(|row| row.finished_at.0 + 300_000 <= now);
        !self.fresh && !wakes && !forgets
    }

    pub fn restart(&mut self) {
        self.log.push("restart".into());
        self.machine = self.mem.restore(&self.config).unwrap();
        self.before = Snapshot::of(&self.machine);
        self.alarm = Alarm::UNKNOWN;
        self.incarnation += 1;
        self.fresh = true;
        self.running.clear();
        self.calls.clear();
        self.held.clear();
        let needed = !self.before.live.is_empty();
        self.require(Law::L1, !needed || self.mem.alarm.is_some(), || "a restart finds work and no alarm".into());
    }

    fn spoil(&mut self, pick: u8, foreign: bool) {
        let is_target = |table: Table| matches!(table, Table::Requests | Table::Finished);
        let keys: Vec<_> = self.mem.rows.keys().filter(|key| is_target(key.table)).copied().collect();
        let Some(key) = keys.get(usize::from(pick) % keys.len().max(1)) else { return };
        let value = self.mem.rows.get_mut(key).unwrap();
        if value.first() != Some(&1) {
            return;
        }
        if foreign {
            value[0] = 2;
        } else {
            *value = vec![1, 255, 255, 255];
        }
        self.log.push(format!("spoil {key} foreign={foreign}"));
        if let Some(entry) = self.entries.get_mut(&key.id) {
            entry.spoilt = if foreign { Spoilt::Foreign } else { Spoilt::Corrupt };
        }
        self.hit(if foreign { "foreign row" } else { "corrupt row" });
        self.restart();
        self.turn(&[Input::Start], Fate::Fine);
    }

    fn event(&mut self, input: Input, alone: bool, ends: &mut BTreeMap<Attempt, End>) -> Option<Event> {
        let caller = Caller(7);
        let named = |name: u8| format!("r{name}");
        Some(match input {
            Input::Start => Event::Start,
            Input::Tick => Event::Tick,
            Input::Enqueue { name, profile, entropy } => {
                let number = profile % u8::try_from(self.profiles.len()).unwrap();
                let request = request(&named(name), number, self.profiles[usize::from(number)]);
                Event::Enqueue { caller, request: Box::new(request), entropy }
            }
            Input::Invalid { name, field } => {
                let mut request = request(&named(name), 0, self.profiles[0]);
                let slot = match field % 8 {
                    0 => &mut request.request_id,
                    1 => &mut request.method,
                    2 => &mut request.url,
                    3 => {
                        request.headers.push(("a b".into(), String::new()));
                        &mut String::new()
                    }
                    _ => {
                        request.options = Options { max_retries: i64::MAX, ..request.options };
                        &mut String::new()
                    }
                };
                *slot = "no such thing".into();
                Event::Enqueue { caller, request: Box::new(request), entropy: 0 }
            }
            Input::Cancel { name } => Event::Cancel { caller, request_id: named(name) },
            Input::Status { name } => Event::Status { caller, request_id: named(name) },
            Input::Complete { pick, end } => {
                let attempt = *self.running.iter().nth(usize::from(pick) % self.running.len().max(1))?;
                self.report(attempt, end, ends)
            }
            Input::Stale { pick, number, epoch, end } => {
                let attempt = self.shifted(pick, number, epoch, alone)?;
                self.report(attempt, end, ends)
            }
            Input::Answer { pick, result } => {
                let attempt = *self.calls.keys().nth(usize::from(pick) % self.calls.len().max(1))?;
                self.calls.remove(&attempt);
                Event::Delivered { attempt, result }
            }
            Input::StaleAnswer { pick, number, epoch } => {
                let attempt = self.shifted(pick, number, epoch, alone)?;
                // Nor does one answer a callback that the turn under way is about to send.
                if !alone && !self.called.contains(&attempt) {
                    return None;
                }
                self.calls.remove(&attempt);
                Event::Delivered { attempt, result: CallbackResult::Answered }
            }
        })
    }

    /// Any attempt; but no host can report one that the turn under way is about to start.
    fn shifted(&self, pick: u16, number: u8, epoch: u8, alone: bool) -> Option<Attempt> {
        let mut attempt = *self.history.get(usize::from(pick) % self.history.len().max(1))?;
        attempt.number = attempt.number.wrapping_add(number).wrapping_sub(1);
        attempt.epoch = attempt.epoch.wrapping_add(u64::from(epoch)).wrapping_sub(1);
        let known = self.history.contains(&attempt) || alone;
        known.then_some(attempt)
    }

    fn report(&mut self, attempt: Attempt, end: End, ends: &mut BTreeMap<Attempt, End>) -> Event {
        ends.entry(attempt).or_insert(end);
        if self.running.remove(&attempt) {
            if matches!(end, End::Status(..)) {
                self.held.insert(attempt);
            }
            let sent = self.entries.get_mut(&attempt.id).map(|entry| &mut entry.sent);
            if let Some((_, report)) = sent.and_then(|sent| sent.iter_mut().find(|(one, _)| *one == attempt)) {
                *report = Some(end);
            }
        }
        Event::Fetched { attempt, result: self.result(end) }
    }

    fn result(&self, end: End) -> FetchResult {
        match end {
            End::Failed(failure) => FetchResult::Failed(failure),
            End::Status(status, wait) => FetchResult::Response {
                status,
                retry_after: match wait {
                    Wait::None => None,
                    Wait::Seconds(seconds) => Some(seconds.to_string()),
                    Wait::Date(offset) => {
                        let seconds = std::time::Duration::from_secs(date(self.clock, offset));
                        Some(httpdate::fmt_http_date(std::time::UNIX_EPOCH + seconds))
                    }
                    Wait::Garbage(kind) => {
                        let garbage = ["", "-5", "1.5", "soon", "Mon, 99 Foo 2026 00:00:00 GMT", "\u{1F980}", "+7"];
                        Some(garbage[usize::from(kind) % garbage.len()].into())
                    }
                },
            },
        }
    }

    /// What really happens outside: effects that are not lost.
    pub fn perform(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Fetch { attempt, .. } => {
                    self.running.insert(*attempt);
                    self.history.push(*attempt);
                    self.entries.get_mut(&attempt.id).unwrap().sent.push((*attempt, None));
                }
                Effect::Abort { attempt } => {
                    self.running.remove(attempt);
                    self.held.remove(attempt);
                }
                Effect::Deliver { attempt, outcome, .. } => {
                    let held = self.held.remove(attempt);
                    self.require(Law::Held, held || !outcome.has_response(), || format!("{effect}: nothing is held"));
                    self.calls.insert(*attempt, *outcome);
                    self.called.insert(*attempt);
                    let incarnation = self.incarnation;
                    self.entries.get_mut(&attempt.id).unwrap().delivered.push((incarnation, *outcome));
                }
                Effect::Reply { reply: Reply::Accepted { id }, .. } => {
                    self.entries.get_mut(id).unwrap().acknowledged = true;
                }
                Effect::Reply { .. } | Effect::Report(_) => {}
            }
        }
        let live: BTreeSet<Ulid> = self.machine.live().map(|(id, _)| id).collect();
        self.calls.retain(|attempt, _| live.contains(&attempt.id));
    }

    pub fn stored_rows(&self) -> impl Iterator<Item = Row> + '_ {
        self.mem.rows.iter().map(|(key, value)| Row { key: *key, value: value.clone() })
    }
}
