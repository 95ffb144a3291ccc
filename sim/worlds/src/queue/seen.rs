//! What is seen of a run from outside: the ground truth, the laws that are checked by it, and which fault hit what.
//!
//! The world's other parts show it what happens where they see it; it decides nothing, and leads to nothing but the
//! run's end.

use super::{
    coverage::{FAULTS_HIT, Fault, REQUESTS, State},
    laws,
    ledger::{Ledger, Number, Observation},
    plan::{Plan, Planned},
    world::QueueWorld,
};
use crate::laws::Violation;
use durable_sim::Sim;
use proxy_fetch::{Outcome, Timestamp, queue::Handle};

/// What is seen of a run.
pub(super) struct Seen {
    /// The ground truth.
    pub ledger: Ledger,
    /// Whether laws are checked.
    checked: bool,
    /// The requests' numbers in the plan, by which people know them, as the ledger numbers them.
    planned: Vec<Planned>,
}

impl Seen {
    /// Nothing yet of a run of this plan.
    pub fn new(plan: &Plan, checked: bool) -> Self {
        Self {
            ledger: Ledger { max_remembered: plan.settings.max_remembered, ..Ledger::default() },
            checked,
            planned: Vec::new(),
        }
    }

    /// Takes an observation in, if no law is broken by it.
    pub fn see(&mut self, sim: &mut Sim<QueueWorld>, seen: &Observation) -> bool {
        self.ledger.now = Timestamp(sim.true_ms());
        if sim.broken().is_some() {
            return false;
        }
        if self.checked
            && let Err(violation) = laws::check(&self.ledger, seen)
        {
            self.violated(sim, violation);
            return false;
        }
        self.ledger.apply(seen);
        true
    }

    /// A law is broken: the run is over.
    pub fn violated(&self, sim: &mut Sim<QueueWorld>, violation: Violation) {
        sim.break_law(violation.law, self.as_planned(&violation.what));
    }

    /// A fault hits a message in this state.
    pub fn hit(&mut self, sim: &mut Sim<QueueWorld>, fault: Fault, state: State, request: Number) {
        sim.count_at(&FAULTS_HIT, fault as usize, state as usize);
        let planned = self.planned[request];
        sim.say("fault", || format!("{}: r{planned}, {}", fault.name(), state.name()));
    }

    /// The run is over: how requests ended.
    pub fn over(&self, sim: &mut Sim<QueueWorld>) {
        for entry in &self.ledger.entries {
            let how = match (entry.ended_at, entry.outcome) {
                (Some(_), Some(outcome)) => Outcome::name(outcome),
                (Some(_), None) => "nobody to tell",
                (None, _) if entry.unread.is_some() => "unreadable, never acked",
                (None, _) if entry.copies == 0 => "never stored",
                (None, _) if entry.copies == entry.deleted => "deleted by the platform",
                (None, _) => "live",
            };
            sim.count(&REQUESTS, how, "times");
        }
    }

    /// The next request that the ledger numbers is this one of the plan.
    pub fn names(&mut self, planned: Planned) {
        self.planned.push(planned);
    }

    /// The number of a request in the plan.
    pub fn planned(&self, request: Number) -> Planned {
        self.planned[request]
    }

    /// The ULIDs of all requests that were made, and how people know them.
    pub fn named(&self) -> impl Iterator<Item = (String, String)> {
        let entries = self.ledger.entries.iter().zip(&self.planned);
        entries.map(|(entry, planned)| (entry.id.to_string(), format!("r{planned}")))
    }

    /// The state of a message of a batch.
    pub fn state(&self, at: Handle) -> State {
        let message = self.ledger.message(at);
        match (&message.decided, message.callback, &message.fetch) {
            (Some(_), _, _) => State::Decided,
            (None, Some(_), _) => State::Delivering,
            (None, None, Some(_)) => State::InFlight,
            (None, None, None) => State::Held,
        }
    }

    /// A text of the ledger's, which numbers requests as they are made, with their numbers in the plan.
    fn as_planned(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(from) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
            let (before, word_on) = rest.split_at(from);
            let end = word_on.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(word_on.len());
            let (word, after) = word_on.split_at(end);
            shown.push_str(before);
            let number = word.strip_prefix('r').and_then(|digits| digits.parse::<Number>().ok());
            match number.and_then(|number| self.planned.get(number)) {
                Some(planned) => shown.push_str(&format!("r{planned}")),
                None => shown.push_str(word),
            }
            rest = after;
        }
        shown.push_str(rest);
        shown
    }
}
