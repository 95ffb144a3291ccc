//! How decisions are declared: each with a type that its call site has to respect.

use super::{
    kind::{Field, Kind, Valued},
    place::hash_of,
};
use crate::time::Micros;
use std::marker::PhantomData;

/// A point of a run at which something is decided. [`points!`](crate::points) declares one.
#[derive(Debug)]
pub struct Point {
    /// Its name, which a place begins with.
    pub name: &'static str,
    /// What happens there, in a sentence.
    pub says: &'static str,
    /// Whether the engine decides there, and no world may.
    pub is_engines: bool,
    /// What is decided there, in the order of their declaration.
    pub fields: &'static [Field],
    pub(crate) hash: u64,
}

impl Point {
    /// A point; [`points!`](crate::points) calls this.
    #[must_use]
    pub const fn new(name: &'static str, says: &'static str, is_engines: bool, fields: &'static [Field]) -> Self {
        Self { name, says, is_engines, fields, hash: hash_of(name) }
    }
}

/// Something that happens or does not.
#[derive(Clone, Copy, Debug)]
pub struct Flag(pub(crate) Decided);

/// A length of time, in µs.
#[derive(Clone, Copy, Debug)]
pub struct Time(pub(crate) Decided);

/// A whole number.
#[derive(Clone, Copy, Debug)]
pub struct Whole(pub(crate) Decided);

/// One of several, each with a word for it. [`Words::ALL`] begins with the plain one.
#[derive(Clone, Copy, Debug)]
pub struct Choice<T>(pub(crate) Decided, PhantomData<T>);

/// What has a word for each of its values. [`words!`](crate::words) implements it.
pub trait Words: Valued + Copy + PartialEq + 'static {
    /// All values, the plain one first.
    const ALL: &'static [Self];
    /// Their words, in the same order.
    const WORDS: &'static [&'static str];

    /// The word for this value.
    #[must_use]
    fn word(self) -> &'static str {
        let at = Self::ALL.iter().position(|value| *value == self);
        Self::WORDS[at.unwrap_or_default()]
    }

    /// The value of this word.
    #[must_use]
    fn of_word(word: &str) -> Option<Self> {
        let at = Self::WORDS.iter().position(|known| *known == word)?;
        Self::ALL.get(at).copied()
    }
}

/// A field, and what its draws are told apart by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decided {
    pub field: Field,
    pub hash: u64,
}

impl Decided {
    const fn new(name: &'static str, kind: Kind, tries: &'static [i64], says: &'static str) -> Self {
        Self { field: Field { name, kind, tries, says }, hash: hash_of(name) }
    }
}

impl Flag {
    /// [`points!`](crate::points) calls this.
    #[must_use]
    pub const fn new(name: &'static str, says: &'static str) -> Self {
        Self(Decided::new(name, Kind::Flag, &[], says))
    }

    /// As it was declared.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.0.field
    }
}

impl Time {
    /// Up to so many µs. [`points!`](crate::points) calls this.
    #[must_use]
    pub const fn new(name: &'static str, says: &'static str, high: Micros, tries: &'static [i64]) -> Self {
        Self(Decided::new(name, Kind::Time { high }, tries, says))
    }

    /// As it was declared.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.0.field
    }
}

impl Whole {
    /// From `low` to `high`. [`points!`](crate::points) calls this.
    #[must_use]
    pub const fn new(name: &'static str, says: &'static str, low: i64, high: i64, tries: &'static [i64]) -> Self {
        Self(Decided::new(name, Kind::Whole { low, high }, tries, says))
    }

    /// As it was declared.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.0.field
    }
}

impl<T: Words> Choice<T> {
    /// [`points!`](crate::points) calls this.
    #[must_use]
    pub const fn new(name: &'static str, says: &'static str) -> Self {
        Self(Decided::new(name, Kind::Word(T::WORDS), &[], says), PhantomData)
    }

    /// As it was declared.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.0.field
    }
}

