//! The world's state, what can happen in it, and how it is seen; and producers.

use super::{
    broker::Copy,
    coverage::{Coverage, Fault, State},
    decisions::{FetchFails, NTH, SEND, SendFails},
    host::{Invocation, Isolate},
    laws,
    ledger::{Ledger, Number, Seen},
    plan::{Damage, Plan, Planned, PlannedRequest},
    upstream::failing,
};
use crate::laws::Violation;
use durable_sim::{Chance, InstanceId, Key, Micros, NoObject, SECOND, Sim, World};
use proxy_fetch::{
    AllowedCallback, Callback, Config, FetchResult, ObjectCallback, Options, Request, RowError, Timestamp, Ulid,
    queue::{Effect, Handle, MESSAGE_VERSION, Message, Source},
};
use std::{collections::BTreeMap, convert::Infallible, fmt};

/// A producer gives up after so many sends.
const MAX_SENDS: u32 = 8;
/// The part of a ULID that no two requests of a run share: their number.
const NUMBER_BITS: u32 = 32;

/// Something that happens in this world.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A producer sends the request of this number in the plan, for the `nth` time.
    Send { planned: Planned, made: Option<Number>, nth: u32 },
    /// The broker looks at a queue.
    Pump(Source),
    /// An upstream acts.
    Executes { request: Number, key: Option<String> },
    /// A fetch ends, the `nth` of its request.
    FetchEnds { at: Handle, nth: u32, result: FetchResult, asked: Option<Timestamp> },
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
            Self::Send { planned, nth, .. } => write!(f, "send r{planned}#{nth}"),
            Self::Pump(source) => write!(f, "look at the {source}"),
            Self::Executes { .. } => f.write_str("an upstream acts"),
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

/// A request that was made.
#[derive(Debug)]
pub(super) struct Made {
    /// Its number in the plan, by which people know it.
    pub planned: Planned,
    /// What the plan says of it.
    pub request: PlannedRequest,
    bytes: Vec<u8>,
    /// Deliveries of all copies of it.
    deliveries: u32,
    /// Batches that were made while it waited for the longest time.
    batches: u32,
}

/// Producers, broker, isolates, upstreams, origins.
pub struct QueueWorld {
    pub(super) plan: Plan,
    pub(super) config: Config,
    /// What was seen.
    pub ledger: Ledger,
    checked: bool,
    /// Whether faults have ceased.
    pub(super) healthy: bool,
    /// The requests, as the ledger numbers them.
    made: Vec<Made>,
    /// How often a fetch fails, and in what ways.
    pub(super) failing: (Chance, Vec<FetchFails>),
    pub(super) copies: Vec<Copy>,
    pub(super) isolates: Vec<Isolate>,
    pub(super) incarnations: u32,
    pub(super) invocations: BTreeMap<u64, Invocation>,
    pub(super) out: Vec<Effect>,
    /// Faults by the states that they hit.
    pub coverage: Coverage,
}

impl QueueWorld {
    pub(super) fn new(plan: Plan, checked: bool) -> Self {
        let config = Config {
            callbacks: vec![AllowedCallback::Binding { binding: "ORIGIN".into(), method: None }],
            ..Config::default()
        };
        let ledger = Ledger { max_remembered: plan.settings.max_remembered, ..Ledger::default() };
        let mut world = Self {
            failing: failing(&plan.faults),
            plan,
            config,
            ledger,
            checked,
            healthy: false,
            made: Vec::new(),
            copies: Vec::new(),
            isolates: Vec::new(),
            incarnations: 0,
            invocations: BTreeMap::new(),
            out: Vec::new(),
            coverage: Coverage::default(),
        };
        for _ in 0..world.plan.settings.isolates {
            let isolate = world.new_isolate();
            world.isolates.push(isolate);
        }
        world
    }

    pub(super) fn begin(&self, sim: &mut Sim<Self>) {
        for (planned, request) in &self.plan.requests {
            let send = Happening::Send { planned: *planned, made: None, nth: 1 };
            sim.plan(request.at, NTH.key2(*planned, 1), send);
        }
        for crash in &self.plan.crashes {
            sim.plan(crash.at, Key::WORLD, Happening::Crash { isolate: crash.isolate });
        }
        sim.plan(self.plan.settings.heal_at, Key::WORLD, Happening::Heal);
    }

    pub(super) fn end(&mut self, sim: &mut Sim<Self>) {
        self.see(sim, Seen::Over);
    }

