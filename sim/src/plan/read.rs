//! From a text to a document. Every bound is checked where its value stands, so that an error has its line.

use super::{Conflict, Document, DocumentError, List, Schema, schema::HEAD};
use crate::{
    decide::{Field, Kind, MOST_ITEMS, Table, Value},
    nearest::nearest,
};
use std::{collections::BTreeMap, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The texts of the head, and the document.
pub type Read = (BTreeMap<&'static str, String>, Document);

/// Reads a text.
///
/// # Errors
/// In one line, with the line of the text and the key: where it is not TOML, has a key that there is not, or a value that
/// is not within its bounds.
pub fn read(schema: &Schema, text: &str) -> Result<Read, DocumentError> {
    let file = DeTable::parse(text).map_err(|error| DocumentError::toml(text, &error))?;
    let mut reader = Reader { schema, head: BTreeMap::new(), document: Document::default() };
    for (key, value) in file.get_ref() {
        let key_span = key.span();
        let key = key.get_ref().as_ref();
        reader.entry(key, key_span, value).map_err(|wrong| DocumentError::at(text, Some(wrong.span), &wrong.what))?;
    }
    if let Some((key, _)) = file.get_ref().iter().find(|(key, _)| key.get_ref() == "rates")
        && reader.document.seed.is_none()
        && !reader.document.rates.is_empty()
    {
        let what = "rates: they count only with a `seed`, which the decisions are drawn from";
        return Err(DocumentError::at(text, Some(key.span()), what));
    }
    Ok((reader.head, reader.document))
}

/// What a world finds wrong with the document that [`read`] has made of this text, with its line.
#[must_use]
pub fn conflict_at(schema: &Schema, text: &str, conflict: &Conflict) -> DocumentError {
    let Conflict { list, number, key, what } = conflict;
    let span = DeTable::parse(text).ok().and_then(|file| {
        let items = entry_of(file.get_ref(), list)?.get_ref();
        let prefix = schema.list(list)?.prefix;
        let item = match (items.as_array(), items.as_table()) {
            (Some(items), _) => items.get(*number as usize)?,
            (None, Some(items)) => entry_of(items, &format!("{prefix}{number}"))?,
            (None, None) => return None,
        };
        entry_of(item.get_ref().as_table()?, key).map(Entry::span)
    });
    DocumentError::at(text, span, what)
}

/// What is wrong with the text at this key of a document's head, with its line.
#[must_use]
pub fn head_error(text: &str, key: &str, what: &str) -> DocumentError {
    let span = DeTable::parse(text).ok().and_then(|file| Some(entry_of(file.get_ref(), key)?.span()));
    DocumentError::at(text, span, what)
}

/// The text at this key of a document's head, whatever world it is of; `None`: there is none, or it cannot be read.
#[must_use]
pub fn text_at(text: &str, key: &str) -> Option<String> {
    let file = DeTable::parse(text).ok()?;
    entry_of(file.get_ref(), key)?.get_ref().as_str().map(str::to_owned)
}

struct Reader<'a> {
    schema: &'a Schema,
    head: BTreeMap<&'static str, String>,
    document: Document,
}

/// What is wrong, and where.
struct Wrong {
    span: Range<usize>,
    what: String,
}

fn wrong(span: Range<usize>, what: impl Into<String>) -> Wrong {
    Wrong { span, what: what.into() }
}

type Entry<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn entry(&mut self, key: &str, span: Range<usize>, value: &Entry<'_>) -> Result<(), Wrong> {
        if let Some((name, _)) = HEAD.iter().find(|(name, _)| *name == key) {
            self.head.insert(name, text_of(value)?);
            return Ok(());
        }
        if key == "seed" {
            // All of them: it is a number of 64 bits, as few others in TOML.
            let seed = value.get_ref().as_integer();
            let seed = seed.and_then(|seed| u64::from_str_radix(seed.as_str(), seed.radix()).ok());
            let seed = seed.ok_or_else(|| wrong(value.span(), "not a whole number from 0 to 2^64 - 1"))?;
            self.document.seed = Some(seed);
            return Ok(());
        }
        if let Some(field) = self.schema.setting(key) {
            let value = value_of(field, value)?;
            self.document.settings.insert(field.name, value);
            return Ok(());
        }
        if key == "rates" {
            let fields = || self.schema.rates.iter().flat_map(|fields| fields.iter());
            self.document.rates = table_of(fields, value)?;
            return Ok(());
        }
        if let Some(list) = self.schema.list(key) {
            let items =
                if list.prefix.is_empty() { array_of(list, value)? } else { items_of(self.schema, list, value)? };
            if !items.is_empty() {
                self.document.lists.insert(list.name, items);
            }
            return Ok(());
        }
        if key == "decisions" {
            return self.decisions(value);
        }
        let known = ["seed", "decisions", "rates"].into_iter();
        let known = known.chain(HEAD.iter().map(|(name, _)| *name));
        let known = known.chain(self.schema.settings.iter().flat_map(|fields| fields.iter()).map(|field| field.name));
        let known = known.chain(self.schema.lists.iter().map(|list| list.name));
        let hint = match key {
            "settings" => "; settings stand at the head of the file, in no table".to_owned(),
            _ => nearest(key, known),
        };
        Err(wrong(span, format!("unknown key `{key}`{hint}")))
    }

    fn decisions(&mut self, value: &Entry<'_>) -> Result<(), Wrong> {
        for (key, value) in a_table(value)? {
            let text = key.get_ref().as_ref();
            let place = self.schema.place(text);
            let place = place.ok_or_else(|| wrong(key.span(), self.no_place(text)))?;
            let table = table_of(|| place.point.fields.iter(), value)?;
            if table.is_empty() {
                return Err(wrong(key.span(), format!("{text:?} says nothing: it is plain without it")));
            }
            self.document.script.0.insert(place, table);
        }
        Ok(())
    }

    fn no_place(&self, text: &str) -> String {
        let points = self.schema.points();
        let names = || points.iter().map(|point| point.name);
        let said = names().find(|name| text.strip_prefix(*name).is_some_and(|rest| rest.starts_with(' ')));
        let Some(point) = said else {
            // As many words as each name has.
            let begins = |name: &str| text.split(' ').take(name.split(' ').count()).collect::<Vec<_>>().join(" ");
            let near = names().find_map(|name| {
                let hint = nearest(&begins(name), [name].into_iter());
                hint.contains(" meant?").then_some(hint)
            });
            return format!("there is no place {text:?}{}", near.unwrap_or_else(|| nearest(text, names())));
        };
        // Numbers stand in a subject where its text has {}.
        let said =
            text[point.len()..].trim().split(' ').map(|word| if word.parse::<u32>().is_ok() { "{}" } else { word });
        let near =
            nearest(&said.collect::<Vec<_>>().join(" "), self.schema.subjects.iter().map(|subject| subject.text));
        if near.contains(" meant?") {
            return format!("there is no place {text:?}{near}");
        }
        let subjects: Vec<&str> = self.schema.subjects.iter().map(|subject| subject.text).collect();
        let subjects = subjects.join("; ");
        let of_alarm = self.schema.has_objects && text[point.len()..].contains("alarm");
        let alarm = if of_alarm { "; before it may stand \"alarm 1 after \"" } else { "" };
        format!("there is no place {text:?}, which is about one of: {subjects}{alarm}")
    }
}

