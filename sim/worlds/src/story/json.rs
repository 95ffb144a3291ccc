//! Reads JSON of which each key must be known; what is wrong is said with its line and its place.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::{collections::BTreeMap, fmt};

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    /// The whole text, of which the value is a part.
    text: &'a str,
    /// From the text's own value; empty for that.
    place: String,
    raw: &'a RawValue,
}

impl<'a> Item<'a> {
    /// The value that a text is.
    ///
    /// # Errors
    /// In one line, where the text is not JSON.
    pub fn of_text(text: &'a str) -> Result<Self, String> {
        match serde_json::from_str(text) {
            Ok(raw) => Ok(Self { text, place: String::new(), raw }),
            Err(error) => {
                let said = error.to_string();
                let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
                Err(format!("line {}, column {}: {what}", error.line(), error.column().max(1)))
            }
        }
    }

    /// What is wrong with it, in one line, with its place.
    pub fn wrong(&self, what: impl fmt::Display) -> String {
        // A value is read where it stands in the text, so its address says where that is.
        let offset = (self.raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let line = 1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        match self.place.as_str() {
            "" => format!("line {line}: {what}"),
            place => format!("line {line}: {place}: {what}"),
        }
    }

    fn within(&self, place: String, raw: &'a RawValue) -> Self {
        Self { text: self.text, place, raw }
    }

    fn at(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    /// The value, if it is of this type.
    pub fn read<T: Deserialize<'a>>(&self) -> Option<T> {
        serde_json::from_str(self.raw.get()).ok()
    }

    /// The value, or that it is not what it should be.
    pub fn typed<T: Deserialize<'a>>(&self, what: &str) -> Result<T, String> {
        self.read().ok_or_else(|| self.wrong(format!("{self} is not {what}")))
    }

    /// A text.
    pub fn text(&self) -> Result<String, String> {
        self.typed("text")
    }

    /// The values of a list.
    pub fn list(&self) -> Result<Vec<Self>, String> {
        let items: Vec<&RawValue> = self.typed("a list")?;
        Ok(items.into_iter().zip(0..).map(|(raw, n)| self.within(format!("{}[{n}]", self.place), raw)).collect())
    }

    /// The keys of an object.
    pub fn fields(self) -> Result<Fields<'a>, String> {
        let left = self.typed("an object")?;
        Ok(Fields { of: self, left })
    }
}

impl fmt::Display for Item<'_> {
    /// The value in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.read::<Value>() {
            Some(value) => value.fmt(f),
            None => f.write_str(self.raw.get()),
        }
    }
}

/// An object that is read key by key.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    of: Item<'a>,
    left: BTreeMap<String, &'a RawValue>,
}

impl<'a> Fields<'a> {
    pub fn take(&mut self, key: &str) -> Option<Item<'a>> {
        let raw = self.left.remove(key)?;
        Some(self.of.within(self.of.at(key), raw))
    }

    pub fn need(&mut self, key: &str) -> Result<Item<'a>, String> {
        let missing = self.of.within(self.of.at(key), self.of.raw);
        self.take(key).ok_or_else(|| missing.wrong("is missing"))
    }

    pub fn has(&self, key: &str) -> bool {
        self.left.contains_key(key)
    }

    pub fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        self.take(key).map(|item| item.text()).transpose()
    }

    pub fn truth(&mut self, key: &str) -> Result<Option<bool>, String> {
        self.take(key).map(|item| item.typed("true or false")).transpose()
    }

    pub fn list(&mut self, key: &str) -> Result<Option<Vec<Item<'a>>>, String> {
        self.take(key).map(|item| item.list()).transpose()
    }

    /// All that is left, key by key.
    pub fn rest(self) -> impl Iterator<Item = (String, Item<'a>)> {
        let Self { of, left } = self;
        left.into_iter().map(move |(key, raw)| {
            let item = of.within(of.at(&key), raw);
            (key, item)
        })
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), String> {
        match self.rest().next() {
            None => Ok(()),
            Some((_, item)) => Err(item.wrong("is not known")),
        }
    }
}
