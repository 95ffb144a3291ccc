//! Documents of a simulation that is no more than a function: it counts asks and looks at them.

use super::*;
use crate::{
    Chance, Key, SECOND,
    plan::{
        read,
        testing::{ASK, ASKS, Ask, LOOK, Mood, SCHEMA, THING, document},
        write,
    },
};
use std::{cell::Cell, collections::BTreeMap};

const LONG: Duration = Duration::from_secs(60);

/// What is seen at an ask, as far as the decisions say so.
#[derive(Clone, Copy, PartialEq)]
struct Seen {
    hits: bool,
    how: Mood,
    takes: Micros,
}

/// Looks at each ask; `law` says which law broke.
fn run(document: &Document, decisions: &Decisions, law: impl Fn(&[Seen], &Document) -> Option<&'static str>) -> Tried {
    let look = |number| {
        let mut decide = decisions.at(Place::new(&LOOK, ASK.key(number)));
        // Nothing comes of it.
        let _ = decide.whole(&LOOK.count, 0, 0);
        Seen {
            hits: decide.happens(&LOOK.hits, Chance::NEVER),
            how: decide.sometimes_one(&LOOK.how, Chance::NEVER, &[Mood::Sour]),
            takes: decide.time(&LOOK.takes, 0, 0),
        }
    };
    let seen: Vec<Seen> = document.list::<Ask>(&ASKS).into_keys().map(look).collect();
    let breaks = law(&seen, document).map(|law| Breaks { law, step: 1, what: format!("{} asks", seen.len()) });
    Tried { breaks, simulated: 100 * SECOND, unplayed: decisions.unplayed(), asked: decisions.asked() }
}

fn minimised(
    document: &Document,
    most: Duration,
    law: impl Fn(&[Seen], &Document) -> Option<&'static str>,
) -> Option<Minimised> {
    let first = run(document, &document.decisions(), &law);
    minimise(&SCHEMA, document.clone(), &first, most, |document, decisions, _| run(document, &decisions, &law))
}

fn text(small: Option<Minimised>) -> String {
    small.map_or("nothing fails".into(), |small| {
        assert!(small.is_complete);
        write(&SCHEMA, &[], &[], &small.document)
    })
}

