//! The world around one proxy-fetch object: callers, upstreams and origins, and the ground truth they keep.
//!
//! The laws are checked here, at each thing that can be seen from outside.

use super::{
    callers::Call,
    coverage::Fault,
    decisions::{CANCEL, CONFLICT, ENQUEUE, RESET, ROWS, STATUS},
    host::Task,
    message::Message,
    object::ProxyObject,
    plan::{How, Plan},
    seen::Seen,
};
use crate::history::ledger::{Ask, Observation, Planned};
use crate::laws::{Laws, Violation, outcome_of};
use durable_sim::{Decision, Fault as Named, InstanceId, Key, Micros, ObjectId, SECOND, Sim, Time};
use proxy_fetch::{Attempt, Effect, ROW_VERSION, Table, Timestamp};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// The one object of this world.
pub(super) const OBJECT: ObjectId = 0;

/// The world.
pub struct ProxyWorld {
    /// What the seed drew.
    pub plan: Plan,
    pub(super) seen: Seen,
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
}

impl ProxyWorld {
    /// The world of this plan, and the laws that are checked in it.
    #[must_use]
    pub fn new(plan: Plan, laws: Option<Laws>) -> Self {
        Self {
            seen: Seen::new(&plan, laws),
            healthy: plan.profile == super::Profile::Calm,
            plan,
            calls: Vec::new(),
            enqueuing: FxHashMap::default(),
            waiting: BTreeSet::new(),
            tasks: Vec::new(),
            fetching: BTreeMap::new(),
            calling_back: BTreeMap::new(),
            held: BTreeSet::new(),
            origins_down: false,
            repair_needed: false,
            foreign: Vec::new(),
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
                let Some(at) = self.seen.ledger.entry_of(key.id) else { continue };
                // A payload stays for good once it could not be read.
                let outcome = outcome_of(&self.seen.ledger.entries[at].stored).or(self.seen.ledger.entries[at].outcome);
                let outlives = key.table == Table::Payloads && outcome.is_some();
                self.seen.ledger.entries[at].tampered = outlives && sim.storage(OBJECT).read().contains_key(&key);
                // While it could not be read its name may have been taken: then two stand for one name.
                let planned = self.seen.ledger.entries[at].planned;
                let mut named: Vec<_> =
                    self.seen.ledger.entries.iter_mut().filter(|entry| entry.planned == planned).collect();
                if named.len() > 1 {
                    for entry in &mut named {
                        (entry.tampered, entry.state_readable) = (true, true);
                    }
                }
            }
            self.repair_needed = true;
        }
        let now = Timestamp(sim.true_ms());
        self.seen.observe(sim, &Observation::Healed { now, recovery_ms });
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
            self.seen.hit_object(fault);
        } else {
            let Some(entry) = self.seen.ledger.entry_of(key.id) else { return };
            if self.seen.ledger.entries[entry].tampered {
                return;
            }
            self.seen.hit(fault, entry);
            self.seen.ledger.entries[entry].tampered = true;
            self.seen.ledger.entries[entry].state_readable = key.table == Table::Payloads;
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
        self.seen.observe(sim, &Observation::Tampered { key, bytes: &bytes });
    }

    /// The run is over: the last look.
    pub fn end(&mut self, sim: &mut Sim<Self>) {
        self.seen.ended(sim);
        if self.seen.violation.is_none() && !self.held.is_empty() {
            let what = format!("{} responses are still held at rest", self.held.len());
            self.seen.violated(sim, Violation { law: "S15", what });
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
                    self.seen.hit_object(Fault(27));
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
        self.seen.committed(sim, commit, |call| self.calls[call as usize].ask);
    }

    fn settled(&mut self, sim: &mut Sim<Self>, _object: ObjectId) {
        self.seen.settled(sim);
    }

    fn started(&mut self, sim: &mut Sim<Self>, _instance: InstanceId) {
        self.seen.started(sim);
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
        self.seen.hit_object(fault.into());
    }
}

impl ProxyWorld {
    /// What an incarnation of the object held in memory is gone.
    fn incarnation_ends(&mut self, sim: &mut Sim<Self>) {
        self.lose_work(sim);
        self.fail_calls(sim);
        self.seen.lost(sim);
    }
}
