//! What the documents of a world can have.

use super::Document;
use crate::{
    decide::{Field, Key, Kind, Place, Point, Subject, Table, Value},
    engine::points,
};
use std::{collections::BTreeSet, fmt::Write as _};

/// What the documents of a world can have.
#[derive(Debug)]
pub struct Schema {
    /// Settings, in the order in which they are written.
    pub settings: &'static [&'static [Field]],
    /// How often what goes wrong in a run that is drawn from a seed.
    pub rates: &'static [&'static [Field]],
    /// Lists of what happens.
    pub lists: &'static [&'static List],
    /// Whether there are objects in it, for which the engine decides.
    pub has_objects: bool,
    /// Where the world decides.
    pub points: &'static [&'static Point],
    /// What is decided about.
    pub subjects: &'static [&'static Subject],
}

/// The texts of a document's head, with their meanings.
pub(super) const HEAD: [(&str, &str); 4] = [
    ("about", "What the file shows."),
    ("world", "The world, where a program has several and it is not the first."),
    ("law", "The law that it breaks, if the bug is on."),
    ("bug", "The mistake of the tables that is to be on; without it no law is broken."),
];

/// A list of a plan.
#[derive(Debug)]
pub struct List {
    /// Its key in a scenario file.
    pub name: &'static str,
    /// What the names of its items begin with, before their number; empty: they have no names, nothing is decided
    /// about them, and their order says nothing.
    pub prefix: &'static str,
    /// What an item has.
    pub fields: &'static [Field],
    /// What an item is, in a sentence.
    pub says: &'static str,
}

impl Schema {
    /// Of a world of objects that adds nothing of its own: what the engine decides, and nothing else.
    pub const EMPTY: Self =
        Self { settings: &[], rates: &[], lists: &[], has_objects: true, points: &[], subjects: &[] };

