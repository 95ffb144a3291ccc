//! The tables: which mistakes there are, and what each of them is made of.

use super::about;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Component, Path, PathBuf},
};

/// A mistake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mutant {
    /// Its name, unlike that of any other.
    pub name: String,
    /// What is wrong with it on, in a line.
    pub what: String,
    /// The world whose runs it shows itself in, as its table says.
    pub world: String,
    /// Within how many seeds of the usual campaign it must be found, if it or its table says so.
    pub soon: Option<u64>,
    /// The texts that it stands in for.
    pub edits: Vec<Edit>,
    /// What it needs besides.
    pub items: Vec<Item>,
    /// Texts that are others in the copy whichever mistake is on, such as the `const` of a function that asks which one
    /// it is. Several mistakes may need the same one. No table has them; who makes entries by a program may.
    pub always: Vec<Edit>,
}

/// A text of a file, and what takes its place while the mistake is on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The file, from the workspace's root.
    pub file: String,
    /// An expression, or whole statements. It occurs exactly once in the file, or in `within`.
    pub find: String,
    /// A text that occurs exactly once in the file, and has `find` exactly once in it.
    pub within: Option<String>,
    /// What takes the place of `find`.
    pub replace: String,
    /// Where `find` is, in bytes, if a program made this entry: then the text may occur in the file more than once.
    #[serde(skip)]
    pub at: Option<Range<usize>>,
}

/// Items that are added at the end of a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The file, from the workspace's root.
    pub file: String,
    /// The items.
    pub code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    world: String,
    /// Of those that do not say it themselves.
    soon: Option<u64>,
    #[serde(default)]
    mutant: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    what: String,
    soon: Option<u64>,
    #[serde(default)]
    edit: Vec<Edit>,
    #[serde(default)]
    item: Vec<Item>,
}

/// Reads the tables, in their order.
pub(super) fn read(root: &Path, tables: &[PathBuf]) -> Result<Vec<Mutant>, String> {
    let mut mutants = Vec::new();
    let mut tables_of = BTreeMap::new();
    for path in tables {
        let table = path.strip_prefix(root).unwrap_or(path);
        let text = fs::read_to_string(path).map_err(|error| about(table, &error))?;
        for mutant in parse(&text).map_err(|what| format!("{}: {what}", table.display()))? {
            // On the command line a name is found in whatever case it is typed.
            if let Some(other) = tables_of.insert(mutant.name.to_ascii_lowercase(), table) {
                let tables = [other, table].map(|table| table.display().to_string()).join(" and ");
                return Err(format!("{tables}: {}: there are two of this name", mutant.name));
            }
            mutants.push(mutant);
        }
    }
    Ok(mutants)
}

fn parse(text: &str) -> Result<Vec<Mutant>, String> {
    let table: Table = toml::from_str(text).map_err(|error| {
        let line = error.span().and_then(|span| text.get(..span.start)).map(|before| 1 + before.matches('\n').count());
        let place = line.map_or(String::new(), |line| format!("line {line}: "));
        format!("{place}{}", error.message().trim().replace('\n', "; "))
    })?;
    let world = table.world;
    let mutant = |Entry { name, what, soon, edit, item }| {
        let soon = soon.or(table.soon);
        let mutant = Mutant { name, what, world: world.clone(), soon, edits: edit, items: item, always: vec![] };
        check(&mutant).map_err(|wrong| format!("{}: {wrong}", mutant.name))?;
        Ok(mutant)
    };
    table.mutant.into_iter().map(mutant).collect()
}

