//! A document: what a run is made of, as data.

use super::{Fields, List};
use crate::{
    decide::{Decisions, Draws, Script, Table},
    engine::Faults,
};
use std::collections::BTreeMap;

/// An item of a list: its list, and its number there.
pub type Item = (&'static str, u32);

/// What a run is made of: all of it that is not plain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The seed that decisions are drawn from; `None`: there are none but those of the script.
    pub seed: Option<u64>,
    /// Settings.
    pub settings: Table,
    /// How often what goes wrong, if there is a seed.
    pub rates: Table,
    /// Items, by their lists and numbers.
    pub lists: BTreeMap<&'static str, BTreeMap<u32, Table>>,
    /// The decisions.
    pub script: Script,
}

impl Document {
    /// Nothing but this seed: everything that its run decides is drawn from it.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        Self { seed: Some(seed), ..Self::default() }
    }

    /// The same with about half of the platform's faults: [`Faults::drawn`].
    #[must_use]
    pub fn drawn_with_faults(seed: u64) -> Self {
        let faults = Faults::drawn(&mut Draws::new(seed).at("faults", 0));
        Self { rates: faults.table(), ..Self::drawn(seed) }
    }

    /// How many items it has: those of its lists, its settings, and each decision.
    #[must_use]
    pub fn items(&self) -> usize {
        self.settings.len() + self.list_items().count() + self.script.len()
    }

    /// The decisions of its run: those of the script, and the others drawn if there is a seed, else plain.
    #[must_use]
    pub fn decisions(&self) -> Decisions {
        Decisions::of(self.seed, &self.script)
    }

    /// The same with all decisions of its run: it needs no seed and no rates any more.
    #[must_use]
    pub fn written_out(&self, script: Script) -> Self {
        Self { seed: None, rates: Table::new(), script, ..self.clone() }
    }

    /// The items of all lists.
    pub fn list_items(&self) -> impl Iterator<Item = Item> {
        self.lists.iter().flat_map(|(list, items)| items.keys().map(|number| (*list, *number)))
    }

    /// The items of this list.
    ///
    /// # Panics
    /// In debug builds, if its items have other fields than `T`.
    #[must_use]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn list<T: Fields>(&self, list: &List) -> BTreeMap<u32, T> {
        debug_assert!(T::FIELDS == list.fields, "the list \"{}\" has other fields", list.name);
        let items = self.lists.get(list.name).into_iter().flatten();
        items.map(|(number, table)| (*number, T::of_table(table))).collect()
    }

    /// Puts the items of a list in.
    ///
    /// # Panics
    /// In debug builds, if its items have other fields than `T`.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn put_list<'a, T: Fields + 'a>(&mut self, list: &List, items: impl IntoIterator<Item = (u32, &'a T)>) {
        debug_assert!(T::FIELDS == list.fields, "the list \"{}\" has other fields", list.name);
        let items: BTreeMap<u32, Table> = items.into_iter().map(|(number, item)| (number, item.table())).collect();
        if items.is_empty() {
            self.lists.remove(list.name);
        } else {
            self.lists.insert(list.name, items);
        }
    }
}
