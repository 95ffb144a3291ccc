//! The world around one proxy-fetch object: callers, upstreams and origins, and the ground truth they keep.
//!
//! The laws are checked here, at each thing that can be seen from outside.

use super::{
    callers::Call,
    coverage::{Coverage, Fault, Sometimes},
    decisions::{CANCEL, CONFLICT, ENQUEUE, RESET, ROWS, STATUS},
    features::Features,
    host::Task,
    message::Message,
    object::ProxyObject,
    plan::{How, Plan},
};
use crate::history::ledger::{Ask, Change, Commit, Ledger, Observation, Planned};
use crate::laws::{Laws, Violation, outcome_of};
use durable_sim::{Decision, Fault as Named, InstanceId, Key, Micros, ObjectId, SECOND, Sim, Time};
use proxy_fetch::{Attempt, Effect, Phase, ROW_VERSION, Table, Timestamp};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// The one object of this world.
pub(super) const OBJECT: ObjectId = 0;

/// Comparing all of memory with all that is stored is due when an incarnation has begun, and after so many turns …
const LOOK_THOROUGHLY_EVERY: u64 = 256;
/// … but it costs as much as there is, so it waits until so many steps per request were done since the last time. That
/// bounds its share of a step, however long the run and however short the incarnations.
const STEPS_PER_REQUEST: u64 = 4;

/// The world.
pub struct ProxyWorld {
    /// What the seed drew.
    pub plan: Plan,
    /// The ground truth.
    pub ledger: Ledger,
    /// How often faults hit which states.
    pub coverage: Coverage,
    /// What a campaign that steers goes by, if it asks.
    pub(super) features: Option<Features>,
    /// The first broken law, with its step.
    pub violation: Option<(u64, Violation)>,
    pub(super) laws: Option<Laws>,
    pub(super) calls: Vec<Call>,
    /// Calls that hand in a request of the plan, and are not over.
    pub(super) enqueuing: FxHashMap<Planned, u32>,
    /// Calls that the living instance has not answered.
    pub(super) waiting: BTreeSet<u64>,
    pub(super) tasks: Vec<Task>,
    /// Running fetches and callbacks of the living instance.
    pub(super) fetching: BTreeMap<Attempt, u32>,
    pub(super) calling_back: BTreeMap<Attempt, u32>,
    /// Responses that the host holds.
    pub(super) held: BTreeSet<Attempt>,
    pub(super) healthy: bool,
    pub(super) origins_down: bool,
    repair_needed: bool,
    foreign: Vec<(proxy_fetch::Key, u8)>,
    changes: Vec<Change>,
    settled: u64,
    /// Whether a thorough look is due, and the step of the last.
    look_is_due: bool,
    looked_at: u64,
}

impl ProxyWorld {
    /// The world of this plan, and the laws that are checked in it.
    #[must_use]
    pub fn new(plan: Plan, laws: Option<Laws>) -> Self {
        let calm = plan.profile == super::Profile::Calm;
        let mut ledger = Ledger::default();
        (ledger.calm, ledger.max_live) = (calm, plan.config.max_live);
        ledger.max_finished = plan.config.max_finished;
        Self {
            plan,
            ledger,
            coverage: Coverage::default(),
            features: None,
            violation: None,
            laws,
            calls: Vec::new(),
            enqueuing: FxHashMap::default(),
            waiting: BTreeSet::new(),
            tasks: Vec::new(),
            fetching: BTreeMap::new(),
            calling_back: BTreeMap::new(),
            held: BTreeSet::new(),
            healthy: calm,
            origins_down: false,
            repair_needed: false,
            foreign: Vec::new(),
            changes: Vec::new(),
            settled: 0,
            look_is_due: false,
            looked_at: 0,
        }
    }