/// What can be said of an entry without its files.
fn check(mutant: &Mutant) -> Result<(), String> {
    let Mutant { name, what, edits, items, .. } = mutant;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err("a name is of letters, digits and _".into());
    }
    if what.trim().is_empty() || what.contains('\n') {
        return Err("`what` is one line that says what is wrong".into());
    }
    if edits.is_empty() {
        return Err("it has no edit, so it would be the same with and without it".into());
    }
    for file in edits.iter().map(|edit| &edit.file).chain(items.iter().map(|item| &item.file)) {
        let stays_inside = |part| matches!(part, Component::Normal(_));
        if file.is_empty() || !Path::new(file).components().all(stays_inside) {
            return Err(format!("{file:?} is no path from the workspace's root"));
        }
    }
    for edit in edits {
        if edit.find.trim().is_empty() || edit.within.as_ref().is_some_and(|within| within.trim().is_empty()) {
            return Err(format!("{}: the text to find is empty", edit.file));
        }
        if edit.find.trim() == edit.replace.trim() {
            return Err(format!("{}: what takes the place of the text is the text itself", edit.file));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "world = \"counter\"\n[[mutant]]\nname = \"Twice\"\nwhat = \"it counts twice\"\n";
    const EDIT: &str = "[[mutant.edit]]\nfile = \"src/lib.rs\"\nfind = '''1'''\nreplace = '''2'''\n";

    fn wrong(text: &str) -> String {
        match parse(text) {
            Ok(mutants) => panic!("{text} is read: {mutants:?}"),
            Err(error) => error,
        }
    }

    #[test]
    fn a_table_is_read() {
        let item = "[[mutant.item]]\nfile = \"src/lib.rs\"\ncode = '''fn two() {}'''\n";
        let Ok(mutants) = parse(&format!("{HEAD}{EDIT}{item}")) else { panic!("it is right") };
        let [Mutant { name, what, world, edits, items, .. }] = mutants.as_slice() else { panic!("{mutants:?}") };
        assert_eq!((name.as_str(), what.as_str(), world.as_str()), ("Twice", "it counts twice", "counter"));
        assert_eq!((edits[0].find.as_str(), edits[0].replace.as_str(), &edits[0].within), ("1", "2", &None));
        assert_eq!(items[0].code, "fn two() {}");
        assert_eq!(parse("world = \"none\""), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_is_said_in_a_line() {
        assert_eq!(wrong("mutant = []"), "line 1: missing field `world`");
        assert!(wrong(&format!("{HEAD}why = \"\"\n")).starts_with("line 5: unknown field `why`"));
        assert!(wrong(&format!("{HEAD}{EDIT}whithin = \"\"\n")).starts_with("line 9: unknown field `whithin`"));
        assert_eq!(wrong(HEAD), "Twice: it has no edit, so it would be the same with and without it");
        let two_lines = HEAD.replace("counts twice", "counts\\ntwice");
        assert_eq!(wrong(&format!("{two_lines}{EDIT}")), "Twice: `what` is one line that says what is wrong");
        for file in ["/etc/passwd", "../other/src/lib.rs", ""] {
            let text = format!("{HEAD}{}", EDIT.replace("src/lib.rs", file));
            assert_eq!(wrong(&text), format!("Twice: {file:?} is no path from the workspace's root"));
        }
        let text = format!("{HEAD}{}", EDIT.replace('2', "1"));
        assert_eq!(wrong(&text), "Twice: src/lib.rs: what takes the place of the text is the text itself");
        let text = format!("{HEAD}{}", EDIT.replace("'''1'''", "''' '''"));
        assert_eq!(wrong(&text), "Twice: src/lib.rs: the text to find is empty");
        let text = format!("{}{EDIT}", HEAD.replace("Twice", "Two times"));
        assert_eq!(wrong(&text), "Two times: a name is of letters, digits and _");
    }

    #[test]
    fn a_name_is_unlike_any_other() {
        let folder = std::env::temp_dir().join(format!("planter-table-{}", std::process::id()));
        let (one, other) = (folder.join("one.toml"), folder.join("other.toml"));
        let written = fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&one, format!("{HEAD}{EDIT}")))
            .and_then(|()| fs::write(&other, format!("{}{EDIT}", HEAD.replace("Twice", "TWICE"))));
        assert!(written.is_ok(), "{written:?}");
        let (alone, both) = (read(&folder, std::slice::from_ref(&one)), read(&folder, &[one, other]));
        let gone = read(&folder, &[folder.join("gone.toml")]);
        let _ = fs::remove_dir_all(&folder);
        assert_eq!(alone.map(|mutants| mutants.len()), Ok(1));
        assert_eq!(both, Err("one.toml and other.toml: TWICE: there are two of this name".into()));
        assert!(gone.is_err_and(|error| error.starts_with("gone.toml: ")));
    }
}
