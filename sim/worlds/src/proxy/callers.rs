//! Callers: they hand in requests, repeat what got no answer, ask, cancel, and some are hostile (F25, F28, F32).

use super::{
    coverage::{Fault, QUEUE_FULL},
    decisions::{CALL, CANCEL, CONFLICT, ENQUEUE, STATUS},
    message::Message,
    plan::Plan,
    stage::Stage,
};
use crate::history::ledger::{Ask, Observation, Planned};
use durable_sim::{CallError, Key, Place, SECOND};
use proxy_fetch::{Callback, Caller, Event, ObjectCallback, Options, RefusalKind, Reply, Request};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// A caller gives up after this many calls.
const MAX_TRIES: u32 = 12;

/// One call.
#[derive(Clone, Debug)]
struct Call {
    ask: Ask,
    /// Where it is decided about.
    place: Place,
    tries: u32,
    over: bool,
}

/// All callers.
#[derive(Debug, Default)]
pub(super) struct Callers {
    calls: Vec<Call>,
    /// Calls that hand in a request of the plan, and are not over.
    enqueuing: FxHashMap<Planned, u32>,
    /// Calls that the living instance has not answered.
    waiting: BTreeSet<u64>,
}

impl Callers {
    /// What this call asks.
    pub fn asked(&self, number: u64) -> Ask {
        self.calls[number as usize].ask
    }

    /// A caller asks; not for the first time if `again`.
    pub fn ask(&mut self, stage: &mut Stage<'_>, ask: Ask, again: bool) {
        let number = self.add_call(stage, ask, 0);
        let mut decide = stage.sim.decide_at(self.calls[number as usize].place);
        if !stage.healthy && decide.happens(&CALL.lost, stage.plan.world.call_lost) {
            stage.seen.hit_call(Fault(25), ask);
            stage.sim.say("caller", || format!("F25: the call {number} is lost"));
            stage.sim.after(5 * SECOND, Message::CallFails(number));
            return;
        }
        stage.sim.after(stage.network(&mut decide, &CALL.network), Message::CallArrives(number));
        if !stage.healthy && !again {
            let all = [1, SECOND, 400 * SECOND];
            let later = decide.sometimes_of(&CALL.repeated, stage.plan.world.call_repeated, &all);
            if later > 0 {
                stage.seen.hit_call(Fault(25), ask);
                stage.sim.after(later, Message::AskAgain(ask));
            }
        }
    }

    /// A call arrives: the event that the object is to take in.
    pub fn arrives(&self, stage: &mut Stage<'_>, number: u64) -> Event {
        let call = &self.calls[number as usize];
        let place = call.place;
        stage.sim.about(place.key);
        let caller = Caller(number);
        match call.ask {
            Ask::Enqueue { planned, .. } => enqueue_event(stage, caller, planned, place, false),
            Ask::Conflicting { planned } => enqueue_event(stage, caller, planned, place, true),
            Ask::Cancel { planned } => Event::Cancel { caller, request_id: name(planned) },
            Ask::Status { planned } => Event::Status { caller, request_id: name(planned) },
        }
    }

    /// The object has taken the call in.
    pub fn taken_in(&mut self, number: u64) {
        self.waiting.insert(number);
    }

    /// The platform did not let the call in.
    pub fn refused(&self, stage: &mut Stage<'_>, number: u64, error: CallError) {
        if error == CallError::Overloaded {
            stage.seen.hit_object(Fault(28));
        }
        stage.sim.say("caller", || format!("the call {number} fails: {error}"));
        let mut decide = stage.sim.decide_at(self.calls[number as usize].place);
        stage.sim.after(stage.network(&mut decide, &CALL.refused), Message::CallFails(number));
    }

    /// A reply leaves the object.
    pub fn reply(&mut self, stage: &mut Stage<'_>, number: u64, reply: &Reply) {
        let ask = self.calls[number as usize].ask;
        self.waiting.remove(&number);
        stage.observe(&Observation::Replied { ask, reply });
        if let Ask::Enqueue { valid: false, .. } = ask {
            stage.seen.hit_object(Fault(32));
        }
        let mut decide = stage.sim.decide_at(self.calls[number as usize].place);
        if !stage.healthy && decide.happens(&CALL.reply_lost, stage.plan.world.call_lost) {
            stage.seen.hit_call(Fault(25), ask);
            stage.sim.say("caller", || format!("F25: the reply to call {number} is lost"));
            stage.sim.after(5 * SECOND, Message::CallFails(number));
            return;
        }
        let delay = stage.network(&mut decide, &CALL.reply);
        let is_full = matches!(reply, Reply::Refused(refusal) if refusal.kind == RefusalKind::QueueFull);
        if is_full {
            stage.seen.coverage.sometimes(&QUEUE_FULL);
        }
        let answer = if is_full { Message::CallFails(number) } else { Message::ReplyArrives(number) };
        stage.sim.after(delay, answer);
    }

    pub fn reply_arrives(&mut self, number: u64) {
        self.end_call(number);
    }

