//! The ground truth of a run, and the disk: what survives every kill. The shell's side.
//!
//! No node reads the ground truth; each only reports what it saw, and the laws are checked against that.

mod work;

pub use work::{attempt_of, body_of, message_of, outcome_of};

use super::{
    callers::Wish,
    disk::{Fate, Mood},
    guard::Guard,
    now,
    process::config,
    recording::Recording,
    totals::Totals,
};
use crate::{
    history::{
        ledger::{Change, Commit, Ledger, Note, Observation, Planned},
        storage::{Rows, write_row},
    },
    laws::Laws,
    proxy::object::ProxyObject,
};
use durable_sim::Object;
use proxy_fetch::{
    Alarm, Attempt, CallbackResult, Effect, Event, FetchResult, Machine, Recorded, Report, Timestamp, Ulid, Write,
};
use proxy_fetch_native::shell::{MAX_FAILURES, Mailbox};
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    panic::resume_unwind,
    sync::{Arc, Mutex},
    thread::panicking,
};

/// How late the shell may be where nothing keeps it, in ms: timers are not exact.
pub(super) const SLACK_MS: u64 = 4;

/// One world, shared by all its nodes.
#[derive(Clone, Default)]
pub struct Shared {
    oracle: Arc<Mutex<Oracle>>,
    pub guard: Guard,
}

impl Shared {
    pub fn see<T>(&self, look: impl FnOnce(&mut Oracle) -> T) -> T {
        match self.oracle.lock() {
            Ok(mut oracle) => look(&mut oracle),
            // A law was broken while somebody looked: the run is over.
            Err(poisoned) => resume_unwind(Box::new(poisoned.to_string())),
        }
    }

    /// A task of this world: if it panics, the run is over.
    pub fn watched<T: Future<Output = ()>>(&self, task: T) -> impl Future<Output = ()> + use<T> {
        self.guard.clone().watch(task)
    }

    /// Nobody looks any more: a law was broken.
    pub fn is_over(&self) -> bool {
        panicking() || self.guard.is_over()
    }
}

#[derive(Default)]
pub struct Oracle {
    /// The disk.
    pub rows: Rows,
    pub mood: Mood,
    pub totals: Totals,
    pub recording: Recording,
    pub(super) ledger: Ledger,
    laws: Laws,
    pub(super) alarm: Option<Timestamp>,

    /// How many processes there were; the last one is alive if `is_up`.
    processes: u64,
    is_up: bool,
    pub(super) mailbox: Option<Mailbox>,
    /// Its database is open.
    is_open: bool,
    /// How many incarnations of the machine there were; the last one goes on if `is_living`.
    pub incarnation: u64,
    is_living: bool,
    /// The turn under way, and whether it has committed.
    turn: Option<(Timestamp, Vec<Event>, bool)>,
    /// Since when nothing keeps the shell from being on time.
    pub(super) free_since: Timestamp,
    /// When the last pause ended.
    pub(super) resumed: Timestamp,
    /// When the machine wants to be woken.
    wake: Option<Timestamp>,
    /// When the shell is to end, once it is told to.
    pub(super) closing: Option<Timestamp>,
    /// The word of it is in the mailbox.
    pub is_told_to_end: bool,
    pub(super) has_shell_ended: bool,
    /// Failures of the disk, one after the other.
    pub(super) failures: u32,
    is_recovering: bool,
    pub(super) last_failure: Timestamp,

    /// Fetches and callbacks of the living machine.
    pub(super) fetches: BTreeSet<Attempt>,
    pub(super) callbacks: BTreeSet<Attempt>,
    /// Fetches that have ended, and how; they must be in the next turn.
    fetched: BTreeMap<Attempt, FetchResult>,
    /// Callbacks that have ended, how and when; they may wait for company.
    called_back: BTreeMap<Attempt, (CallbackResult, Timestamp)>,
    /// Ends that an earlier incarnation of the process has not taken in; a later one may be told.
    stale: BTreeSet<Attempt>,
    /// Fetches that the machine has given up, and when; they run until the network's threads hear of it.
    aborted: BTreeMap<Attempt, Timestamp>,
    settled: u64,

    pub(super) wishes: BTreeMap<Planned, Wish>,
    /// What callers were told: their requests' ULIDs, and when.
    pub(super) acknowledged: BTreeMap<Planned, (Ulid, Timestamp)>,
    pub(super) cancelled: BTreeSet<Planned>,
    /// What the upstream counted, by idempotency key.
    pub(super) executions: BTreeMap<String, u32>,
    /// Callbacks that failed, as the object knows.
    pub(super) failed_callbacks: BTreeSet<Ulid>,
}

/// Processes and incarnations.
impl Oracle {
    pub(super) fn observe(&mut self, seen: &Observation<'_>) {
        if let Err(violation) = self.laws.observe(&self.ledger, seen) {
            panic!("{violation}");
        }
    }

    pub const fn is_calm(&self) -> bool {
        self.ledger.calm
    }

    pub fn be_calm(&mut self) {
        self.ledger.calm = true;
    }

