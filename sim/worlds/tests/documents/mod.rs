//! What documents and comments name: links, paths, facts of the platform, laws. Whatever is not there is told in words.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Folders that are never looked into: nobody writes what is in them.
const SKIPPED: [&str; 7] =
    [".git", ".wrangler", "node_modules", "target", "worker/build", "worker/npm/dist", "worker/target"];

/// Paths that a build makes, and why a document may name what is not there yet.
const MADE: [(&str, &str); 5] = [
    ("target", "cargo makes it"),
    ("worker/build", "`cargo xtask worker-build` makes it"),
    ("worker/node_modules", "npm makes it"),
    ("worker/npm/dist", "`npm pack` makes it"),
    ("worker/target", "the suites of the worker write their records there"),
];

/// Names of files that are not of this repository.
const OTHERS: [(&str, &str); 2] = [
    ("index.js", "the compiled worker, which a build puts beside its types"),
    ("wrangler.jsonc", "each worker has one, that of a reader too"),
];

/// The test of this finder, whose texts are made up.
const ITSELF: &str = "sim/worlds/tests/links.rs";

/// What is a file's name, and not the end of a sentence or of a method.
const EXTENSIONS: [&str; 12] = ["rs", "md", "toml", "ts", "mjs", "js", "json", "jsonc", "snap", "path", "lock", "sh"];

/// All that a repository holds, by its path from the root, and what its documents have to be linked to.
#[derive(Default)]
pub struct Repository {
    files: BTreeMap<String, String>,
    folders: BTreeSet<String>,
    /// The last part of each folder's path.
    names: BTreeSet<String>,
    anchors: BTreeMap<String, BTreeSet<String>>,
    /// What may be cited: facts of the platform, laws and faults.
    pub ids: BTreeSet<String>,
}

impl Repository {
    /// What is below this folder, with the text of what people read.
    pub fn read(root: &Path) -> Self {
        let mut found = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(root.join(&folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
            for entry in entries.filter_map(Result::ok) {
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = join(&folder, &name);
                if SKIPPED.contains(&name.as_str()) || SKIPPED.contains(&path.as_str()) {
                    continue;
                }
                if entry.path().is_dir() {
                    folders.push(path);
                } else {
                    let text = kind(&path).and_then(|_| fs::read_to_string(entry.path()).ok()).unwrap_or_default();
                    found.push((path, text));
                }
            }
        }
        Self::of(found)
    }

    /// One of these files.
    pub fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut it = Self::default();
        for (path, text) in files {
            for folder in above(&path).filter(|folder| !folder.is_empty()) {
                it.folders.insert(folder.to_owned());
                it.names.extend(folder.rsplit('/').next().map(str::to_owned));
            }
            if kind(&path) == Some(Kind::Document) {
                it.anchors.insert(path.clone(), anchors(&text));
            }
            it.files.insert(path, text);
        }
        it
    }

    /// The text of a file that people read.
    pub fn text(&self, path: &str) -> &str {
        self.files.get(path).map(String::as_str).unwrap_or_default()
    }

