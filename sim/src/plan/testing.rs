//! For the tests of this folder: a schema with every kind of value, and documents of it at random.

use super::{Document, Fields, List, Schema};
use crate::{Chance, Draw, Draws, Faults, Field, Key, Kind, MINUTE, Place, Subject, Table, Value, points, words};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mood {
    Plain,
    Sour,
    Sweet,
}
words!(Mood { Mood::Plain => "plain", Mood::Sour => "sour", Mood::Sweet => "sweet" });

#[derive(Debug)]
pub struct Settings {
    calm: bool,
    size: i64,
    wait: u64,
    share: Chance,
    mood: Mood,
}

impl Default for Settings {
    fn default() -> Self {
        Self { calm: false, size: 0, wait: 0, share: Chance::NEVER, mood: Mood::Plain }
    }
}

crate::fields!(Settings {
    /// Whether nothing happens.
    calm: flag "calm",
    /// How large it is.
    size: whole "size" (-95..=1_995),
    /// How long it waits.
    wait: time "wait_ms" (0..=MINUTE),
    /// What part of it.
    share: chance "share",
    /// In which mood.
    mood: word<Mood> "mood",
});

#[derive(Debug)]
pub struct Ask {
    pub at: u64,
    pub until: Option<u64>,
    pub client: u8,
    pub depth: i64,
    pub mood: Mood,
}

impl Default for Ask {
    fn default() -> Self {
        Self { at: 0, until: None, client: 0, depth: -3, mood: Mood::Plain }
    }
}

crate::fields!(Ask {
    /// When it comes.
    at: moment "at_ms" (0..=LATEST),
    /// Until when it waits.
    until: moment "until_ms" (0..=LATEST),
    /// Who asks.
    client: whole "client" (0..=9),
    /// How deep.
    depth: whole "depth" (-95..=-3),
    /// In which mood.
    mood: word<Mood> "mood",
});

/// Not a round time.
pub const LATEST: u64 = 95_000_000;

#[derive(Debug, Default)]
pub struct Drop {
    at: u64,
    size: u64,
}

crate::fields!(Drop {
    /// When it falls.
    at: moment "at_ms",
    /// How large it is.
    size: whole "size" (0..=100, tries [50]),
});

points! {
    /// A test.
    pub LOOK: Look = "look at" {
        /// It hits.
        hits: Flag,
        /// How.
        how: Choice<Mood>,
        /// How long it takes.
        takes: Time(0..=MINUTE),
        /// How many.
        count: Whole(-9..=9),
    }
}

pub static ASK: Subject = Subject::of("asks", "ask {}[ try {}]");
pub static THING: Subject = Subject::new("thing {}#{}");

pub static ASKS: List = List { name: "asks", prefix: "ask", fields: Ask::FIELDS, says: "What is asked." };

pub static SCHEMA: Schema = Schema {
    settings: &[Settings::FIELDS],
    rates: &[Faults::FIELDS],
    lists: &[&ASKS, &List { name: "drops", prefix: "", fields: Drop::FIELDS, says: "What falls." }],
    points: &[&LOOK.point],
    subjects: &[&ASK, &THING],
    ..Schema::EMPTY
};

/// Any value of the field.
fn value(field: &Field, draw: &mut Draw) -> Value {
    let mut number = |low: i64, high: i64| match draw.below(8) {
        0 => low,
        1 => high,
        2 if low <= 1_000 && high >= 1_000 => 1_000,
        _ => low + draw.below(high.abs_diff(low) + 1).cast_signed(),
    };
    match field.kind {
        Kind::Flag => Value::Flag(number(0, 1) == 1),
        Kind::Whole { low, high } => Value::Number(number(low, high)),
        Kind::Time { high } | Kind::Moment { high } => Value::Number(number(0, high.cast_signed())),
        Kind::Chance => Value::Number(number(0, 1_000_000)),
        Kind::Word(words) => Value::Word(draw.pick(words)),
    }
}

/// About half of the fields.
fn table<'a>(fields: impl Iterator<Item = &'a Field>, draw: &mut Draw) -> Table {
    let mut table = Table::new();
    for field in fields {
        if draw.below(2) == 0 {
            table.insert(field.name, value(field, draw));
        }
    }
    table
}

/// Any document of the schema.
pub fn document(case: u64) -> Document {
    let mut draw = Draws::new(case).at("document", 0);
    let draw = &mut draw;
    let mut document = Document { settings: table(Settings::FIELDS.iter(), draw), ..Document::default() };
    if draw.below(2) == 0 {
        document.seed = Some(draw.any() >> draw.between(0, 63));
        document.rates = table(Faults::FIELDS.iter(), draw);
    }
    for list in SCHEMA.lists {
        let mut number = 0;
        for _ in 0..draw.below(6) {
            document.lists.entry(list.name).or_default().insert(number, table(list.fields.iter(), draw));
            // Only items with names may be missing.
            number += 1 + if list.prefix.is_empty() { 0 } else { draw.below(3) as u32 };
        }
    }
    let points = SCHEMA.points();
    for _ in 0..draw.below(12) {
        let mut small = || if draw.below(2) == 0 { 0 } else { draw.below(12) as u32 };
        let keys = [ASK.key2(small(), small()), THING.key2(small(), small()), Key::WORLD];
        let counts = [keys[0].counts()[0], small(), small()];
        let again = small();
        let key = keys[draw.below(3) as usize];
        let key = key.with_counts([key.counts()[0], counts[1], counts[2]]);
        let point = points[draw.below(points.len() as u64) as usize];
        let table = table(point.fields.iter(), draw);
        if !table.is_empty() {
            document.script.0.insert(Place { again, ..Place::new(point, key) }, table);
        }
    }
    document
}
