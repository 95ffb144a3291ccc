//! What a run is made of: who asks what when, and which faults there are.

use crate::{
    object::{Event, Lock},
    world::{FAULTS, LAWS, LockWorld, MARKS},
};
use durable_sim::{
    Decisions, Draws, Faults, Grid, Law, MINUTE, Mark, Micros, Recorder, Sim, Subject, fields,
    plan::{Document, Fields, List, Run, Schema, Simulation},
    words,
};

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum What {
    Acquire,
    Renew,
    Release,
}
words!(What { What::Acquire => "acquire", What::Renew => "renew", What::Release => "release" });

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub struct Ask {
    pub at: Micros,
    pub client: u64,
    pub what: What,
    pub lease_ms: u64,
}

impl Default for Ask {
    fn default() -> Self {
        Self { at: 0, client: 0, what: What::Acquire, lease_ms: 10_000 }
    }
}

fields!(Ask {
    /// When.
    at: moment "at_ms",
    /// Who.
    client: whole "client" (0..=9),
    /// What.
    what: word<What> "what",
    /// For how long, if it is acquired; 10 s unless it says so.
    lease_ms: whole "lease_ms" (1..=1_000_000),
});

static ASKS: List = List { name: "asks", prefix: "ask", fields: Ask::FIELDS, says: "What a client asks." };
static ASK: Subject = Subject::of("asks", "ask {}");
static SCHEMA: Schema = Schema { rates: &[Faults::FIELDS], lists: &[&ASKS], subjects: &[&ASK], ..Schema::EMPTY };

/// Runs of the lock.
#[derive(Clone, Copy, Debug, Default)]
pub struct LockRuns;

impl Simulation for LockRuns {
    type World = LockWorld;
    const NAME: &'static str = "lock";
    const SCHEMA: &'static Schema = &SCHEMA;
    const LAWS: &'static [&'static Law] = &LAWS;
    const MARKS: &'static [&'static Mark] = &MARKS;
    const GRIDS: &'static [&'static Grid] = &[&FAULTS];
    const MAX_STEPS: u64 = 20_000;
    const PLAN: &'static str = include_str!("../scenarios/small.toml");
    /// It need not survive an alarm that never runs.
    const NOT_SURVIVED: &'static [&'static str] = &["alarm_stuck", "abandoned"];

    /// 4 to 40 asks in ten minutes, and about half of the faults.
    fn draw(&self, seed: u64) -> Document {
        let draws = Draws::new(seed);
        let ask = |number| {
            let mut draw = draws.at("ask", number);
            Ask {
                at: draw.below(10 * MINUTE / 1_000) * 1_000,
                client: draw.between(1, 4),
                what: draw.pick(&[What::Acquire, What::Acquire, What::Renew, What::Release]),
                lease_ms: draw.pick(&[1_000, 10_000, 60_000, 180_000]),
            }
        };
        let asks: Vec<_> = (0..draws.at("asks", 0).between(4, 40)).map(ask).collect();
        let mut document = Document::drawn_with_faults(seed);
        document.put_list(&ASKS, (0..).zip(&asks));
        document
    }

    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<LockWorld>, LockWorld) {
        let mut sim = Sim::of(document, decisions, recorder);
        sim.add_object((), Lock::default());
        for (number, ask) in document.list::<Ask>(&ASKS) {
            sim.plan(ask.at, ASK.key(number), Event::Asked(ask));
        }
        (sim, LockWorld::default())
    }

    fn state(&self, run: &Run<LockWorld>) -> Vec<String> {
        vec![format!("stored: {}", run.sim.storage(0))]
    }
}