fn entry_of<'a, 'b>(table: &'a DeTable<'b>, key: &str) -> Option<&'a Entry<'b>> {
    table.iter().find(|(known, _)| known.get_ref() == key).map(|(_, value)| value)
}

fn text_of(value: &Entry<'_>) -> Result<String, Wrong> {
    value.get_ref().as_str().map(str::to_owned).ok_or_else(|| wrong(value.span(), "not a text"))
}

fn a_table<'a, 'b>(value: &'a Entry<'b>) -> Result<&'a DeTable<'b>, Wrong> {
    value.get_ref().as_table().ok_or_else(|| wrong(value.span(), "not a table"))
}

/// What a table says of these fields.
fn table_of<F: Iterator<Item = &'static Field>>(fields: impl Fn() -> F, value: &Entry<'_>) -> Result<Table, Wrong> {
    let mut table = Table::new();
    for (key, value) in a_table(value)? {
        let name = key.get_ref().as_ref();
        let Some(field) = fields().find(|field| field.name == name) else {
            let hint = nearest(name, fields().map(|field| field.name));
            return Err(wrong(key.span(), format!("unknown key `{name}`{hint}")));
        };
        table.insert(field.name, value_of(field, value)?);
    }
    Ok(table)
}

fn array_of(list: &List, value: &Entry<'_>) -> Result<BTreeMap<u32, Table>, Wrong> {
    let items = value.get_ref().as_array().ok_or_else(|| wrong(value.span(), "not a list: [ { … }, … ]"))?;
    if items.len() > MOST_ITEMS as usize {
        return Err(wrong(value.span(), format!("{} items; {MOST_ITEMS} at the most", items.len())));
    }
    let items = (0..MOST_ITEMS).zip(items.iter());
    items.map(|(number, item)| Ok((number, table_of(|| list.fields.iter(), item)?))).collect()
}

