//! A scenario: what a run is made of, and what is known of it.

use super::{says::law_says, shown::Shown};
use crate::{
    bugs::{self, Machine},
    proxy::{self, Plan},
    queue,
};
use durable_sim::plan::{Document, DocumentError, Schema, conflict_at, read, text_at, write};

/// What a run is made of, and what became of it when it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What happens in it, in words.
    pub about: String,
    /// Whose it is: the object's or the queue's.
    pub machine: Machine,
    /// The law that it breaks, by its id; `None`: it breaks none.
    pub law: Option<String>,
    /// The planted bug that is on.
    pub bug: Option<String>,
    /// What it is made of.
    pub document: Document,
}

impl Scenario {
    /// Reads a text. It is of the object unless it says `machine = "queue"`.
    ///
    /// # Errors
    /// In one line, with the line of the text and the key: where it is not TOML, has a key that there is not, or is out of
    /// bounds.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let is_queue = text_at(text, "machine").is_some_and(|machine| machine == Machine::Queue.key());
        let machine = if is_queue { Machine::Queue } else { Machine::Object };
        let (mut head, document) = read(schema(machine), text)?;
        let conflict = match machine {
            Machine::Queue => queue::Plan::of(&document).crash_of_none(),
            Machine::Object | Machine::Shell => Plan::fault_in_calm(&document),
        };
        if let Some(conflict) = conflict {
            return Err(conflict_at(schema(machine), text, &conflict));
        }
        let about = head.remove("about").unwrap_or_default();
        Ok(Self { about, machine, law: head.remove("law"), bug: head.remove("bug"), document })
    }

    /// The scenario as a text that [`Scenario::parse`] reads. Its head says in comments what the law and the bug are.
    #[must_use]
    pub fn to_text(&self) -> String {
        let says = |law| match self.machine {
            Machine::Queue => queue::law_says(law),
            Machine::Object | Machine::Shell => law_says(law),
        };
        let says = self.law.as_deref().and_then(|law| Some((law, says(law)?)));
        let is = self.bug.as_deref().and_then(|bug| Some((bug, bugs::bug(bug).ok()?.what.as_str())));
        let comments: Vec<String> = says.into_iter().chain(is).map(|(name, what)| format!("{name}: {what}.")).collect();
        let machine = Some(("machine", self.machine.key())).filter(|_| self.machine != Machine::Object);
        let law = self.law.as_deref().map(|law| ("law", law));
        let bug = self.bug.as_deref().map(|bug| ("bug", bug));
        let head = [("about", self.about.as_str())].into_iter().chain(machine).chain(law).chain(bug);
        write(schema(self.machine), &comments, &head.collect::<Vec<_>>(), &self.document)
    }

    /// Runs it, with the bug that is on in this process; its trace is kept.
    #[must_use]
    pub fn run(&self) -> Shown {
        match self.machine {
            Machine::Object | Machine::Shell => {
                let watch = proxy::Watch { lines: true, ..proxy::Watch::default() };
                proxy::run_plan(Plan::of_document(&self.document), watch).into()
            }
            Machine::Queue => {
                let watch = queue::Watch { lines: true, ..queue::Watch::default() };
                queue::run_document(&self.document, watch).into()
            }
        }
    }
}

/// What a document of this machine's world can have.
#[must_use]
pub fn schema(machine: Machine) -> &'static Schema {
    match machine {
        Machine::Object | Machine::Shell => &proxy::document::SCHEMA,
        Machine::Queue => &queue::SCHEMA,
    }
}
