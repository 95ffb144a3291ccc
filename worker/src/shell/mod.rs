//! The shell: turns of the machine, on the runtime's one thread.
//!
//! The first event of a quiet object takes its turn at once. Until the runtime has gone around once more, whatever else
//! arrives is gathered, and shares the commit of the next turn: a commit blocks the whole process, so the callers that
//! came in the meantime are all there then. An alarm takes its turn at once too, since the next alarm must be stored
//! before its handler ends (law L6).
//!
//! Effects are started in the turn that stored them and awaited by tasks of their own. The runtime's output gate holds
//! every fetch, call and reply until the commit of the turn is durable, so nothing here waits for it.
//!
//! Keeps S2, S4, S5 (through [`proxy_fetch::turn`] and the gate), S25 (a failed commit resets the object), L6.

mod deliver;
mod fetch;
mod record;

use crate::{
    glue::{self, Flight, Origins},
    settings::Settings,
    sql::Sql,
    thrown::text,
};
use futures_channel::oneshot;
use proxy_fetch::{
    Alarm, Attempt, Caller, Effect, Event, Key, Machine, Output, Payload, Record, Reply, Request, Store, Table,
    Timestamp, Ulid, Write, turn,
};
use std::{cell::RefCell, collections::BTreeMap, mem, rc::Rc, sync::Arc};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use worker::{Env, console_error, console_warn};

/// How often the runtime may go around before the next turn.
const MAX_ROUNDS: u32 = 8;
/// Payloads kept in memory after they were stored, so that they are not read back; in bytes, all of them together.
const MAX_KEPT_BYTES: usize = 8 * 1_024 * 1_024;

/// One incarnation of the object in memory. Clones are the same one.
#[derive(Clone)]
pub struct Shell(Rc<RefCell<Incarnation>>);

/// How the object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Which incarnation of the object this is.
    pub epoch: u64,
    /// Requests that have not ended.
    pub live: usize,
    /// Of these, requests in flight.
    pub in_flight: usize,
    /// Fetches that run in this incarnation.
    pub fetching: usize,
    /// When the stored alarm is, if that is known.
    pub alarm: Option<Timestamp>,
}

struct Incarnation {
    /// Its id, for the record.
    object: String,
    ctx: JsValue,
    origins: Origins,
    sql: Sql,
    machine: Machine,
    alarm: Alarm,
    /// The alarm that the next turn is the handler of.
    fired: Option<Timestamp>,
    out: Output,
    record: bool,
    /// Events for the next turn.
    inbox: Vec<Event>,
    /// Events that may wait for company.
    lingering: Vec<Event>,
    linger_runs: bool,
    /// Whether a turn was taken that the runtime has not gone around since.
    gathering: bool,
    callers: BTreeMap<Caller, oneshot::Sender<Reply>>,
    last_caller: u64,
    /// Attempts that run, and responses that wait for their callback.
    flights: BTreeMap<Attempt, Flight>,
    kept: BTreeMap<Ulid, Arc<Payload>>,
    kept_bytes: usize,
}

impl Shell {
    /// Restores what is stored. Writes nothing.
    ///
    /// # Errors
    /// What cannot be read, in words.
    pub fn restore(object: String, ctx: JsValue, storage: JsValue, env: Env) -> Result<Self, String> {
        let Settings { config, record, .. } = Settings::from_env(&env)?;
        let words = |error: JsValue| format!("the storage: {}", text(&error));
        let sql = Sql::open(storage).map_err(words)?;
        let rows = sql.rows().map_err(words)?;
        if record {
            record::incarnation(&object, &config, &rows);
        }
        let machine = Machine::restore(config, rows).map_err(|error| error.to_string())?;
        Ok(Self(Rc::new(RefCell::new(Incarnation {
            object,
            ctx,
            origins: Origins::new(&env),
            sql,
            machine,
            alarm: Alarm::UNKNOWN,
            fired: None,
            out: Output::default(),
            record,
            inbox: vec![Event::Start],
            lingering: Vec::new(),
            linger_runs: false,
            gathering: false,
            callers: BTreeMap::new(),
            last_caller: 0,
            flights: BTreeMap::new(),
            kept: BTreeMap::new(),
            kept_bytes: 0,
        }))))
    }

    /// Puts calls in, which share one turn. Each reply comes after its commit.
    pub fn call(&self, calls: Vec<Call>) -> Vec<oneshot::Receiver<Reply>> {
        let receivers = {
            let mut incarnation = self.0.borrow_mut();
            calls.into_iter().map(|call| incarnation.enter(call)).collect()
        };
        self.turn_soon();
        receivers
    }

