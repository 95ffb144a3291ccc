//! The world's state, what can happen in it, and how it is seen; and producers.

use super::{
    broker::Copy,
    coverage::{Coverage, Fault, State},
    host::{Invocation, Isolate},
    laws,
    ledger::{Ledger, Number, Seen},
    plan::{Damage, Plan, PlannedRequest, purpose},
};
use crate::laws::Violation;
use durable_sim::{Commit, InstanceId, Micros, Object, ObjectId, SECOND, Sim, Turn, World};
use proxy_fetch::{
    AllowedCallback, Callback, Config, FetchResult, ObjectCallback, Request, RowError, Timestamp, Ulid,
    queue::{Effect, Handle, MESSAGE_VERSION, Message, Source},
};
use std::{collections::BTreeMap, convert::Infallible, fmt};

/// A producer gives up after so many sends.
const MAX_SENDS: u32 = 8;

/// Something that happens in this world.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A producer sends the request of this number in the plan, not for the first time if there were sends.
    Send { planned: usize, made: Option<Number>, sends: u32 },
    /// The broker looks at a queue.
    Pump(Source),
    /// An upstream acts.
    Executes { request: Number, key: Option<String> },
    /// A fetch ends.
    FetchEnds { at: Handle, result: FetchResult, asked: Option<Timestamp> },
    /// A callback ends.
    CallbackEnds { at: Handle, answered: bool },
    /// A host's timer.
    Tick { batch: u64, at: Timestamp },
    /// An invocation returns.
    Returns { batch: u64 },
    /// An invocation throws.
    Throws { batch: u64 },
    /// An invocation makes no more progress.
    Hangs { batch: u64 },
    /// An invocation is 15 minutes old.
    Kill { batch: u64 },
    /// An isolate crashes.
    Crash { isolate: usize },
    /// Faults cease.
    Heal,
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { planned, sends, .. } => write!(f, "send {planned} for the {sends}th time"),
            Self::Pump(source) => write!(f, "look at the {source}"),
            Self::Executes { request, .. } => write!(f, "executes r{request}"),
            Self::FetchEnds { at, result, .. } => write!(f, "fetch of {at} ends: {result}"),
            Self::CallbackEnds { at, answered } => write!(f, "callback of {at} ends: {answered}"),
            Self::Tick { batch, at } => write!(f, "timer of batch {batch} for {at}"),
            Self::Returns { batch } => write!(f, "batch {batch} returns"),
            Self::Throws { batch } => write!(f, "batch {batch} throws"),
            Self::Hangs { batch } => write!(f, "batch {batch} hangs"),
            Self::Kill { batch } => write!(f, "batch {batch} is 15 minutes old"),
            Self::Crash { isolate } => write!(f, "isolate {isolate} crashes"),
            Self::Heal => f.write_str("faults cease"),
        }
    }
}

/// Producers, broker, isolates, upstreams, origins.
pub struct QueueWorld {
    pub(super) plan: Plan,
    pub(super) config: Config,
    /// What was seen.
    pub ledger: Ledger,
    checked: bool,
    /// The first broken law and its step.
    pub violation: Option<(u64, Violation)>,
    /// Whether faults have ceased.
    pub(super) healthy: bool,
    /// The requests' numbers in the plan, and their messages' bytes.
    pub(super) planned: Vec<usize>,
    pub(super) bytes: Vec<Vec<u8>>,
    pub(super) copies: Vec<Copy>,
    pub(super) isolates: Vec<Isolate>,
    pub(super) incarnations: u32,
    pub(super) invocations: BTreeMap<u64, Invocation>,
    pub(super) out: Vec<Effect>,
    pub(super) pumps: u64,
    pub(super) backs: u64,
    /// Faults by the states that they hit.
    pub coverage: Coverage,
}

impl QueueWorld {
    pub(super) fn new(plan: Plan, checked: bool) -> Self {
        let config = Config {
            callbacks: vec![AllowedCallback::Binding { binding: "ORIGIN".into(), method: None }],
            ..Config::default()
        };
        let ledger = Ledger { max_remembered: plan.max_remembered, ..Ledger::default() };
        let mut world = Self {
            plan,
            config,
            ledger,
            checked,
            violation: None,
            healthy: false,
            planned: Vec::new(),
            bytes: Vec::new(),
            copies: Vec::new(),
            isolates: Vec::new(),
            incarnations: 0,
            invocations: BTreeMap::new(),
            out: Vec::new(),
            pumps: 0,
            backs: 0,
            coverage: Coverage::default(),
        };
        for _ in 0..world.plan.isolates {
            let isolate = world.new_isolate();
            world.isolates.push(isolate);
        }
        world
    }

