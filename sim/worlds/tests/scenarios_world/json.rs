//! Reads JSON of which each key must be known; what is wrong is said with its place.

use serde_json::{Map, Value};

/// An object that is read key by key.
pub struct Fields {
    place: String,
    left: Map<String, Value>,
}

impl Fields {
    pub fn of(place: &str, value: Value) -> Result<Self, String> {
        let Value::Object(left) = value else { return Err(format!("{place}: {value} is no object")) };
        Ok(Self { place: place.to_owned(), left })
    }

    /// The place of a key.
    pub fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.place)
    }

    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.left.remove(key)
    }

    pub fn has(&self, key: &str) -> bool {
        self.left.contains_key(key)
    }

    pub fn need<T>(&self, key: &str, value: Option<T>) -> Result<T, String> {
        value.ok_or_else(|| format!("{}: is missing", self.at(key)))
    }

    pub fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        self.typed(key, "text", |value| value.as_str().map(str::to_owned))
    }

    pub fn number(&mut self, key: &str) -> Result<Option<u64>, String> {
        self.typed(key, "a whole number from 0", Value::as_u64)
    }

    pub fn truth(&mut self, key: &str) -> Result<Option<bool>, String> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub fn list(&mut self, key: &str) -> Result<Option<Vec<Value>>, String> {
        self.typed(key, "a list", |value| value.as_array().cloned())
    }

    fn typed<T>(&mut self, key: &str, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>, String> {
        let place = self.at(key);
        self.take(key).map(|value| read(&value).ok_or_else(|| format!("{place}: {value} is not {what}"))).transpose()
    }

    /// All that is left, key by key.
    pub fn rest(self) -> impl Iterator<Item = (String, Value)> {
        self.left.into_iter()
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), String> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(key) => Err(format!("{}: is not known", self.at(key))),
        }
    }
}
