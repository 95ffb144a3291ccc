//! The world around the subjects: an upstream that holds its answers until it is told, callers, and a clock to wait by.

use crate::subject::{CallId, Effect, Event, Step, Subject};
use durable_sim::{Commit, Decisions, Fault, Faults, InstanceId, Micros, ObjectId, Recorder, Sim, Sizes, World};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;
/// From an object to whomever it calls, and back.
const WAY_US: Micros = 200;

pub enum Message {
    /// A fetch reaches the upstream.
    Arrive(Work),
    /// Work comes back.
    Resume(Work),
    /// A call reaches an object.
    Call(ObjectId, Vec<Step>, CallId),
    /// The experiment has waited long enough.
    Waited,
}

/// What an instance will do when what it started comes back.
pub struct Work {
    of: InstanceId,
    then: Vec<Step>,
    /// The call that it is a part of.
    caller: Option<CallId>,
}

#[derive(Default)]
pub struct Room {
    /// The upstream answers at once.
    pub answers_at_once: bool,
    held: Vec<Work>,
    /// Fetches that reached the upstream.
    pub arrived: usize,
    /// Fetches that were cut off.
    pub cut_off: usize,
    /// Calls from outside that were answered, and that failed.
    pub answered: BTreeSet<CallId>,
    pub failed: BTreeSet<CallId>,
    calls: CallId,
    /// What waits for an answer: work of an instance, or the outside.
    waiting: BTreeMap<CallId, Option<Work>>,
    /// Which instance a call reached.
    reached: BTreeMap<CallId, InstanceId>,
    /// When each failed run of an alarm was.
    pub alarm_failures: Vec<Micros>,
    /// When each commit failed.
    pub commit_failures: Vec<Micros>,
    /// Whether an alarm ran before the time that was stored.
    pub early: bool,
    alarms: BTreeMap<ObjectId, Option<u64>>,
    waited: bool,
}

pub struct Rig {
    pub sim: Sim<Room>,
    pub room: Room,
}

impl Rig {
    pub fn new(seed: u64) -> Self {
        let recorder = Recorder::default();
        let sim = Sim::new(Decisions::drawn(seed), START_MS, Faults::default(), Sizes::default(), recorder);
        Self { sim, room: Room::default() }
    }

    /// An object, and what its alarm handler does, run by run.
    pub fn object(&mut self, plan: Vec<Vec<Step>>) -> ObjectId {
        self.sim.add_object(plan, Vec::new())
    }

    /// A call from outside; it reaches the object at once.
    pub fn call(&mut self, object: ObjectId, steps: Vec<Step>) -> CallId {
        let call = self.room.next_call(None);
        self.room.receive(&mut self.sim, Message::Call(object, steps, call));
        call
    }

    /// Lets so much time pass.
    pub fn wait(&mut self, time: Micros) {
        self.sim.after(time, Message::Waited);
        while !std::mem::take(&mut self.room.waited) {
            let next = self.sim.recorder.steps + 1;
            self.sim.run(&mut self.room, next);
        }
    }

    pub fn wait_ms(&mut self, ms: u64) {
        self.wait(ms * 1_000);
    }

    /// A call, and time for its commit and all that follows at once.
    pub fn call_and_wait(&mut self, object: ObjectId, steps: Vec<Step>) -> CallId {
        let call = self.call(object, steps);
        self.wait_ms(50);
        call
    }

    /// The object loses its memory.
    pub fn kill(&mut self, object: ObjectId, fault: Fault) {
        self.sim.reset(&mut self.room, object, fault);
    }

    /// The upstream answers all that it holds.
    pub fn release(&mut self) {
        for work in std::mem::take(&mut self.room.held) {
            self.sim.disconnect(work.of);
            self.sim.after(WAY_US, Message::Resume(work));
        }
        self.wait_ms(50);
    }

    pub fn held(&self) -> usize {
        self.room.held.len()
    }

    pub fn has(&self, object: ObjectId, note: &str) -> bool {
        self.sim.storage(object).iter().any(|stored| stored == note)
    }

