//! The world that plays a story on the simulated platform: the object's host, upstreams and origins that do what the
//! file says, the ground truth, and all laws.

use super::{
    calls::{Call, request},
    file::{Action, Answer, AnswerKind, Callback, Story},
    message::Message,
    recording::RecordedObject,
};
use crate::{
    history::ledger::{self, Change, Commit, Fetch, Ledger, Observation, Planned, Stored},
    laws::{Laws, Violation},
};
use durable_sim::{Draws, Fault, InstanceId, Micros, ObjectId, Sim, World};
use proxy_fetch::{
    Attempt, CallbackResult, Config, Effect, Event, Failure, FetchResult, Hop, Key, Outcome, Payload, Table, Timestamp,
    limits,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const OBJECT: ObjectId = 0;
/// Between the object and whomever it talks to, one way.
pub(super) const WAY: Micros = 200;

/// A request of a story.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its own id.
    pub id: String,
    /// The id in the file, which stands for its copies too.
    pub base: String,
    pub(super) request: proxy_fetch::Request,
    upstream: Vec<Answer>,
    callbacks: Vec<Callback>,
    /// When calls of it reached the upstream.
    pub arrivals: Vec<Micros>,
    /// How often the origin was called.
    pub called: u64,
    /// How it ended, and how many attempts had been started.
    pub finished: Option<(Outcome, u8)>,
}

/// A fetch, or a callback if it has an outcome.
#[derive(Clone, Debug)]
struct Task {
    attempt: Attempt,
    entry: usize,
    planned: usize,
    instance: InstanceId,
    outcome: Option<Outcome>,
    hop: Option<Hop>,
    /// Nobody waits for it any more.
    over: bool,
    at_upstream: bool,
}

/// What is played, and the ground truth.
pub(super) struct Stage {
    pub story: Story,
    pub requests: Vec<Request>,
    pub calls: Vec<Call>,
    /// Calls that the living instance has not answered.
    pub waiting: BTreeSet<usize>,
    /// What is wrong whatever the story expects: replies, and laws that are broken.
    pub problems: Vec<String>,
    /// A law is broken, so the run ended before the story did.
    pub is_cut_short: bool,
    config: Config,
    pub(super) draws: Draws,
    tasks: Vec<Task>,
    /// Running fetches and callbacks of the living instance, and responses that it holds.
    running: BTreeMap<Attempt, usize>,
    calling: BTreeMap<Attempt, usize>,
    held: BTreeSet<Attempt>,
    at_upstream: u64,
    pub at_once: u64,
    pub ledger: Ledger,
    laws: Laws,
}

impl Stage {
    pub(super) fn new(story: Story, config: Config, draws: Draws) -> Self {
        let mut requests: Vec<Request> = Vec::new();
        for step in &story.steps {
            let Action::Enqueue(enqueue) = &step.action else { continue };
            for id in enqueue.ids() {
                requests.push(Request {
                    id,
                    base: enqueue.id.clone(),
                    request: request(requests.len(), enqueue),
                    upstream: enqueue.upstream.clone(),
                    callbacks: enqueue.callbacks.clone(),
                    arrivals: Vec::new(),
                    called: 0,
                    finished: None,
                });
            }
        }
        let mut ledger = Ledger::default();
        (ledger.max_live, ledger.max_known) = (config.max_live, config.max_known);
        Self {
            story,
            requests,
            calls: Vec::new(),
            waiting: BTreeSet::new(),
            problems: Vec::new(),
            is_cut_short: false,
            config,
            draws,
            tasks: Vec::new(),
            running: BTreeMap::new(),
            calling: BTreeMap::new(),
            held: BTreeSet::new(),
            at_upstream: 0,
            at_once: 0,
            ledger,
            laws: Laws::default(),
        }
    }

    /// Shows the laws what was seen.
    pub(super) fn observe(&mut self, sim: &mut Sim<Self>, seen: &Observation<'_>) {
        if let Err(violation) = self.laws.observe(&self.ledger, seen) {
            self.violated(sim, &violation);
        }
    }

    /// Something is wrong that lets the run go on.
    pub(super) fn problem(&mut self, sim: &mut Sim<Self>, what: String) {
        sim.say("story", || what.clone());
        self.problems.push(what);
    }

