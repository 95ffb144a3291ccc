//! From the entries of a table to the texts of the copy.

use super::{
    crates::Crates,
    module,
    table::{Edit, Item, Mutant},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
    path::Path,
};

/// Why a mistake cannot be planted, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    pub(super) const fn general(what: String) -> Self {
        Self(what)
    }

    fn new(file: &str, mutants: &[&str], what: &str) -> Self {
        Self(format!("{file}: {}: {what}", mutants.join(" and ")))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every mistake, planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    /// How many mistakes.
    pub mutants: usize,
    /// The files that differ from those of the workspace, by their paths from its root.
    pub files: BTreeMap<String, String>,
    /// Where in these files the text of each mistake is, with its number.
    pub(super) branches: BTreeMap<String, Vec<(Range<usize>, usize)>>,
}

/// An edit or items, with the mistake's number and name.
struct Of<'a, T> {
    number: usize,
    name: &'a str,
    what: &'a T,
}

impl<T> Clone for Of<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Of<'_, T> {}

/// Plants all mistakes. `read` gives the text of a file.
pub(super) fn plant(
    mutants: &[Mutant],
    crates: &Crates,
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<Planted, Vec<Problem>> {
    let mut problems = Vec::new();
    let (edits, items) = (by_file(mutants, |mutant| &mutant.edits), by_file(mutants, |mutant| &mutant.items));
    let always = by_file(mutants, |mutant| &mutant.always);
    let (mut files, mut branches) = (BTreeMap::new(), BTreeMap::new());
    for file in edits.keys().chain(items.keys()).chain(always.keys()).copied().collect::<BTreeSet<_>>() {
        let (edits, always) = (of_file(&edits, file), of_file(&always, file));
        let items = of_file(&items, file);
        match read(file) {
            Ok(text) => {
                let planted = plant_file(file, &text, edits, always, &mut problems);
                files.insert(file.to_owned(), with_items(planted.text, items));
                branches.insert(file.to_owned(), planted.branches);
            }
            Err(error) => {
                let names = edits.iter().chain(always).map(|of| of.name).chain(items.iter().map(|of| of.name));
                problems.extend(names.map(|name| Problem::new(file, &[name], &error)));
            }
        }
    }
    let mut roots = BTreeSet::new();
    for (file, edits) in &edits {
        let of_file = crates.roots_of(Path::new(file));
        if of_file.is_empty() {
            problems.extend(
                edits.iter().map(|of| Problem::new(file, &[of.name], "it belongs to no crate of the workspace")),
            );
        }
        roots.extend(of_file.into_iter().map(|root| root.to_string_lossy().into_owned()));
    }
    let module = module::text(mutants);
    for root in roots {
        let text = match files.remove(&root).map_or_else(|| read(&root), Ok) {
            Ok(text) => text + &module,
            Err(error) => {
                problems.push(Problem::general(format!("{root}: {error}")));
                continue;
            }
        };
        files.insert(root, text);
    }
    if problems.is_empty() { Ok(Planted { mutants: mutants.len(), files, branches }) } else { Err(problems) }
}

/// What is planted in a file: an edit, or items.
trait InFile {
    fn file(&self) -> &str;
}

impl InFile for Edit {
    fn file(&self) -> &str {
        &self.file
    }
}

impl InFile for Item {
    fn file(&self) -> &str {
        &self.file
    }
}

fn by_file<T: InFile>(mutants: &[Mutant], of: impl Fn(&Mutant) -> &Vec<T>) -> BTreeMap<&str, Vec<Of<'_, T>>> {
    let mut files = BTreeMap::<&str, Vec<Of<'_, T>>>::new();
    for (number, mutant) in mutants.iter().enumerate() {
        for what in of(mutant) {
            files.entry(what.file()).or_default().push(Of { number, name: &mutant.name, what });
        }
    }
    files
}

fn of_file<'a, T>(all: &'a BTreeMap<&str, Vec<Of<'a, T>>>, file: &str) -> &'a [Of<'a, T>] {
    all.get(file).map_or(&[], Vec::as_slice)
}

/// Two mistakes may need the same items.
fn with_items(mut text: String, items: &[Of<'_, Item>]) -> String {
    let mut added = BTreeSet::new();
    for Of { what, .. } in items {
        if added.insert(what.code.trim()) {
            text.push_str(&format!("\n{}\n", what.code.trim()));
        }
    }
    text
}

/// A text of the file, all that may take its place, and what lies within it.
struct Site<'a> {
    span: Range<usize>,
    chain: Vec<Of<'a, Edit>>,
    within: Vec<Site<'a>>,
    /// What takes its place whichever mistake is on: then there is no chain.
    always: Option<&'a str>,
}

