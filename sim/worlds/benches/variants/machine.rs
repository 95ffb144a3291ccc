//! The bare loop again, around the real machine: what it costs to run that and to store what it writes, with neither
//! platform nor laws.

use super::{
    Done, EVENTS_PER_REQUEST, NETWORK, REQUESTS, SERVICE, SPREAD, TIMEOUT,
    calendar::{Calendar, What},
};
use proxy_fetch::{
    Alarm, Attempt, Callback, CallbackResult, Caller, Config, Effect, Event, FetchResult, Key, Machine, ObjectCallback,
    Output, Request, Row, Store, Timestamp, Write, turn,
};
use proxy_fetch_sim::proxy::{Plan, Profile};
use std::collections::BTreeMap;

pub const START_MS: u64 = 1_767_225_600_000;

#[derive(Default)]
pub struct Rows(BTreeMap<Key, Vec<u8>>);

impl Store for Rows {
    type Error = std::convert::Infallible;

    fn commit(&mut self, writes: &[Write], _: Option<Timestamp>) -> Result<(), Self::Error> {
        for write in writes {
            match write {
                Write::Put(record) => {
                    let bytes = self.0.entry(record.key()).or_default();
                    *bytes = record.encode_in(std::mem::take(bytes));
                }
                Write::Delete(key) => drop(self.0.remove(key)),
            }
        }
        Ok(())
    }
}

struct World {
    /// About requests, or pieces of work.
    calendar: Calendar,
    machine: Machine,
    alarm: Alarm,
    rows: Rows,
    out: Output,
    work: Vec<(Attempt, bool)>,
    finished: u64,
}

impl World {
    fn turn(&mut self, event: Event) {
        let now = Timestamp(START_MS + self.calendar.now / 1_000);
        let Ok(()) = turn(&mut self.machine, &mut self.alarm, &mut self.rows, now, [event], &mut self.out);
        for effect in self.out.take_effects() {
            let work = self.work.len() as u32;
            match effect {
                Effect::Fetch { attempt, .. } => {
                    self.work.push((attempt, false));
                    self.calendar.after(TIMEOUT, What::FetchTimesOut, work);
                    self.calendar.send(What::FetchReaches, work);
                }
                Effect::Deliver { attempt, .. } => {
                    self.work.push((attempt, false));
                    self.calendar.after(TIMEOUT, What::CallbackTimesOut, work);
                    self.calendar.send(What::CallbackReaches, work);
                }
                Effect::Reply { caller, .. } => self.calendar.send(What::ReplyArrives, caller.0 as u32),
                Effect::Abort { .. } | Effect::Report(_) => {}
            }
        }
    }

    fn ends(&mut self, work: u32) -> Option<Attempt> {
        let (attempt, over) = &mut self.work[work as usize];
        (!std::mem::replace(over, true)).then_some(*attempt)
    }

    fn happen(&mut self, what: What, about: u32) {
        match what {
            What::Asks => self.calendar.send(What::CallArrives, about),
            What::CallArrives => {
                let entropy = u128::from(self.calendar.rng.between((0, u64::MAX - 1)));
                let request = Box::new(request(about));
                self.turn(Event::Enqueue { caller: Caller(u64::from(about)), request, entropy });
            }
            What::ReplyArrives => {}
            What::FetchReaches => {
                let delay = self.calendar.rng.between(SERVICE) + self.calendar.rng.between(NETWORK);
                self.calendar.after(delay, What::Responds, about);
            }
            What::Responds | What::FetchTimesOut => {
                if let Some(attempt) = self.ends(about) {
                    let result = FetchResult::Response { status: 200, retry_after: None };
                    self.turn(Event::Fetched { attempt, result });
                }
            }
            What::CallbackReaches => self.calendar.send(What::CallbackEnds, about),
            What::CallbackEnds | What::CallbackTimesOut => {
                if let Some(attempt) = self.ends(about) {
                    self.finished += 1;
                    self.turn(Event::Delivered { attempt, result: CallbackResult::Answered });
                }
            }
        }
    }
}

pub fn request(number: u32) -> Request {
    let target = ObjectCallback { binding: "ORIGIN".into(), object: "o".into(), method: "done".into() };
    Request {
        request_id: format!("r{number}"),
        method: "GET".into(),
        url: format!("https://u{number}.test/"),
        callback: Some(Callback::Object(target)),
        ..Request::default()
    }
}

/// A machine with nothing stored, in the configuration of the engine's runs.
pub fn machine(seed: u64) -> Machine {
    let config: Config = Plan::draw(seed, Profile::Calm).config;
    match Machine::restore(config, std::iter::empty::<Row>()) {
        Ok(machine) => machine,
        Err(error) => panic!("nothing is stored: {error}"),
    }
}

pub fn run(seed: u64) -> Done {
    let mut world = World {
        calendar: Calendar::new(seed),
        machine: machine(seed),
        alarm: Alarm::UNKNOWN,
        rows: Rows::default(),
        out: Output::default(),
        work: Vec::new(),
        finished: 0,
    };
    world.turn(Event::Start);
    for request in 0..REQUESTS as u32 {
        let at = world.calendar.rng.between((0, SPREAD));
        world.calendar.after(at, What::Asks, request);
    }
    let mut events = 0;
    while let Some((what, about)) = world.calendar.next() {
        events += 1;
        world.happen(what, about);
    }
    assert_eq!(world.finished, REQUESTS);
    assert_eq!(world.machine.live_len(), 0);
    assert_eq!(events, REQUESTS * EVENTS_PER_REQUEST);
    Done { events, requests: REQUESTS, simulated_us: world.calendar.now }
}