    /// All that is wrong, a sentence each, by file and line.
    pub fn complaints(&self) -> Vec<String> {
        let mut used = BTreeSet::new();
        let mut all = Vec::new();
        for (path, text) in &self.files {
            let Some(kind) = kind(path).filter(|_| path != ITSELF) else { continue };
            let around: Vec<String> = above(path).map(str::to_owned).collect();
            let around = self.with_sources(&around);
            let mut reader = Reader { repository: self, path, around, used: &mut used, complaints: Vec::new() };
            match kind {
                Kind::Document => reader.document(text),
                Kind::Source => reader.source(text),
            }
            let mut complaints = reader.complaints;
            complaints.sort();
            all.extend(complaints.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")));
        }
        let needless = MADE.iter().chain(&OTHERS).filter(|(name, _)| !used.contains(*name));
        all.extend(needless.map(|(name, _)| format!("nothing names {name} any more: take it out of the exceptions")));
        all
    }

    /// These folders, and the `src` of each that has one; that of the root is named in full.
    fn with_sources(&self, folders: &[String]) -> Vec<String> {
        let sources = folders.iter().filter(|folder| !folder.is_empty()).map(|folder| join(folder, "src"));
        let sources = sources.filter(|folder| self.folders.contains(folder));
        folders.iter().cloned().chain(sources).collect()
    }

    fn has(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.folders.contains(path) || path.is_empty()
    }

    /// Whether something is there by this name, in which a `*` stands for anything.
    fn has_like(&self, path: &str) -> bool {
        let Some((start, end)) = path.split_once('*') else { return self.has(path) };
        self.files.keys().any(|file| file.starts_with(start) && file.ends_with(end))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Document,
    Source,
}

fn kind(path: &str) -> Option<Kind> {
    match path.rsplit_once('.') {
        Some((_, "md")) => Some(Kind::Document),
        Some((_, "rs" | "ts" | "mjs" | "js" | "toml" | "jsonc")) => Some(Kind::Source),
        _ if path == ".ci/run" => Some(Kind::Source),
        _ => None,
    }
}

fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

/// The folder that this is in.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folders that this is in, the innermost first, the root last.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(parent(path)), |folder| (!folder.is_empty()).then(|| parent(folder)))
}

/// `a/./b/../c` is `a/c`; `None`: it leads out of the repository.
fn normal(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match (event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
            (Event::Text(text) | Event::Code(text), Some(heading)) => heading.push_str(&text),
            (Event::End(TagEnd::Heading(_)), _) => {
                let slug = slug(&heading.take().unwrap_or_default());
                let again = (1..).map(|number| format!("{slug}-{number}"));
                let free = [slug.clone()].into_iter().chain(again).find(|name| !anchors.contains(name));
                anchors.extend(free);
            }
            _ => {}
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

struct Reader<'a> {
    repository: &'a Repository,
    path: &'a str,
    /// Where a path in it may begin: at a folder around it, or at the `src` of one.
    around: Vec<String>,
    /// Exceptions that were needed.
    used: &'a mut BTreeSet<&'static str>,
    complaints: Vec<(usize, String)>,
}

impl Reader<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most of what a document may have names nothing")]
    fn document(&mut self, text: &str) {
        let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let line = |at: usize| lines.partition_point(|end| *end < at) + 1;
        // Folders that the headings above name, and those that this paragraph or row has named so far.
        let mut above: Vec<(HeadingLevel, Vec<String>)> = Vec::new();
        let mut here: Vec<String> = Vec::new();
        let (mut in_block, mut in_link) = (false, false);
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    above.retain(|(other, _)| *other < level);
                    above.push((level, Vec::new()));
                    here.clear();
                }
                Event::End(TagEnd::Heading(_)) => {
                    if let Some((_, folders)) = above.last_mut() {
                        *folders = std::mem::take(&mut here);
                    }
                }
                Event::Start(Tag::Paragraph | Tag::TableRow | Tag::Item) => here.clear(),
                Event::Start(Tag::CodeBlock(_)) => in_block = true,
                Event::End(TagEnd::CodeBlock) => in_block = false,
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    in_link = true;
                    self.link(line(range.start), &dest_url);
                }
                Event::End(TagEnd::Link | TagEnd::Image) => in_link = false,
                // What is the text of a link is what that leads to.
                Event::Code(code) if !in_link => {
                    let above = above.iter().flat_map(|(_, folders)| folders);
                    let bases: Vec<String> = above.chain(&here).cloned().collect();
                    for word in code.split_whitespace() {
                        here.extend(self.word(line(range.start), word, true, &bases));
                    }
                }
                Event::Text(text) if in_block => {
                    for (below, text) in text.lines().enumerate() {
                        // A name alone is one of the reader's own files.
                        for word in words(text).filter(|word| word.contains('/') && !word.starts_with('.')) {
                            self.word(line(range.start) + below, word, false, &[]);
                        }
                    }
                }
                _ => {}
            }
        }
        for (number, text) in text.lines().enumerate() {
            self.cited(number + 1, text, is_id);
        }
    }

    fn source(&mut self, text: &str) {
        let is_hash = self.path.ends_with(".toml") || self.path == ".ci/run";
        let mut is_inside = false;
        for (number, line) in text.lines().enumerate() {
            let comment =
                if is_hash { line.split_once('#').map(|(_, comment)| comment) } else { comment(line, &mut is_inside) };
            let mut here = Vec::new();
            for (place, part) in comment.unwrap_or_default().split('`').enumerate() {
                for word in words(part) {
                    let bases = here.clone();
                    here.extend(self.word(number + 1, word, place % 2 == 1, &bases));
                }
            }
            self.cited(number + 1, comment.unwrap_or_default(), is_id);
            // A text that the program prints names documents and facts too.
            if comment.is_none() && line.contains(".md") {
                for word in words(line).filter(|word| word.ends_with(".md")) {
                    self.word(number + 1, word, false, &[]);
                }
            }
            if comment.is_none() && line.contains('A') {
                self.cited(number + 1, line, is_fact);
            }
        }
    }

    fn link(&mut self, line: usize, to: &str) {
        if to.contains(':') {
            return;
        }
        let (path, anchor) = to.split_once('#').map_or((to, None), |(path, anchor)| (path, Some(anchor)));
        let target = if path.is_empty() { Some(self.path.to_owned()) } else { normal(&join(parent(self.path), path)) };
        let Some(target) = target.filter(|target| self.repository.has(target)) else {
            return self.complain(line, format!("the link leads to {path}, which is not there"));
        };
        if let Some(anchor) = anchor
            && !self.repository.anchors.get(&target).is_some_and(|anchors| anchors.contains(anchor))
        {
            self.complain(line, format!("the link leads to #{anchor}, but {target} has no such heading"));
        }
    }

    /// Complains of a path that is not there; the folder that it names, to look for others in.
    fn word(&mut self, line: usize, word: &str, is_code: bool, bases: &[String]) -> Option<String> {
        if !(word.contains(['/', '.']) || is_code && self.repository.names.contains(word)) {
            return None;
        }
        let word = word.trim_start_matches("./");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/*".contains(c);
        if word.is_empty() || word.starts_with('/') || !word.chars().all(is_plain) || word.contains("//") {
            return None;
        }
        let bases = self.repository.with_sources(bases);
        let places = self.around.iter().chain(&bases);
        let found: Vec<String> = places.clone().filter_map(|base| normal(&join(base, word))).collect();
        if let Some(path) = found.iter().find(|path| self.repository.has_like(path)) {
            return self.repository.folders.contains(path).then(|| path.clone());
        }
        let is_made = |name: &str| found.iter().any(|path| path == name || path.starts_with(&format!("{name}/")));
        let exception =
            MADE.iter().find(|(name, _)| is_made(name)).or_else(|| OTHERS.iter().find(|(name, _)| *name == word));
        if let Some((name, _)) = exception {
            self.used.insert(name);
            return None;
        }
        let (stem, extension) = word.rsplit('/').next()?.rsplit_once('.').unwrap_or((word, ""));
        let is_file = !stem.is_empty() && EXTENSIONS.contains(&extension);
        let is_folder = is_code && word.ends_with('/');
        let begins_here = word.split_once('/').is_some_and(|(first, _)| {
            !first.contains('*') && places.clone().any(|base| self.repository.has(&join(base, first)))
        });
        if is_file || is_folder || begins_here {
            self.complain(line, format!("{word} is not there"));
        }
        None
    }

    /// Complains of a fact, a law or a fault that nobody knows.
    fn cited(&mut self, line: usize, text: &str, is_id: fn(&str) -> bool) {
        let mut before = "";
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')) {
            let word = word.trim_end_matches('.');
            if word.is_empty() {
                continue;
            }
            if is_id(word) {
                let is_fault_as_law = word.starts_with('F') && matches!(before, "law" | "laws" | "Law");
                if is_fault_as_law {
                    self.complain(line, format!("{word} is a fault, not a law"));
                } else if !self.repository.ids.contains(word) {
                    self.complain(
                        line,
                        format!("{word} is cited, which neither docs/laws.md nor docs/platform.md has"),
                    );
                }
            }
            before = word;
        }
    }

    fn complain(&mut self, line: usize, what: String) {
        self.complaints.push((line, what));
    }
}

/// `S6`, `F29`, `A3.2`: a law, a fault, a fact of the platform.
fn is_id(word: &str) -> bool {
    let number = word.strip_prefix(['S', 'L', 'Q', 'F']);
    number.is_some_and(is_number) || is_fact(word)
}

fn is_fact(word: &str) -> bool {
    let numbers = word.strip_prefix('A').map(|numbers| numbers.split('.'));
    numbers.is_some_and(|mut numbers| numbers.clone().count() <= 2 && numbers.all(is_number))
}

fn is_number(text: &str) -> bool {
    (1..=2).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit())
}

/// What of this line is a comment, and whether a block of one is still open.
fn comment<'a>(line: &'a str, is_inside: &mut bool) -> Option<&'a str> {
    let start = if *is_inside {
        Some(0)
    } else {
        let slashes = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with([':', '"', '\'', '/', '`']));
        let block = line.find("/*").filter(|at| line[..*at].trim().is_empty());
        *is_inside = block.is_some();
        block.or(slashes.map(|(at, _)| at))
    };
    *is_inside &= !line.contains("*/");
    start.map(|at| line[at..].trim_start_matches(['/', '*', '!']))
}

/// The words of a text without the punctuation around them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_around = |c: char| {
        matches!(
            c,
            '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '"' | '\'' | '`' | ',' | ';' | ':' | '!' | '?' | '|'
        )
    };
    let is_between = move |c: char| c.is_whitespace() || is_around(c);
    text.split(is_between).map(|word| word.trim_end_matches('.'))
}