    pub(super) fn begin(&self, sim: &mut Sim<Self>) {
        for (planned, request) in self.plan.requests.iter().enumerate() {
            let Some(request) = request else { continue };
            sim.after(request.at, Happening::Send { planned, made: None, sends: 0 });
        }
        for crash in 0..self.plan.faults.crashes {
            let mut draw = sim.draws.at(purpose::CRASH, crash, 0, 0);
            let isolate = draw.below(self.isolates.len() as u64) as usize;
            sim.after(draw.below(self.plan.heal_at), Happening::Crash { isolate });
        }
        sim.after(self.plan.heal_at, Happening::Heal);
    }

    pub(super) fn end(&mut self, sim: &mut Sim<Self>) {
        self.see(sim, Seen::Over);
    }

    /// Takes an observation in, if no law is broken by it.
    pub(super) fn see(&mut self, sim: &mut Sim<Self>, seen: Seen) -> bool {
        self.ledger.now = Timestamp(sim.true_ms());
        if self.violation.is_some() {
            return false;
        }
        if self.checked
            && let Err(violation) = laws::check(&self.ledger, &seen)
        {
            self.violated(sim, violation);
            return false;
        }
        self.ledger.apply(&seen);
        true
    }

    pub(super) fn violated(&mut self, sim: &mut Sim<Self>, violation: Violation) {
        sim.say("LAW", || violation.to_string());
        self.violation.get_or_insert((sim.recorder.steps, violation));
        sim.stop();
    }

    pub(super) fn hit(&mut self, sim: &mut Sim<Self>, fault: Fault, state: State, request: Number) {
        self.coverage.hit(fault, state);
        sim.say("fault", || format!("{}: r{request}, {}", fault.name(), state.name()));
    }

    /// The state of a message of a batch.
    pub(super) fn state(&self, at: Handle) -> State {
        let message = self.ledger.message(at);
        match (&message.decided, message.callback, &message.fetch) {
            (Some(_), _, _) => State::Decided,
            (None, Some(_), _) => State::Delivering,
            (None, None, Some(_)) => State::InFlight,
            (None, None, None) => State::Held,
        }
    }

    fn send(&mut self, sim: &mut Sim<Self>, planned: usize, made: Option<Number>, sends: u32) {
        let Some(request) = made.or_else(|| self.make(sim, planned)) else { return };
        let mut draw = sim.draws.at(purpose::SEND, 0, planned as u64, sends);
        let fails = !self.healthy && draw.chance(self.plan.faults.send_error);
        if !fails || draw.below(2) == 0 {
            self.store(sim, request);
        }
        if !fails {
            sim.say("producer", || format!("sent r{request}"));
            self.see(sim, Seen::Acknowledged { request });
            return;
        }
        self.hit(sim, Fault::SendError, State::Unsent, request);
        if sends + 1 < MAX_SENDS {
            // The same bytes: the id was fixed before the first send.
            let again = Happening::Send { planned, made: Some(request), sends: sends + 1 };
            sim.after(draw.between(SECOND, 8 * SECOND), again);
        }
    }

    fn make(&mut self, sim: &mut Sim<Self>, planned: usize) -> Option<Number> {
        let plan = self.plan.requests[planned]?;
        let entropy = u128::from(sim.draws.at(purpose::SEND, 1, planned as u64, 0).any());
        let id = Ulid::from_parts(sim.true_ms(), entropy);
        let callback =
            ObjectCallback { binding: "ORIGIN".into(), object: format!("o{planned}"), method: "onResult".into() };
        let request = Request {
            request_id: format!("r{planned}"),
            method: "POST".into(),
            url: "https://upstream.test/".into(),
            body: vec![7; planned % 50],
            callback: plan.callback.then_some(Callback::Object(callback)),
            options: plan.options,
            ..Request::default()
        };
        let message = match Message::new(&self.config, id, request) {
            Ok(message) => message,
            Err(refusal) => {
                sim.say("producer", || format!("plan {planned} is refused: {refusal}"));
                let expected = plan.options.at_most_once && refusal.field == "options.at_most_once";
                assert!(expected, "a valid request is refused: {refusal}");
                return None;
            }
        };
        let number = self.ledger.entries.len();
        let unread = (plan.damage == Some(Damage::Corrupt)).then_some(RowError::Corrupt);
        self.see(sim, Seen::Made { id, options: plan.options, callback: plan.callback, unread });
        self.planned.push(planned);
        self.bytes.push(message.to_bytes());
        Some(number)
    }