/// Gives each value of a type its word. The first is the plain one.
///
/// ```
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum Body {
///     Whole,
///     Hangs,
/// }
/// durable_sim::words!(Body { Body::Whole => "whole", Body::Hangs => "hangs" });
///
/// use durable_sim::Words;
/// assert_eq!(Body::of_word("hangs"), Some(Body::Hangs));
/// ```
#[macro_export]
macro_rules! words {
    ($type:ty { $($value:expr => $word:literal),+ $(,)? }) => {
        impl $crate::Words for $type {
            const ALL: &'static [Self] = &[$($value),+];
            const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl $crate::Valued for $type {
            fn to_value(&self) -> Option<$crate::Value> {
                Some($crate::Value::Word($crate::Words::word(*self)))
            }

            fn of_value(value: Option<$crate::Value>) -> Option<Self> {
                match value? {
                    $crate::Value::Word(word) => <Self as $crate::Words>::of_word(word),
                    $crate::Value::Flag(_) | $crate::Value::Number(_) => None,
                }
            }
        }
    };
    ($($other:tt)*) => {
        compile_error! { "words are: `Type { Type::One => \"one\", Type::Other => \"other\" }`, the plain one first" }
    };
}

/// Declares points of a run, and what is decided there.
///
/// Each decision has a name, which is its key in scenario files, and one of four types: [`Flag`], [`Choice`],
/// [`Time`] and [`Whole`], the last two with their bounds and, if there are any, more values that an enumeration
/// should try. A time's key ends in `_ms`. The comments say in the documentation of scenarios what it means.
///
/// ```
/// durable_sim::points! {
///     /// What an upstream makes of a fetch.
///     pub FETCH: Fetch = "fetch" {
///         /// It never answers.
///         stalls: Flag,
///         /// How long its answer takes.
///         answer: Time(0..=60_000_000),
///         /// The status of the answer.
///         status: Whole(100..=599, tries [200, 404, 500]),
///     }
/// }
///
/// // For a schema. Where a value is needed in a `static`, the point has to be named.
/// static POINTS: &[&durable_sim::Point] = &[&FETCH.point];
///
/// let names: Vec<&str> = FETCH.fields.iter().map(|field| field.name).collect();
/// assert_eq!(names, ["stalls", "answer_ms", "status"]);
/// ```
#[macro_export]
macro_rules! points {
    ($($(#[doc = $says:literal])+ $vis:vis $static:ident: $type:ident = $name:literal $(($engine:ident))? {
        $($(#[doc = $what:literal])+ $field:ident: $kind:ident $(<$of:ty>)? $(($($bounds:tt)*))?),* $(,)?
    })+) => {$(
        $(#[doc = $says])+
        #[derive(Debug)]
        $vis struct $type {
            /// As a schema lists it.
            pub point: $crate::Point,
            $($(#[doc = $what])+ pub $field: $crate::$kind $(<$of>)?,)*
        }

        $(#[doc = $says])+
        $vis static $static: $type = $type {
            point: $crate::Point::new($name, concat!($($says),+), $crate::points!(@engine $($engine)?), &[
                $($crate::points!(@new $field, concat!($($what),+), $kind $(<$of>)? $(($($bounds)*))?).field()),*
            ]),
            $($field: $crate::points!(@new $field, concat!($($what),+), $kind $(<$of>)? $(($($bounds)*))?),)*
        };

        impl ::std::ops::Deref for $type {
            type Target = $crate::Point;

            fn deref(&self) -> &$crate::Point {
                &self.point
            }
        }
    )+};
    (@engine) => { false };
    (@engine engine) => { true };
    (@new $field:ident, $says:expr, Flag) => { $crate::Flag::new(stringify!($field), $says) };
    (@new $field:ident, $says:expr, Choice<$of:ty>) => { $crate::Choice::<$of>::new(stringify!($field), $says) };
    (@new $field:ident, $says:expr, Time(0..=$high:expr $(, tries [$($tries:expr),*])?)) => {
        $crate::Time::new(concat!(stringify!($field), "_ms"), $says, $high, &[$($($tries),*)?])
    };
    (@new $field:ident, $says:expr, Whole($low:literal..=$high:expr $(, tries [$($tries:expr),*])?)) => {
        $crate::Whole::new(stringify!($field), $says, $low, $high, &[$($($tries),*)?])
    };
    (@new $field:ident, $says:expr, $($kind:tt)*) => {
        compile_error!(concat!(
            "`", stringify!($field), ": ", stringify!($($kind)*),
            "` is no decision: Flag, Choice<T>, Time(0..=µs) and Whole(low..=high) are, the last two perhaps with `, tries [...]`"
        ))
    };
    ($($other:tt)*) => {
        compile_error! { "a point is: `/// What happens there.` `pub STATIC: Type = \"its name\" { /// What is decided. name: Flag, ... }`" }
    };
}
