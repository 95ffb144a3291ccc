//! Documents are held to the repository: their links and paths lead somewhere, those in comments too, and the page of the
//! laws says what the code has.
#![allow(missing_docs, reason = "a test")]

mod documents;

use documents::Repository;
use durable_sim::plan::{Simulation, read};
use proxy_fetch_sim::{
    bugs::MUTANTS,
    laws::LAWS as PROMISED,
    proxy::{ProxyRuns, coverage::FAULTS_HIT},
    queue::{self, QueueRuns},
};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::{collections::BTreeSet, path::Path, sync::LazyLock};

const LAWS: &str = "docs/laws.md";
const PLATFORM: &str = "docs/platform.md";

/// A fault that neither world injects: the native host's own tests do, and the run of its shell on madsim.
const OF_THE_SERVER: &str = "F31";

static REPOSITORY: LazyLock<Repository> = LazyLock::new(|| {
    let mut repository = Repository::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    let pages = [LAWS, PLATFORM].map(|page| rows(repository.text(page)));
    let facts = repository.text(PLATFORM).lines().filter_map(|line| line.strip_prefix("## ")?.split_once('.'));
    let facts: Vec<String> = facts.map(|(id, _)| id.to_owned()).collect();
    repository.ids = pages.into_iter().flatten().map(|row| row.id).chain(facts).collect();
    repository
});

#[test]
fn every_link_and_path_leads_to_what_is_there() {
    let mut complaints = REPOSITORY.complaints();
    // What the reader makes there.
    let is_made = |complaint: &str| {
        let makes = ["src/main.rs", "src/object.rs", "scenarios/thanks.toml"];
        complaint.starts_with("sim/QUICKSTART.md:") && makes.iter().any(|file| complaint.contains(file))
    };
    complaints.retain(|complaint| !is_made(complaint));
    assert!(complaints.is_empty(), "{} dead references:\n{}", complaints.len(), complaints.join("\n"));
}

/// That its trace is what is printed, `cargo sim mutants` sees.
#[test]
fn the_failure_that_readme_shows_is_of_a_law_and_a_bug() {
    let readme = REPOSITORY.text("README.md");
    let shown = readme.split("\n```").find(|block| block.contains("\nbug = \""));
    let Some(shown) = shown else { panic!("README shows no failure that was made small") };
    let is_trace = |line: &&str| line.starts_with("    ");
    let file = shown.lines().skip_while(|line| !line.starts_with('#'));
    let file: Vec<&str> = file.take_while(|line| !is_trace(line)).collect();
    let scenario = read(ProxyRuns::SCHEMA, &file.join("\n"));
    let (keys, _) = scenario.unwrap_or_else(|error| panic!("README's scenario: {error}"));
    let law = PROMISED.iter().find(|law| law.name == keys["law"]);
    let mutants = MUTANTS.planter().mutants().unwrap_or_else(|error| panic!("{error}"));
    let bug = mutants.iter().find(|mutant| mutant.name == keys["bug"]);
    let (Some(law), Some(bug)) = (law, bug) else { panic!("README's scenario names {keys:?}") };
    let head = [format!("# {}: {}.", law.name, law.promises), format!("# {}: {}.", bug.name, bug.what)];
    assert_eq!(file[..2], head, "README's scenario begins so");
}

/// A row of a page's tables: under which heading, what it is of, and what it says.
struct Row {
    heading: String,
    id: String,
    says: String,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most of what a page may have is no table")]
fn rows(page: &str) -> Vec<Row> {
    let (mut rows, mut heading, mut cells, mut text) = (Vec::new(), String::new(), Vec::new(), String::new());
    for event in Parser::new_ext(page, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. } | Tag::TableCell) => text.clear(),
            Event::Start(Tag::TableRow) => cells.clear(),
            Event::Text(part) | Event::Code(part) => text.push_str(&part),
            Event::End(TagEnd::Heading(_)) => heading.clone_from(&text),
            Event::End(TagEnd::TableCell) => cells.push(text.trim().to_owned()),
            Event::End(TagEnd::TableRow) => {
                if let [id, says, ..] = cells.as_slice() {
                    rows.push(Row { heading: heading.clone(), id: id.clone(), says: says.clone() });
                }
            }
            _ => {}
        }
    }
    rows
}

/// What is wrong with the rows under this heading, if they should be of these.
fn differences(rows: &[Row], heading: &str, should: &BTreeSet<String>) -> Vec<String> {
    let under: Vec<&Row> = rows.iter().filter(|row| row.heading == heading).collect();
    let count = |id: &str| under.iter().filter(|row| row.id == id).count();
    let missing = should.iter().filter(|id| count(id) == 0).map(|id| format!("{id} is missing"));
    let twice = should.iter().filter(|id| count(id) > 1).map(|id| format!("{id} stands there more than once"));
    let unknown = under.iter().filter(|row| !should.contains(&row.id)).map(|row| format!("the code has no {}", row.id));
    let is_sentence = |row: &Row| row.says.contains(' ') && row.says.ends_with('.');
    let empty = under.iter().filter(|row| !is_sentence(row)).map(|row| format!("{} has no sentence", row.id));
    missing.chain(twice).chain(unknown).chain(empty).map(|what| format!("{LAWS}, {heading:?}: {what}")).collect()
}