/// So many asks, one every ten seconds, and these decisions.
fn asks(count: u32, decisions: &[(Key, &'static str, Value)]) -> Document {
    let ask = |number: u32| Ask { at: u64::from(number + 1) * 10 * SECOND, client: 3, ..Ask::default() };
    let asks: Vec<Ask> = (0..count).map(ask).collect();
    let decisions = decisions.iter().map(|(key, name, value)| (Place::new(&LOOK, *key), *name, *value));
    let mut document = Document { script: decisions.collect(), ..Document::default() };
    document.settings.insert("size", Value::Number(7));
    document.put_list(&ASKS, (0..).zip(&asks));
    document
}

const HITS: Value = Value::Flag(true);

#[test]
fn what_is_not_needed_is_taken_out_and_the_rest_made_plain() {
    let decisions = [
        (ASK.key(2), "hits", HITS),
        (ASK.key(3), "hits", HITS),
        (ASK.key(3), "how", Value::Word("sweet")),
        (ASK.key(3), "takes_ms", Value::Number(7_123_456)),
        (THING.key(1), "hits", HITS),
    ];
    let small = minimised(&asks(6, &decisions), LONG, |seen, _| {
        let long = |seen: &Seen| seen.hits && seen.how != Mood::Plain && seen.takes > 2 * SECOND;
        seen.iter().any(long).then_some("no long hit")
    });
    let expected = "\
[asks]
ask0 = {}

[decisions]
\"look at ask 0\" = { hits = true, how = \"sour\", takes_ms = 3000 }
";
    assert_eq!(text(small), expected);
}

/// No item of four asks can be left out, but two items of another kind suffice: a decision that was in the document,
/// though nothing came of it, decided about an ask.
#[test]
fn a_smaller_document_of_another_kind_is_found() {
    let law = |seen: &[Seen], _: &Document| {
        let is_hit = seen.len() == 1 && seen[0].hits;
        (seen.len() >= 4 || is_hit).then_some("not four asks, and no hit")
    };
    let small = minimised(&asks(4, &[(THING.key(1), "hits", HITS)]), LONG, law);
    assert_eq!(text(small), "[asks]\nask0 = {}\n\n[decisions]\n\"look at ask 0\" = { hits = true }\n");
    let without = minimised(&asks(4, &[(THING.key(1), "takes_ms", Value::Number(1))]), LONG, law);
    assert_eq!(text(without), "[asks]\nask0 = {}\nask1 = {}\nask2 = {}\nask3 = {}\n", "there was no hit");
}

#[test]
fn the_law_that_broke_first_is_the_one_that_still_breaks() {
    let small = minimised(&asks(6, &[]), LONG, |seen, _| match seen.len() {
        0 => None,
        1 | 2 => Some("another law"),
        _ => Some("at most two asks"),
    });
    assert_eq!(small.map(|small| small.document.items()), Some(3));
}

#[test]
fn what_does_not_fail_or_not_again_is_not_made_small() {
    assert!(minimised(&asks(2, &[]), LONG, |_, _| None).is_none());
    let runs = Cell::new(0);
    let only_once = |_: &[Seen], _: &Document| (runs.replace(runs.get() + 1) == 0).then_some("not at first");
    assert!(minimised(&asks(2, &[]), LONG, only_once).is_none());
}

#[test]
fn when_time_is_up_there_is_something_to_show() {
    let runs = Cell::new(0);
    let document = asks(9, &[(ASK.key(1), "hits", HITS)]);
    let small = minimised(&document, Duration::ZERO, |_, _| {
        runs.set(runs.get() + 1);
        Some("never")
    });
    let Some(small) = small else { panic!("it fails") };
    assert_eq!((small.is_complete, small.runs, runs.get()), (false, 1, 2));
    assert_eq!(small.document, document);
}

/// Whatever breaks, and however: what comes of it can be written and read, fails by the same law, and takes a limited
/// number of runs.
#[test]
fn what_comes_of_it_is_a_document() {
    for case in 0..150 {
        let document = Document { seed: None, rates: BTreeMap::default(), ..document(case) };
        let (most, by) = (document.items() as u64, 2 + case % 5);
        // One part of them has so many items; others fail by the sum of all numbers, which is anything.
        let law = |document: &Document| {
            let tables = [&document.settings].into_iter().chain(document.lists.values().flat_map(BTreeMap::values));
            let numbers = tables.chain(document.script.0.values()).flat_map(BTreeMap::values);
            let sum: u64 =
                numbers.map(|value| if let Value::Number(number) = value { number.unsigned_abs() } else { 1 }).sum();
            let fails = if case % 2 == 0 { document.items() as u64 >= most / 2 } else { sum % by == most % by };
            fails.then_some("a law")
        };
        let first = run(&document, &document.decisions(), |_, document| law(document));
        let is_broken = first.breaks.is_some();
        let small = minimise(&SCHEMA, document.clone(), &first, LONG, |document, decisions, _| {
            run(document, &decisions, |_, document| law(document))
        });
        assert_eq!(small.is_some(), is_broken);
        let Some(small) = small else { continue };
        assert!(small.is_complete && small.runs < 300_000, "case {case}: {} runs", small.runs);
        assert!(law(&small.document).is_some(), "case {case}");
        assert!(small.document.items() <= document.items());
        let text = write(&SCHEMA, &[], &[], &small.document);
        assert_eq!(read(&SCHEMA, &text).map(|(_, document)| document), Ok(small.document), "case {case}:\n{text}");
    }
}

#[test]
fn the_items_that_a_text_names() {
    let named = named(&SCHEMA, "ask12 was told of ask3, not basket4 or ask, by ask7x");
    assert_eq!(named.into_iter().collect::<Vec<_>>(), [("asks", 3), ("asks", 12)]);
}
