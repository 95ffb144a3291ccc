//! Callers of a story: they hand requests in, repeat them, give them up, and ask again what got no reply.

use super::{
    file::{Action, Enqueue},
    message::Message,
    world::{OBJECT, Stage, WAY, planned},
};
use crate::history::ledger::{Ask, Observation};
use durable_sim::{Fault, Micros, Sim};
use proxy_fetch::{Callback, Caller, Event, ObjectCallback, Reply, Request};

/// A caller whose call failed waits so long.
const AGAIN: Micros = 100_000;

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The step that it belongs to.
    step: usize,
    ask: Ask,
}

/// A request as it is handed in. The laws know requests by their numbers.
pub(super) fn request(number: usize, enqueue: &Enqueue) -> Request {
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
    pub(super) fn step(&mut self, sim: &mut Sim<Self>, step: usize) {
        let asks: Vec<Ask> = match &self.story.steps[step].action {
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
            sim.say("caller", || format!("steps[{step}]: {}", self.named(ask)));
            self.calls.push(Call { step, ask });
            sim.after(WAY, Message::Call(self.calls.len() - 1));
        }
    }

    /// What is asked, with the id that the request has in the file. The laws know it by its number.
    fn named(&self, ask: Ask) -> String {
        let (Ask::Enqueue { planned, .. }
        | Ask::Conflicting { planned }
        | Ask::Cancel { planned }
        | Ask::Status { planned }) = ask;
        let id = self.requests.get(planned as usize).map(|request| format!(", which is {}", request.id));
        format!("{ask}{}", id.unwrap_or_default())
    }

    /// The number of a request; of an unknown one a number that is free.
    fn number(&self, id: &str) -> usize {
        self.requests.iter().position(|request| request.id == id).unwrap_or(self.requests.len())
    }

    pub(super) fn call(&mut self, sim: &mut Sim<Self>, number: usize) {
        let caller = Caller(number as u64);
        let event = match self.calls[number].ask {
            Ask::Enqueue { planned, .. } => self.enqueue(caller, planned as usize, ""),
            Ask::Conflicting { planned } => self.enqueue(caller, planned as usize, "?different"),
            Ask::Cancel { planned } => Event::Cancel { caller, request_id: name(planned as usize) },
            Ask::Status { planned } => Event::Status { caller, request_id: name(planned as usize) },
        };
        match sim.call(self, OBJECT, event) {
            Ok(_) => drop(self.waiting.insert(number)),
            Err(error) => {
                sim.say("caller", || format!("call {number} fails: {error}"));
                sim.after(AGAIN, Message::Call(number));
            }
        }
    }

    fn enqueue(&self, caller: Caller, number: usize, query: &str) -> Event {
        let entropy = u128::from(self.draws.at("entropy", caller.0).any());
        let mut request = self.requests[number].request.clone();
        request.url.push_str(query);
        Event::Enqueue { caller, request: Box::new(request), entropy }
    }

    /// A reply leaves the object.
    pub(super) fn replied(&mut self, sim: &mut Sim<Self>, caller: Caller, reply: &Reply) {
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
        let expected = &self.story.steps[step].reply;
        if got != expected {
            let what = format!("steps[{step}]: {}: the reply is {got}, not {expected}", self.named(ask));
            self.problem(sim, what);
        }
    }

    /// Calls that wait in a lost instance fail, and are made again.
    pub(super) fn calls_fail(&mut self, sim: &mut Sim<Self>) {
        for number in std::mem::take(&mut self.waiting) {
            sim.say("caller", || format!("call {number} was lost with the instance, and is made again"));
            let again = self.calls[number].clone();
            self.calls.push(again);
            sim.after(AGAIN, Message::Call(self.calls.len() - 1));
        }
    }
}
