//! A story is played once, as a seed draws what it does not say.

use super::{
    file::Story,
    message::Message,
    recording::{Recording, Settings},
    world::{Request, Stage},
};
use crate::{history::storage::Storage, laws::Violation, proxy::names::Names};
use durable_sim::{Decisions, Draws, Faults, Line, MINUTE, Recorder, Sim, Sizes};
use proxy_fetch::{AllowedCallback, Config};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;
/// A run that has not come to rest after so many steps never will.
const MAX_STEPS: u64 = 2_000_000;

/// What a story came to.
#[derive(Debug)]
pub struct Played {
    /// In the order of the story.
    pub requests: Vec<Request>,
    /// The most calls that were at the upstream at one time.
    pub at_once: u64,
    /// Wrong replies, broken laws.
    pub problems: Vec<String>,
    /// A law is broken, so the run ended before the story did.
    pub is_cut_short: bool,
    /// What the object recorded.
    pub recording: Vec<String>,
    /// The trace, if the recorder kept it, with requests by their names.
    pub lines: Vec<Line>,
}

/// Plays a story; `faults` of the platform may strike besides what it tells. A panic of the machine is a violation of S13.
#[must_use]
pub fn play(seed: u64, story: &Story, faults: Faults, recorder: Recorder) -> Played {
    let config = Config {
        callbacks: vec![AllowedCallback::Binding { binding: "ORIGIN".into(), method: None }],
        ..Config::default()
    };
    let recording = Recording::default();
    let mut sim = Sim::new(Decisions::drawn(seed), START_MS, faults, Sizes::default(), recorder);
    sim.add_object(Settings { config: config.clone(), recording: recording.clone() }, Storage::default());
    let mut stage = Stage::new(story.clone(), config, Draws::new(seed));
    for (number, step) in story.steps.iter().enumerate() {
        sim.after(step.at_ms * 1_000, Message::Step(number));
    }
    let last_ms = story.steps.last().map_or(0, |step| step.at_ms);
    sim.after(last_ms * 1_000 + MINUTE, Message::Heal);
    let done = catch_unwind(AssertUnwindSafe(|| {
        if sim.run(&mut stage, MAX_STEPS) {
            stage.end(&mut sim);
        } else if stage.problems.is_empty() {
            stage.problem(&mut sim, format!("the run has not come to rest after {MAX_STEPS} steps"));
        }
    }));
    if let Err(panic) = done {
        let what = format!("panic: {}", durable_sim::panic_text(&*panic));
        stage.violated(&mut sim, &Violation { law: "S13", what });
    }
    let names = Names::of(&stage.ledger);
    let lines = sim.recorder.lines().iter();
    let lines = lines.map(|line| Line { what: names.in_text(&line.what), ..line.clone() }).collect();
    let problems = stage.problems.iter().map(|problem| names.in_text(problem)).collect();
    let Stage { requests, at_once, is_cut_short, .. } = stage;
    Played { requests, at_once, problems, is_cut_short, recording: recording.take(), lines }
}
