//! Requests by their names: a person reads `r3` where the machine says a ULID.

use crate::history::ledger::Ledger;
use std::collections::BTreeMap;

/// ULIDs and the request ids that they stand for.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<String, String>);

/// Characters of a ULID in its text form.
const ULID_CHARS: usize = 26;

impl Names {
    /// The names of all accepted requests. A name that is used again gets a prime.
    #[must_use]
    pub fn of(ledger: &Ledger) -> Self {
        let mut used = BTreeMap::new();
        let mut names = BTreeMap::new();
        for entry in &ledger.entries {
            let lives: &mut usize = used.entry(entry.planned).or_default();
            names.insert(entry.id.to_string(), format!("r{}{}", entry.planned, "'".repeat(*lives)));
            *lives += 1;
        }
        Self(names)
    }

    /// The text with names in the place of ULIDs.
    #[must_use]
    pub fn in_text(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
            let (before, token_on) = rest.split_at(at);
            let end = token_on.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(token_on.len());
            let (token, after) = token_on.split_at(end);
            shown.push_str(before);
            let name = (token.len() == ULID_CHARS).then(|| self.0.get(token)).flatten();
            shown.push_str(name.map_or(token, String::as_str));
            rest = after;
        }
        shown.push_str(rest);
        shown
    }
}
