//! A turn of the object in a state, and what its effects do to the world. The laws see everything.
//!
//! Between two steps no time passes; only alarms move the clock. An effect takes place the moment it leaves: a fetch
//! reaches its upstream, an origin is told, a caller has its reply. When they end is a step of its own.

use super::{
    action::Fate,
    state::{Incarnation, State},
};
use crate::{
    history::{
        ledger::{Ask, Callback, Change, Commit, Fetch, Note, Observation},
        storage::{restorable, write_row},
    },
    laws::Violation,
    proxy::object::ProxyObject,
};
use proxy_fetch::{
    Alarm, Attempt, Config, Effect, Event, Hop, Key, Machine, Outcome, Output, Payload, Store, Table, Timestamp, Write,
    turn,
};

/// A broken law.
pub type Broken = Violation;

/// What one turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Did {
    /// It changed no request and let nothing out.
    Nothing,
    /// Something.
    Something,
    /// The fate is not possible: so many effects are not there, or nothing is committed.
    Impossible,
}

/// Takes a commit in, or refuses it.
struct Disk {
    fails: bool,
    committed: Option<(Vec<Write>, Option<Timestamp>)>,
}

impl Store for Disk {
    type Error = ();

    fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), ()> {
        self.committed = Some((writes.to_vec(), alarm));
        if self.fails { Err(()) } else { Ok(()) }
    }
}

fn violation(law: &'static str, what: String) -> Violation {
    Violation { law, what }
}

impl State {
    /// Shows the laws what was seen.
    fn observe(&mut self, seen: &Observation<'_>) -> Result<(), Broken> {
        self.laws.observe(&self.ledger, seen)
    }

    /// One turn with this event, of a new instance if there is none. `fired`: the stored alarm whose handler it is.
    pub(super) fn turn(
        &mut self,
        config: &Config,
        event: Event,
        fired: Option<Timestamp>,
        fate: Fate,
    ) -> Result<Did, Broken> {
        let mut events = Vec::with_capacity(2);
        let mut incarnation = match self.incarnation.take() {
            Some(incarnation) => incarnation,
            None => {
                let machine = Machine::restore(config.clone(), restorable(&self.rows));
                let machine = machine.map_err(|error| violation("S13", format!("restore failed: {error}")))?;
                self.say(|| "constructed".into());
                self.observe(&Observation::Started)?;
                events.push(Event::Start);
                Incarnation { machine, alarm: Alarm::UNKNOWN }
            }
        };
        if let Some(at) = fired {
            incarnation.alarm = Alarm::stored(at);
        }
        events.push(event);
        let notes: Vec<Note> = events.iter().map(<ProxyObject as durable_sim::Object>::note).collect();
        events.iter().for_each(|event| self.say(|| format!("< {event}")));
        let mut disk = Disk { fails: fate == Fate::CommitFails, committed: None };
        let mut out = Output::default();
        let done = turn(&mut incarnation.machine, &mut incarnation.alarm, &mut disk, self.now, events, &mut out);
        let effects = out.take_effects();
        self.effects = effects.len().min(usize::from(u8::MAX)) as u8;
        self.incarnation = Some(incarnation);
        if done.is_err() {
            self.say(|| "the commit fails".into());
            // For `turn` to leave nothing: whatever is here leaves.
            self.release(config, &effects)?;
            self.lose()?;
            return Ok(Did::Something);
        }
        if disk.fails {
            return Ok(Did::Impossible);
        }
        let leave = match fate {
            Fate::Done | Fate::CommitFails => effects.len(),
            Fate::CrashAfter(leave) => usize::from(leave),
        };
        if fate != Fate::Done && leave >= effects.len() {
            return Ok(Did::Impossible);
        }
        let (writes, alarm_set) = disk.committed.unwrap_or_default();
        let changes = self.commit(&notes, &writes, alarm_set, fired)?;
        self.release(config, &effects[..leave])?;
        if fate == Fate::Done {
            self.settle()?;
        } else {
            self.lose()?;
        }
        let is_nothing = changes == 0 && effects.is_empty();
        Ok(if is_nothing { Did::Nothing } else { Did::Something })
    }

    /// Makes a turn durable. Says how many requests it changed.
    fn commit(
        &mut self,
        notes: &[Note],
        writes: &[Write],
        alarm_set: Option<Timestamp>,
        fired: Option<Timestamp>,
    ) -> Result<usize, Broken> {
        writes.iter().for_each(|write| self.say(|| format!("| {write}")));
        if let Some(at) = alarm_set {
            self.say(|| format!("| alarm {at}"));
        }
        for write in writes {
            write_row(&mut self.rows, write);
        }
        if fired.is_some() {
            self.alarm = None;
        }
        self.alarm = alarm_set.or(self.alarm);
        if alarm_set.is_some() && alarm_set == fired.map(|at| at.max(self.now)) {
            // The platform would never fire it.
            return Err(violation("L3", "the alarm is set to the time of the one that runs, and is lost".into()));
        }
        let mut changes: Vec<Change> = Vec::new();
        self.ledger.apply(self.now, writes, &mut changes);
        if writes.is_empty() && alarm_set.is_none() && fired.is_none() {
            return Ok(0);
        }
        let seen = Commit { now: self.now, notes, writes, alarm_set, alarm: self.alarm, changes: &changes };
        self.observe(&Observation::Committed(&seen))?;
        Ok(changes.len())
    }

