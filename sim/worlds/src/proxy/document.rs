//! Plans as documents: what they can have, and how one becomes the other.

use super::{
    decisions::{POINTS, SUBJECTS},
    plan::{Full, Plan, PlannedRequest, Reset, WorldFaults},
    profile::Profile,
};
use crate::{
    bugs::{Machine, bug},
    laws::Laws,
};
use durable_sim::{
    Faults, Sizes, Valued,
    plan::{Conflict, Document, Fields, HeadKey, List, Schema},
};

static RESETS: List =
    List { name: "resets", prefix: "reset", fields: Reset::FIELDS, says: "An instance is lost in between turns." };

static STORAGE_FULL: List =
    List { name: "storage_full", prefix: "", fields: Full::FIELDS, says: "The storage is full for a while." };

static REQUESTS: List = List {
    name: "requests",
    prefix: "r",
    fields: PlannedRequest::FIELDS,
    says: "A request that is handed in, and what its caller does later.",
};

/// What a document of the object's world can have.
pub static SCHEMA: Schema = Schema {
    head: &[
        HeadKey { name: "machine", check: check_machine, says: "`object`, or `queue` for the Queue variant." },
        HeadKey { name: "law", check: check_law, says: "The law that it breaks, if the bug is on." },
        HeadKey { name: "bug", check: check_bug, says: "The bug that `cargo sim mutants` finds with it." },
    ],
    settings: &[Plan::FIELDS, Sizes::FIELDS],
    rates: &[Faults::FIELDS, WorldFaults::FIELDS],
    lists: &[&RESETS, &STORAGE_FULL, &REQUESTS],
    has_objects: true,
    points: &POINTS,
    subjects: SUBJECTS,
};

fn check_machine(name: &str) -> Result<(), String> {
    if name == Machine::Object.key() { Ok(()) } else { Err(format!("{name:?} is neither object nor queue")) }
}

fn check_law(id: &str) -> Result<(), String> {
    let is_known = Laws::ids().contains(&id);
    if is_known { Ok(()) } else { Err(format!("{id:?} is no law: S1 to S25, L1 to L8, calm")) }
}

/// Whether a document can show this bug.
fn check_bug(name: &str) -> Result<(), String> {
    let bug = bug(name)?;
    match bug.machine {
        Machine::Object => Ok(()),
        Machine::Queue | Machine::Shell => {
            let of_queue =
                if bug.machine == Machine::Queue { "; one of the queue says `machine = \"queue\"`" } else { "" };
            Err(format!("{name} is a bug of {}, and this scenario is of the object{of_queue}", bug.machine.name()))
        }
    }
}

impl Plan {
    /// The plan as a document.
    #[must_use]
    pub fn to_document(&self) -> Document {
        let (settings, script) = (self.table(), self.script.clone());
        let mut document = Document { seed: self.seed, settings, script, ..Document::default() };
        document.settings.extend(self.sizes.table());
        document.rates.extend(self.faults.table());
        document.rates.extend(self.world.table());
        document.put_list(&RESETS, self.resets.iter().map(|(number, reset)| (*number, reset)));
        document.put_list(&STORAGE_FULL, (0..).zip(&self.storage_full));
        document.put_list(&REQUESTS, self.requests.iter().map(|(number, request)| (*number, request)));
        document
    }

    /// The plan that a document is.
    #[must_use]
    pub fn of_document(document: &Document) -> Self {
        let mut plan = Self::of_table(&document.settings);
        plan.sizes = Sizes::of_table(&document.settings);
        plan.faults = Faults::of_table(&document.rates);
        plan.world = WorldFaults::of_table(&document.rates);
        plan.resets = document.list(&RESETS);
        plan.storage_full = document.list(&STORAGE_FULL).into_values().collect();
        plan.requests = document.list(&REQUESTS);
        (plan.seed, plan.script) = (document.seed, document.script.clone());
        plan
    }

    /// What a calm plan has though it has no faults.
    #[must_use]
    pub fn fault_in_calm(document: &Document) -> Option<Conflict> {
        let is_calm = document.settings.get("profile") == Profile::Calm.to_value().as_ref();
        let first = |list: &'static List, key| {
            let number = *document.lists.get(list.name)?.keys().next()?;
            let what = "with `profile = \"calm\"` there are no faults, and the strict laws hold".to_owned();
            Some(Conflict { list: list.name, number, key, what })
        };
        is_calm.then(|| first(&RESETS, "at_ms").or_else(|| first(&STORAGE_FULL, "from_ms")))?
    }
}
