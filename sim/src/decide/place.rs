//! Where something is decided: at a point of the run, about something. And how that is written.

use super::Point;
use super::draw::mix;
use std::{cmp::Ordering, fmt, hash};

/// Items of a list are numbered below this. What comes of an item in a run may have its number and a multiple of this, and
/// is about that item.
pub const MOST_ITEMS: u32 = 10_000;

/// Something that decisions are about, of which there are many: `call {}`, `report of r{}#{}`.
///
/// Its text has a `{}` for each number, two at most. What stands in brackets after the first number is left out if the
/// second is 0: `enqueue r{}[ try {}]`.
#[derive(Debug)]
pub struct Subject {
    /// Its text.
    pub text: &'static str,
    /// The list of the plan whose item the first number is.
    pub list: Option<&'static str>,
    hash: u64,
}

/// What a decision is about: which one of a subject, or the alarm that was set because of it.
///
/// Keys say what is decided about, not how often something was decided before: taking one thing out of a run leaves the
/// keys of all others as they are.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    subject: &'static Subject,
    numbers: [u32; 2],
    /// Alarms since: the first was set because of the subject, the second in the turn of the first, …
    pub(crate) alarms: u32,
    /// How many of the same there were before.
    pub(crate) times: u32,
}

/// A point of the run, and what it is about.
#[derive(Clone, Copy)]
pub struct Place {
    /// The point.
    pub point: &'static Point,
    /// What it is about.
    pub key: Key,
    /// How often it was there before with the same key.
    pub(crate) again: u32,
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.list == other.list
    }
}

impl Eq for Subject {}

impl Subject {
    /// A subject with this text.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self { text, list: None, hash: hash_of(text) }
    }

    /// A subject whose first number is an item of this list of the plan.
    #[must_use]
    pub const fn of(list: &'static str, text: &'static str) -> Self {
        Self { text, list: Some(list), hash: hash_of(text) }
    }

    /// The one with this number.
    #[must_use]
    pub const fn key(&'static self, number: u32) -> Key {
        self.key2(number, 0)
    }

    /// The one with these numbers.
    #[must_use]
    pub const fn key2(&'static self, number: u32, second: u32) -> Key {
        Key { subject: self, numbers: [number, second], alarms: 0, times: 0 }
    }

    /// How it can be written, but for the numbers.
    #[cfg(feature = "plans")]
    pub(crate) fn forms(&self) -> Vec<String> {
        match self.text.split_once('[') {
            None => vec![self.text.to_owned()],
            Some((first, rest)) => vec![first.to_owned(), format!("{first}{}", rest.trim_end_matches(']'))],
        }
    }

    fn write(&self, numbers: [u32; 2], out: &mut String) {
        let mut numbers = numbers.into_iter();
        let mut rest = self.text;
        while let Some(at) = rest.find(['{', '[', ']']) {
            out.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                b'{' => {
                    out.push_str(&numbers.next().unwrap_or_default().to_string());
                    rest = &rest[at + 2..];
                }
                b'[' if numbers.clone().next().unwrap_or_default() == 0 => return,
                _ => rest = &rest[at + 1..],
            }
        }
        out.push_str(rest);
    }

    /// What is written at the beginning of this text, and the rest of it.
    fn read<'a>(&'static self, text: &'a str) -> Option<(Key, &'a str)> {
        let (first, optional) = self
            .text
            .split_once('[')
            .map_or((self.text, ""), |(first, rest)| (first, rest.strip_suffix(']').unwrap_or(rest)));
        let mut numbers = [0; 2];
        let mut count = 0;
        let mut part = |pattern: &str, text: &'a str| -> Option<&'a str> {
            let mut pieces = pattern.split("{}");
            let mut text = text.strip_prefix(pieces.next()?)?;
            for piece in pieces {
                let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                // One way to write a number: 7, not 07.
                let number: u32 = text[..digits].parse().ok().filter(|_| digits == 1 || !text.starts_with('0'))?;
                *numbers.get_mut(count)? = number;
                count += 1;
                text = text[digits..].strip_prefix(piece)?;
            }
            Some(text)
        };
        let mut text = part(first, text)?;
        if !optional.is_empty()
            && let Some(rest) = part(optional, text)
        {
            text = rest;
            // It is left out if it is 0.
            if numbers[1] == 0 {
                return None;
            }
        }
        Some((self.key2(numbers[0], numbers[1]), text))
    }
}

impl Key {
    /// What is due to nothing in particular.
    pub const WORLD: Self = WORLD.key(0);

