//! Callers of a scenario: they hand requests in, repeat them, give them up, and ask again what got no reply.

use super::{
    file::{Action, Enqueue},
    world::{Message, OBJECT, Stage, WAY, planned},
};
use durable_sim::{Fault, Micros, Sim};
use proxy_fetch::{Callback, Caller, Event, ObjectCallback, Reply, Request};
use proxy_fetch_sim::history::ledger::{Ask, Observation};

/// A caller whose call failed waits so long.
const AGAIN: Micros = 100_000;
/// What a world's draw is for.
const ENTROPY: u16 = 100;

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The step that it belongs to.
    step: usize,
    ask: Ask,
}

/// A request as it is handed in. The laws know requests by their numbers.
pub fn request(number: usize, enqueue: &Enqueue) -> Request {
    let origin = ObjectCallback { binding: "ORIGIN".into(), object: "o".into(), method: "done".into() };
    Request {
        request_id: name(number),
        method: if enqueue.body.is_some() { "POST" } else { "GET" }.into(),
        body: enqueue.body.clone().unwrap_or_default().into_bytes(),
        url: format!("https://u{number}.test/"),
        callback: (!enqueue.callbacks.is_empty()).then_some(Callback::Object(origin)),
        options: enqueue.options,
        ..Request::default()
    }
}

fn name(number: usize) -> String {
    format!("r{number}")
}

impl Stage {
    pub fn step(&mut self, sim: &mut Sim<Self>, step: usize) {
        let asks: Vec<Ask> = match &self.scenario.steps[step].action {
            Action::Crash => return sim.reset(self, OBJECT, Fault::CRASH),
            Action::Enqueue(enqueue) => {
                let ids = enqueue.ids();
                ids.iter().map(|id| Ask::Enqueue { planned: planned(self.number(id)), valid: true }).collect()
            }
            Action::Repeat(id) => vec![Ask::Enqueue { planned: planned(self.number(id)), valid: true }],
            Action::Conflict(id) => vec![Ask::Conflicting { planned: planned(self.number(id)) }],
            Action::Cancel(id) => vec![Ask::Cancel { planned: planned(self.number(id)) }],
        };
        for ask in asks {
            self.calls.push(Call { step, ask });
            sim.after(WAY, Message::Call(self.calls.len() - 1));
        }
    }

    /// The number of a request; of an unknown one a number that is free.
    fn number(&self, id: &str) -> usize {
        self.requests.iter().position(|request| request.id == id).unwrap_or(self.requests.len())
    }

    pub fn call(&mut self, sim: &mut Sim<Self>, number: usize) {
        let caller = Caller(number as u64);
        let event = match self.calls[number].ask {
            Ask::Enqueue { planned, .. } => self.enqueue(sim, caller, planned as usize, ""),
            Ask::Conflicting { planned } => self.enqueue(sim, caller, planned as usize, "?different"),
            Ask::Cancel { planned } => Event::Cancel { caller, request_id: name(planned as usize) },
            Ask::Status { planned } => Event::Status { caller, request_id: name(planned as usize) },
        };
        match sim.call(self, OBJECT, event) {
            Ok(_) => drop(self.waiting.insert(number)),
            Err(_) => sim.after(AGAIN, Message::Call(number)),
        }
    }

    fn enqueue(&self, sim: &Sim<Self>, caller: Caller, number: usize, query: &str) -> Event {
        let entropy = u128::from(sim.draws.at(ENTROPY, 0, caller.0, 0).any());
        let mut request = self.requests[number].request.clone();
        request.url.push_str(query);
        Event::Enqueue { caller, request: Box::new(request), entropy }
    }

    /// A reply leaves the object.
    pub fn replied(&mut self, sim: &mut Sim<Self>, caller: Caller, reply: &Reply) {
        let number = caller.0 as usize;
        self.waiting.remove(&number);
        let Call { step, ask } = self.calls[number];
        self.observe(sim, &Observation::Replied { ask, reply });
        let got = match reply {
            Reply::Accepted { .. } => "accepted",
            Reply::Cancelled { .. } => "cancelled",
            Reply::Status(_) => "status",
            Reply::Refused(refusal) => refusal.kind.name(),
        };
        let expected = &self.scenario.steps[step].reply;
        if got != expected {
            self.problems.push(format!("step {step}, {ask}: the reply is {got}, not {expected}"));
        }
    }

    /// Calls that wait in a lost instance fail, and are made again.
    pub fn calls_fail(&mut self, sim: &mut Sim<Self>) {
        for number in std::mem::take(&mut self.waiting) {
            let again = self.calls[number].clone();
            self.calls.push(again);
            sim.after(AGAIN, Message::Call(self.calls.len() - 1));
        }
    }
}