    /// Takes an observation in, if no law is broken by it.
    pub(super) fn see(&mut self, sim: &mut Sim<Self>, seen: Seen) -> bool {
        self.ledger.now = Timestamp(sim.true_ms());
        if sim.broken().is_some() {
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

    pub(super) fn violated(&self, sim: &mut Sim<Self>, violation: Violation) {
        sim.break_law(violation.law, self.as_planned(&violation.what));
    }

    /// A text of the ledger's, which numbers requests as they are made, with their numbers in the plan.
    fn as_planned(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(from) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
            let (before, word_on) = rest.split_at(from);
            let end = word_on.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(word_on.len());
            let (word, after) = word_on.split_at(end);
            shown.push_str(before);
            let number = word.strip_prefix('r').and_then(|digits| digits.parse::<Number>().ok());
            match number.and_then(|number| self.made.get(number)) {
                Some(made) => shown.push_str(&format!("r{}", made.planned)),
                None => shown.push_str(word),
            }
            rest = after;
        }
        shown.push_str(rest);
        shown
    }

    pub(super) fn hit(&mut self, sim: &mut Sim<Self>, fault: Fault, state: State, request: Number) {
        self.coverage.hit(fault, state);
        let planned = self.made[request].planned;
        sim.say("fault", || format!("{}: r{planned}, {}", fault.name(), state.name()));
    }

    /// What is known of a request that was made.
    pub(super) fn made(&self, request: Number) -> &Made {
        &self.made[request]
    }

    /// The ULIDs of all requests that were made, and how people know them.
    pub(super) fn names(&self) -> impl Iterator<Item = (String, String)> {
        self.ledger
            .entries
            .iter()
            .zip(&self.made)
            .map(|(entry, made)| (entry.id.to_string(), format!("r{}", made.planned)))
    }

    /// The next delivery of a copy of this request, by its number.
    pub(super) fn next_delivery(&mut self, request: Number) -> u32 {
        self.made[request].deliveries += 1;
        self.made[request].deliveries
    }

    /// The next batch that is made while this request waits for the longest time.
    pub(super) fn next_batch(&mut self, request: Number) -> Key {
        let made = &mut self.made[request];
        made.batches += 1;
        NTH.key2(made.planned, made.batches)
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

    fn send(&mut self, sim: &mut Sim<Self>, planned: Planned, made: Option<Number>, nth: u32) {
        let mut decide = sim.decide(&SEND, NTH.key2(planned, nth));
        let made = made.or_else(|| {
            let order = decide.whole(&SEND.order, 0, 1_000_000);
            self.make(sim, planned, order.unsigned_abs())
        });
        let Some(request) = made else { return };
        let mut fails = SendFails::Never;
        if !self.healthy {
            let chance = self.plan.faults.send_error;
            fails = decide.sometimes_one(&SEND.fails, chance, &[SendFails::Lost, SendFails::Stored]);
        }
        match fails {
            SendFails::Never | SendFails::Stored => self.store(sim, request),
            SendFails::Lost => {}
        }
        if fails == SendFails::Never {
            sim.say("producer", || format!("sent r{planned}"));
            self.see(sim, Seen::Acknowledged { request });
            return;
        }
        self.hit(sim, Fault::SendError, State::Unsent, request);
        if nth < MAX_SENDS {
            // The same bytes: the id was fixed before the first send.
            let again = Happening::Send { planned, made: Some(request), nth: nth + 1 };
            sim.after(decide.time(&SEND.again, SECOND, 8 * SECOND), again);
        }
    }

    fn make(&mut self, sim: &mut Sim<Self>, planned: Planned, order: u64) -> Option<Number> {
        let plan = *self.plan.requests.get(&planned)?;
        let entropy = u128::from(order) << NUMBER_BITS | u128::from(planned);
        let id = Ulid::from_parts(sim.true_ms(), entropy);
        let callback =
            ObjectCallback { binding: "ORIGIN".into(), object: format!("o{planned}"), method: "onResult".into() };
        let request = Request {
            request_id: format!("r{planned}"),
            method: "POST".into(),
            url: "https://upstream.test/".into(),
            body: vec![7; planned as usize % 50],
            callback: plan.callback.then_some(Callback::Object(callback)),
            options: plan.options,
            ..Request::default()
        };
        let message = match Message::new(&self.config, id, request) {
            Ok(message) => message,
            Err(refusal) => {
                sim.say("producer", || format!("r{planned} is refused: {refusal}"));
                let Options { at_most_once, retry_delay_ms, max_retry_delay_ms, .. } = plan.options;
                let expected = match refusal.field {
                    "options.at_most_once" => at_most_once,
                    "options.max_retry_delay_ms" => max_retry_delay_ms < retry_delay_ms,
                    _ => false,
                };
                assert!(expected, "a valid request is refused: {refusal}");
                return None;
            }
        };
        let number = self.ledger.entries.len();
        let unread = (plan.damage == Some(Damage::Corrupt)).then_some(RowError::Corrupt);
        self.made.push(Made { planned, request: plan, bytes: message.to_bytes(), deliveries: 0, batches: 0 });
        self.see(sim, Seen::Made { id, options: plan.options, callback: plan.callback, unread });
        Some(number)
    }

    /// Why a consumer cannot read this request's message now, if it cannot.
    pub(super) fn unread(&self, request: Number) -> Option<RowError> {
        match self.made[request].request.damage {
            Some(Damage::Corrupt) => Some(RowError::Corrupt),
            Some(Damage::Foreign) if !self.healthy => Some(RowError::UnknownVersion(MESSAGE_VERSION + 1)),
            Some(Damage::Foreign) | None => None,
        }
    }

    /// A message as a consumer reads it now.
    pub(super) fn read(&self, request: Number) -> Result<Message, RowError> {
        let bytes = &self.made[request].bytes;
        match self.unread(request) {
            None => Message::from_bytes(bytes),
            Some(RowError::Corrupt) => Message::from_bytes(&bytes[..bytes.len() / 2]),
            Some(RowError::UnknownVersion(version)) => {
                let mut bytes = bytes.clone();
                bytes[0] = version;
                Message::from_bytes(&bytes)
            }
        }
    }
}

impl World for QueueWorld {
    type Object = NoObject;
    type Message = Happening;

    fn receive(&mut self, sim: &mut Sim<Self>, message: Happening) {
        match message {
            Happening::Send { planned, made, nth } => self.send(sim, planned, made, nth),
            Happening::Pump(source) => self.pump(sim, source),
            Happening::Executes { request, key } => self.executes(sim, request, key),
            Happening::FetchEnds { at, nth, result, asked } => self.fetch_ends(sim, at, nth, result, asked),
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
}

/// So many ms, in µs.
pub(super) const fn micros(ms: u64) -> Micros {
    ms * 1_000
}