    /// Lets effects out.
    fn release(&mut self, config: &Config, effects: &[Effect]) -> Result<(), Broken> {
        for effect in effects {
            self.say(|| format!("> {effect}"));
            match effect {
                Effect::Fetch { attempt, timeout_ms: _ } => self.fetch(config, *attempt)?,
                Effect::Abort { attempt } => {
                    self.held.remove(attempt);
                    if let Some(entry) = self.running(*attempt) {
                        self.end_fetch(entry, None)?;
                    }
                }
                Effect::Deliver { attempt, outcome, duration_ms: _ } => self.call_back(*attempt, *outcome)?,
                Effect::Reply { caller, reply } => {
                    let planned = (caller.0 / 2) as u32;
                    let is_cancel = caller.0 % 2 == 1;
                    let ask = if is_cancel { Ask::Cancel { planned } } else { Ask::Enqueue { planned, valid: true } };
                    if !is_cancel && let Some(answered) = self.answered.get_mut(planned as usize) {
                        *answered = true;
                    }
                    self.observe(&Observation::Replied { ask, reply })?;
                }
                Effect::Report(_) => {}
            }
        }
        Ok(())
    }

    /// The entry whose last fetch is this attempt and runs.
    fn running(&self, attempt: Attempt) -> Option<usize> {
        let entry = self.ledger.entry_of(attempt.id)?;
        let fetches = &self.ledger.entries[entry].fetches;
        fetches.iter().any(|fetch| fetch.attempt == attempt && fetch.running).then_some(entry)
    }

    fn fetch(&mut self, config: &Config, attempt: Attempt) -> Result<(), Broken> {
        let Some(entry) = self.ledger.entry_of(attempt.id) else {
            return Err(violation("S4", format!("a fetch of {} leaves, which is not stored", attempt.id)));
        };
        let left = self.now;
        self.ledger.running += 1;
        self.ledger.entries[entry].fetches.push(Fetch { attempt, left, executed: 0, running: true, result: None });
        self.observe(&Observation::FetchLeft { entry })?;
        let payload = self.rows.get(&Key { table: Table::Payloads, id: attempt.id });
        let hop = payload
            .and_then(|bytes| Payload::decode(bytes).ok())
            .map(|payload| Hop::first(config, attempt.id, &payload));
        let Some(Ok(hop)) = hop else {
            return Err(violation("S4", format!("the payload of {} cannot be sent", attempt.id)));
        };
        if let Some(fetch) = self.ledger.entries[entry].fetches.last_mut() {
            fetch.executed += 1;
        }
        let host = hop.url.host_str().unwrap_or_default();
        self.observe(&Observation::Executed { entry, number: attempt.number, host, headers: &hop.headers })
    }

    /// A fetch runs no longer: reported, given up or lost.
    pub(super) fn end_fetch(
        &mut self,
        entry: usize,
        result: Option<proxy_fetch::FetchResult>,
    ) -> Result<Option<Attempt>, Broken> {
        let Some(fetch) = self.ledger.entries[entry].fetches.iter_mut().find(|fetch| fetch.running) else {
            return Ok(None);
        };
        fetch.running = false;
        fetch.result = result;
        let attempt = fetch.attempt;
        self.ledger.running -= 1;
        self.observe(&Observation::FetchEnded { entry, attempt })?;
        Ok(Some(attempt))
    }

    fn call_back(&mut self, attempt: Attempt, outcome: Outcome) -> Result<(), Broken> {
        let Some(entry) = self.ledger.entry_of(attempt.id) else {
            return Err(violation("S11", format!("a callback of {} leaves, which is not stored", attempt.id)));
        };
        self.ledger.entries[entry].callbacks.push(Callback { attempt, outcome, left: self.now });
        self.observe(&Observation::CallbackLeft { entry })?;
        if outcome.has_response() && !self.held.contains(&attempt) {
            return Err(violation("S11", format!("{attempt} is to be delivered, but its response was dropped")));
        }
        self.calling.insert(attempt);
        self.ledger.entries[entry].told.push(outcome);
        self.observe(&Observation::Told { entry })
    }

    /// The instance is gone, with all that it held and all that it ran.
    pub(super) fn lose(&mut self) -> Result<(), Broken> {
        self.say(|| "LOST".into());
        self.incarnation = None;
        self.held.clear();
        self.calling.clear();
        for entry in 0..self.ledger.entries.len() {
            while self.end_fetch(entry, None)?.is_some() {}
            if self.ledger.entries[entry].row().is_some() {
                self.ledger.entries[entry].restarts += 1;
            }
        }
        self.observe(&Observation::Lost)
    }

    /// Compares memory with what is stored, where it changed.
    fn settle(&mut self) -> Result<(), Broken> {
        let Some(incarnation) = &self.incarnation else { return Ok(()) };
        let seen = Observation::Settled { machine: &incarnation.machine, rows: None };
        self.laws.observe(&self.ledger, &seen)
    }

    /// Compares all of memory with all that is stored; at rest the last look too.
    pub(super) fn look(&self) -> Result<(), Broken> {
        let mut laws = self.laws.clone();
        let Self { now, rows, alarm, .. } = self;
        if let Some(incarnation) = &self.incarnation {
            incarnation.machine.check();
            let seen = Observation::Settled { machine: &incarnation.machine, rows: Some(rows) };
            laws.observe(&self.ledger, &seen)?;
        }
        if !self.is_at_rest() {
            return Ok(());
        }
        laws.observe(&self.ledger, &Observation::Ended { now: *now, rows, alarm: *alarm })?;
        if self.held.is_empty() {
            return Ok(());
        }
        Err(violation("S15", format!("{} responses are still held at rest", self.held.len())))
    }
}
