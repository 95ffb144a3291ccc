//! The world around the consumers: the engine's events go from here to the part that they are for.
//!
//! Producers (`producers.rs`), the broker (`broker.rs`) and the isolates' host (`host.rs`) each have a state of their
//! own; all act on one stage (`stage.rs`), and what they do is seen (`seen.rs`).

use super::{
    broker::Broker,
    decisions::NTH,
    host::Host,
    ledger::{Ledger, Observation},
    message::Happening,
    plan::Plan,
    producers::Producers,
    seen::Seen,
    stage::Stage,
    upstream::Upstreams,
};
use durable_sim::{InstanceId, Key, NoObject, Sim, World};
use proxy_fetch::{AllowedCallback, Config};
use std::convert::Infallible;

/// The world.
pub struct QueueWorld {
    pub(super) plan: Plan,
    pub(super) seen: Seen,
    upstreams: Upstreams,
    producers: Producers,
    broker: Broker,
    pub(super) host: Host,
    healthy: bool,
}

/// The parts that act, and the stage they act on.
struct Parts<'a> {
    stage: Stage<'a>,
    producers: &'a mut Producers,
    broker: &'a mut Broker,
    host: &'a mut Host,
}

impl QueueWorld {
    /// The world of this plan, and whether laws are checked in it.
    pub(super) fn new(plan: Plan, checked: bool) -> Self {
        Self {
            seen: Seen::new(&plan, checked),
            upstreams: Upstreams::new(&plan.faults),
            producers: Producers::new(config()),
            broker: Broker::default(),
            host: Host::new(config(), &plan.settings),
            healthy: false,
            plan,
        }
    }

    /// What was seen of the run.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.seen.ledger
    }

    const fn parts<'a>(&'a mut self, sim: &'a mut Sim<Self>) -> Parts<'a> {
        let Self { plan, seen, upstreams, producers, broker, host, healthy } = self;
        Parts { stage: Stage { sim, plan, upstreams, seen, healthy: *healthy }, producers, broker, host }
    }

    /// Puts the plan on the run's calendar.
    pub(super) fn begin(&self, sim: &mut Sim<Self>) {
        // Before what is planned for the same time: from then on there are no faults.
        sim.plan(self.plan.settings.heal_at, Key::WORLD, Happening::Heal);
        for (planned, request) in &self.plan.requests {
            let send = Happening::Send { planned: *planned, made: None, nth: 1 };
            sim.plan(request.at, NTH.key2(*planned, 1), send);
        }
        for crash in &self.plan.crashes {
            sim.plan(crash.at, Key::WORLD, Happening::Crash { isolate: crash.isolate });
        }
    }

    /// The run is over: the last look.
    pub(super) fn end(&mut self, sim: &mut Sim<Self>) {
        self.seen.see(sim, &Observation::Over);
    }
}

/// What producers and consumers are configured with.
fn config() -> Config {
    Config { callbacks: vec![AllowedCallback::Binding { binding: "ORIGIN".into(), method: None }], ..Config::default() }
}

impl World for QueueWorld {
    type Object = NoObject;
    type Message = Happening;

    fn receive(&mut self, sim: &mut Sim<Self>, message: Happening) {
        let Parts { stage, producers, broker, host } = &mut self.parts(sim);
        match message {
            Happening::Send { planned, made, nth } => producers.send(stage, broker, planned, made, nth),
            Happening::Pump(source) => broker.pump(stage, host, source),
            Happening::Executes { request, key } => stage.executes(request, key),
            Happening::FetchEnds { at, nth, result, asked } => host.fetch_ends(stage, at, nth, result, asked),
            Happening::CallbackEnds { at, answered } => host.callback_ends(stage, at, answered),
            Happening::Tick { batch, at } => host.tick(stage, batch, at),
            Happening::Returns { batch } => host.returns(stage, broker, batch),
            Happening::Throws { batch } => host.throws(stage, broker, batch),
            Happening::Hangs { batch } => host.hangs(stage, batch),
            Happening::Kill { batch } => host.kill(stage, broker, batch),
            Happening::Crash { isolate } if stage.healthy => {
                stage.sim.say("world", || format!("isolate {isolate} does not crash: faults have ceased"));
            }
            Happening::Crash { isolate } => host.crash(stage, broker, isolate),
            Happening::Heal => {
                self.healthy = true;
                self.seen.see(sim, &Observation::Healed);
            }
        }
    }

    fn perform(&mut self, _: &mut Sim<Self>, _: InstanceId, effect: Infallible) {
        match effect {}
    }
}
