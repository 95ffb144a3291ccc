//! The list of explained survivors, `sim/worlds/mutants/survivors.toml`: mutants that nothing finds, and why nothing can.

use crate::bugs;
use durable_sim::planter::import::Imported;
use serde::Deserialize;
use std::fs;

/// Where the list is, from the workspace's root.
const LIST: &str = "sim/worlds/mutants/survivors.toml";

/// A survivor that is explained. It has no line number, so that it outlives edits elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survivor {
    /// The file, from the workspace's root.
    pub file: String,
    /// The function, with its type.
    pub function: String,
    /// The code that is other, in one line; nothing: the whole function.
    #[serde(default)]
    pub code: String,
    /// What takes its place, in one line.
    pub replacement: String,
    /// Why nobody can see it.
    pub why: String,
}

impl Survivor {
    /// Whether this mutant is meant.
    #[must_use]
    pub fn is(&self, mutant: &Imported) -> bool {
        let Imported { listed, code, replacement, .. } = mutant;
        (&*self.file, &*self.function, &self.code, &self.replacement)
            == (&*listed.file, listed.function(), code, replacement)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    survivor: Vec<Survivor>,
}

/// Reads the list.
///
/// # Errors
/// In one line: it is not there, or wrong.
pub fn explained() -> Result<Vec<Survivor>, String> {
    let text = fs::read_to_string(bugs::root().join(LIST)).map_err(|error| format!("{LIST}: {error}"))?;
    parse(&text).map_err(|what| format!("{LIST}: {what}"))
}

fn parse(text: &str) -> Result<Vec<Survivor>, String> {
    let table: Table = toml::from_str(text).map_err(|error| error.message().trim().replace('\n', "; "))?;
    let wrong = table.survivor.iter().find(|survivor| survivor.why.trim().is_empty() || survivor.why.contains('\n'));
    match wrong {
        Some(Survivor { function, .. }) => Err(format!("{function}: `why` is one line")),
        None => Ok(table.survivor),
    }
}

/// What the list says of what survived.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Explained<'a> {
    /// Those that it explains, each with why.
    pub explained: Vec<(&'a Imported, &'a Survivor)>,
    /// Those that it does not.
    pub unexplained: Vec<&'a Imported>,
    /// Explanations of nothing that survived: of a mutant that is found now, or is not there any more.
    pub stale: Vec<&'a Survivor>,
}

impl<'a> Explained<'a> {
    /// Of these survivors among all mutants of a list. That may be a list of some functions only: an explanation is stale
    /// only if its function is in it.
    #[must_use]
    pub fn of(all: &'a [Imported], survivors: &[&'a Imported], list: &'a [Survivor]) -> Self {
        let mut result = Self::default();
        for survivor in survivors {
            match list.iter().find(|explained| explained.is(survivor)) {
                Some(explained) => result.explained.push((survivor, explained)),
                None => result.unexplained.push(survivor),
            }
        }
        let is_stale = |explained: &&Survivor| {
            let of_function = |imported: &Imported| {
                (&*imported.listed.file, imported.listed.function()) == (&*explained.file, &*explained.function)
            };
            all.iter().any(of_function) && !survivors.iter().any(|survivor| explained.is(survivor))
        };
        result.stale = list.iter().filter(is_stale).collect();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use durable_sim::planter::import::import;

    const FILE: &str = "fn f(a: u32) -> bool { a < 1 }\nfn g(a: u32) -> bool { a < 2 }\n";

    /// `<` is `==` and `>` in `f`.
    fn all() -> Vec<Imported> {
        let entry = |replacement| {
            let at = |column| format!(r#"{{"line": 1, "column": {column}}}"#);
            format!(
                r#"{{"file": "a.rs", "function": {{"function_name": "f"}}, "genre": "BinaryOperator", "name": "it",
                    "replacement": "{replacement}", "span": {{"start": {}, "end": {}}}}}"#,
                at(26),
                at(27)
            )
        };
        let json = format!("[{}, {}]", entry("=="), entry(">"));
        import(&json, "M", |_| Ok(FILE.to_owned())).unwrap_or_else(|error| panic!("{error}"))
    }

    fn list(function: &str, replacement: &str) -> Vec<Survivor> {
        let text = format!(
            "[[survivor]]\nfile = \"a.rs\"\nfunction = \"{function}\"\ncode = \"a < 1\"\nreplacement = \"{replacement}\"\nwhy = \"a is 0\"\n"
        );
        parse(&text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_survives_is_explained_or_not() {
        let all = all();
        let both: Vec<&Imported> = all.iter().collect();
        let list = list("f", "a == 1");
        let Explained { explained, unexplained, stale } = Explained::of(&all, &both, &list);
        assert_eq!((explained, unexplained, stale.len()), (vec![(&all[0], &list[0])], vec![&all[1]], 0));
    }

    #[test]
    fn what_explains_nothing_is_stale() {
        let all = all();
        let (second, killed) = (vec![&all[1]], list("f", "a == 1"));
        assert_eq!(Explained::of(&all, &second, &killed).stale, [&killed[0]], "it is found now");
        let gone = list("f", "a != 1");
        assert_eq!(Explained::of(&all, &second, &gone).stale, [&gone[0]], "it is not there any more");
        assert_eq!(Explained::of(&all, &second, &list("g", "a == 1")).stale, [&killed[0]; 0], "the list has no g");
    }

    #[test]
    fn an_explanation_is_a_line() {
        let text = "[[survivor]]\nfile = \"a.rs\"\nfunction = \"f\"\nreplacement = \"\"\nwhy = \" \"\n";
        assert_eq!(parse(text), Err("f: `why` is one line".to_owned()));
        assert!(parse("[[survivors]]\n").is_err());
    }
}
