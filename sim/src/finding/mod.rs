//! Findings as people read them: what broke, in how small a run, and step by step.

mod fold;
mod world;

pub use fold::folded;
pub use world::{AnyWorld, Shown};

use crate::{
    engine::{Line, effort},
    plan::{Document, NotMinimised, write},
};
use std::time::Duration;

/// A failing run that was made small.
pub struct Small {
    /// For people: what broke, the scenario, and its trace.
    pub text: String,
    /// As a scenario file; empty if no law is broken again.
    pub file: String,
}

/// The run of this document, which breaks a law, as it is shown; `lead` says where it comes from.
#[must_use]
pub fn told(world: &dyn AnyWorld, document: &Document, lead: &str) -> Small {
    let shown = world.run(document, None);
    let (law, what) = shown.breaks.as_ref().map_or(("", String::new()), |breaks| (breaks.law, breaks.what.clone()));
    let about = what.split_whitespace().collect::<Vec<_>>().join(" ");
    let file = write(world.schema(), &[], &[("about", &format!("{law}: {about}"))], document);
    let trace = shown.trace();
    let promises = world.laws().into_iter().find(|(name, _)| *name == law).map_or("", |(_, promises)| promises);
    let text =
        format!("\"{law}\" is broken: {what}\nIt promises: {promises}\n{lead}\n\n{file}\nStep by step:\n\n{trace}");
    Small { text, file }
}

/// Makes the run of this seed small.
#[must_use]
pub fn small(world: &dyn AnyWorld, profile: &'static str, seed: u64, within: Duration) -> Small {
    let drawn = world.draw(profile, seed);
    match world.minimise(&drawn, within) {
        Ok(small) => {
            let of = drawn.items();
            let lead = effort(small.document.items(), of, small.runs, small.took, small.is_complete);
            told(world, &small.document, &format!("Of seed {seed}, which drew {of} items: {lead}."))
        }
        Err(why @ (NotMinimised::BreaksNoLaw | NotMinimised::NotAgain { .. })) => {
            Small { text: format!("seed {seed}: {why}\n"), file: String::new() }
        }
    }
}

impl Shown {
    /// The lines that say something, up to the law that breaks; repeated patterns folded.
    #[must_use]
    pub fn trace(&self) -> String {
        let end = self.lines.iter().position(|line| line.who == "LAW").map_or(self.lines.len(), |at| at + 1);
        let lines: Vec<Line> = self.lines[..end].iter().filter(|line| !line.who.is_empty()).cloned().collect();
        folded(&lines).into_iter().map(|line| format!("{line}\n")).collect()
    }

    /// What came of it, in a line.
    #[must_use]
    pub fn verdict(&self) -> String {
        match &self.breaks {
            Some(breaks) => format!("VIOLATION of \"{}\" at step {}: {}\n", breaks.law, breaks.step, breaks.what),
            None => format!("no law is broken in {} steps; digest {:016x}\n", self.steps, self.digest),
        }
    }
}