    /// What the plan says of this request.
    pub(super) fn planned_request(&self, request: Number) -> Option<PlannedRequest> {
        self.plan.requests[self.planned[request]]
    }

    /// A message's bytes as a consumer gets them now, and why it cannot read them.
    pub(super) fn bytes_now(&self, request: Number) -> (Vec<u8>, Option<RowError>) {
        let mut bytes = self.bytes[request].clone();
        match self.planned_request(request).and_then(|request| request.damage) {
            Some(Damage::Corrupt) => {
                bytes.truncate(bytes.len() / 2);
                (bytes, Some(RowError::Corrupt))
            }
            Some(Damage::Foreign) if !self.healthy => {
                bytes[0] = MESSAGE_VERSION + 1;
                (bytes, Some(RowError::UnknownVersion(MESSAGE_VERSION + 1)))
            }
            Some(Damage::Foreign) | None => (bytes, None),
        }
    }
}

impl World for QueueWorld {
    type Object = NoObject;
    type Message = Happening;

    fn receive(&mut self, sim: &mut Sim<Self>, message: Happening) {
        match message {
            Happening::Send { planned, made, sends } => self.send(sim, planned, made, sends),
            Happening::Pump(source) => self.pump(sim, source),
            Happening::Executes { request, key } => self.executes(sim, request, key),
            Happening::FetchEnds { at, result, asked } => self.fetch_ends(sim, at, result, asked),
            Happening::CallbackEnds { at, answered } => self.callback_ends(sim, at, answered),
            Happening::Tick { batch, at } => self.tick(sim, batch, at),
            Happening::Returns { batch } => self.returns(sim, batch),
            Happening::Throws { batch } => self.throws(sim, batch),
            Happening::Hangs { batch } => self.hangs(sim, batch),
            Happening::Kill { batch } => self.kill(sim, batch),
            Happening::Crash { isolate } => self.crash(sim, isolate),
            Happening::Heal => {
                self.healthy = true;
                self.see(sim, Seen::Healed);
            }
        }
    }

    fn perform(&mut self, _: &mut Sim<Self>, _: InstanceId, effect: Infallible) {
        match effect {}
    }

    fn committed(&mut self, _: &mut Sim<Self>, _: ObjectId, _: &Commit<NoObject>) {}

    fn settled(&mut self, _: &mut Sim<Self>, _: ObjectId) {}

    fn started(&mut self, _: &mut Sim<Self>, _: InstanceId) {}

    fn lost(&mut self, _: &mut Sim<Self>, _: InstanceId) {}

    fn fault(&mut self, _: &mut Sim<Self>, _: ObjectId, _: durable_sim::Fault) {}
}

/// There is no durable object in this world: none is ever added, so nothing of this is called.
#[derive(Debug)]
pub struct NoObject;

impl Object for NoObject {
    type Settings = Infallible;
    type Storage = ();
    type Write = Infallible;
    type Event = &'static str;
    type Effect = Infallible;
    type Note = ();

    const START: &'static str = "start";
    const ALARM: &'static str = "alarm";

    fn construct(settings: &Infallible, (): &()) -> Result<Self, String> {
        match *settings {}
    }

    fn apply((): &mut (), write: &Infallible) -> u64 {
        match *write {}
    }

    fn turn(&mut self, _: u64, _: &mut Vec<&'static str>, _: &mut Turn<Self>) {}

    fn note(_: &&'static str) {}

    fn linger_ms(_: &&'static str) -> u64 {
        0
    }
}

/// So many ms, in µs.
pub(super) const fn micros(ms: u64) -> Micros {
    ms * 1_000
}