    /// Puts the plan on the run's calendar.
    pub fn begin(&mut self, sim: &mut Sim<Self>) {
        for (number, request) in self.plan.requests.iter().enumerate() {
            let Some(request) = request else { continue };
            let planned = number as Planned;
            let valid = request.malformed.is_none();
            sim.plan(request.at, ENQUEUE.key(planned), Message::Ask(Ask::Enqueue { planned, valid }));
            let later = [
                (request.cancel_at, CANCEL.key(planned), Ask::Cancel { planned }),
                (request.status_at, STATUS.key(planned), Ask::Status { planned }),
                (request.conflict_at, CONFLICT.key(planned), Ask::Conflicting { planned }),
            ];
            for (at, key, ask) in later {
                if let Some(at) = at {
                    sim.plan(at, key, Message::Ask(ask));
                }
            }
        }
        for (number, reset) in (0..).zip(&self.plan.resets) {
            sim.plan(reset.at, RESET.key(number), Message::Reset(reset.how));
        }
        for full in &self.plan.storage_full {
            sim.plan(full.from, Key::WORLD, Message::StorageFull(true));
            sim.plan(full.until.max(full.from), Key::WORLD, Message::StorageFull(false));
        }
        sim.plan(self.plan.heal_at, Key::WORLD, Message::Heal);
    }

    /// Shows the laws what was seen.
    pub(super) fn observe(&mut self, sim: &mut Sim<Self>, seen: &Observation<'_>) {
        let Some(laws) = &mut self.laws else { return };
        if let Err(violation) = laws.observe(&self.ledger, seen) {
            self.violated(sim, violation);
        }
    }

    pub(super) fn violated(&mut self, sim: &mut Sim<Self>, violation: Violation) {
        sim.say("LAW", || violation.to_string());
        let step = sim.recorder.steps;
        self.violation.get_or_insert((step, violation));
        sim.stop();
    }

    /// One-way time of a message.
    pub(super) fn network(&self, decide: &mut Decision, time: &Time) -> Micros {
        decide.time(time, self.plan.network_us / 4, self.plan.network_us)
    }

    fn heal(&mut self, sim: &mut Sim<Self>) {
        sim.say("world", || "faults cease".into());
        self.healthy = true;
        self.origins_down = false;
        let recovery_ms = sim.heal() / 1_000;
        // A program that knows the other version takes over.
        let foreign = std::mem::take(&mut self.foreign);
        if !foreign.is_empty() {
            sim.reset(self, OBJECT, Named::DEPLOY);
            for (key, first) in foreign {
                if let Some(byte) = sim.storage_mut(OBJECT).rows_mut().get_mut(&key).and_then(|bytes| bytes.first_mut())
                {
                    *byte = first;
                }
                let Some(at) = self.ledger.entry_of(key.id) else { continue };
                // A payload stays for good once it could not be read.
                let outcome = outcome_of(&self.ledger.entries[at].stored).or(self.ledger.entries[at].outcome);
                let outlives = key.table == Table::Payloads && outcome.is_some();
                self.ledger.entries[at].tampered = outlives && sim.storage(OBJECT).read().contains_key(&key);
                // While it could not be read its name may have been taken: then two stand for one name.
                let planned = self.ledger.entries[at].planned;
                let mut named: Vec<_> =
                    self.ledger.entries.iter_mut().filter(|entry| entry.planned == planned).collect();
                if named.len() > 1 {
                    for entry in &mut named {
                        (entry.tampered, entry.state_readable) = (true, true);
                    }
                }
            }
            self.repair_needed = true;
        }
        let now = Timestamp(sim.true_ms());
        self.observe(sim, &Observation::Healed { now, recovery_ms });
        // The platform has lost the alarm: the next entry after its time, whoever makes it, must repair that (law L3).
        // Otherwise nobody calls, and the stored alarm alone must do.
        if self.repair_needed {
            let at = sim.now() + SECOND;
            sim.plan(at, STATUS.key(0), Message::Ask(Ask::Status { planned: 0 }));
        }
        if sim.alarm_is_lost(OBJECT) {
            let overdue_ms = sim.alarm(OBJECT).map_or(0, |at| at.saturating_sub(sim.clock_ms(OBJECT)));
            let at = sim.now() + overdue_ms * 1_000 + SECOND;
            sim.plan(at, STATUS.key(0), Message::Ask(Ask::Status { planned: 0 }));
        }
    }