    /// A law is broken, and the run ends.
    pub(super) fn violated(&mut self, sim: &mut Sim<Self>, violation: &Violation) {
        sim.say("LAW", || violation.to_string());
        // What is broken after the first one may merely follow from it.
        if !std::mem::replace(&mut self.is_cut_short, true) {
            self.problems.push(violation.to_string());
        }
        sim.stop();
    }

    /// The run is over: the last look.
    pub(super) fn end(&mut self, sim: &mut Sim<Self>) {
        let (now, alarm) = (Timestamp(sim.true_ms()), sim.alarm(OBJECT).map(Timestamp));
        self.ledger.alarm_lost = sim.alarm_is_lost(OBJECT);
        let rows = sim.storage(OBJECT).read().clone();
        self.observe(sim, &Observation::Ended { now, rows: &rows, alarm });
        if !self.held.is_empty() {
            self.problem(sim, format!("{} responses are still held at rest", self.held.len()));
        }
    }

    /// A fetch or a callback leaves; only of what is stored may one.
    fn task(&mut self, attempt: Attempt, from: InstanceId, outcome: Option<Outcome>) -> Result<usize, Violation> {
        let Some(entry) = self.ledger.entry_of(attempt.id) else {
            let law = if outcome.is_some() { "S11" } else { "S4" };
            return Err(Violation { law, what: format!("{attempt} leaves, which is not stored") });
        };
        let planned = self.ledger.entries[entry].planned as usize;
        let task =
            Task { attempt, entry, planned, instance: from, outcome, hop: None, over: false, at_upstream: false };
        self.tasks.push(task);
        Ok(self.tasks.len() - 1)
    }

    /// What is sent first: it stands in the stored payload.
    fn first_hop(&self, sim: &Sim<Self>, attempt: Attempt) -> Option<Hop> {
        let bytes = sim.storage(OBJECT).get(&Key { table: Table::Payloads, id: attempt.id })?;
        Hop::first(&self.config, attempt.id, &Payload::decode(&bytes).ok()?).ok()
    }

    fn fetch(&mut self, sim: &mut Sim<Self>, from: InstanceId, attempt: Attempt, timeout_ms: u32) {
        let number = match self.task(attempt, from, None) {
            Ok(number) => number,
            Err(violation) => return self.violated(sim, &violation),
        };
        let entry = self.tasks[number].entry;
        let left = Timestamp(sim.clock_ms(OBJECT));
        self.ledger.running += 1;
        self.ledger.entries[entry].fetches.push(Fetch { attempt, left, executed: 0, running: true, result: None });
        self.observe(sim, &Observation::FetchLeft { entry });
        self.running.insert(attempt, number);
        let Some(hop) = self.first_hop(sim, attempt) else {
            let what = format!("the payload of {attempt} cannot be sent");
            return self.violated(sim, &Violation { law: "S4", what });
        };
        self.tasks[number].hop = Some(hop);
        sim.after(WAY, Message::Arrives(number));
        sim.after(u64::from(timeout_ms) * 1_000, Message::TimesOut(number));
    }

    /// The upstream acts, whether or not anybody still waits for its answer.
    fn arrives(&mut self, sim: &mut Sim<Self>, number: usize) {
        let Task { attempt, entry, planned, over, .. } = self.tasks[number];
        let Some(hop) = self.tasks[number].hop.take() else { return };
        let fetches = &mut self.ledger.entries[entry].fetches;
        if let Some(fetch) = fetches.iter_mut().find(|fetch| fetch.attempt == attempt) {
            fetch.executed += 1;
        }
        let host = hop.url.host_str().unwrap_or_default();
        sim.say("upstream", || format!("{host} acts on {attempt}"));
        self.observe(sim, &Observation::Executed { entry, number: attempt.number, host, headers: &hop.headers });
        let request = &mut self.requests[planned];
        let answer = nth(&request.upstream, request.arrivals.len()).clone();
        request.arrivals.push(sim.now());
        if over {
            return;
        }
        self.tasks[number].at_upstream = true;
        self.at_upstream += 1;
        self.at_once = self.at_once.max(self.at_upstream);
        let result = match answer.kind {
            AnswerKind::Hangs => return,
            AnswerKind::Breaks => FetchResult::Failed(Failure::Broken),
            AnswerKind::Status { body_bytes, .. } if body_bytes > self.config.max_response_body_bytes => {
                FetchResult::Failed(Failure::BodyTooLarge)
            }
            AnswerKind::Status { status, retry_after, .. } => FetchResult::Response { status, retry_after },
        };
        sim.after(answer.after_ms * 1_000, Message::Answers(number, result));
    }