    pub fn process_started(&mut self) -> u64 {
        self.processes += 1;
        (self.is_up, self.is_open, self.has_shell_ended) = (true, false, false);
        (self.is_told_to_end, self.mailbox) = (false, None);
        (self.closing, self.failures, self.is_recovering) = (None, 0, false);
        self.ledger.stopping = false;
        self.stale.clear();
        self.processes
    }

    pub const fn is_alive(&self, process: u64) -> bool {
        self.is_up && self.processes == process
    }

    pub const fn is_up(&self) -> bool {
        self.is_up
    }

    /// The shell opens the database. Says whether it can.
    pub fn open(&mut self) -> bool {
        self.incarnation_ended();
        assert!(!self.is_open, "S25: the database is opened while it is open");
        if self.mood.is_broken() {
            self.totals.failed_opens += 1;
            self.failed();
            return false;
        }
        self.is_open = true;
        true
    }

    pub const fn closed(&mut self) {
        self.is_open = false;
    }

    /// The machine is restored: an incarnation begins.
    pub fn started(&mut self) {
        self.incarnation += 1;
        self.is_living = true;
        // Its first turn is due at once.
        (self.alarm, self.wake, self.free_since) = (None, Some(now()), now());
        self.recording.incarnation(config(), &self.rows);
        self.observe(&Observation::Started);
    }

    /// The process was killed.
    pub fn killed(&mut self) {
        self.totals.kills += 1;
        self.totals.kills_in_flight += u64::from(self.ledger.in_flight > 0);
        self.totals.kills_while_delivering += u64::from(self.ledger.delivering > 0);
        self.totals.kills_while_stopping += u64::from(self.closing.is_some() && !self.has_shell_ended);
        self.incarnation_ended();
        (self.is_up, self.mailbox, self.mood.trap) = (false, None, None);
    }

    /// The process has ended by itself.
    pub const fn exited(&mut self) {
        self.is_up = false;
    }

    /// The machine and all that was under way for it are gone.
    pub(super) fn incarnation_ended(&mut self) {
        if !mem::take(&mut self.is_living) {
            return;
        }
        while let Some(attempt) = self.fetches.first().copied() {
            self.fetch_is_over(attempt, None);
        }
        (self.turn, self.wake, self.alarm) = (None, None, None);
        self.callbacks.clear();
        self.stale.extend(mem::take(&mut self.fetched).into_keys());
        self.stale.extend(mem::take(&mut self.called_back).into_keys());
        self.aborted.clear();
        for entry in &mut self.ledger.entries {
            entry.restarts += u32::from(entry.row().is_some());
        }
        self.observe(&Observation::Lost);
    }

    fn failed(&mut self) {
        self.failures += 1;
        assert!(self.failures <= MAX_FAILURES, "S25: it does not give the disk up");
        self.is_recovering = false;
        self.last_failure = now();
    }

    pub fn read_failed(&mut self) {
        self.totals.failed_reads += 1;
        self.failed();
    }
}

/// Turns.
impl Oracle {
    pub fn turn_begins(&mut self, now: Timestamp, events: &[Event]) {
        if mem::take(&mut self.is_recovering) {
            self.failures = 0;
        }
        for event in events {
            match event {
                Event::Fetched { attempt, .. } | Event::Delivered { attempt, .. } if self.stale.remove(attempt) => {}
                Event::Fetched { attempt, result } => {
                    let ended = self.fetched.remove(attempt);
                    let law = if is_all_but_retry_after(ended.as_ref(), result) { "S7" } else { "S10" };
                    let is_told = ended.as_ref() == Some(result);
                    assert!(is_told, "{law}: {attempt} ended with {ended:?}, and the shell says with {result:?}");
                }
                Event::Delivered { attempt, result } => {
                    let Some((ended, at)) = self.called_back.remove(attempt) else {
                        panic!("S11: no callback of {attempt} has ended, and the shell says that one did");
                    };
                    assert_eq!(
                        ended, *result,
                        "S11: how the callback of {attempt} ended, and how the shell says it did"
                    );
                    let waits_until = at.max(self.free_since).plus_ms(event.linger_ms() + SLACK_MS);
                    assert!(now <= waits_until, "L5: the end of the callback of {attempt} at {at} waited until {now}");
                }
                Event::Stop => self.ledger.stopping = true,
                Event::Start | Event::Tick | Event::Enqueue { .. } | Event::Cancel { .. } | Event::Status { .. } => {}
            }
        }
        // All that waits shares one turn.
        assert!(self.fetched.is_empty(), "L8: {:?} have ended, and the turn at {now} does not know", self.fetched);
        let is_told = self.is_told_to_end && !self.ledger.stopping;
        assert!(!is_told, "S8: the shell was told to end, and the turn at {now} does not tell the machine");
        // Whatever has to be stored takes along what can wait.
        let has_company = events.iter().any(|event| *event != Event::Tick);
        assert!(!has_company || self.called_back.is_empty(), "L5: {:?} wait on at {now}, alone", self.called_back);
        for (attempt, (_, ended)) in &self.called_back {
            let waits_ms = now.ms_since((*ended).max(self.free_since));
            assert!(
                waits_ms <= 100 + SLACK_MS,
                "L5: the callback of {attempt} ended at {ended}; at {now} it waits still"
            );
        }
        for (attempt, at) in &self.aborted {
            let is_late = now.ms_since((*at).max(self.free_since)) > SLACK_MS;
            assert!(!is_late, "S3: {attempt} was given up at {at}, and runs on at {now}");
        }
        if let Some(wake) = self.wake.map(|wake| wake.max(self.free_since)) {
            assert!(now <= wake.plus_ms(SLACK_MS), "L1: the machine was to be woken at {wake}, not at {now}");
        }
        self.totals.shared_commits += u64::from(events.len() > 1);
        self.turn = Some((now, events.to_vec(), false));
    }