    /// F27 and F33: while no instance lives, a stored row changes.
    fn tamper(&mut self, sim: &mut Sim<Self>) {
        if self.healthy {
            return;
        }
        let place = sim.place(&ROWS, sim.cause());
        let mut decide = sim.decide_at(place);
        let corrupt = decide.happens(&ROWS.corrupt, self.plan.world.row_corrupt);
        let foreign = decide.happens(&ROWS.foreign, self.plan.world.row_foreign);
        if !corrupt && !foreign {
            return;
        }
        let keys: Vec<_> = sim
            .storage(OBJECT)
            .read()
            .iter()
            .filter(|(key, bytes)| {
                let is_chosen_from = match key.table {
                    Table::Requests | Table::Payloads | Table::Finished => true,
                    // A damaged one may lead to any epoch and time; tests of the core look at that.
                    Table::Meta => foreign && !corrupt,
                    Table::Quarantine => false,
                };
                is_chosen_from && bytes.first() == Some(&ROW_VERSION)
            })
            .map(|(key, _)| *key)
            .collect();
        if keys.is_empty() {
            return;
        }
        let key = keys[decide.up_to(&ROWS.row, keys.len() as u64 - 1) as usize];
        let fault = if corrupt { Fault(27) } else { Fault(33) };
        if key.table == Table::Meta {
            self.hit_object(fault);
        } else {
            let Some(entry) = self.ledger.entry_of(key.id) else { return };
            if self.ledger.entries[entry].tampered {
                return;
            }
            self.hit(fault, entry);
            self.ledger.entries[entry].tampered = true;
            self.ledger.entries[entry].state_readable = key.table == Table::Payloads;
        }
        sim.say("world", || format!("{fault}: the stored {key} is {}", if corrupt { "corrupt" } else { "foreign" }));
        let Some(bytes) = sim.storage_mut(OBJECT).rows_mut().get_mut(&key) else { return };
        if corrupt {
            bytes.truncate(1 + bytes.len() / 3);
        } else if let Some(first) = bytes.first_mut() {
            self.foreign.push((key, *first));
            *first = ROW_VERSION + 1;
        }
        let bytes = bytes.clone();
        self.observe(sim, &Observation::Tampered { key, bytes: &bytes });
    }

    /// The run is over: the last look.
    pub fn end(&mut self, sim: &mut Sim<Self>) {
        self.look(sim, true);
        let (now, alarm) = (Timestamp(sim.true_ms()), sim.alarm(OBJECT).map(Timestamp));
        self.ledger.alarm_lost = sim.alarm_is_lost(OBJECT);
        let rows = std::mem::take(sim.storage_mut(OBJECT).rows_mut());
        self.observe(sim, &Observation::Ended { now, rows: &rows, alarm });
        *sim.storage_mut(OBJECT).rows_mut() = rows;
        if self.violation.is_none() && !self.held.is_empty() {
            let what = format!("{} responses are still held at rest", self.held.len());
            self.violated(sim, Violation { law: "S15", what });
        }
    }

    fn look(&mut self, sim: &mut Sim<Self>, thorough: bool) {
        let (Some(object), Some(laws)) = (sim.machine(OBJECT), &mut self.laws) else { return };
        if thorough {
            object.machine.check();
        }
        let rows = thorough.then(|| sim.storage(OBJECT).read());
        let seen = Observation::Settled { machine: &object.machine, rows: rows.as_deref() };
        let verdict = laws.observe(&self.ledger, &seen);
        drop(rows);
        if let Err(violation) = verdict {
            self.violated(sim, violation);
        }
    }
}

impl durable_sim::World for ProxyWorld {
    type Object = ProxyObject;
    type Message = Message;

    fn receive(&mut self, sim: &mut Sim<Self>, message: Message) {
        match message {
            Message::Ask(ask) => self.ask(sim, ask, false),
            Message::AskAgain(ask) => self.ask(sim, ask, true),
            Message::CallArrives(call) => self.call_arrives(sim, call),
            Message::CallFails(call) => self.call_fails(sim, call),
            Message::ReplyArrives(call) => self.reply_arrives(call),
            Message::FetchConnects(task) => self.fetch_connects(sim, task),
            Message::FetchReaches(task) => self.fetch_reaches(sim, task),
            Message::FetchHead(task) => self.fetch_head(sim, task),
            Message::FetchBody(task) => self.fetch_body(sim, task),
            Message::FetchBreaks(task, sent) => self.fetch_breaks(sim, task, sent),
            Message::FetchTimer(task) => self.fetch_timer(sim, task),
            Message::CallbackReaches(task) => self.callback_reaches(sim, task),
            Message::CallbackEnds(task, result) => self.callback_ends(sim, task, result),
            Message::CallbackTimer(task) => {
                self.callback_ends(sim, task, proxy_fetch::CallbackResult::Failed);
            }
            Message::Reset(_) if self.healthy => {}
            Message::Reset(how) => {
                if how != How::Crash {
                    self.origins_down = true;
                    sim.after(2 * SECOND, Message::OriginsBack);
                }
                sim.reset(self, OBJECT, how.fault());
            }
            Message::OriginsBack => self.origins_down = false,
            Message::StorageFull(full) => {
                if self.healthy {
                    return;
                }
                if full {
                    self.hit_object(Fault(27));
                }
                sim.set_full(full);
            }
            Message::Heal => self.heal(sim),
        }
    }