    fn leaves_upstream(&mut self, number: usize) {
        if std::mem::take(&mut self.tasks[number].at_upstream) {
            self.at_upstream -= 1;
        }
    }

    fn end_fetch(&mut self, sim: &mut Sim<Self>, number: usize, result: Option<FetchResult>) {
        if std::mem::replace(&mut self.tasks[number].over, true) {
            return;
        }
        self.leaves_upstream(number);
        let Task { attempt, entry, instance, .. } = self.tasks[number];
        self.running.remove(&attempt);
        self.ledger.running -= 1;
        let fetches = &mut self.ledger.entries[entry].fetches;
        if let Some(fetch) = fetches.iter_mut().find(|fetch| fetch.attempt == attempt) {
            fetch.running = false;
            fetch.result.clone_from(&result);
        }
        self.observe(sim, &Observation::FetchEnded { entry, attempt });
        if let Some(result) = result {
            if matches!(result, FetchResult::Response { .. }) {
                self.held.insert(attempt);
            }
            sim.resume(instance, Event::Fetched { attempt, result });
        }
    }

    fn deliver(&mut self, sim: &mut Sim<Self>, from: InstanceId, attempt: Attempt, outcome: Outcome) {
        let number = match self.task(attempt, from, Some(outcome)) {
            Ok(number) => number,
            Err(violation) => return self.violated(sim, &violation),
        };
        let entry = self.tasks[number].entry;
        let left = Timestamp(sim.clock_ms(OBJECT));
        self.ledger.entries[entry].callbacks.push(ledger::Callback { attempt, outcome, left });
        self.observe(sim, &Observation::CallbackLeft { entry });
        if outcome.has_response() && !self.held.contains(&attempt) {
            self.problem(sim, format!("{attempt} is to be delivered, but its response was dropped"));
        }
        self.calling.insert(attempt, number);
        sim.after(WAY, Message::Told(number));
        sim.after(limits::CALLBACK_TIMEOUT_MS * 1_000, Message::CallbackEnds(number, CallbackResult::Failed));
    }

    /// The origin acts, whether or not anybody still waits for its answer.
    fn told(&mut self, sim: &mut Sim<Self>, number: usize) {
        let Task { attempt, entry, planned, outcome, .. } = self.tasks[number];
        let Some(outcome) = outcome else { return };
        sim.say("origin", || format!("is told: {attempt} {outcome}"));
        self.ledger.entries[entry].told.push(outcome);
        self.observe(sim, &Observation::Told { entry });
        let request = &mut self.requests[planned];
        let callback = *nth(&request.callbacks, request.called as usize);
        request.called += 1;
        let result = match callback {
            Callback::Answers => CallbackResult::Answered,
            Callback::Throws => CallbackResult::Failed,
            Callback::Hangs => return,
        };
        sim.after(WAY, Message::CallbackEnds(number, result));
    }

    fn callback_ends(&mut self, sim: &mut Sim<Self>, number: usize, result: CallbackResult) {
        if std::mem::replace(&mut self.tasks[number].over, true) {
            return;
        }
        let Task { attempt, instance, .. } = self.tasks[number];
        self.calling.remove(&attempt);
        self.held.remove(&attempt);
        sim.resume(instance, Event::Delivered { attempt, result });
    }
}

/// What is done the nth time; the last of a list is for ever.
fn nth<T>(list: &[T], n: usize) -> &T {
    list.get(n).or(list.last()).expect("a list with something in it")
}

impl World for Stage {
    type Object = RecordedObject;
    type Message = Message;