    /// The alarm fired, which was set for `scheduled` if that is known. Its turn is over when this returns.
    pub fn alarm(&self, scheduled: Option<Timestamp>) {
        {
            let mut incarnation = self.0.borrow_mut();
            incarnation.fired = scheduled;
            incarnation.inbox.push(Event::Tick);
        }
        self.turn();
    }

    /// How the object is.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let incarnation = self.0.borrow();
        Stats {
            epoch: incarnation.machine.epoch(),
            live: incarnation.machine.live_len(),
            in_flight: incarnation.machine.in_flight_len(),
            fetching: incarnation.flights.len(),
            alarm: incarnation.alarm.at(),
        }
    }

    /// The largest request body, in bytes.
    #[must_use]
    pub fn max_request_body_bytes(&self) -> usize {
        self.0.borrow().machine.config().max_request_body_bytes
    }

    /// Something that was under way has ended.
    fn ended(&self, event: Event) {
        match event.linger_ms() {
            0 => {
                self.0.borrow_mut().inbox.push(event);
                self.turn_soon();
            }
            linger_ms => {
                let mut incarnation = self.0.borrow_mut();
                incarnation.lingering.push(event);
                if !mem::replace(&mut incarnation.linger_runs, true) {
                    let shell = self.clone();
                    later(u32::try_from(linger_ms).unwrap_or(u32::MAX), move || shell.linger_is_over());
                }
            }
        }
    }

    fn linger_is_over(&self) {
        let is_needed = {
            let mut incarnation = self.0.borrow_mut();
            incarnation.linger_runs = false;
            !incarnation.lingering.is_empty()
        };
        if is_needed {
            self.turn();
        }
    }

    /// Takes a turn now if none was taken since the runtime went around; else the turn that is asked for takes all.
    fn turn_soon(&self) {
        if !self.0.borrow().gathering {
            self.turn();
        }
    }

    /// The runtime has gone around. As long as each time brings more, it is worth another.
    fn gathered(&self, before: usize, rounds: u32) {
        let waiting = self.0.borrow().inbox.len();
        if waiting > before && rounds < MAX_ROUNDS {
            let shell = self.clone();
            later(0, move || shell.gathered(waiting, rounds + 1));
            return;
        }
        self.0.borrow_mut().gathering = false;
        if waiting > 0 {
            self.turn();
        }
    }

    fn turn(&self) {
        // One reading for the whole turn, before anything is borrowed: the clock is the runtime's.
        let now = now();
        let mut incarnation = self.0.borrow_mut();
        let incarnation = &mut *incarnation;
        // What an effect reports at once takes its own turn, and effects never report an effect's end for ever: each
        // such report ends an attempt or a callback.
        while !incarnation.inbox.is_empty() || !incarnation.lingering.is_empty() {
            if incarnation.turn(now).is_err() {
                return;
            }
            self.perform(incarnation);
        }
        if !mem::replace(&mut incarnation.gathering, true) {
            let shell = self.clone();
            later(0, move || shell.gathered(0, 0));
        }
    }

    fn perform(&self, incarnation: &mut Incarnation) {
        for effect in incarnation.out.take_effects() {
            match effect {
                Effect::Fetch { attempt, timeout_ms } => self.fetch(incarnation, attempt, timeout_ms),
                Effect::Abort { attempt } => {
                    if let Some(flight) = incarnation.flights.remove(&attempt) {
                        flight.abort();
                    }
                }
                Effect::Deliver { attempt, outcome, duration_ms } => {
                    self.deliver(incarnation, attempt, outcome, duration_ms)
                }
                Effect::Reply { caller, reply } => {
                    if let Some(sender) = incarnation.callers.remove(&caller) {
                        // A caller that has gone wants no reply.
                        drop(sender.send(reply));
                    }
                }
                Effect::Report(report) => console_warn!("proxy-fetch: {report}"),
            }
        }
    }
}

/// What a caller wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Hand a request in.
    Enqueue(Box<Request>),
    /// Give the request of this id up.
    Cancel(String),
    /// See how the request of this id is.
    Status(String),
}

