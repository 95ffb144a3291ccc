//! Decisions as data: all of a run that are not plain.

use super::{Field, Place, Value};
use std::{collections::BTreeMap, fmt};

/// Named values, by name.
pub type Table = BTreeMap<&'static str, Value>;

/// Decisions of a run: those that are not plain, and perhaps some that are; by the place of each and its name there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Script(pub BTreeMap<Place, Table>);

/// Something that a script says and a run could not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// What was to be decided.
    pub name: &'static str,
    /// What the script says there, and why that was not done, and what was done in its place.
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, name, what } = self;
        write!(f, "\"{place}\": {name} = {what}")
    }
}

impl Script {
    /// How many decisions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(Table::len).sum()
    }

    /// Whether everything is plain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each decision.
    pub fn decisions(&self) -> impl Iterator<Item = (Place, &'static str, Value)> {
        self.0.iter().flat_map(|(place, table)| table.iter().map(|(name, value)| (*place, *name, *value)))
    }

    /// Those decisions alone for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&Place, &'static str, Value) -> bool) {
        for (place, table) in &mut self.0 {
            table.retain(|name, value| keep(place, name, *value));
        }
        self.0.retain(|_, table| !table.is_empty());
    }
}

impl FromIterator<(Place, &'static str, Value)> for Script {
    fn from_iter<I: IntoIterator<Item = (Place, &'static str, Value)>>(decisions: I) -> Self {
        let mut script = Self::default();
        for (place, name, value) in decisions {
            script.0.entry(place).or_default().insert(name, value);
        }
        script
    }
}

impl Place {
    /// The decision of this name that can be made here, as it was declared.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.point.fields.iter().find(|field| field.name == name)
    }
}
