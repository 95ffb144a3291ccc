//! What can be decided at a place, in the order in which it is decided, and how it is written.

use crate::proxy::plan::purpose as world;
use durable_sim::{Place, Value, purpose as engine};

/// How a decision is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true`.
    Happens,
    /// A whole number.
    Count,
    /// A time in ms. The engine counts in µs.
    Time,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these numbers.
    Number(&'static [u64]),
    /// One of these times, in µs.
    Moment(&'static [u64]),
}

use Kind::{Count, Happens, Moment, Number, Time, Word};

const TURN: &[(&str, Kind)] = &[
    ("exception", Happens),
    ("before_commit", Happens),
    ("ghost_restart", Happens),
    ("alarm_first", Happens),
    ("commit_fails", Happens),
    ("fails_at_once", Happens),
    ("crash", Happens),
    ("commit_us", Time),
    ("commit_slow", Happens),
    ("slow_us", Time),
    ("commit_times_out", Happens),
];
const COMMIT: &[(&str, Kind)] = &[("crash", Happens), ("after_effects", Count)];
const RESET: &[(&str, Kind)] = &[("commits_survive", Count)];
const ALARM_STORED: &[(&str, Kind)] =
    &[("runs_twice", Happens), ("again_us", Time), ("stuck", Happens), ("late", Happens), ("late_us", Time)];
const ALARM_FIRED: &[(&str, Kind)] = &[
    ("runs_though_replaced", Happens),
    ("fails", Happens),
    ("hangs", Happens),
    ("again_us", Time),
    ("jitter_ppm", Count),
];
const CONSTRUCT: &[(&str, Kind)] = &[("throws", Happens), ("clock_off_ms", Count), ("clock_behind", Happens)];
const EVICT: &[(&str, Kind)] = &[("evict_us", Time)];
const ENTROPY: &[(&str, Kind)] = &[("entropy", Count)];
const CALL: &[(&str, Kind)] = &[
    ("lost", Happens),
    ("repeated", Happens),
    ("again_us", Moment(&[1, 1_000_000, 400_000_000])),
    ("network_us", Time),
    ("patience_us", Time),
];
const REPLY: &[(&str, Kind)] = &[("lost", Happens), ("network_us", Time)];
const ANSWER: &[(&str, Kind)] = &[
    ("breaks", Happens),
    ("how", Word(&["NoConnection", "BreaksFirst", "BreaksAfter"])),
    ("never_answers", Happens),
    ("odd_status", Happens),
    ("redirects", Happens),
    ("status", Number(&[100, 204, 301, 302, 303, 304, 307, 308, 400, 404, 408, 425, 429, 500, 502, 503, 599])),
    (
        "retry_after",
        Word(&[
            "None",
            "Some(Seconds(0))",
            "Some(Seconds(7))",
            "Some(Seconds(3600))",
            "Some(DateIn(20))",
            "Some(DatePast)",
            "Some(Negative)",
            "Some(Huge)",
            "Some(Garbage)",
        ]),
    ),
    ("to", Word(&["Chain(1)", "Chain(3)", "Loop", "Private", "Nowhere"])),
    ("body_fails", Happens),
    ("body", Word(&["Hangs", "Truncated", "TooLarge", "BadHead"])),
    ("head_us", Time),
    ("body_us", Time),
];
const FETCH_STARTS: &[(&str, Kind)] = &[("over_quota", Happens), ("not_sent", Happens)];
const ON_THE_WAY: &[(&str, Kind)] = &[("network_us", Time)];
const CALLBACK: &[(&str, Kind)] = &[
    ("fails", Happens),
    ("how", Word(&["First", "After", "Hangs", "Slow"])),
    ("slow_us", Time),
    ("enqueues", Happens),
    ("network_us", Time),
];
const TAMPER: &[(&str, Kind)] = &[("corrupt", Happens), ("foreign", Happens), ("row", Count)];
const ZOMBIE: &[(&str, Kind)] = &[("runs_on", Happens)];

/// What can be decided there.
#[must_use]
pub fn schema(place: Place) -> &'static [(&'static str, Kind)] {
    match (place.purpose, place.actor) {
        (engine::TURN, _) => TURN,
        (engine::COMMIT, _) => COMMIT,
        (engine::RESET, _) => RESET,
        (engine::ALARM_STORED, _) => ALARM_STORED,
        (engine::ALARM_FIRED, _) => ALARM_FIRED,
        (engine::CONSTRUCT, _) => CONSTRUCT,
        (engine::EVICT, _) => EVICT,
        (world::ENTROPY, _) => ENTROPY,
        (world::CALL, _) => CALL,
        (world::REPLY, _) => REPLY,
        (world::FETCH, 0) => ANSWER,
        (world::FETCH, 1) => FETCH_STARTS,
        (world::FETCH, _) => ON_THE_WAY,
        (world::CALLBACK, _) => CALLBACK,
        (world::TAMPER, _) => TAMPER,
        (world::ZOMBIE, _) => ZOMBIE,
        _ => &[],
    }
}

