//! A failing run made small.

use super::{Shown, file::Scenario, says::to_first_break};
use crate::{
    bugs::{Machine, planted},
    campaign::command,
    proxy::{Plan, Profile, ProxyRuns},
    queue::{self, QueueRuns},
};
use durable_sim::{
    effort,
    plan::{Document, Minimised, Simulation},
};
use std::{path::Path, time::Duration};

/// What shrinking came to.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The small run, and the law that it breaks.
    pub scenario: Scenario,
    /// Items of the whole, as [`Document::items`](durable_sim::plan::Document::items) counts them.
    pub items_before: usize,
    /// Items that are left.
    pub items: usize,
    /// Runs that it took.
    pub runs: u64,
    /// Time that it took.
    pub took: Duration,
    /// Whether all was tried; otherwise time was up before.
    pub is_complete: bool,
    /// The run of the small scenario, with its trace, which ends as the law breaks.
    pub shown: Shown,
    /// The command that made it, if a seed alone says what it was made of.
    pub command: Option<String>,
}

/// Shrinks the failing run of a plan, within `most`; `None`: it breaks no law.
///
/// What is found when time is up is what is returned. A run that was begun before that is not cut off.
#[must_use]
pub fn shrink_run(plan: &Plan, most: Duration) -> Option<Shrunk> {
    let profile = plan.profile;
    let is_drawn = |seed: &u64| *plan == Plan::draw(*seed, profile);
    let command = plan.seed.filter(is_drawn).map(|seed| command("shrink", seed, profile));
    let runs = ProxyRuns { profile, ..ProxyRuns::default() };
    shrink(Machine::Object, &runs, &plan.to_document(), most, command)
}

/// Shrinks the failing run of a seed of the queue, within `most`; `None`: it breaks no law.
#[must_use]
pub fn shrink_queue(seed: u64, profile: Profile, most: Duration) -> Option<Shrunk> {
    let runs = QueueRuns { profile, laws: true };
    let command = queue::campaign::shrink_command(seed, profile);
    shrink(Machine::Queue, &runs, &runs.draw(seed), most, Some(command))
}

fn shrink<S: Simulation>(
    machine: Machine,
    runs: &S,
    document: &Document,
    most: Duration,
    command: Option<String>,
) -> Option<Shrunk> {
    let (whole, run) = runs.written_out(document);
    let law = run.breaks()?.law;
    let small = runs.minimise(&whole, most).ok()?;
    Some(shrunk(machine, law, whole.items(), small, command))
}

fn shrunk(machine: Machine, law: &str, items_before: usize, small: Minimised, command: Option<String>) -> Shrunk {
    let Minimised { document, runs, took, is_complete } = small;
    let bug = planted().map(|bug| bug.name.clone());
    let mut scenario = Scenario { about: String::new(), machine, law: Some(law.to_owned()), bug, document };
    let mut shown = scenario.run();
    shown.lines = to_first_break(&shown.lines);
    // The trace has the names of requests; the violation has their ULIDs.
    scenario.about = shown.lines.last().map(|line| line.what.replace('\n', "; ")).unwrap_or_default();
    let items = scenario.document.items();
    Shrunk { scenario, items_before, items, runs, took, is_complete, shown, command }
}

impl Shrunk {
    /// The scenario with the commands that run it and that made it, to be written to this file.
    #[must_use]
    pub fn to_text(&self, file: Option<&Path>) -> String {
        let mut text = self.scenario.to_text();
        // Below what the law and the bug are.
        let head: usize = text.lines().take_while(|line| line.starts_with('#')).map(|line| line.len() + 1).sum();
        let run = file.map(|file| format!("# cargo sim scenario {} runs it.\n", file.display()));
        let made = self.command.as_ref().map(|command| format!("# {command} made it.\n"));
        text.insert_str(head, &run.into_iter().chain(made).collect::<String>());
        text
    }

    /// How small it is, and what that took.
    #[must_use]
    pub fn effort(&self) -> String {
        effort(self.items, self.items_before, self.runs, self.took, self.is_complete)
    }
}
