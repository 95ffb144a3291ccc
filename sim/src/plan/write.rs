//! From a document to its text: what is not plain, in the order of a story.

use super::{Document, Schema};
use crate::decide::{Field, Place, Script, Table, Value};
use std::fmt::Write as _;

/// The document as a text that [`read`](super::read) reads: comments, a line each; texts of the head; and what it says.
///
/// # Panics
/// If it would not be read as it is: it has what is not in the schema or beyond its bounds (see [`Schema::check`]), or
/// two subjects are written alike.
#[must_use]
#[track_caller]
pub fn write(schema: &Schema, comments: &[String], head: &[(&str, &str)], document: &Document) -> String {
    if let Err(what) = schema.check(document) {
        panic!("the document cannot be written: {what}");
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    for comment in comments {
        let _ = writeln!(text, "# {comment}");
    }
    for (key, value) in head {
        let _ = writeln!(text, "{key} = {}", quoted(value));
    }
    if let Some(seed) = document.seed {
        let _ = writeln!(text, "seed = {seed}");
    }
    for (key, value) in in_order(schema.settings.iter().flat_map(|fields| fields.iter()), &document.settings) {
        let _ = writeln!(text, "{key} = {value}");
    }
    let filled = |name: &str| document.lists.get(name).filter(|items| !items.is_empty());
    for list in schema.lists.iter().filter(|list| list.prefix.is_empty()) {
        let Some(items) = filled(list.name) else { continue };
        let _ = writeln!(text, "{} = [", list.name);
        for item in items.values() {
            let _ = writeln!(text, "  {},", inline(list.fields.iter(), item));
        }
        text.push_str("]\n");
    }
    if !document.rates.is_empty() {
        head_line(&mut text, "rates");
        for (key, value) in in_order(schema.rates.iter().flat_map(|fields| fields.iter()), &document.rates) {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
    for list in schema.lists.iter().filter(|list| !list.prefix.is_empty()) {
        let Some(items) = filled(list.name) else { continue };
        head_line(&mut text, list.name);
        for (number, item) in items {
            let _ = writeln!(text, "{}{number} = {}", list.prefix, inline(list.fields.iter(), item));
        }
    }
    if !document.script.is_empty() {
        head_line(&mut text, "decisions");
    }
    for line in decision_lines(&document.script) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Where a part begins, after an empty line if it is not the first.
fn head_line(text: &mut String, name: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "[{name}]");
}

/// The decisions as a file has them, a line for each place.
pub fn decision_lines(script: &Script) -> impl Iterator<Item = String> {
    let line = |(place, table): (&Place, &Table)| format!("\"{place}\" = {}", inline(place.point.fields.iter(), table));
    script.0.iter().map(line)
}

/// What a table says, as it is written, in the order of the declaration.
fn in_order<'a>(fields: impl Iterator<Item = &'a Field>, table: &Table) -> impl Iterator<Item = (&'a str, String)> {
    fields.filter_map(|field| {
        let value = *table.get(field.name)?;
        let text = field.text(value);
        let text = match value {
            Value::Word(_) => quoted(&text),
            Value::Flag(_) | Value::Number(_) => text,
        };
        Some((field.name, text))
    })
}

/// A table in one line.
fn inline<'a>(fields: impl Iterator<Item = &'a Field>, table: &Table) -> String {
    let said: Vec<String> = in_order(fields, table).map(|(key, value)| format!("{key} = {value}")).collect();
    if said.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", said.join(", ")) }
}

/// A text in quotes, as TOML's basic strings have it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
