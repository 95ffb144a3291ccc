//! A rate limiter on the engine, step by step: the code of `GUIDE.md`.

use durable_sim::{
    Chance, Commit, Draws, Faults, InstanceId, Object, ObjectId, Recorder, SECOND, Sim, Sizes, Turn, World, ddmin,
};
use std::fmt;

const LIMIT: u64 = 3;
const WINDOW_MS: u64 = 60_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Start,
    Alarm,
    Call,
}

#[derive(Debug)]
enum Answer {
    Allowed,
    Refused,
}

/// Memory. It is lost with each crash; the number of calls in this window is stored too, or should be.
struct Limiter {
    used: u64,
    forgetful: bool,
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

    fn apply(used: &mut u64, write: &u64) -> u64 {
        *used = *write;
        *used
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
struct Callers {
    allowed: u64,
    broken: Option<String>,
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
            let saw = format!("{} calls were allowed in one window", self.allowed);
            sim.say("LAW", || saw.clone());
            self.broken.get_or_insert(saw);
            sim.stop();
        }
    }

    fn committed(&mut self, _: &mut Sim<Self>, _: ObjectId, commit: &Commit<Limiter>) {
        if commit.notes.contains(&Event::Alarm) {
            self.allowed = 0;
        }
    }
}

fn calls(seed: u64) -> Vec<u64> {
    let draws = Draws::new(seed);
    (0..30).map(|call| draws.at(100, 0, call, 0).below(300 * SECOND)).collect()
}

fn run(seed: u64, calls: &[u64], forgetful: bool, recorder: Recorder) -> (Callers, Recorder) {
    let faults = Faults {
        crash_after_commit: Chance::percent(5),
        commit_fails: Chance::percent(5),
        alarm_late: Chance::percent(10),
        alarm_twice: Chance::percent(10),
        ..Faults::default()
    };
    let start_ms = 1_767_225_600_000;
    let mut sim = Sim::new(seed, start_ms, faults, Sizes::default(), recorder);
    let mut world = Callers::default();
    sim.add_object(forgetful, 0);
    for at in calls {
        sim.after(*at, Event::Call);
    }
    assert!(sim.run(&mut world, 10_000) || world.broken.is_some(), "seed {seed} does not come to rest");
    (world, sim.recorder)
}

/// Those of a thousand seeds that break the law.
fn campaign(forgetful: bool) -> Vec<u64> {
    let breaks = |seed: &u64| run(*seed, &calls(*seed), forgetful, Recorder::default()).0.broken.is_some();
    (0..1_000).filter(breaks).collect()
}

/// The fewest calls of this seed that still break the law.
fn smallest_run(seed: u64, forgetful: bool) -> Vec<u64> {
    ddmin(calls(seed), |calls| run(seed, calls, forgetful, Recorder::default()).0.broken.is_some())
}

/// Finds the planted bug and tells of it.
pub fn report() -> String {
    assert!(campaign(false).is_empty(), "the sound limiter breaks its law");
    let failing = campaign(true);
    let smallest = failing.iter().map(|seed| (*seed, smallest_run(*seed, true))).min_by_key(|(_, calls)| calls.len());
    let Some((seed, calls)) = smallest else { panic!("the bug is not found") };
    let (world, trace) = run(seed, &calls, true, Recorder::default().with_lines());
    let (_, again) = run(seed, &calls, true, Recorder::default());
    assert_eq!(again.digest(), trace.digest(), "a replay is the same run");
    let head = format!("{} seeds fail; seed {seed}: {}", failing.len(), world.broken.unwrap_or_default());
    let lines = trace.lines().iter().map(|line| format!("\n{line}"));
    head + &lines.collect::<String>()
}

fn main() {
    println!("{}", report());
}