    /// Runs of the alarm handler that are stored: when each was, by the object's clock.
    pub fn runs(&self, object: ObjectId) -> Vec<u64> {
        let runs = self.sim.storage(object).iter().filter(|note| note.starts_with("run "));
        runs.filter_map(|note| note.split(' ').next_back()?.parse().ok()).collect()
    }

    pub fn remembered(&self, object: ObjectId) -> Option<u32> {
        self.sim.machine(object).map(|subject| subject.remembered)
    }
}

impl Room {
    fn next_call(&mut self, back: Option<Work>) -> CallId {
        self.calls += 1;
        self.waiting.insert(self.calls, back);
        self.calls
    }
}

impl World for Room {
    type Object = Subject;
    type Message = Message;

    fn receive(&mut self, sim: &mut Sim<Self>, message: Message) {
        match message {
            Message::Arrive(work) => {
                if !sim.is_alive(work.of) {
                    return;
                }
                self.arrived += 1;
                if self.answers_at_once {
                    sim.disconnect(work.of);
                    sim.after(WAY_US, Message::Resume(work));
                } else {
                    self.held.push(work);
                }
            }
            Message::Resume(Work { of, then, caller }) => {
                sim.resume(of, Event::Do(then, caller));
            }
            Message::Call(object, steps, call) => {
                // The whole of what it does is one event of that object.
                match sim.call(self, object, Event::Do(steps, Some(call))) {
                    Ok(instance) => drop(self.reached.insert(call, instance)),
                    Err(_) => drop(self.failed.insert(call)),
                }
            }
            Message::Waited => self.waited = true,
        }
    }

    fn perform(&mut self, sim: &mut Sim<Self>, from: InstanceId, effect: Effect) {
        match effect {
            Effect::Fetch(then, caller) => {
                sim.connect(from, Message::Arrive(Work { of: from, then, caller }));
            }
            Effect::Timer(ms, then, caller) => sim.after(ms * 1_000, Message::Resume(Work { of: from, then, caller })),
            Effect::Call(to, steps, then, caller) => {
                let call = self.next_call(Some(Work { of: from, then, caller }));
                sim.after(WAY_US, Message::Call(to, steps, call));
            }
            Effect::Answer(call) => match self.waiting.remove(&call) {
                Some(Some(work)) => sim.after(WAY_US, Message::Resume(work)),
                Some(None) => drop(self.answered.insert(call)),
                None => panic!("call {call} was answered twice"),
            },
        }
    }

    fn committed(&mut self, _: &mut Sim<Self>, object: ObjectId, commit: &Commit<Subject>) {
        let stored = self.alarms.insert(object, commit.alarm).flatten();
        if commit.notes.contains(&true) && stored.is_some_and(|at| commit.now_ms < at) {
            self.early = true;
        }
    }

    fn settled(&mut self, _: &mut Sim<Self>, _: ObjectId) {}

    fn started(&mut self, _: &mut Sim<Self>, _: InstanceId) {}

    fn lost(&mut self, _: &mut Sim<Self>, instance: InstanceId) {
        let before = self.held.len();
        self.held.retain(|held| held.of != instance);
        self.cut_off += before - self.held.len();
        // Calls that wait for this instance fail.
        let waiting = &mut self.waiting;
        let gone = self.reached.iter().filter(|(_, reached)| **reached == instance).map(|(call, _)| *call);
        self.failed.extend(gone.filter(|call| waiting.remove(call).is_some()));
    }

    fn fault(&mut self, sim: &mut Sim<Self>, _: ObjectId, fault: Fault) {
        if fault == Fault::ALARM_FAILS {
            self.alarm_failures.push(sim.now());
        }
        if fault == Fault::COMMIT_FAILS {
            self.commit_failures.push(sim.now());
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arrive(..) => "a fetch arrives",
            Self::Resume(..) => "work comes back",
            Self::Call(..) => "a call",
            Self::Waited => "the wait is over",
        })
    }
}