impl Incarnation {
    fn enter(&mut self, call: Call) -> oneshot::Receiver<Reply> {
        self.last_caller += 1;
        let caller = Caller(self.last_caller);
        let (sender, receiver) = oneshot::channel();
        self.callers.insert(caller, sender);
        self.inbox.push(match call {
            Call::Enqueue(request) => Event::Enqueue { caller, request, entropy: entropy() },
            Call::Cancel(request_id) => Event::Cancel { caller, request_id },
            Call::Status(request_id) => Event::Status { caller, request_id },
        });
        receiver
    }

    /// One turn and its commit. A refused commit resets the object: nothing of this incarnation goes on (law S25).
    fn turn(&mut self, now: Timestamp) -> Result<(), ()> {
        // What happened first comes first.
        let mut events = mem::take(&mut self.lingering);
        events.append(&mut self.inbox);
        if self.machine.next_wake().is_some_and(|(at, _)| at <= now) && !events.contains(&Event::Tick) {
            events.push(Event::Tick);
        }
        let fired = self.fired.take();
        if let Some(at) = fired {
            self.alarm = Alarm::stored(at);
        }
        let recorded = self.record.then(|| events.clone());
        let Self { machine, alarm, sql, out, .. } = self;
        let mut store = Keeping { sql, payloads: Vec::new() };
        if let Err(error) = turn(machine, alarm, &mut store, now, events, out) {
            let why = format!("proxy-fetch: a commit was refused: {}", text(&error));
            console_error!("{why}");
            if let Err(error) = glue::reset(&self.ctx, &why) {
                console_error!("proxy-fetch: the object is reset: {}", text(&error));
            }
            return Err(());
        }
        for (id, payload) in store.payloads {
            self.keep(id, payload);
        }
        if let Some(events) = recorded {
            record::turn(&self.object, now, fired, events, self.out.effects(), self.alarm);
        }
        Ok(())
    }

    /// What is stored is kept, if there is room, until it is removed: the oldest are needed first.
    fn keep(&mut self, id: Ulid, payload: Option<Arc<Payload>>) {
        if let Some(old) = self.kept.remove(&id) {
            self.kept_bytes -= bytes(&old);
        }
        if let Some(payload) = payload
            && self.kept_bytes + bytes(&payload) <= MAX_KEPT_BYTES
        {
            self.kept_bytes += bytes(&payload);
            self.kept.insert(id, payload);
        }
    }

    /// The payload of a request; `None` if its row is missing or cannot be read (law S13).
    fn payload(&self, id: Ulid) -> Option<Arc<Payload>> {
        if let Some(payload) = self.kept.get(&id) {
            return Some(Arc::clone(payload));
        }
        match self.sql.payload(id) {
            Ok(Some(bytes)) => match Payload::decode(&bytes) {
                Ok(payload) => return Some(Arc::new(payload)),
                Err(error) => console_warn!("proxy-fetch: the payload of {id} cannot be read: {error}"),
            },
            Ok(None) => console_warn!("proxy-fetch: the payload of {id} is missing"),
            Err(error) => console_warn!("proxy-fetch: the payload of {id} cannot be read: {}", text(&error)),
        }
        None
    }
}

/// About what a payload takes in memory, in bytes.
fn bytes(payload: &Payload) -> usize {
    let headers: usize = payload.headers.iter().map(|(name, value)| 48 + name.len() + value.len()).sum();
    512 + payload.url.len() + headers + payload.body.len()
}

/// The storage, and the payloads that a commit stored or removed.
struct Keeping<'a> {
    sql: &'a mut Sql,
    payloads: Vec<(Ulid, Option<Arc<Payload>>)>,
}

impl Store for Keeping<'_> {
    type Error = JsValue;

    fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), JsValue> {
        self.sql.commit(writes, alarm)?;
        for write in writes {
            match write {
                Write::Put(Record::Payload(id, payload)) => self.payloads.push((*id, Some(Arc::clone(payload)))),
                Write::Delete(Key { table: Table::Payloads, id }) => self.payloads.push((*id, None)),
                Write::Put(_) | Write::Delete(_) => {}
            }
        }
        Ok(())
    }
}

/// The runtime's clock.
pub(crate) fn now() -> Timestamp {
    // Whole ms since 1970: exact, and never negative.
    Timestamp(js_sys::Date::now() as u64)
}

/// Fresh randomness.
pub(crate) fn entropy() -> u128 {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u128::from_ne_bytes(bytes),
        Err(error) => panic!("the runtime has no randomness: {error}"),
    }
}

fn later(delay_ms: u32, run: impl FnOnce() + 'static) {
    let callback = Closure::once_into_js(run);
    glue::later(delay_ms, callback.unchecked_ref());
}
