//! Plans as documents: what they can have, and how one becomes the other.

use super::{
    decisions::{POINTS, SUBJECTS},
    plan::{Full, Plan, PlannedRequest, Reset, WorldFaults},
    profile::Profile,
};
use durable_sim::{
    Faults, Sizes, Valued,
    plan::{Conflict, Document, Fields, List, Schema},
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
    settings: &[Plan::FIELDS, Sizes::FIELDS],
    rates: &[Faults::FIELDS, WorldFaults::FIELDS],
    lists: &[&RESETS, &STORAGE_FULL, &REQUESTS],
    has_objects: true,
    points: &POINTS,
    subjects: SUBJECTS,
};

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