    fn perform(&mut self, sim: &mut Sim<Self>, from: InstanceId, effect: Effect) {
        match effect {
            Effect::Fetch { attempt, timeout_ms } => self.start_fetch(sim, from, attempt, timeout_ms),
            Effect::Abort { attempt } => self.abort(sim, attempt),
            Effect::Deliver { attempt, outcome, duration_ms: _ } => self.start_callback(sim, from, attempt, outcome),
            Effect::Reply { caller, reply } => self.reply(sim, caller.0, &reply),
            Effect::Report(_) => {}
        }
    }

    fn committed(&mut self, sim: &mut Sim<Self>, _object: ObjectId, commit: &durable_sim::Commit<ProxyObject>) {
        let now = Timestamp(commit.now_ms);
        let mut changes = std::mem::take(&mut self.changes);
        self.entered(&commit.notes);
        self.note_events(sim.now(), now, &commit.notes);
        self.ledger.apply(now, &commit.writes, &mut changes);
        self.sometimes(now, &changes);
        if commit.is_unconfirmed {
            self.coverage.sometimes(Sometimes::UnconfirmedSurvives);
        }
        self.ledger.alarm_lost = sim.alarm_is_lost(OBJECT);
        if self.laws.is_some() || self.features.is_some() {
            let seen = Commit {
                now,
                notes: &commit.notes,
                writes: &commit.writes,
                alarm_set: commit.alarm_set.map(Timestamp),
                alarm: commit.alarm.map(Timestamp),
                changes: &changes,
            };
            self.note_changes(&seen, commit.is_unconfirmed);
            self.observe(sim, &Observation::Committed(&seen));
        }
        self.changes = changes;
    }

    fn settled(&mut self, sim: &mut Sim<Self>, _object: ObjectId) {
        // Cheap each time; everything when an incarnation has begun, now and then, and at the end.
        self.settled += 1;
        self.look_is_due |= self.settled.is_multiple_of(LOOK_THOROUGHLY_EVERY);
        let steps = sim.recorder.steps;
        let may = steps >= self.looked_at + STEPS_PER_REQUEST * self.ledger.entries.len() as u64;
        let thorough = self.look_is_due && may;
        if thorough {
            (self.look_is_due, self.looked_at) = (false, steps);
        }
        self.look(sim, thorough);
    }

    fn started(&mut self, sim: &mut Sim<Self>, _instance: InstanceId) {
        self.look_is_due = true;
        self.observe(sim, &Observation::Started);
    }

    fn lost(&mut self, sim: &mut Sim<Self>, _instance: InstanceId) {
        self.zombies(sim);
        self.incarnation_ends(sim);
        self.tamper(sim);
    }

    fn ghost(&mut self, sim: &mut Sim<Self>, instance: InstanceId) {
        self.orphan_work();
        self.incarnation_ends(sim);
        self.started(sim, instance);
    }

    fn fault(&mut self, _sim: &mut Sim<Self>, _object: ObjectId, fault: Named) {
        self.hit_object(fault.into());
    }
}

impl ProxyWorld {
    /// What an incarnation of the object held in memory is gone.
    fn incarnation_ends(&mut self, sim: &mut Sim<Self>) {
        self.lose_work(sim);
        self.fail_calls(sim);
        for entry in &mut self.ledger.entries {
            if entry.row().is_some() {
                entry.restarts += 1;
            }
        }
        self.observe(sim, &Observation::Lost);
    }
}

/// Whether this entry's request is in flight with this attempt.
pub(super) fn is_in_flight(ledger: &Ledger, entry: usize) -> bool {
    ledger.entries[entry].row().is_some_and(|row| match row.phase {
        Phase::InFlight { .. } => true,
        Phase::Queued { .. } | Phase::Delivering { .. } => false,
    })
}
