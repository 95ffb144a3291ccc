//! The object under experiment: it does what the steps of an event say, as a handler would, in one turn.

use durable_sim::{Object, ObjectId, Turn};
use std::fmt;

/// One thing that a handler does.
#[derive(Clone, Debug, Hash)]
pub enum Step {
    /// Writes a row.
    Note(String),
    /// Changes memory only.
    Remember,
    /// Sets the alarm to the clock and so many ms.
    Alarm(i64),
    /// Sets the alarm to a time.
    AlarmAt(u64),
    /// Starts a fetch that nobody awaits, and what is done with its answer.
    Fetch(Vec<Self>),
    /// Starts a timer of so many ms, and what is done when it ends.
    Timer(u64, Vec<Self>),
    /// Calls another object: what that one does, and what is done with its answer.
    Call(ObjectId, Vec<Self>, Vec<Self>),
    /// Answers whoever called.
    Answer,
}

pub fn note(text: &str) -> Step {
    Step::Note(text.into())
}

/// The number of a call.
pub type CallId = u32;

/// What happens to the object.
#[derive(Debug, Hash)]
pub enum Event {
    Start,
    Alarm,
    Do(Vec<Step>, Option<CallId>),
}

/// What leaves the object.
#[derive(Debug, Hash)]
pub enum Effect {
    Fetch(Vec<Step>, Option<CallId>),
    Timer(u64, Vec<Step>, Option<CallId>),
    Call(ObjectId, Vec<Step>, Vec<Step>, Option<CallId>),
    Answer(CallId),
}

/// A row is written.
#[derive(Clone, Debug, Hash)]
pub struct Write(pub String);

pub struct Subject {
    /// What its alarm handler does, run by run; the last is repeated.
    plan: Vec<Vec<Step>>,
    alarm_runs: usize,
    /// Lives in memory only.
    pub remembered: u32,
}

impl Subject {
    fn perform(&mut self, step: Step, caller: Option<CallId>, now_ms: u64, turn: &mut Turn<Self>) {
        match step {
            Step::Note(text) => turn.writes.push(Write(text)),
            Step::Remember => self.remembered += 1,
            // As the platform does with a time in the past.
            Step::Alarm(offset_ms) => turn.alarm = Some(now_ms.saturating_add_signed(offset_ms).max(now_ms)),
            Step::AlarmAt(at_ms) => turn.alarm = Some(at_ms.max(now_ms)),
            Step::Fetch(then) => turn.effects.push(Effect::Fetch(then, caller)),
            Step::Timer(ms, then) => turn.effects.push(Effect::Timer(ms, then, caller)),
            Step::Call(to, steps, then) => turn.effects.push(Effect::Call(to, steps, then, caller)),
            Step::Answer => turn.effects.extend(caller.map(Effect::Answer)),
        }
    }
}

impl Object for Subject {
    type Settings = Vec<Vec<Step>>;
    type Storage = Vec<String>;
    type Write = Write;
    type Event = Event;
    type Effect = Effect;
    /// Whether it was an alarm.
    type Note = bool;

    const START: Event = Event::Start;
    const ALARM: Event = Event::Alarm;

    fn construct(plan: &Self::Settings, storage: &Self::Storage) -> Result<Self, String> {
        let alarm_runs = storage.iter().filter(|note| note.starts_with("run ")).count();
        Ok(Self { plan: plan.clone(), alarm_runs, remembered: 0 })
    }

    fn apply(storage: &mut Self::Storage, write: &Write) {
        storage.push(write.0.clone());
    }

    fn turn(&mut self, now_ms: u64, events: &mut Vec<Event>, turn: &mut Turn<Self>) {
        for event in events.drain(..) {
            let (steps, caller) = match event {
                Event::Start => (Vec::new(), None),
                Event::Alarm => {
                    let steps = self.plan.get(self.alarm_runs).or(self.plan.last()).cloned().unwrap_or_default();
                    self.alarm_runs += 1;
                    turn.writes.push(Write(format!("run {} at {now_ms}", self.alarm_runs)));
                    (steps, None)
                }
                Event::Do(steps, caller) => (steps, caller),
            };
            for step in steps {
                self.perform(step, caller, now_ms, turn);
            }
        }
        if turn.commit_fails {
            turn.writes.clear();
            turn.effects.clear();
            turn.alarm = None;
            turn.failed = true;
        }
    }

    fn note(event: &Event) -> bool {
        matches!(event, Event::Alarm)
    }

    fn linger_ms(_: &Event) -> u64 {
        0
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Alarm => f.write_str("alarm"),
            Self::Do(steps, _) => write!(f, "do {} steps", steps.len()),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(..) => f.write_str("fetch"),
            Self::Timer(ms, ..) => write!(f, "timer of {ms} ms"),
            Self::Call(to, ..) => write!(f, "call of object {to}"),
            Self::Answer(call) => write!(f, "answer to call {call}"),
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
