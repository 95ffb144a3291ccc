//! Mistakes that another program lists: those of [cargo-mutants](https://mutants.rs), in the JSON that
//! `cargo mutants --list --json` prints.
//!
//! cargo-mutants builds and tests each of its mutants by itself. Here they become entries like those of a [`table`](super::table),
//! so that one build has all of them: each replaces the smallest expression around what cargo-mutants changes, since a
//! condition must stand where an expression may.

mod list;
mod place;

pub use list::{Genre, Listed};

use super::table::Mutant;
use place::Source;
use std::collections::BTreeMap;

/// A mistake of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What the list says.
    pub listed: Listed,
    /// The code that is other, in one line; of a whole function nothing.
    pub code: String,
    /// What takes its place, in one line.
    pub replacement: String,
    /// The entry that can be planted, or why there is none.
    pub mutant: Result<Mutant, String>,
}

/// Reads a list. Its mistakes get names of this prefix and a number, from 1 in the order of the list. `read` gives the text
/// of a file by its path from the workspace's root.
///
/// # Errors
/// In one line: it is no such list, or it is of other sources than these.
pub fn import(
    json: &str,
    prefix: &str,
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<Imported>, String> {
    let listed = list::read(json)?;
    let mut sources = BTreeMap::new();
    for file in listed.iter().map(|listed| &listed.file) {
        if !sources.contains_key(file) {
            let text = read(file).map_err(|error| format!("{file}: {error}"))?;
            sources.insert(file.clone(), Source::parse(file, text)?);
        }
    }
    let of = |(number, listed): (usize, Listed)| {
        // Each file was read above.
        let source = sources.get(&listed.file).ok_or_else(|| format!("{}: it was not read", listed.file))?;
        source.import(listed, &format!("{prefix}{}", number + 1))
    };
    listed.into_iter().enumerate().map(of).collect()
}