/// The name's place in the order of decisions, and its kind.
fn kind(place: Place, name: &str) -> Option<(usize, Kind)> {
    let listed = schema(place).iter().position(|(known, _)| *known == name);
    // When a fetch of a replaced instance gets its connection: there is one name for each of them.
    let is_task = || place.purpose == world::ZOMBIE && name.starts_with("task_") && name.ends_with("_us");
    match listed {
        Some(at) => Some((at, schema(place)[at].1)),
        None => is_task().then_some((usize::MAX, Time)),
    }
}

/// Where the decision stands among those at its place.
#[must_use]
pub fn rank(place: Place, name: &str) -> usize {
    kind(place, name).map_or(usize::MAX, |(at, _)| at)
}

/// A decision as it is written.
#[must_use]
pub fn written(place: Place, name: &str, value: &Value) -> (String, toml::Value) {
    let kind = kind(place, name).map(|(_, kind)| kind);
    match value {
        Value::Yes => (name.to_owned(), true.into()),
        Value::Number(number) if kind == Some(Time) => (in_ms(name), ms_value(*number)),
        Value::Number(number) => (name.to_owned(), i64::try_from(*number).unwrap_or(i64::MAX).into()),
        Value::Word(word) => match (kind, word.parse::<u64>()) {
            (Some(Moment(_)), Ok(us)) => (in_ms(name), ms_value(us)),
            (Some(Number(_)), Ok(number)) => (name.to_owned(), i64::try_from(number).unwrap_or(i64::MAX).into()),
            _ => (name.to_owned(), bare(word).into()),
        },
    }
}

/// What was written, as a decision; or why it is none.
///
/// # Errors
/// In words, with the bound.
pub fn read(place: Place, key: &str, value: &toml::Value) -> Result<(String, Value), String> {
    let name = key.strip_suffix("_ms").map(|stem| format!("{stem}_us"));
    let name = name.filter(|name| kind(place, name).is_some()).unwrap_or_else(|| key.to_owned());
    let Some((_, kind)) = kind(place, &name).filter(|_| !key.ends_with("_us")) else {
        let names: Vec<String> = schema(place).iter().map(|(name, kind)| key_of(name, *kind)).collect();
        return Err(format!("unknown key `{key}`{}", durable_sim::nearest(key, names.iter().map(String::as_str))));
    };
    let decided = match (kind, value) {
        (Happens, toml::Value::Boolean(true)) => Value::Yes,
        (Happens, _) => return Err(format!("{value} is not true (leave it out if it does not happen)")),
        (Count, toml::Value::Integer(number)) => {
            Value::Number(u64::try_from(*number).map_err(|_| format!("{number} is negative"))?)
        }
        (Count, _) => return Err(format!("{value} is not a whole number")),
        (Time, _) => Value::Number(us(value)?),
        (Moment(all), _) => {
            let us = us(value)?;
            if !all.contains(&us) {
                return Err(format!("{value} is none of {}", list(all.iter().map(|us| ms_value(*us)))));
            }
            Value::Word(us.to_string())
        }
        (Number(all), toml::Value::Integer(number)) if all.iter().any(|known| i64::try_from(*known) == Ok(*number)) => {
            Value::Word(number.to_string())
        }
        (Number(all), _) => return Err(format!("{value} is none of {}", list(all))),
        (Word(all), _) => {
            let word = value.as_str().and_then(|word| all.iter().find(|known| bare(known) == word));
            let word = word.ok_or_else(|| format!("{value} is none of {}", list(all.iter().map(|word| bare(word)))))?;
            Value::Word((*word).to_owned())
        }
    };
    Ok((name, decided))
}

/// What may stand there, as a person writes it.
fn bare(word: &str) -> &str {
    word.strip_prefix("Some(").and_then(|word| word.strip_suffix(')')).unwrap_or(word)
}

fn key_of(name: &str, kind: Kind) -> String {
    match kind {
        Time | Moment(_) => in_ms(name),
        Happens | Count | Word(_) | Number(_) => name.to_owned(),
    }
}

fn in_ms(name: &str) -> String {
    format!("{}_ms", name.strip_suffix("_us").unwrap_or(name))
}

fn list<T: std::fmt::Display>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// Times are below this, in ms: some thirty years.
pub const MOST_MS: f64 = 1e12;

/// µs as ms, whole if they are.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53 µs, which is 285 years")]
pub fn ms_value(us: u64) -> toml::Value {
    if us.is_multiple_of(1_000) { ((us / 1_000) as i64).into() } else { (us as f64 / 1_000.0).into() }
}

/// ms as µs.
fn us(value: &toml::Value) -> Result<u64, String> {
    #[allow(clippy::cast_precision_loss, reason = "bounded right after")]
    let ms = value.as_float().or_else(|| value.as_integer().map(|ms| ms as f64));
    us_of(ms.ok_or_else(|| format!("{value} is no time in ms"))?)
}

/// ms as µs.
///
/// # Errors
/// The bound.
pub fn us_of(ms: f64) -> Result<u64, String> {
    if (0.0..=MOST_MS).contains(&ms) {
        Ok((ms * 1_000.0).round() as u64)
    } else {
        Err(format!("{ms} ms is not between 0 and {MOST_MS}"))
    }
}