    fn add_call(&mut self, stage: &mut Stage<'_>, ask: Ask, tries: u32) -> u64 {
        let place = stage.sim.place(&CALL, key_of(ask));
        self.calls.push(Call { ask, place, tries, over: false });
        if let Ask::Enqueue { planned, valid: true } = ask {
            *self.enqueuing.entry(planned).or_default() += 1;
        }
        self.calls.len() as u64 - 1
    }

    /// Whether it was not over before.
    fn end_call(&mut self, number: u64) -> bool {
        let call = &mut self.calls[number as usize];
        let ends = !std::mem::replace(&mut call.over, true);
        if let Ask::Enqueue { planned, valid: true } = call.ask
            && ends
            && let Some(open) = self.enqueuing.get_mut(&planned)
        {
            *open -= 1;
        }
        ends
    }

    /// Whether a caller still waits to hear that this request is accepted.
    pub fn is_enqueuing(&self, planned: Planned) -> bool {
        self.enqueuing.get(&planned).is_some_and(|open| *open > 0)
    }

    /// A caller without an answer asks again, under the same id, until it loses patience.
    pub fn fails(&mut self, stage: &mut Stage<'_>, number: u64) {
        let call = &self.calls[number as usize];
        let (ask, tries) = (call.ask, call.tries);
        if !self.end_call(number) || tries >= MAX_TRIES {
            return;
        }
        let mut decide = stage.sim.decide_at(self.calls[number as usize].place);
        let wait = (SECOND << tries.min(6)) + decide.time(&CALL.patience, 0, SECOND - 1);
        let number = self.add_call(stage, ask, tries + 1);
        stage.sim.after(wait, Message::CallArrives(number));
    }

    /// Calls that wait in a lost instance fail.
    pub fn fail_calls(&mut self, stage: &mut Stage<'_>) {
        for number in std::mem::take(&mut self.waiting) {
            stage.sim.after(1_000, Message::CallFails(number));
        }
    }
}

impl Plan {
    /// The request of this number as its caller sends it.
    #[must_use]
    pub(super) fn request(&self, planned: Planned) -> Request {
        let plan = self.requests.get(&planned).copied().unwrap_or_default();
        let with_body = plan.body > 0;
        let mut request = Request {
            request_id: name(planned),
            method: if with_body { "POST" } else { "GET" }.into(),
            url: format!("https://u{planned}.test/"),
            headers: Vec::new(),
            body: vec![b'x'; plan.body as usize],
            callback: plan.callback.then(|| {
                Callback::Object(ObjectCallback { binding: "ORIGIN".into(), object: "o".into(), method: "done".into() })
            }),
            options: plan.options,
        };
        if planned.is_multiple_of(4) {
            request.headers.push(("authorization".into(), format!("secret for u{planned}.test")));
        }
        match plan.malformed.map(|malformed| malformed.0) {
            None => {}
            Some(0) => request.options.max_retries = 11,
            Some(1) => request.options.timeout_ms = i64::MIN,
            Some(2) => request.options = Options { retry_delay_ms: 0, ..request.options },
            Some(3) => request.url = "http://127.0.0.1/".into(),
            Some(4) => request.url = "file:///etc/passwd".into(),
            Some(5) => request.method = "CONNECT".into(),
            Some(6) => request.body = vec![0; 5_000],
            Some(7) => request.headers.push(("x".into(), "a\r\nb: c".into())),
            Some(8) => {
                let target = ObjectCallback { binding: "EVIL".into(), object: "o".into(), method: "done".into() };
                request.callback = Some(Callback::Object(target));
            }
            Some(9) => request.url = format!("https://u.test/{}", "x".repeat(9_000)),
            Some(10) => request.headers = vec![("x".into(), "y".into()); 101],
            Some(_) => request.options.max_retry_delay_ms = 99,
        }
        request
    }
}

fn enqueue_event(stage: &Stage<'_>, caller: Caller, planned: Planned, place: Place, conflicting: bool) -> Event {
    // By nothing that other requests have a part in: a request keeps its ULID, and with it its jitter, when one is
    // taken out.
    let entropy = stage.sim.decide_at(place).whole(&CALL.entropy, 0, (1 << 32) - 1).unsigned_abs();
    let mut request = stage.plan.request(planned);
    if conflicting {
        request.url.push_str("?different");
    }
    Event::Enqueue { caller, request: Box::new(request), entropy: u128::from(entropy) }
}

/// A planned request's id.
pub(super) fn name(planned: Planned) -> String {
    format!("r{planned}")
}

/// The request that a call is about.
pub(super) const fn planned_of(ask: Ask) -> Planned {
    match ask {
        Ask::Enqueue { planned, .. }
        | Ask::Conflicting { planned }
        | Ask::Cancel { planned }
        | Ask::Status { planned } => planned,
    }
}

/// What a call is about.
const fn key_of(ask: Ask) -> Key {
    match ask {
        Ask::Enqueue { planned, .. } => ENQUEUE.key(planned),
        Ask::Conflicting { planned } => CONFLICT.key(planned),
        Ask::Cancel { planned } => CANCEL.key(planned),
        Ask::Status { planned } => STATUS.key(planned),
    }
}