    fn receive(&mut self, sim: &mut Sim<Self>, message: Message) {
        match message {
            Message::Step(step) => self.step(sim, step),
            Message::Call(call) => self.call(sim, call),
            Message::Arrives(task) => self.arrives(sim, task),
            Message::Answers(task, result) => {
                self.leaves_upstream(task);
                sim.after(WAY, Message::Lands(task, result));
            }
            Message::Lands(task, result) => self.end_fetch(sim, task, Some(result)),
            Message::TimesOut(task) => self.end_fetch(sim, task, Some(FetchResult::Failed(Failure::TimedOut))),
            Message::Told(task) => self.told(sim, task),
            Message::CallbackEnds(task, result) => self.callback_ends(sim, task, result),
            Message::Heal => {
                let recovery_ms = sim.heal() / 1_000;
                let now = Timestamp(sim.true_ms());
                self.observe(sim, &Observation::Healed { now, recovery_ms });
            }
        }
    }

    fn perform(&mut self, sim: &mut Sim<Self>, from: InstanceId, effect: Effect) {
        match effect {
            Effect::Fetch { attempt, timeout_ms } => self.fetch(sim, from, attempt, timeout_ms),
            Effect::Abort { attempt } => {
                self.held.remove(&attempt);
                if let Some(number) = self.running.get(&attempt).copied() {
                    self.end_fetch(sim, number, None);
                }
            }
            Effect::Deliver { attempt, outcome, duration_ms: _ } => self.deliver(sim, from, attempt, outcome),
            Effect::Reply { caller, reply } => self.replied(sim, caller, &reply),
            Effect::Report(_) => {}
        }
    }

    fn committed(&mut self, sim: &mut Sim<Self>, _: ObjectId, commit: &durable_sim::Commit<RecordedObject>) {
        let now = Timestamp(commit.now_ms);
        let mut changes: Vec<Change> = Vec::new();
        self.ledger.apply(now, &commit.writes, &mut changes);
        self.ledger.alarm_lost = sim.alarm_is_lost(OBJECT);
        for change in &changes {
            let entry = &self.ledger.entries[change.entry];
            if let Stored::Finished(row) = &entry.stored {
                self.requests[entry.planned as usize].finished = Some((row.outcome, row.attempts));
            }
        }
        let seen = Commit {
            now,
            notes: &commit.notes,
            writes: &commit.writes,
            alarm_set: commit.alarm_set.map(Timestamp),
            alarm: commit.alarm.map(Timestamp),
            changes: &changes,
        };
        self.observe(sim, &Observation::Committed(&seen));
    }

    fn settled(&mut self, sim: &mut Sim<Self>, _: ObjectId) {
        let Some(recorded) = sim.machine(OBJECT) else { return };
        let machine = &recorded.object.machine;
        machine.check();
        let rows = sim.storage(OBJECT).read().clone();
        let seen = Observation::Settled { machine, rows: Some(&rows) };
        if let Err(violation) = self.laws.observe(&self.ledger, &seen) {
            self.violated(sim, &violation);
        }
    }

    fn started(&mut self, sim: &mut Sim<Self>, _: InstanceId) {
        self.observe(sim, &Observation::Started);
    }

    fn lost(&mut self, sim: &mut Sim<Self>, _: InstanceId) {
        for (attempt, number) in std::mem::take(&mut self.running) {
            self.tasks[number].over = true;
            self.leaves_upstream(number);
            let entry = self.tasks[number].entry;
            self.ledger.running -= 1;
            let fetches = &mut self.ledger.entries[entry].fetches;
            if let Some(fetch) = fetches.iter_mut().find(|fetch| fetch.attempt == attempt) {
                fetch.running = false;
            }
            self.observe(sim, &Observation::FetchEnded { entry, attempt });
        }
        for number in std::mem::take(&mut self.calling).into_values() {
            self.tasks[number].over = true;
        }
        self.held.clear();
        self.calls_fail(sim);
        for entry in &mut self.ledger.entries {
            if entry.row().is_some() {
                entry.restarts += 1;
            }
        }
        self.observe(sim, &Observation::Lost);
    }

    fn fault(&mut self, _: &mut Sim<Self>, _: ObjectId, _: Fault) {}
}

/// The number that the laws know a request by.
pub(super) fn planned(number: usize) -> Planned {
    Planned::try_from(number).expect("few requests")
}