    /// The setting of this name.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&'static Field> {
        self.settings.iter().flat_map(|fields| fields.iter()).find(|field| field.name == name)
    }

    /// The rate of this name.
    #[must_use]
    pub fn rate(&self, name: &str) -> Option<&'static Field> {
        self.rates.iter().flat_map(|fields| fields.iter()).find(|field| field.name == name)
    }

    /// The list of this name.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<&'static List> {
        self.lists.iter().copied().find(|list| list.name == name)
    }

    /// All points, those of the engine first.
    #[must_use]
    pub fn points(&self) -> Vec<&'static Point> {
        let engines = if self.has_objects { points::all() } else { Vec::new() };
        engines.into_iter().chain(self.points.iter().copied()).collect()
    }

    /// The place that is written so.
    #[must_use]
    pub fn place(&self, text: &str) -> Option<Place> {
        let place = Place::read(text, &self.points(), self.subjects)?;
        let is_item = |(list, _): (&str, u32)| self.lists.iter().any(|known| known.name == list);
        place.key.item().is_none_or(is_item).then_some(place)
    }

    /// What is wrong with the schema itself, if something is: two lists, subjects, points or keys are written alike, a
    /// subject is of a list that there is not, the key of a time does not say that it is in ms.
    ///
    /// # Errors
    /// In a line.
    pub fn check_itself(&self) -> Result<(), String> {
        let twice = |what: &str, names: Vec<&str>| {
            let mut had = BTreeSet::new();
            match names.into_iter().find(|name| !had.insert(*name)) {
                Some(name) => Err(format!("two {what} are written \"{name}\"")),
                None => Ok(()),
            }
        };
        let names = |fields: &'static [Field]| fields.iter().map(|field| field.name);
        let points = self.points();
        twice("points", points.iter().map(|point| point.name).collect())?;
        twice("lists", self.lists.iter().map(|list| list.name).collect())?;
        twice("settings", self.settings.iter().flat_map(|fields| names(fields)).collect())?;
        twice("rates", self.rates.iter().flat_map(|fields| names(fields)).collect())?;
        let tables = self.settings.iter().chain(self.rates).copied();
        let tables =
            tables.chain(self.lists.iter().map(|list| list.fields)).chain(points.iter().map(|point| point.fields));
        for fields in tables {
            twice("keys", names(fields).collect())?;
            let is_time = |field: &&Field| matches!(field.kind, Kind::Time { .. } | Kind::Moment { .. });
            if let Some(field) = fields.iter().filter(is_time).find(|field| !field.name.ends_with("_ms")) {
                return Err(format!("the key `{}` is of a time, and does not end in `_ms`", field.name));
            }
        }
        // As they are read: with any numbers in them.
        let forms = self.subjects.iter().flat_map(|subject| subject.forms());
        let forms: Vec<String> = forms.collect();
        twice("subjects", forms.iter().map(String::as_str).collect())?;
        for subject in self.subjects {
            if let Some(list) = subject.list.filter(|list| self.list(list).is_none()) {
                let text = subject.text;
                return Err(format!(
                    "the subject \"{text}\" is of the list \"{list}\", which is not in the schema's `lists`"
                ));
            }
        }
        Ok(())
    }

    /// Why a document is none of this world, if it is none: which setting, rate, list, point or subject is not declared,
    /// or which value is none of its field.
    ///
    /// # Errors
    /// In a line, with the key and the bound.
    pub fn check(&self, document: &Document) -> Result<(), String> {
        let table = |table: &Table, of: &str, field: &dyn Fn(&str) -> Option<&'static Field>| {
            table.iter().try_for_each(|(name, value)| {
                let field = field(name).ok_or_else(|| format!("{of}: `{name}` is not declared in the schema"))?;
                field.check(*value).map_err(|what| format!("{of}: {name}: {what}"))
            })
        };
        table(&document.settings, "settings", &|name| self.setting(name))?;
        table(&document.rates, "rates", &|name| self.rate(name))?;
        for (name, items) in &document.lists {
            let list = self.list(name).ok_or_else(|| format!("the list `{name}` is not in the schema's lists"))?;
            for (number, item) in items {
                table(item, &format!("{name}, item {number}"), &|name| list.field(name))?;
            }
        }
        for (place, decided) in &document.script.0 {
            if let Some(what) = self.not_there(place) {
                return Err(format!("\"{place}\": {what}"));
            }
            table(decided, &format!("\"{place}\""), &|name| place.field(name))?;
        }
        Ok(())
    }

    /// Why nothing can be decided at this place.
    fn not_there(&self, place: &Place) -> Option<String> {
        let Place { point, key, .. } = place;
        let subject = key.subject();
        if !self.points().iter().any(|known| known.name == point.name) {
            return Some(format!("the point \"{}\" is not in the schema's points", point.name));
        }
        if *key.subject() != *Key::WORLD.subject() && !self.subjects.iter().any(|known| **known == *subject) {
            return Some(format!("the subject \"{}\" is not in the schema's subjects", subject.text));
        }
        let read = self.place(&place.to_string());
        (read != Some(*place)).then(|| format!("it is read as something else: {read:?}"))
    }

    /// The item that a key is about, as it is named in files.
    #[must_use]
    pub fn item_name(&self, key: Key) -> Option<String> {
        let (list, number) = key.item()?;
        Some(format!("{}{number}", self.list(list)?.prefix))
    }

    /// Tables in Markdown of all that a document can have.
    #[must_use]
    pub fn documentation(&self) -> String {
        let mut text = self.head_documentation();
        let part = |text: &mut String, title: &str, says: &str, fields: &mut dyn Iterator<Item = &'static Field>| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "### {title}\n\n{says}\n\n{TABLE}");
            for field in fields {
                let _ = writeln!(text, "| `{}` | {} | {} |", field.name, field.kind, field.says.trim());
            }
            text.push('\n');
        };
        let flat = |all: &'static [&'static [Field]]| all.iter().flat_map(|fields| fields.iter());
        if !self.settings.is_empty() {
            part(&mut text, "Settings", "At the beginning of the file.", &mut flat(self.settings));
        }
        for list in self.lists {
            let title = if list.prefix.is_empty() {
                format!("`{} = [ … ]`", list.name)
            } else {
                format!("`[{}]`: `{}0 = {{ … }}`, …", list.name, list.prefix)
            };
            part(&mut text, &title, list.says, &mut list.fields.iter());
        }
        text.push_str(&self.places_documentation());
        for point in self.points() {
            part(
                &mut text,
                &format!("`[decisions]`: `\"{} …\"`", point.name),
                point.says.trim(),
                &mut point.fields.iter(),
            );
        }
        if !self.rates.is_empty() {
            let says = "How often it happens in a run whose decisions are drawn: with a `seed`.";
            part(&mut text, "`[rates]`", says, &mut flat(self.rates));
        }
        text
    }

    fn head_documentation(&self) -> String {
        let mut text = format!("### The head\n\nAt the beginning of the file.\n\n{TABLE}\n");
        let seed = "What the file does not say is drawn from it; without it that is plain.";
        let head = HEAD.iter().map(|(key, says)| (*key, "a text", *says));
        for (key, value, says) in head.chain([("seed", "a whole number from 0 to 2^64 - 1", seed)]) {
            let _ = writeln!(text, "| `{key}` | {value} | {says} |");
        }
        text.push('\n');
        text
    }

    fn places_documentation(&self) -> String {
        let mut text = String::from("### `[decisions]`: places\n\n");
        let about: Vec<String> = self.subjects.iter().map(|subject| format!("`{}`", subject.text)).collect();
        let _ = writeln!(
            text,
            "A decision stands at a place: a point, and what it is about: {}, or `the world` if it is about nothing in \
             particular. `{{}}` is a number; what stands in brackets is left out if its number is 0.\n",
            about.join(", ")
        );
        if self.has_objects {
            text.push_str(
                "`alarm 1 after …` is the alarm that was set because of it, `alarm 2 after …` the one that was set in the \
                 turn of that. `… (2)` is the second turn about the same. ",
            );
        }
        text.push_str("`… again 1` is the same place when the run comes to it once more.\n\n");
        text
    }
}

/// How each table begins.
const TABLE: &str = "| key | value | meaning |\n|---|---|---|";

impl List {
    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Those of its fields that are times of the run, and the latest that each can be, in µs; the first is when an item
    /// comes.
    pub(super) fn moments(&self) -> impl Iterator<Item = (&'static str, i64)> + use<> {
        self.fields.iter().filter_map(|field| match field.kind {
            Kind::Moment { high } => Some((field.name, high.cast_signed())),
            Kind::Flag | Kind::Whole { .. } | Kind::Time { .. } | Kind::Chance | Kind::Word(_) => None,
        })
    }

    /// When an item comes, in µs.
    pub(super) fn comes(&self, item: &Table) -> i64 {
        let first = self.moments().next();
        match first.and_then(|(name, _)| item.get(name)) {
            Some(Value::Number(at)) => *at,
            Some(Value::Flag(_) | Value::Word(_)) | None => 0,
        }
    }
}

#[cfg(test)]
mod tests;
