//! The steps that make a document plain, one by one.

use super::*;
use crate::Breaks;
use crate::{
    Key,
    decide::Script,
    plan::{
        Tried, minimise,
        testing::{ASK, LATEST, LOOK, SCHEMA, THING},
        write,
    },
};
use std::time::Duration;

fn asks() -> &'static List {
    SCHEMA.list("asks").unwrap_or_else(|| panic!("it is there"))
}

fn item(said: &[(&'static str, i64)]) -> Table {
    said.iter().map(|(name, number)| (*name, Value::Number(*number))).collect()
}

fn script(places: &[(Key, u32)]) -> Script {
    let hits =
        |(key, again): &(Key, u32)| (Place { again: *again, ..Place::new(&LOOK, *key) }, "hits", Value::Flag(true));
    places.iter().map(hits).collect()
}

/// The document is made small for as long as the law breaks; it breaks if this holds.
fn minimised(document: Document, fails: impl Fn(&Document) -> bool) -> String {
    let run = |document: &Document| {
        let breaks = fails(document).then(|| Breaks { law: "a law", step: 1, what: String::new() });
        Tried { breaks, ..Tried::default() }
    };
    let first = run(&document);
    let small = minimise(&SCHEMA, document, &first, Duration::from_secs(60), |document, _, _| run(document));
    small.map_or(String::new(), |small| write(&SCHEMA, &[], &[], &small.document))
}

#[test]
fn all_that_happens_to_an_item_is_shifted() {
    for (said, by, shifted) in [
        (vec![("at_ms", 5), ("until_ms", 9), ("client", 3)], -5, vec![("until_ms", 4), ("client", 3)]),
        (vec![("at_ms", 5), ("until_ms", 9)], 2, vec![("at_ms", 7), ("until_ms", 11)]),
        (vec![("client", 3)], 2, vec![("at_ms", 2), ("client", 3)]),
        (vec![("at_ms", 5)], -9, vec![]),
        (vec![("at_ms", 5), ("until_ms", 3)], -4, vec![("at_ms", 1), ("until_ms", 0)]),
        (vec![("at_ms", 5)], i64::MAX, vec![("at_ms", LATEST.cast_signed())]),
    ] {
        let mut shift_it = item(&said);
        shift(asks(), &mut shift_it, by);
        assert_eq!(shift_it, item(&shifted), "{said:?} by {by}");
    }
}

#[test]
fn items_are_renumbered_and_what_is_decided_about_them_goes_along() {
    let mut document = Document::default();
    for (number, at) in [(2, 30), (5, 10), (9, 20)] {
        document.lists.entry("asks").or_default().insert(number, item(&[("at_ms", at)]));
    }
    // Number 12 came up in the run: the third after the plan's last.
    let keys = [ASK.key(2), ASK.key2(5, 1), ASK.key(9).alarm(), ASK.key(12), THING.key(5)];
    document.script = script(&keys.map(|key| (key, 0)));
    renumber(&mut document, "asks", &[5, 9, 2]);
    let expected = "\
[asks]
ask0 = { at_ms = 0.01 }
ask1 = { at_ms = 0.02 }
ask2 = { at_ms = 0.03 }

[decisions]
\"look at ask 0 try 1\" = { hits = true }
\"look at alarm 1 after ask 1\" = { hits = true }
\"look at ask 2\" = { hits = true }
\"look at ask 5\" = { hits = true }
\"look at thing 5#0\" = { hits = true }
";
    assert_eq!(write(&SCHEMA, &[], &[], &document), expected);
}

#[test]
fn a_place_moves_to_one_that_is_free() {
    let mut document = Document { script: script(&[(ASK.key(1), 0), (ASK.key(1), 2)]), ..Document::default() };
    let place = |again| Place { again, ..Place::new(&LOOK, ASK.key(1)) };
    rename(&mut document, place(2), place(0));
    assert_eq!(document.script, script(&[(ASK.key(1), 0), (ASK.key(1), 2)]), "it is taken");
    rename(&mut document, place(2), place(1));
    assert_eq!(document.script, script(&[(ASK.key(1), 0), (ASK.key(1), 1)]));
}

/// Each number of a key goes down as far as the law still breaks, past places that are taken.
#[test]
fn keys_move_to_the_first_of_their_kind() {
    let late = THING.key2(4, 9).with_counts([9, 3, 5]);
    let first = THING.key2(4, 2);
    let document = Document { script: script(&[(late, 7), (first, 0)]), ..Document::default() };
    let small = minimised(document, |document| {
        let is_late = |place: &Place| place.key.counts()[0] >= 2 && place.again >= 1;
        document.script.0.len() == 2 && document.script.0.keys().any(is_late)
    });
    let expected =
        "[decisions]\n\"look at thing 4#0\" = { hits = true }\n\"look at thing 4#2 again 1\" = { hits = true }\n";
    assert_eq!(small, expected);
    let taken = Document { script: script(&[(THING.key2(4, 5), 0), (first, 0)]), ..Document::default() };
    let small = minimised(taken, |document| {
        let counts: Vec<u32> = document.script.0.keys().map(|place| place.key.counts()[0]).collect();
        counts.len() == 2 && counts.iter().all(|count| *count >= 2)
    });
    assert_eq!(
        small,
        "[decisions]\n\"look at thing 4#2\" = { hits = true }\n\"look at thing 4#3\" = { hits = true }\n"
    );
}

/// Rounding up is rounding to a bound at most.
#[test]
fn numbers_stay_within_their_bounds() {
    let mut document = Document::default();
    document.settings.insert("size", Value::Number(1_993));
    document.lists.entry("asks").or_default().insert(0, item(&[("at_ms", 93_000_001), ("depth", -93)]));
    let small = minimised(document, |document| {
        let ask = document.lists.get("asks").and_then(|asks| asks.get(&0));
        let number = |name| match ask.and_then(|ask| ask.get(name)) {
            Some(Value::Number(number)) => *number,
            Some(Value::Flag(_) | Value::Word(_)) | None => 0,
        };
        let size = matches!(document.settings.get("size"), Some(Value::Number(1_992..)));
        size && number("at_ms") > 92_000_000 && number("depth") < -91
    });
    assert_eq!(small, "size = 1992\n\n[asks]\nask0 = { at_ms = 93000, depth = -92 }\n");
}
