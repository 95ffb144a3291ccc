//! A rate limiter on the engine, step by step: the code of `GUIDE.md`.
#![allow(missing_docs, reason = "an example")]

use durable_sim::{
    Chance, Commit, Decisions, Draws, Faults, InstanceId, MINUTE, Micros, Object, ObjectId, Recorder, SECOND, START_MS,
    Sim, Sizes, Subject, Turn, World, fields,
    plan::{Document, Fields, List, Schema, Simulation, read, write},
    points,
};
use std::{fmt, time::Duration};

const LIMIT: u64 = 1;
const WINDOW_MS: u64 = 60_000;

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum Event {
    Start,
    Alarm,
    Call,
}

#[derive(Debug, Hash)]
pub enum Answer {
    Allowed,
    Refused,
}

/// Memory. It is lost with each crash; the number of calls in this window is stored too, or should be.
pub struct Limiter {
    used: u64,
    pub forgetful: bool,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Object for Limiter {
    type Settings = bool;
    type Storage = u64;
    type Write = u64;
    type Event = Event;
    type Effect = Answer;
    type Note = Event;

    const START: Event = Event::Start;
    const ALARM: Event = Event::Alarm;

    fn construct(forgetful: &bool, used: &u64) -> Result<Self, String> {
        Ok(Self { used: *used, forgetful: *forgetful })
    }

    fn apply(used: &mut u64, write: &u64) {
        *used = *write;
    }

    fn turn(&mut self, now_ms: u64, events: &mut Vec<Event>, turn: &mut Turn<Self>) {
        if events.contains(&Event::Alarm) {
            self.used = 0;
            turn.writes.push(0);
        }
        for event in events.drain(..) {
            match event {
                Event::Start | Event::Alarm => {}
                Event::Call if self.used == LIMIT => turn.effects.push(Answer::Refused),
                Event::Call => {
                    if self.used == 0 {
                        turn.alarm = Some(now_ms + WINDOW_MS);
                    }
                    self.used += 1;
                    if !self.forgetful {
                        turn.writes.push(self.used);
                    }
                    turn.effects.push(Answer::Allowed);
                }
            }
        }
        turn.failed = turn.commit_fails;
        if turn.failed {
            turn.effects.clear();
        }
    }

    fn note(event: &Event) -> Event {
        *event
    }
}

#[derive(Default)]
pub struct Callers {
    allowed: u64,
}

impl World for Callers {
    type Object = Limiter;
    type Message = Event;

    fn receive(&mut self, sim: &mut Sim<Self>, message: Event) {
        if let Err(error) = sim.call(self, 0, message) {
            sim.say("caller", || format!("is told: {error}"));
        }
    }

    fn perform(&mut self, sim: &mut Sim<Self>, _: InstanceId, answer: Answer) {
        self.allowed += match answer {
            Answer::Allowed => 1,
            Answer::Refused => 0,
        };
        if self.allowed > LIMIT {
            let what = format!("{} calls were allowed in one window", self.allowed);
            sim.break_law("one call a minute", what);
        }
    }

    fn committed(&mut self, _: &mut Sim<Self>, _: ObjectId, commit: &Commit<Limiter>) {
        if commit.notes.contains(&Event::Alarm) {
            self.allowed = 0;
        }
    }
}

/// A call, as a part of a plan.
#[derive(Default)]
struct Call {
    at: Micros,
}

fields!(Call {
    /// When it comes.
    at: moment "at_ms",
});

static CALLS: List = List { name: "calls", prefix: "call", fields: Call::FIELDS, says: "Who calls." };
static CALL: Subject = Subject::of("calls", "call {}");

points! {
    /// What a caller does.
    CALLER: Caller = "caller of" {
        /// He calls once more, so much later.
        repeats: Time(0..=MINUTE),
    }
}

static SCHEMA: Schema = Schema {
    rates: &[Faults::FIELDS],
    lists: &[&CALLS],
    points: &[&CALLER.point],
    subjects: &[&CALL],
    ..Schema::EMPTY
};

/// Runs of the limiter: of the sound one, or of the forgetful one.
pub struct Limits {
    pub forgetful: bool,
}

impl Simulation for Limits {
    type World = Callers;
    const SCHEMA: &'static Schema = &SCHEMA;

    fn draw(&self, seed: u64) -> Document {
        let draws = Draws::new(seed);
        let at = |number| draws.at("call", number).below(300 * SECOND);
        let calls: Vec<Call> = (0..20).map(|number| Call { at: at(number) }).collect();
        let faults = Faults {
            crash_after_commit: Chance::percent(5),
            commit_fails: Chance::percent(5),
            alarm_late: Chance::percent(10),
            alarm_twice: Chance::percent(10),
            ..Faults::default()
        };
        let mut document = Document { rates: faults.table(), ..Document::drawn(seed) };
        document.put_list(&CALLS, (0..).zip(&calls));
        document
    }

    fn begin(&self, document: &Document, decisions: Decisions, recorder: Recorder) -> (Sim<Callers>, Callers) {
        let faults = Faults::of_table(&document.rates);
        let mut sim = Sim::new(decisions, START_MS, faults, Sizes::default(), recorder);
        sim.add_object(self.forgetful, 0);
        for (number, call) in document.list::<Call>(&CALLS) {
            let key = CALL.key(number);
            sim.plan(call.at, key, Event::Call);
            let repeats = sim.decide(&CALLER, key).sometimes(&CALLER.repeats, Chance::percent(20), 1, MINUTE);
            if repeats > 0 {
                sim.plan(call.at + repeats, key, Event::Call);
            }
        }
        (sim, Callers::default())
    }
}

/// Those of a thousand seeds that break a law.
pub fn campaign(limits: &Limits) -> Vec<u64> {
    let breaks = |seed: &u64| limits.run(&limits.draw(*seed), Recorder::default()).breaks().is_some();
    (0..1_000).filter(breaks).collect()
}

/// Finds the planted bug and tells of it.
pub fn report() -> String {
    assert!(campaign(&Limits { forgetful: false }).is_empty(), "the sound limiter breaks its law");
    let limits = Limits { forgetful: true };
    let failing = campaign(&limits);
    let Some(seed) = failing.first() else { panic!("the bug is not found") };
    let small = limits.minimise(&limits.draw(*seed), Duration::from_secs(10));
    let small = small.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    let file = write(&SCHEMA, &[], &[("about", "the number of calls is not stored")], &small.document);
    format!("{} seeds fail; of seed {seed} this is left:\n\n{file}\n{}", failing.len(), replay(&limits, &file))
}

/// What happens in the run of a scenario file, or what is wrong with the file.
pub fn replay(limits: &Limits, file: &str) -> String {
    match read(&SCHEMA, file) {
        Ok((_, document)) => {
            let run = limits.run(&document, Recorder::default().with_lines());
            let lines = run.sim.recorder.lines().iter().map(|line| format!("{line}\n"));
            let notes = run.sim.notes().into_iter().map(|note| format!("note: {note}\n"));
            lines.chain(notes).collect()
        }
        Err(error) => error.to_string(),
    }
}

fn main() {
    print!("{}", report());
}