    pub fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>, fate: Fate) {
        self.free_since = now();
        let kept = match fate {
            Fate::Works => true,
            Fate::Fails { kept } | Fate::Dies { kept } => kept,
        };
        if kept {
            for write in writes {
                write_row(&mut self.rows, write);
            }
            self.committed(writes, alarm);
        }
        match fate {
            Fate::Works => {}
            Fate::Fails { kept } => {
                self.totals.failed_commits += 1;
                self.totals.failed_commits_that_were_stored += u64::from(kept);
                self.failed();
                self.incarnation_ended();
                if kept {
                    self.recording.cut();
                }
            }
            Fate::Dies { kept } => {
                self.totals.kills_between_commit_and_effects += u64::from(kept);
                self.totals.kills_in_a_lost_commit += u64::from(!kept);
                // The record of it is all that is left.
                let turn = self.turn.take();
                self.killed();
                self.turn = turn;
            }
        }
    }

    fn committed(&mut self, writes: &[Write], alarm_set: Option<Timestamp>) {
        let Some((now, events, is_committed)) = &mut self.turn else { panic!("S2: a commit without a turn") };
        *is_committed = true;
        let now = *now;
        if events.contains(&Event::Tick) {
            self.alarm = None;
        }
        // A stop comes from outside, like a call.
        let note = |event: &Event| if *event == Event::Stop { Note::Call(0) } else { ProxyObject::note(event) };
        let notes: Vec<Note> = events.iter().map(note).collect();
        self.alarm = alarm_set.or(self.alarm);
        self.totals.commits += u64::from(!writes.is_empty());
        for note in &notes {
            if let Note::Delivered(attempt, CallbackResult::Failed) = note {
                self.failed_callbacks.insert(attempt.id);
            }
        }
        let mut changes: Vec<Change> = Vec::new();
        self.ledger.apply(now, writes, &mut changes);
        let alarm = self.alarm;
        let commit = Commit { now, notes: &notes, writes, alarm_set, alarm, changes: &changes };
        self.observe(&Observation::Committed(&commit));
    }

    pub fn turn_committed(&mut self, process: u64, machine: &Machine, alarm: Alarm, effects: &[Effect]) {
        let Some((now, events, is_committed)) = self.turn.take() else { return };
        let lines = effects.iter().map(ToString::to_string).collect();
        let entry = Recorded::Turn { now, fired: None, events: events.clone(), effects: lines, alarm: alarm.at() };
        self.recording.push(&entry);
        if !self.is_alive(process) {
            return;
        }
        if !is_committed && events.contains(&Event::Tick) {
            // An alarm that fired is gone, even if its turn had nothing to write.
            self.turn = Some((now, events, false));
            self.committed(&[], None);
            self.turn = None;
        }
        for effect in effects {
            match effect {
                Effect::Abort { attempt } => {
                    if self.fetches.contains(attempt) {
                        self.totals.aborts_of_running_fetches += 1;
                        self.aborted.insert(*attempt, super::now());
                        self.fetch_is_over(*attempt, None);
                    }
                }
                Effect::Report(Report::CallbackFailed { id, .. }) => drop(self.failed_callbacks.insert(*id)),
                Effect::Report(report @ (Report::Quarantined { .. } | Report::Foreign { .. })) => {
                    panic!("S13: no row was tampered with: {report}")
                }
                Effect::Fetch { attempt, .. } => {
                    assert!(!self.ledger.stopping, "S8: {attempt} starts, though the object is to end");
                }
                Effect::Deliver { .. } | Effect::Reply { .. } => {}
            }
        }
        self.is_recovering = true;
        self.wake = machine.next_wake().map(|(at, _)| at);
        self.settle(machine);
    }

    fn settle(&mut self, machine: &Machine) {
        self.settled += 1;
        let thorough = self.settled % 8 == 1;
        if thorough {
            machine.check();
        }
        let Self { laws, ledger, rows, .. } = self;
        let seen = Observation::Settled { machine, rows: thorough.then_some(rows) };
        if let Err(violation) = laws.observe(ledger, &seen) {
            panic!("{violation}");
        }
    }
}

/// Whether the two differ in nothing but `Retry-After`.
fn is_all_but_retry_after(ended: Option<&FetchResult>, told: &FetchResult) -> bool {
    match (ended, told) {
        (Some(FetchResult::Response { status, .. }), FetchResult::Response { status: told, .. }) => status == told,
        (_, _) => false,
    }
}
