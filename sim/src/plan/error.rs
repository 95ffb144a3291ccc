//! Why a text is no document of a world, in one line: where, which key, and what would be right.

use crate::nearest::nearest;
use std::{fmt, ops::Range};

/// Why a text is no document of a world. One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError(String);

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DocumentError {}

impl DocumentError {
    /// What is wrong with the text there.
    pub(super) fn at(text: &str, place: Option<Range<usize>>, what: &str) -> Self {
        let what = what.trim().replace('\n', "; ");
        let Some(start) = place.map(|place| place.start.min(text.len())).filter(|start| text.is_char_boundary(*start))
        else {
            return Self(what);
        };
        let line = 1 + text[..start].matches('\n').count();
        match key_before(&text[..start]) {
            Some(key) => Self(format!("line {line}: {key}: {what}")),
            None => Self(format!("line {line}: {what}")),
        }
    }

    /// What the parser says, without the lines that it quotes.
    pub(super) fn toml(text: &str, error: &toml::de::Error) -> Self {
        // "unknown field `x`, expected one of `a`, `b`": the nearest of them is enough.
        let message = error.message();
        let (what, names) = match message.split_once(", expected ") {
            Some((what, names)) if what.starts_with("unknown ") => (what, Some(names)),
            _ => (message, None),
        };
        let what = ["unknown", "missing"]
            .iter()
            .fold(what.to_owned(), |what, word| what.replacen(&format!("{word} field"), &format!("{word} key"), 1));
        let unknown = what.split('`').nth(1).unwrap_or_default();
        let hint = names.map(|names| nearest(unknown, names.split('`').skip(1).step_by(2))).unwrap_or_default();
        Self::at(text, error.span(), &format!("{what}{hint}"))
    }
}

/// The key whose value begins after this text.
fn key_before(text: &str) -> Option<&str> {
    let before = text.trim_end().strip_suffix('=')?.trim_end();
    let from = match before.strip_suffix('"') {
        Some(quoted) => quoted.rfind('"')?,
        None => before.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').map_or(0, |at| at + 1),
    };
    Some(&before[from..]).filter(|key| !key.is_empty())
}