#[test]
fn the_page_of_the_laws_has_each_law_and_fault_of_the_code_once() {
    let rows = rows(REPOSITORY.text(LAWS));
    let names = |laws: &[&durable_sim::Law]| laws.iter().map(|law| law.name.to_owned()).collect();
    let (object, queue) = (names(ProxyRuns::LAWS), names(QueueRuns::LAWS));
    let faults = FAULTS_HIT.rows.iter().chain(queue::coverage::FAULTS_HIT.rows);
    let faults = faults.filter_map(|fault| fault.split(' ').next()).chain([OF_THE_SERVER]);
    let faults = faults.map(str::to_owned).collect();
    let pages = [("The object's laws", object), ("The queue's laws", queue), ("The faults", faults)];
    let mut wrong: Vec<String> =
        pages.iter().flat_map(|(heading, should)| differences(&rows, heading, should)).collect();
    let elsewhere = rows.iter().filter(|row| pages.iter().all(|(heading, _)| *heading != row.heading));
    wrong.extend(elsewhere.map(|row| format!("{LAWS}: {} stands under {:?}", row.id, row.heading)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A made-up repository.
fn made_up(document: &str, source: &str) -> Vec<String> {
    let files = [
        ("README.md", document),
        ("docs/page.md", "# A page\n\n## The `src/` of it: 2 things\n\n## Twice\n\n## Twice\n"),
        ("src/lib.rs", source),
        ("src/laws/one.rs", ""),
        ("notes/a_1.snap", ""),
    ];
    let mut repository = Repository::of(files.map(|(path, text)| (path.to_owned(), text.to_owned())));
    repository.ids = ["S1", "F10", "A3", "A3.2"].map(str::to_owned).into();
    let needless = |what: &String| what.starts_with("nothing names");
    repository.complaints().into_iter().filter(|what| !needless(what)).collect()
}

#[test]
fn what_leads_nowhere_is_found_in_a_document() {
    for (text, wrong) in [
        (
            "[a](docs/page.md#the-src-of-it-2-things) [b](docs) [c](#no)",
            "README.md:1: the link leads to #no, but README.md has no such heading",
        ),
        (
            "# No\n\n[a](#no) [b](docs/page.md#twice-1)\n[c](docs/none.md)",
            "README.md:4: the link leads to docs/none.md, which is not there",
        ),
        ("[a](docs/page.md#twice-2)", "README.md:1: the link leads to #twice-2, but docs/page.md has no such heading"),
        (
            "[a](../outside.md) [b](https://example.com/none.md)",
            "README.md:1: the link leads to ../outside.md, which is not there",
        ),
        (
            "`src/lib.rs`, `src`, `notes/*.snap`, `text/plain`, `FILE`\n\n`src/none`",
            "README.md:3: src/none is not there",
        ),
        ("`notes/b_*.snap` and `target/tools/x`", "README.md:1: notes/b_*.snap is not there"),
        ("In `src/laws` is `one.rs`.\n\nBut `one.rs` alone is nowhere.", "README.md:3: one.rs is not there"),
        (
            "# The machine (`src/`)\n\n| `laws/` | `one.rs` |\n|-|-|\n| `laws/` | `one.rs` `two.rs` |",
            "README.md:5: two.rs is not there",
        ),
        ("```sh\ncd notes && ls docs/page.md mine.md\ncat docs/none\n```", "README.md:3: docs/none is not there"),
        (
            "S1 and A3.2 and F10 hold, and\nA3.9.",
            "README.md:2: A3.9 is cited, which neither docs/laws.md nor docs/platform.md has",
        ),
    ] {
        assert_eq!(made_up(text, ""), [wrong], "{text}");
    }
}

#[test]
fn what_leads_nowhere_is_found_in_a_comment() {
    for (text, wrong) in [
        ("//! As laws/one.rs and `laws/` say, and `laws/two.rs`.", "src/lib.rs:1: laws/two.rs is not there"),
        ("let a = \"no.rs\"; // as no.rs does", "src/lib.rs:1: no.rs is not there"),
        (
            "let a = \"https://example.com/no.rs\";\n/* of\n * store.rs\n */\nlet b = \"x.rs\";",
            "src/lib.rs:3: store.rs is not there",
        ),
        ("let why = \"page.md says so (docs/page.md)\";", "src/lib.rs:1: page.md is not there"),
        ("/// I/O, and/or `either/or`; law S1, F10.\n// By law F10.", "src/lib.rs:2: F10 is a fault, not a law"),
    ] {
        assert_eq!(made_up("", text), [wrong], "{text}");
    }
}

#[test]
fn a_page_that_differs_from_the_code_is_told_of() {
    let page = "# Laws\n\n| law | |\n|-|-|\n| [S1](a) | It holds. |\n| S2 | none |\n| S1 | Again it *holds*. |\n| S4 | So it is. |\n";
    let should = ["S1", "S2", "S3"].map(str::to_owned).into();
    let said = differences(&rows(page), "Laws", &should);
    let wrong = ["S3 is missing", "S1 stands there more than once", "the code has no S4", "S2 has no sentence"];
    assert_eq!(said, wrong.map(|what| format!("docs/laws.md, \"Laws\": {what}")));
}