    /// What it is one of.
    #[must_use]
    pub const fn subject(&self) -> &'static Subject {
        self.subject
    }

    /// The list of the plan that it is about an item of, and the item's number.
    #[must_use]
    pub fn item(&self) -> Option<(&'static str, u32)> {
        Some((self.subject.list?, self.numbers[0] % MOST_ITEMS))
    }

    /// The same of another item of its list.
    #[must_use]
    pub const fn of_item(self, number: u32) -> Self {
        let of_item = self.numbers[0] / MOST_ITEMS * MOST_ITEMS;
        Self { numbers: [of_item + number, self.numbers[1]], ..self }
    }

    /// The same for the time after so many.
    pub(crate) const fn with_times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// The alarm that is set because of it.
    pub(crate) const fn alarm(self) -> Self {
        Self { alarms: self.alarms + 1, ..self }
    }

    /// Its numbers, which a minimiser may lower: the second one, the alarms, the times.
    #[cfg(feature = "plans")]
    pub(crate) const fn counts(self) -> [u32; 3] {
        [self.numbers[1], self.alarms, self.times]
    }

    #[cfg(feature = "plans")]
    pub(crate) const fn with_counts(self, [second, alarms, times]: [u32; 3]) -> Self {
        Self { numbers: [self.numbers[0], second], alarms, times, ..self }
    }

    pub(crate) const fn hash(self) -> u64 {
        let first = mix(self.subject.hash ^ ((self.numbers[0] as u64) << 32 | self.numbers[1] as u64));
        mix(first ^ ((self.alarms as u64) << 32 | self.times as u64))
    }

    const fn order(&self) -> (&'static str, [u32; 2], u32, u32) {
        (self.subject.text, self.numbers, self.alarms, self.times)
    }

    /// What is written at the beginning of this text, and the rest of it.
    fn read<'a>(text: &'a str, subject: &'static Subject) -> Option<(Self, &'a str)> {
        let (alarms, text) = match text.strip_prefix("alarm ").and_then(|rest| rest.split_once(" after ")) {
            Some((alarms, rest)) => (number(alarms)?, rest),
            None => (0, text),
        };
        let (key, mut text) = subject.read(text)?;
        let mut times = 0;
        if let Some((count, rest)) = text.strip_prefix(" (").and_then(|rest| rest.split_once(')')) {
            (times, text) = (number(count)?.checked_sub(1).filter(|times| *times > 0)?, rest);
        }
        Some((Self { alarms, times, ..key }, text))
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| *number > 0 && !text.starts_with(['0', '+']))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.alarms > 0 {
            write!(f, "alarm {} after ", self.alarms)?;
        }
        let mut text = String::new();
        self.subject.write(self.numbers, &mut text);
        f.write_str(&text)?;
        if self.times > 0 { write!(f, " ({})", self.times + 1) } else { Ok(()) }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl hash::Hash for Key {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.order().hash(state);
    }
}

/// What is due to nothing in particular.
static WORLD: Subject = Subject::new("the world");

impl Place {
    /// The point with this key.
    #[must_use]
    pub const fn new(point: &'static Point, key: Key) -> Self {
        Self { point, key, again: 0 }
    }

    /// The place that is written so, of these points and subjects.
    #[must_use]
    pub fn read(text: &str, points: &[&'static Point], subjects: &[&'static Subject]) -> Option<Self> {
        let subjects = subjects.iter().copied().chain([&WORLD]);
        let all = points.iter().filter_map(|point| Some((*point, text.strip_prefix(point.name)?.strip_prefix(' ')?)));
        let mut all = all.flat_map(|(point, text)| subjects.clone().map(move |subject| (point, text, subject)));
        all.find_map(|(point, text, subject)| {
            let (key, rest) = Key::read(text, subject)?;
            let again = match rest.strip_prefix(" again ") {
                Some(again) => number(again)?,
                None if rest.is_empty() => 0,
                None => return None,
            };
            Some(Self { point, key, again })
        })
    }

    /// The same about something else.
    #[must_use]
    pub const fn about(self, key: Key) -> Self {
        Self { key, ..self }
    }

    pub(crate) const fn hash(&self) -> u64 {
        mix(self.key.hash() ^ self.point.hash ^ self.again as u64)
    }

    fn order(&self) -> (&'static str, &Key, u32) {
        (self.point.name, &self.key, self.again)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.point.name, self.key)?;
        if self.again > 0 { write!(f, " again {}", self.again) } else { Ok(()) }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Place {}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// FNV-1a of a text: names are hashed as they are compiled.
pub(crate) const fn hash_of(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    static TURN: Point = Point::new("turn of", "", true, &[]);
    static RETURN: Point = Point::new("turn", "", false, &[]);
    static CALL: Subject = Subject::of("requests", "call r{}[ try {}]");
    static REPORT: Subject = Subject::of("requests", "report r{}#{}");

    fn read(text: &str) -> Option<Place> {
        Place::read(text, &[&RETURN, &TURN], &[&CALL, &REPORT])
    }

    #[test]
    fn what_is_written_is_read() {
        for key in [CALL.key(0), CALL.key2(7, 3), REPORT.key2(12, 1), Key::WORLD] {
            for (alarms, times, again) in [(0, 0, 0), (3, 0, 1), (0, 2, 0), (1, 1, 9)] {
                let place = Place { again, ..Place::new(&TURN, Key { alarms, times, ..key }) };
                assert_eq!(read(&place.to_string()), Some(place), "{place}");
            }
        }
        assert_eq!(
            read("turn of alarm 2 after call r7 try 3 (2) again 1").map(|place| place.key.item()),
            Some(Some(("requests", 7)))
        );
    }

    #[test]
    fn there_is_one_way_to_write_it() {
        for wrong in [
            "",
            "turn of",
            "turn of call",
            "turn of call r",
            "turn of call r07",
            "turn of call r1 try 0x",
            "turn of call r1 try 0",
            "turn of report r1",
            "turn of call r1 (1)",
            "turn of call r1 again 0",
            "turn of alarm 0 after call r1",
            "turn of call r1 ",
            "turn of call r+1",
            "turn of call r99999999999",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn keys_are_told_apart() {
        let keys = [
            CALL.key(1),
            CALL.key2(1, 1),
            CALL.key2(0, 1),
            REPORT.key(1),
            CALL.key(1).alarm(),
            Key { times: 1, ..CALL.key(1) },
        ];
        for (at, key) in keys.iter().enumerate() {
            for other in &keys[..at] {
                assert_ne!(key, other);
                assert_ne!(key.hash(), other.hash());
            }
        }
    }
}
