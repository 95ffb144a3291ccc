//! The world around one proxy-fetch object: the engine's events go from here to the part that they are for.
//!
//! Callers (`callers.rs`), the host (`host.rs`, `callbacks.rs`) and the stored rows (`rows.rs`) each have a state of
//! their own; all act on one stage (`stage.rs`), and what they do is seen (`seen.rs`).

use super::{
    callers::Callers,
    coverage::{Fault, REQUESTS},
    decisions::{CANCEL, CONFLICT, ENQUEUE, RESET, STATUS},
    features::Feature,
    host::Host,
    message::Message,
    object::ProxyObject,
    plan::{How, Plan},
    rows::Rows,
    seen::Seen,
    stage::Stage,
};
use crate::history::ledger::{Ask, Observation, Stored};
use crate::laws::{Laws, Violation};
use durable_sim::{Fault as Named, InstanceId, Key, ObjectId, SECOND, Sim};
use proxy_fetch::{CallbackResult, Effect, Outcome, Timestamp};

/// The one object of this world.
pub(super) const OBJECT: ObjectId = 0;

/// The world.
pub struct ProxyWorld {
    /// What the seed drew.
    pub plan: Plan,
    pub(super) seen: Seen,
    callers: Callers,
    host: Host,
    rows: Rows,
    /// Faults are over, or there never were any.
    healthy: bool,
    /// Faults are over.
    has_healed: bool,
    /// The times of full storage that have begun and not ended.
    full_windows: u32,
}

/// The parts that act, and the stage they act on.
struct Parts<'a> {
    stage: Stage<'a>,
    callers: &'a mut Callers,
    host: &'a mut Host,
    rows: &'a mut Rows,
}

impl ProxyWorld {
    /// The world of this plan, and the laws that are checked in it.
    #[must_use]
    pub fn new(plan: Plan, laws: Option<Laws>) -> Self {
        Self {
            seen: Seen::new(&plan, laws),
            healthy: plan.profile == super::Profile::Calm,
            plan,
            callers: Callers::default(),
            host: Host::default(),
            rows: Rows::default(),
            has_healed: false,
            full_windows: 0,
        }
    }

    const fn parts<'a>(&'a mut self, sim: &'a mut Sim<Self>) -> Parts<'a> {
        let Self { plan, seen, callers, host, rows, healthy, .. } = self;
        Parts { stage: Stage { sim, plan, seen, healthy: *healthy }, callers, host, rows }
    }

    /// Puts the plan on the run's calendar.
    pub fn begin(&mut self, sim: &mut Sim<Self>) {
        // Before what is planned for the same time: from then on there are no faults.
        sim.plan(self.plan.heal_at, Key::WORLD, Message::Heal);
        for (&planned, request) in &self.plan.requests {
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
        for (number, reset) in &self.plan.resets {
            sim.plan(reset.at, RESET.key(*number), Message::Reset(reset.how));
        }
        for full in &self.plan.storage_full {
            sim.plan(full.from, Key::WORLD, Message::StorageFull(true));
            sim.plan(full.from.saturating_add(full.length), Key::WORLD, Message::StorageFull(false));
        }
    }

    fn heal(&mut self, sim: &mut Sim<Self>) {
        sim.say("world", || "faults cease".into());
        (self.healthy, self.has_healed) = (true, true);
        self.host.origins_down = false;
        let recovery_ms = sim.heal() / 1_000;
        let repair_needed = self.rows.are_foreign();
        if repair_needed {
            // A program that knows the other version takes over.
            sim.reset(self, OBJECT, Named::DEPLOY);
            let Parts { stage, rows, .. } = &mut self.parts(sim);
            rows.become_known(stage);
        }
        // The object's time, by which it is judged: its clock's, or where that has gone back, the time that it remembers.
        let now = Timestamp(sim.clock_ms(OBJECT)).max(self.seen.ledger.meta.mark);
        self.seen.observe(sim, &Observation::Healed { now, recovery_ms });
        // The platform has lost the alarm: the next entry after its time, whoever makes it, must repair that (law L3).
        // Otherwise nobody calls, and the stored alarm alone must do.
        if repair_needed {
            let at = sim.now() + SECOND;
            sim.plan(at, STATUS.key(0), Message::Ask(Ask::Status { planned: 0 }));
        }
        if sim.alarm_is_lost(OBJECT) {
            let overdue_ms = sim.alarm(OBJECT).map_or(0, |at| at.saturating_sub(sim.clock_ms(OBJECT)));
            let at = sim.now() + overdue_ms * 1_000 + SECOND;
            sim.plan(at, STATUS.key(0), Message::Ask(Ask::Status { planned: 0 }));
        }
    }

    fn call_arrives(&mut self, sim: &mut Sim<Self>, number: u64) {
        let Parts { stage, callers, .. } = &mut self.parts(sim);
        let event = callers.arrives(stage, number);
        let answer = sim.call(self, OBJECT, event);
        let Parts { stage, callers, .. } = &mut self.parts(sim);
        match answer {
            Ok(_) => callers.taken_in(number),
            Err(error) => callers.refused(stage, number, error),
        }
    }

    /// The run is over: the last look.
    pub fn end(&mut self, sim: &mut Sim<Self>) {
        self.seen.ended(sim);
        if !self.host.held.is_empty() {
            let what = format!("{} responses are still held at rest", self.host.held.len());
            Seen::violated(sim, Violation { law: "S15", what });
        }
    }

    /// The features that the run left, if it was to leave them.
    #[must_use]
    pub fn features(&self) -> Vec<Feature> {
        self.seen.features.as_ref().map_or_else(Vec::new, super::features::Features::list)
    }

    /// The run is over: what it reached, and how accepted requests ended.
    pub(super) fn over(&self, sim: &mut Sim<Self>) {
        for entry in &self.seen.ledger.entries {
            let how = match &entry.stored {
                Stored::Live(_) => "live",
                // A request whose row was unreadable leaves none when it ends.
                Stored::Finished(_) | Stored::Forgotten => entry.outcome.map_or("unreadable", Outcome::name),
            };
            sim.count(&REQUESTS, how, "times");
        }
        sim.add_coverage(&self.seen.coverage);
    }
}

impl durable_sim::World for ProxyWorld {
    type Object = ProxyObject;
    type Message = Message;