fn items_of(schema: &Schema, list: &List, value: &Entry<'_>) -> Result<BTreeMap<u32, Table>, Wrong> {
    let mut items = BTreeMap::new();
    for (key, value) in a_table(value)? {
        let name = key.get_ref().as_ref();
        let digits = name.strip_prefix(list.prefix).filter(|digits| *digits == "0" || !digits.starts_with(['0', '+']));
        let number = digits.and_then(|digits| digits.parse().ok()).filter(|number| *number < MOST_ITEMS);
        let setting = schema.setting(name);
        let number = number.ok_or_else(|| {
            let (prefix, last) = (list.prefix, MOST_ITEMS - 1);
            let is_setting = setting.is_some();
            let hint =
                if is_setting { "; settings stand at the head of the file, before the first [table]" } else { "" };
            wrong(key.span(), format!("{name:?} is not {prefix}0 to {prefix}{last}{hint}"))
        })?;
        items.insert(number, table_of(|| list.fields.iter(), value)?);
    }
    Ok(items)
}

/// The value of a field as it is written.
fn value_of(field: &Field, value: &Entry<'_>) -> Result<Value, Wrong> {
    let read = match field.kind {
        Kind::Flag => value.get_ref().as_bool().map(Value::Flag),
        Kind::Whole { .. } => integer(value.get_ref()).map(Value::Number),
        Kind::Time { .. } | Kind::Moment { .. } => scaled(value.get_ref(), 1_000.0),
        Kind::Chance => scaled(value.get_ref(), 1_000_000.0),
        Kind::Word(words) => {
            let word = value.get_ref().as_str();
            word.and_then(|word| words.iter().find(|known| **known == word)).copied().map(Value::Word)
        }
    };
    let what = || match (value.get_ref(), field.kind) {
        (DeValue::String(text), Kind::Word(words)) => {
            format!("{text:?} is not {}{}", field.kind, meant(text, words))
        }
        (DeValue::String(text), _) => format!("{text:?} is not {}", field.kind),
        (DeValue::Integer(number), _) => format!("{number} is not {}", field.kind),
        (DeValue::Float(number), Kind::Time { .. } | Kind::Moment { .. }) if is_finer(number.as_str(), 1_000.0) => {
            format!("{number} is finer than a µs, which is 0.001")
        }
        (DeValue::Float(number), Kind::Chance) if is_finer(number.as_str(), 1_000_000.0) => {
            format!("{number} is finer than 0.000001")
        }
        (DeValue::Float(number), _) => format!("{number} is not {}", field.kind),
        (DeValue::Boolean(flag), _) => format!("{flag} is not {}", field.kind),
        (DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_), _) => format!("not {}", field.kind),
    };
    let read = read.ok_or_else(|| wrong(value.span(), what()))?;
    field.check(read).map_err(|what| wrong(value.span(), what))?;
    Ok(read)
}

fn meant(text: &str, words: &[&str]) -> String {
    let hint = nearest(text, words.iter().copied());
    if hint.contains(" meant?") { hint } else { String::new() }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Whether a number that has a fraction has no whole number of units, of which it has so many.
fn is_finer(number: &str, units: f64) -> bool {
    let number = number.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
    number.is_some_and(|number| !is_whole(number, units))
}

/// Whether it is, as nearly as a number with a fraction can be held.
fn is_whole(number: f64, units: f64) -> bool {
    ((number * units).round() / units - number).abs() <= number.abs() * f64::EPSILON
}

/// A number with a fraction, in units of which there are so many; none, if it is finer than a unit.
fn scaled(value: &DeValue<'_>, units: f64) -> Option<Value> {
    if let Some(whole) = integer(value) {
        return whole.checked_mul(units as i64).map(Value::Number);
    }
    let number: f64 = value.as_float()?.as_str().replace('_', "").parse().ok()?;
    let scaled = (number * units).round();
    (is_whole(number, units) && scaled.abs() < i64::MAX as f64).then_some(Value::Number(scaled as i64))
}

#[cfg(test)]
mod tests;
