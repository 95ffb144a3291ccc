//! What is written is read, and what is wrong is said in one line, with the line, the key and the bound.

use crate::plan::{
    Conflict, Document, List, Schema, conflict_at, read,
    testing::{SCHEMA, document},
    write,
};

#[test]
fn what_is_written_is_read() {
    for case in 0..2_000 {
        let (document, about) = (document(case), "say \"it\", \\ and\ttab\nline \u{1}ü");
        let text = write(&SCHEMA, &["a comment".into()], &[("about", about), ("world", "test")], &document);
        let (head, again) = match read(&SCHEMA, &text) {
            Ok(read) => read,
            Err(error) => panic!("{error}\n{text}"),
        };
        assert_eq!(again, document, "{text}");
        assert_eq!(head.into_iter().collect::<Vec<_>>(), [("about", about.into()), ("world", "test".into())]);
        assert!(!text.contains("\n\n\n") && !text.starts_with('\n'), "an empty line too many:\n{text}");
    }
}

#[test]
fn nothing_is_the_plain_document() {
    assert_eq!(write(&SCHEMA, &[], &[], &Document::default()), "");
    assert_eq!(read(&SCHEMA, "").map(|(_, document)| document), Ok(Document::default()));
    assert_eq!(read(&SCHEMA, "# nothing\n[asks]\n[decisions]").map(|(_, document)| document), Ok(Document::default()));
}

/// The document of a text, as it is written.
fn written(text: &str) -> String {
    match read(&SCHEMA, text) {
        Ok((_, document)) => write(&SCHEMA, &[], &[], &document),
        Err(error) => error.to_string(),
    }
}

