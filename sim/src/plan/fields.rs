//! Parts of a plan with named fields.

use crate::decide::{Field, Table, Value};

/// A part of a plan whose fields are declared. [`fields!`](crate::fields) implements it. Its default is plain.
pub trait Fields: Default {
    /// The fields, in the order in which they are written.
    const FIELDS: &'static [Field];

    /// The value of the field at this place; none, if it has none.
    fn value(&self, at: usize) -> Option<Value>;

    /// Sets the field at this place. A value that is none of its type changes nothing.
    fn set(&mut self, at: usize, value: Option<Value>);

    /// What is not plain.
    #[must_use]
    fn table(&self) -> Table {
        let plain = Self::default();
        let all = Self::FIELDS.iter().enumerate();
        let said = all.filter(|(at, _)| self.value(*at) != plain.value(*at));
        said.filter_map(|(at, field)| Some((field.name, self.value(at)?))).collect()
    }

    /// Made of what a table says; the rest is plain.
    #[must_use]
    fn of_table(table: &Table) -> Self {
        let mut part = Self::default();
        for (at, field) in Self::FIELDS.iter().enumerate() {
            if let Some(value) = table.get(field.name) {
                part.set(at, Some(*value));
            }
        }
        part
    }
}

/// Declares the fields of a part of a plan: of a type that has a default, which is plain.
///
/// Each has its place in the type, its kind, its key in scenario files and its bounds: `flag`, `whole` with bounds,
/// `time` and `moment` (µs in the type, ms in files, where the key ends in `_ms`), `chance` (with the most that a
/// varied plan has, in parts per million), and `word` with a type that has [`words!`](crate::words). A field of an
/// optional value is plain if there is none. The comments say in the documentation of scenarios what it means.
///
/// ```
/// use durable_sim::plan::Fields;
///
/// #[derive(Clone, Debug, Default, PartialEq)]
/// struct Ask {
///     at: u64,
///     client: u8,
///     again: Option<u64>,
/// }
///
/// durable_sim::fields!(Ask {
///     /// When it comes.
///     at: moment "at_ms",
///     /// Who asks.
///     client: whole "client" (0..=9),
///     /// When the same is asked again.
///     again: moment "again_ms",
/// });
///
/// let ask = Ask { at: 1_500, client: 3, again: None };
/// assert_eq!(Ask::of_table(&ask.table()), ask);
/// ```
#[macro_export]
macro_rules! fields {
    ($type:ty { $($(#[doc = $says:literal])+ $($path:ident).+: $kind:ident $(<$of:ty>)? $name:literal $(($($bounds:tt)*))?),* $(,)? }) => {
        impl $crate::plan::Fields for $type {
            const FIELDS: &'static [$crate::Field] = &[$($crate::Field {
                name: $name,
                kind: $crate::fields!(@kind $kind $(<$of>)? $(($($bounds)*))?),
                tries: $crate::fields!(@tries $kind $(($($bounds)*))?),
                says: concat!($($says),+),
            }),*];

            fn value(&self, at: usize) -> Option<$crate::Value> {
                let values: [fn(&Self) -> Option<$crate::Value>; Self::FIELDS.len()] =
                    [$(|part| $crate::Valued::to_value(&part.$($path).+)),*];
                values.get(at)?(self)
            }

            fn set(&mut self, at: usize, value: Option<$crate::Value>) {
                let sets: [fn(&mut Self, Option<$crate::Value>); Self::FIELDS.len()] =
                    [$(|part, value| if let Some(value) = $crate::Valued::of_value(value) {
                        part.$($path).+ = value;
                    }),*];
                if let Some(set) = sets.get(at) {
                    set(self, value);
                }
            }
        }
    };
    (@kind flag) => { $crate::Kind::Flag };
    (@kind chance $((0..=$high:expr))?) => { $crate::Kind::Chance };
    (@kind time) => { $crate::Kind::Time { high: $crate::MOST_TIME } };
    (@kind moment) => { $crate::Kind::Moment { high: $crate::MOST_TIME } };
    (@kind time (0..=$high:expr $(, tries [$($tries:expr),*])?)) => { $crate::Kind::Time { high: $high } };
    (@kind moment (0..=$high:expr $(, tries [$($tries:expr),*])?)) => { $crate::Kind::Moment { high: $high } };
    (@kind whole ($low:literal..=$high:expr $(, tries [$($tries:expr),*])?)) => {
        $crate::Kind::Whole { low: $low, high: $high }
    };
    (@kind word<$of:ty>) => { $crate::Kind::Word(<$of as $crate::Words>::WORDS) };
    (@kind $($other:tt)*) => {
        compile_error!(concat!(
            "`", stringify!($($other)*), "` is no kind of field: `flag`, `whole \"key\" (low..=high)`, `time \"key_ms\"`, ",
            "`moment \"key_ms\"`, `chance \"key\"` and `word<T> \"key\"` are"
        ))
    };
    (@tries $kind:ident) => { &[] };
    (@tries chance ($low:literal..=$high:expr)) => { &[$high] };
    (@tries $kind:ident ($low:literal..=$high:expr)) => { &[] };
    (@tries $kind:ident ($low:literal..=$high:expr, tries [$($tries:expr),*])) => { &[$($tries),*] };
    ($($other:tt)*) => {
        compile_error! { "fields are: `Type { /// What it means. path.in.it: kind \"key\" (bounds), ... }`" }
    };
}