    fn receive(&mut self, sim: &mut Sim<Self>, message: Message) {
        let has_healed = self.has_healed;
        let Parts { stage, callers, host, .. } = &mut self.parts(sim);
        match message {
            Message::Ask(ask) => callers.ask(stage, ask, false),
            Message::AskAgain(ask) => callers.ask(stage, ask, true),
            Message::CallArrives(call) => self.call_arrives(sim, call),
            Message::CallFails(call) => callers.fails(stage, call),
            Message::ReplyArrives(call) => callers.reply_arrives(call),
            Message::FetchConnects(task) => host.fetch_connects(stage, task),
            Message::FetchReaches(task) => host.fetch_reaches(stage, task),
            Message::FetchHead(task) => host.fetch_head(stage, task),
            Message::FetchBody(task) => host.fetch_body(stage, task),
            Message::FetchBreaks(task, sent) => host.fetch_breaks(stage, task, sent),
            Message::FetchTimer(task) => host.fetch_timer(stage, task),
            Message::CallbackReaches(task) => host.callback_reaches(stage, callers, task),
            Message::CallbackEnds(task, result) => host.callback_ends(stage, task, result),
            Message::CallbackTimer(task) => host.callback_ends(stage, task, CallbackResult::Failed),
            Message::Reset(_) if has_healed => {
                sim.say("world", || "nothing is lost: faults have ceased".into());
            }
            Message::Reset(how) => {
                if how != How::Crash {
                    self.host.origins_down = true;
                    self.host.origins_back = sim.now() + 2 * SECOND;
                    sim.after(2 * SECOND, Message::OriginsBack);
                }
                sim.reset(self, OBJECT, how.fault());
            }
            Message::OriginsBack => host.origins_down &= stage.sim.now() < host.origins_back,
            Message::StorageFull(full) => {
                if has_healed {
                    return;
                }
                if full {
                    self.seen.hit_object(Fault(27));
                    self.full_windows += 1;
                } else {
                    self.full_windows -= 1;
                }
                sim.set_full(self.full_windows > 0);
            }
            Message::Heal => self.heal(sim),
        }
    }

    fn perform(&mut self, sim: &mut Sim<Self>, from: InstanceId, effect: Effect) {
        let Parts { stage, callers, host, .. } = &mut self.parts(sim);
        match effect {
            Effect::Fetch { attempt, timeout_ms } => host.start_fetch(stage, from, attempt, timeout_ms),
            Effect::Abort { attempt } => host.abort(stage, attempt),
            Effect::Deliver { attempt, outcome, duration_ms: _ } => host.start_callback(stage, from, attempt, outcome),
            Effect::Reply { caller, reply } => callers.reply(stage, caller.0, &reply),
            Effect::Report(_) => {}
        }
    }

    fn committed(&mut self, sim: &mut Sim<Self>, _object: ObjectId, commit: &durable_sim::Commit<ProxyObject>) {
        self.seen.committed(sim, commit, |call| self.callers.asked(call));
    }

    fn settled(&mut self, sim: &mut Sim<Self>, _object: ObjectId) {
        self.seen.settled(sim);
    }

    fn started(&mut self, sim: &mut Sim<Self>, _instance: InstanceId) {
        self.seen.started(sim);
    }

    fn lost(&mut self, sim: &mut Sim<Self>, _instance: InstanceId) {
        let parts = &mut self.parts(sim);
        parts.host.zombies(&mut parts.stage);
        parts.incarnation_ends();
        parts.rows.tamper(&mut parts.stage);
    }

    fn ghost(&mut self, sim: &mut Sim<Self>, instance: InstanceId) {
        let parts = &mut self.parts(sim);
        parts.host.orphan_work();
        parts.incarnation_ends();
        self.started(sim, instance);
    }

    fn fault(&mut self, _sim: &mut Sim<Self>, _object: ObjectId, fault: Named) {
        self.seen.hit_object(fault.into());
    }
}

impl Parts<'_> {
    /// What an incarnation of the object held in memory is gone.
    fn incarnation_ends(&mut self) {
        self.host.lose_work(&mut self.stage);
        self.callers.fail_calls(&mut self.stage);
        self.stage.seen.lost(self.stage.sim);
    }
}