#[test]
fn fractions_are_those_of_the_unit() {
    for (said, meant) in [
        ("wait_ms = 0.5", "wait_ms = 0.5"),
        ("wait_ms = 1.0", "wait_ms = 1"),
        ("wait_ms = 1_000.25", "wait_ms = 1000.25"),
        ("wait_ms = 59_999.999", "wait_ms = 59999.999"),
        ("wait_ms = 1e2", "wait_ms = 100"),
        ("wait_ms = 0x10", "wait_ms = 16"),
        ("share = 0.000001", "share = 0.000001"),
        ("share = 0.1", "share = 0.1"),
        ("share = 1", "share = 1"),
        ("share = 0.999999", "share = 0.999999"),
    ] {
        assert_eq!(written(said).trim_end(), meant);
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line_its_key_and_its_bound() {
    for (text, error) in [
        // Bounds and kinds.
        ("\nsize = 2000", "line 2: size: 2000 is not a whole number from -95 to 1995"),
        ("size = -96", "line 1: size: -96 is not a whole number from -95 to 1995"),
        ("size = 1.5", "line 1: size: 1.5 is not a whole number from -95 to 1995"),
        ("size = true", "line 1: size: true is not a whole number from -95 to 1995"),
        ("size = 99999999999999999999", "line 1: size: 99999999999999999999 is not a whole number from -95 to 1995"),
        ("wait_ms = 60000.001", "line 1: wait_ms: 60000.001 is not a time from 0 to 60000 ms"),
        ("wait_ms = 0.0004", "line 1: wait_ms: 0.0004 is finer than a µs, which is 0.001"),
        ("share = 0.0000001", "line 1: share: 0.0000001 is finer than 0.000001"),
        ("wait_ms = -1", "line 1: wait_ms: -1 is not a time from 0 to 60000 ms"),
        ("wait_ms = \"1 s\"", "line 1: wait_ms: \"1 s\" is not a time from 0 to 60000 ms"),
        ("wait_ms = nan", "line 1: wait_ms: nan is not a time from 0 to 60000 ms"),
        ("wait_ms = [1]", "line 1: wait_ms: not a time from 0 to 60000 ms"),
        ("share = 1.5", "line 1: share: 1.5 is not a probability from 0 to 1"),
        ("calm = 1", "line 1: calm: 1 is not true or false"),
        ("mood = \"swet\"", "line 1: mood: \"swet\" is not one of plain, sour, sweet; is `sweet` meant?"),
        ("mood = \"xyz\"", "line 1: mood: \"xyz\" is not one of plain, sour, sweet"),
        ("mood = 1", "line 1: mood: 1 is not one of plain, sour, sweet"),
        ("[asks]\nask0 = { at_ms = 95001 }", "line 2: at_ms: 95001 is not a time of the run from 0 to 95000 ms"),
        ("[asks]\nask0 = { client = 10 }", "line 2: client: 10 is not a whole number from 0 to 9"),
        ("drops = [\n  {},\n  { size = 101 },\n]", "line 3: size: 101 is not a whole number from 0 to 100"),
        ("[decisions]\n\"look at ask 1\" = { count = 10 }", "line 2: count: 10 is not a whole number from -9 to 9"),
        ("[decisions]\n\"turn of ask 1\" = { crash = \"yes\" }", "line 2: crash: \"yes\" is not true or false"),
        ("seed = 1\n[rates]\ncrash_after_commit = 2", "line 3: crash_after_commit: 2 is not a probability from 0 to 1"),
        ("seed = -1", "line 1: seed: not a whole number from 0 to 2^64 - 1"),
        ("about = 1", "line 1: about: not a text"),
        // Keys.
        ("siez = 1", "line 1: unknown key `siez`; is `size` meant?"),
        ("xyz = 1", "line 1: unknown key `xyz`"),
        ("[asks]\nask0 = { cleint = 1 }", "line 2: unknown key `cleint`; is `client` meant?"),
        ("[asks]\nask07 = {}", "line 2: \"ask07\" is not ask0 to ask9999"),
        ("[asks]\nask100000 = {}", "line 2: \"ask100000\" is not ask0 to ask9999"),
        ("[asks]\nthing = {}", "line 2: \"thing\" is not ask0 to ask9999"),
        ("seed = 1\n[rates]\nalarm_lte = 1", "line 3: unknown key `alarm_lte`; is `alarm_late` meant?"),
        ("[decisions]\n\"look at ask 1\" = { hit = true }", "line 2: unknown key `hit`; is `hits` meant?"),
        // Places.
        (
            "[decisions]\n\"turn of alarm after ask 1\" = {}",
            "line 2: there is no place \"turn of alarm after ask 1\", which is about one of: ask {}[ try {}]; thing {}#{}; \
             before it may stand \"alarm 1 after \"",
        ),
        (
            "[decisions]\n\"comit of alarm 2 after ask 0\" = {}",
            "line 2: there is no place \"comit of alarm 2 after ask 0\"; is `commit of` meant?",
        ),
        (
            "[asks]\nsize = 1",
            "line 2: \"size\" is not ask0 to ask9999; settings stand at the head of the file, before the first [table]",
        ),
        ("[settings]\nsize = 1", "line 1: unknown key `settings`; settings stand at the head of the file, in no table"),
        ("[decisions]\n\"lok at ask 1\" = {}", "line 2: there is no place \"lok at ask 1\"; is `look at` meant?"),
        (
            "[decisions]\n\"look at task 1\" = {}",
            "line 2: there is no place \"look at task 1\"; is `ask {}[ try {}]` meant?",
        ),
        // What has another shape.
        ("asks = 1", "line 1: asks: not a table"),
        ("asks = { ask0 = 1 }", "line 1: ask0: not a table"),
        ("[drops]", "line 1: not a list: [ { … }, … ]"),
        ("decisions = []", "line 1: decisions: not a table"),
        (
            "[rates]\ncrash_after_commit = 0.5",
            "line 1: rates: they count only with a `seed`, which the decisions are drawn from",
        ),
    ] {
        assert_eq!(written(text), error, "{text}");
    }
}

/// What the parser says is its own; it is one line, and says where.
#[test]
fn what_is_no_toml_is_said_in_one_line() {
    for (text, line) in [
        ("{\n  \"seed\": 1\n}\n", 1),
        ("[1, 2]", 1),
        ("seed = 1\nseed = 2", 2),
        ("[asks]\nask0 = {}\nask0 = {}", 3),
        ("[decisions]\n\"look at ask 1\" = { hits = true, hits = false }", 2),
        ("[decisions]\n\"look at ask 1\" = {}\n\"look at ask \\u0031\" = {}", 3),
        ("about = \"no end\nseed = 1", 1),
        ("\u{0}", 1),
        ("This is not the file you look for.", 1),
    ] {
        let error = written(text);
        assert!(error.starts_with(&format!("line {line}: ")), "{text:?}: {error}");
        assert!(!error.contains('\n') && error.len() < 200, "{text:?}: {error}");
    }
}

#[test]
fn a_list_of_too_many_items_is_refused_and_not_cut() {
    static NOTES: List = List { name: "notes", prefix: "", fields: &[], says: "" };
    static LISTS: Schema = Schema { lists: &[&NOTES], ..Schema::EMPTY };
    let read_of =
        |count: usize| read(&LISTS, &format!("notes = [{}]", "{},".repeat(count))).map(|(_, document)| document);
    assert_eq!(read_of(10_000).map(|document| document.items()), Ok(10_000));
    let error = read_of(10_001).map_err(|error| error.to_string());
    assert_eq!(error, Err("line 1: notes: 10001 items; 10000 at the most".to_owned()));
}

#[test]
fn what_a_world_finds_wrong_has_its_line_too() {
    let text = "drops = [\n  { size = 1 },\n  { size = 2 },\n]\n[asks]\nask3 = { depth = 4 }\n";
    for (list, number, key, says) in [
        ("drops", 1, "size", "line 3: size: no"),
        ("asks", 3, "depth", "line 6: depth: no"),
        ("asks", 4, "depth", "no"),
        ("drops", 2, "size", "no"),
        ("drops", 1, "until_ms", "no"),
        ("others", 1, "at_ms", "no"),
    ] {
        let conflict = Conflict { list, number, key, what: "no".into() };
        assert_eq!(conflict_at(&SCHEMA, text, &conflict).to_string(), says, "{list} {number} {key}");
    }
}
