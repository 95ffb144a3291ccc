//! The kinds of value that a decision or a part of a plan can have, and their bounds.

use super::Chance;
use crate::time::Micros;
use std::fmt;

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Whether it is so.
    Flag(bool),
    /// So much. Times are in µs, probabilities in parts per million.
    Number(i64),
    /// One of the words that were declared.
    Word(&'static str),
}

/// What values there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Whole {
        /// The least.
        low: i64,
        /// The greatest.
        high: i64,
    },
    /// A length of time. Held in µs, written in ms.
    Time {
        /// The longest, in µs.
        high: Micros,
    },
    /// A time of the run, counted from its beginning. Held in µs, written in ms.
    Moment {
        /// The latest, in µs.
        high: Micros,
    },
    /// A probability. Held in parts per million, written as a number from 0 to 1.
    Chance,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A part of a plan, or a decision, as it was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its key in a scenario file. That of a time ends in `_ms`.
    pub name: &'static str,
    /// What values it can have.
    pub kind: Kind,
    /// More values that an enumeration tries, beside the bounds.
    pub tries: &'static [i64],
    /// What it means, in a sentence.
    pub says: &'static str,
}

/// No time in a scenario is longer, in µs: a year.
pub const MOST_TIME: Micros = 365 * 24 * 3_600 * 1_000_000;

impl Field {
    /// The values that an enumeration tries, none of them plain by itself: both bounds, and what was declared.
    #[must_use]
    pub fn values(&self) -> Vec<Value> {
        let numbers = |low: i64, high: i64| {
            let mut all: Vec<i64> = [low, high].into_iter().chain(self.tries.iter().copied()).collect();
            all.sort_unstable();
            all.dedup();
            all.into_iter().map(Value::Number).collect()
        };
        match self.kind {
            Kind::Flag => vec![Value::Flag(true), Value::Flag(false)],
            Kind::Whole { low, high } => numbers(low, high),
            Kind::Time { high } | Kind::Moment { high } => numbers(0, high.cast_signed()),
            Kind::Chance => numbers(0, 1_000_000),
            Kind::Word(words) => words.iter().copied().map(Value::Word).collect(),
        }
    }

    /// Why this is no value of it, if it is none; with the bound.
    ///
    /// # Errors
    /// In words.
    pub fn check(&self, value: Value) -> Result<(), String> {
        let is_within = match (self.kind, value) {
            (Kind::Flag, Value::Flag(_)) => true,
            (Kind::Whole { low, high }, Value::Number(number)) => (low..=high).contains(&number),
            (Kind::Time { high } | Kind::Moment { high }, Value::Number(us)) => {
                u64::try_from(us).is_ok_and(|us| us <= high)
            }
            (Kind::Chance, Value::Number(ppm)) => (0..=1_000_000).contains(&ppm),
            (Kind::Word(words), Value::Word(word)) => words.contains(&word),
            (_, Value::Flag(_) | Value::Number(_) | Value::Word(_)) => false,
        };
        if is_within { Ok(()) } else { Err(format!("{} is not {}", self.text(value), self.kind)) }
    }

    /// The value as a scenario file has it, but for the quotes of a word.
    #[must_use]
    pub fn text(&self, value: Value) -> String {
        match (self.kind, value) {
            (_, Value::Flag(flag)) => flag.to_string(),
            (_, Value::Word(word)) => word.to_owned(),
            (Kind::Time { .. } | Kind::Moment { .. }, Value::Number(us)) => ms_text(us),
            (Kind::Chance, Value::Number(ppm)) => (ppm as f64 / 1_000_000.0).to_string(),
            (Kind::Flag | Kind::Whole { .. } | Kind::Word(_), Value::Number(number)) => number.to_string(),
        }
    }
}

/// µs in ms, with as many digits as it takes.
fn ms_text(us: i64) -> String {
    if us % 1_000 == 0 { (us / 1_000).to_string() } else { (us as f64 / 1_000.0).to_string() }
}

impl fmt::Display for Kind {
    /// What may stand there, with bounds and unit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("true or false"),
            Self::Whole { low, high } => write!(f, "a whole number from {low} to {high}"),
            Self::Time { high } => write!(f, "a time from 0 to {} ms", ms_text(high.cast_signed())),
            Self::Moment { high } => write!(f, "a time of the run from 0 to {} ms", ms_text(high.cast_signed())),
            Self::Chance => f.write_str("a probability from 0 to 1"),
            Self::Word(words) => write!(f, "one of {}", words.join(", ")),
        }
    }
}

/// What can be a part of a plan: it becomes a [`Value`], and is made of one.
pub trait Valued: Sized {
    /// As a value; none, if it has none.
    fn to_value(&self) -> Option<Value>;

    /// Of a value that is within the bounds of its field; none, if that is no value of this type.
    fn of_value(value: Option<Value>) -> Option<Self>;
}

impl Valued for bool {
    fn to_value(&self) -> Option<Value> {
        Some(Value::Flag(*self))
    }

    fn of_value(value: Option<Value>) -> Option<Self> {
        match value? {
            Value::Flag(flag) => Some(flag),
            Value::Number(_) | Value::Word(_) => None,
        }
    }
}

macro_rules! number {
    ($($type:ty),+) => {$(
        impl Valued for $type {
            fn to_value(&self) -> Option<Value> {
                i64::try_from(*self).ok().map(Value::Number)
            }

            fn of_value(value: Option<Value>) -> Option<Self> {
                match value? {
                    Value::Number(number) => Self::try_from(number).ok(),
                    Value::Flag(_) | Value::Word(_) => None,
                }
            }
        }
    )+};
}
number!(u8, u16, u32, u64, usize, i64);

impl Valued for Chance {
    fn to_value(&self) -> Option<Value> {
        self.0.to_value()
    }

    fn of_value(value: Option<Value>) -> Option<Self> {
        u32::of_value(value).map(Self)
    }
}

impl<T: Valued> Valued for Option<T> {
    fn to_value(&self) -> Option<Value> {
        self.as_ref()?.to_value()
    }

    fn of_value(value: Option<Value>) -> Option<Self> {
        if value.is_none() { Some(None) } else { T::of_value(value).map(Some) }
    }
}