fn plant_file(
    file: &str,
    text: &str,
    edits: &[Of<'_, Edit>],
    always: &[Of<'_, Edit>],
    problems: &mut Vec<Problem>,
) -> Rendered {
    let mut found = Vec::new();
    let switched = edits.iter().map(|of| (of, None));
    for (of, always) in switched.chain(always.iter().map(|of| (of, Some(of.what.replace.as_str())))) {
        match span(text, of.what) {
            Ok(span) => found.push((span, *of, always)),
            Err(what) => problems.push(Problem::new(file, &[of.name], &what)),
        }
    }
    // What begins first or reaches further is without what lies in it; at one text the table's order stays.
    found.sort_by_key(|(span, ..)| (span.start, std::cmp::Reverse(span.end)));
    let mut sites: Vec<Site<'_>> = Vec::new();
    for (span, of, always) in found {
        if let Err(what) = insert(&mut sites, span, of, always) {
            problems.push(what.into_problem(file, of.name));
        }
    }
    let mut rendered = Rendered::default();
    rendered.copy(text, 0..text.len(), &sites);
    rendered
}

/// Why an edit has no place beside another one.
enum Clash<'a> {
    Overlap(&'a str),
    Twice,
}

impl Clash<'_> {
    fn into_problem(self, file: &str, name: &str) -> Problem {
        match self {
            Self::Overlap(other) => {
                Problem::new(file, &[other, name], "their texts overlap, and neither lies within the other")
            }
            Self::Twice => Problem::new(file, &[name], "it has two edits at one text"),
        }
    }
}

/// Puts an edit to its place. Those that begin before it, or begin with it and reach further, are there.
fn insert<'a>(
    sites: &mut Vec<Site<'a>>,
    span: Range<usize>,
    of: Of<'a, Edit>,
    always: Option<&'a str>,
) -> Result<(), Clash<'a>> {
    let Some(last) = sites.last_mut().filter(|last| span.start < last.span.end) else {
        sites.push(Site { span, chain: vec![of], within: Vec::new(), always });
        return Ok(());
    };
    let first = last.chain.first().map_or(of.name, |first| first.name);
    if last.always.is_some() || always.is_some() && last.span == span {
        let is_same = last.always == always && last.span == span;
        if is_same { Ok(()) } else { Err(Clash::Overlap(first)) }
    } else if last.span == span {
        if last.chain.iter().any(|other| other.number == of.number) {
            return Err(Clash::Twice);
        }
        last.chain.push(of);
        Ok(())
    } else if span.end <= last.span.end {
        insert(&mut last.within, span, of, always)
    } else {
        Err(Clash::Overlap(first))
    }
}

/// Where the text of an edit is.
fn span(text: &str, edit: &Edit) -> Result<Range<usize>, String> {
    if let Some(at) = &edit.at {
        let is_there = text.get(at.clone()) == Some(&edit.find);
        return if is_there { Ok(at.clone()) } else { Err(format!("the text is not there: {}", shown(&edit.find))) };
    }
    let Some(within) = &edit.within else { return once(text, &edit.find, "the text") };
    let outer = once(text, within, "the text to look within")?;
    let inner = once(&text[outer.clone()], &edit.find, "in the text to look within, the text")?;
    Ok(outer.start + inner.start..outer.start + inner.end)
}

/// The one place of `find` in a text. White space around it does not count.
fn once(text: &str, find: &str, what: &str) -> Result<Range<usize>, String> {
    let find = find.trim();
    let first = text.find(find);
    let last = text.rfind(find);
    match (first, last) {
        (Some(first), Some(last)) if first == last => Ok(first..first + find.len()),
        (Some(_), Some(_)) => Err(format!("{what} is found more than once: {}", shown(find))),
        (None, _) | (_, None) => Err(format!("{what} is not found: {}", shown(find))),
    }
}

/// The first line of a text, for a message of one line.
fn shown(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if rest.is_empty() { format!("`{first}`") } else { format!("`{first} …`") }
}

/// A planted text, as it is written.
#[derive(Default)]
struct Rendered {
    text: String,
    /// Where the text of each mistake is, with its number.
    branches: Vec<(Range<usize>, usize)>,
}

impl Rendered {
    /// Writes this part of the file, with what is planted in it.
    fn copy(&mut self, text: &str, span: Range<usize>, sites: &[Site<'_>]) {
        let mut at = span.start;
        for site in sites {
            self.text.push_str(&text[at..site.span.start]);
            match site.always {
                Some(other) => self.text.push_str(other),
                None => self.switched(text, site),
            }
            at = site.span.end;
        }
        self.text.push_str(&text[at..span.end]);
    }

    /// Writes the text of a site behind the conditions of its mistakes.
    fn switched(&mut self, text: &str, site: &Site<'_>) {
        // Statements, or an expression in braces, stand where such may stand; any other expression may be an operand.
        let is_operand = !text[site.span.clone()].ends_with([';', '}']);
        self.text.push_str(if is_operand { "(" } else { "" });
        for of in &site.chain {
            self.text.push_str(&format!("if {} {{ ", module::condition(of.number)));
            let start = self.text.len();
            self.text.push_str(of.what.replace.trim());
            self.branches.push((start..self.text.len(), of.number));
            // What takes the place may end with a comment: what follows it begins a line.
            self.text.push_str("\n} else ");
        }
        self.text.push_str("{ ");
        self.copy(text, site.span.clone(), &site.within);
        self.text.push_str(if is_operand { " })" } else { " }" });
    }
}

#[cfg(test)]
mod tests;
