//! The decisions of a run: drawn from a seed, played from a script, or both; and recorded if that is asked for.

use super::{
    Chance, Choice, Draw, Flag, Note, Place, Script, Time, Value, Whole, Words,
    declare::Decided,
    draw::{mix, seed_key},
};
use crate::time::Micros;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
};

/// All decisions of a run.
#[derive(Clone, Debug)]
pub struct Decisions {
    key: u64,
    mode: Option<Rc<Mode>>,
    #[cfg(debug_assertions)]
    once: Asked,
}

/// What is done besides drawing.
#[derive(Clone, Debug, Default)]
struct Mode {
    /// What is decided already.
    script: Script,
    /// Whether the rest is plain; else it is drawn.
    rest_is_plain: bool,
    /// What was decided, if that is kept, but for what is plain.
    recorded: Option<RefCell<Script>>,
    /// What was asked for of the script.
    played: RefCell<BTreeSet<(Place, &'static str)>>,
    notes: RefCell<Vec<Note>>,
    /// All that was asked, if that is kept.
    asked: Option<RefCell<Vec<(Place, &'static str)>>>,
    /// Whether faults have ceased.
    has_healed: Cell<bool>,
}

/// What was asked already: nothing may be asked twice at one place.
#[cfg(debug_assertions)]
type Asked = Rc<RefCell<rustc_hash::FxHashSet<u64>>>;

/// The decisions at one place.
#[derive(Debug)]
pub struct Decision {
    hash: u64,
    place: Place,
    mode: Option<Rc<Mode>>,
    #[cfg(debug_assertions)]
    once: Asked,
}

/// What a script says of a decision.
enum Said {
    /// This.
    Value(Value),
    /// Nothing: it is plain.
    Plain,
    /// Nothing: it is drawn.
    Drawn,
}

impl Decisions {
    /// They are those of the script; the others are drawn from the seed, or plain if there is none.
    #[must_use]
    pub fn of(seed: Option<u64>, script: &Script) -> Self {
        match seed {
            Some(seed) if script.is_empty() => Self::drawn(seed),
            Some(seed) => Self::drawn_but(seed, script.clone()),
            None => Self::playing(script.clone()),
        }
    }

    /// They are drawn from this seed.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        Self {
            key: seed_key(seed),
            mode: None,
            #[cfg(debug_assertions)]
            once: Asked::default(),
        }
    }

    /// They are those of the script, and plain where it has none.
    #[must_use]
    pub fn playing(script: Script) -> Self {
        let mode = Mode { script, rest_is_plain: true, ..Mode::default() };
        Self { mode: Some(Rc::new(mode)), ..Self::drawn(0) }
    }

    /// They are those of the script, and drawn from this seed where it has none.
    #[must_use]
    pub fn drawn_but(seed: u64, script: Script) -> Self {
        let mode = Mode { script, ..Mode::default() };
        Self { mode: Some(Rc::new(mode)), ..Self::drawn(seed) }
    }

    /// The same, and those that are not plain are kept for [`Decisions::recorded`].
    #[must_use]
    pub fn recording(self) -> Self {
        let mode = self.mode.as_deref().cloned().unwrap_or_default();
        Self { mode: Some(Rc::new(Mode { recorded: Some(RefCell::default()), ..mode })), ..self }
    }

    /// The same, and all that is asked is kept for [`Decisions::asked`].
    #[must_use]
    pub fn listing(self) -> Self {
        let mode = self.mode.as_deref().cloned().unwrap_or_default();
        Self { mode: Some(Rc::new(Mode { asked: Some(RefCell::default()), ..mode })), ..self }
    }

    /// What was asked until now, in its order, if that is kept: each decision of the run, plain or not.
    #[must_use]
    pub fn asked(&self) -> Vec<(Place, &'static str)> {
        let asked = self.mode.as_ref().and_then(|mode| mode.asked.as_ref());
        asked.map(|asked| asked.borrow().clone()).unwrap_or_default()
    }

    /// Whether what no script says is plain: no rate counts.
    #[must_use]
    pub fn are_played(&self) -> bool {
        self.mode.as_ref().is_some_and(|mode| mode.rest_is_plain)
    }

    /// Faults have ceased: a script's no longer happen either. A fault is what is asked for at no rate.
    pub(crate) fn heal(&self) {
        if let Some(mode) = &self.mode {
            mode.has_healed.set(true);
        }
    }

    /// What was recorded until now.
    #[must_use]
    pub fn recorded(&self) -> Script {
        let recorded = self.mode.as_ref().and_then(|mode| mode.recorded.as_ref());
        recorded.map(|script| script.borrow().clone()).unwrap_or_default()
    }

    /// What is played and was not asked for until now: without it the run would be the same.
    #[must_use]
    pub fn unplayed(&self) -> Script {
        let Some(mode) = self.mode.as_deref() else { return Script::default() };
        let played = mode.played.borrow();
        let mut rest = mode.script.clone();
        rest.retain(|place, name, _| !played.contains(&(*place, name)));
        rest
    }

    /// What is played and could not be done as it is said.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        self.mode.as_ref().map(|mode| mode.notes.borrow().clone()).unwrap_or_default()
    }

    /// The decisions at this place.
    #[inline]
    pub(crate) fn at(&self, place: Place) -> Decision {
        Decision {
            hash: mix(place.hash() ^ self.key),
            place,
            mode: self.mode.clone(),
            #[cfg(debug_assertions)]
            once: Rc::clone(&self.once),
        }
    }
}

impl Decision {
    /// Whether it happens. Plain: it does not, unless it always does.
    #[inline]
    pub fn happens(&mut self, flag: &Flag, chance: Chance) -> bool {
        let mut draw = self.draw(&flag.0);
        let happens = match self.said_at(&flag.0, chance) {
            Said::Drawn => draw.chance(chance),
            Said::Plain => chance == Chance::ALWAYS,
            Said::Value(value) => value == Value::Flag(true),
        };
        // That it does not is said only where it would otherwise.
        if happens || chance == Chance::ALWAYS {
            self.record(&flag.0, Value::Flag(happens));
        }
        happens
    }

    /// A time from `low` to `high`, both included, in µs. Plain: `low`. A script is bound by the declaration alone.
    #[inline]
    pub fn time(&mut self, time: &Time, low: Micros, high: Micros) -> Micros {
        self.number(&time.0, low.cast_signed(), high.cast_signed(), i64::MAX).cast_unsigned()
    }

    /// A time, if one is drawn at all. Plain: 0.
    #[inline]
    pub fn sometimes(&mut self, time: &Time, chance: Chance, low: Micros, high: Micros) -> Micros {
        let (low, high) = (low.cast_signed(), high.cast_signed());
        self.perhaps(&time.0, chance, |draw| between(draw, low, high), i64::MAX).unwrap_or(0).cast_unsigned()
    }

    /// The same where it makes a difference that it happens after no time at all. Plain: none.
    #[inline]
    pub fn sometimes_after(&mut self, time: &Time, chance: Chance, low: Micros, high: Micros) -> Option<Micros> {
        let (low, high) = (low.cast_signed(), high.cast_signed());
        self.perhaps(&time.0, chance, |draw| between(draw, low, high), i64::MAX).map(i64::cast_unsigned)
    }

    /// One of these times, in µs, if one is drawn at all. Plain: 0. A script is bound by the declaration alone.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub fn sometimes_of(&mut self, time: &Time, chance: Chance, items: &[Micros]) -> Micros {
        self.perhaps(&time.0, chance, |draw| draw.pick(items).cast_signed(), i64::MAX).unwrap_or(0).cast_unsigned()
    }

    /// One of these numbers, if one is drawn at all. Plain: none. A script is bound by the declaration alone.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub fn sometimes_whole_of(&mut self, whole: &Whole, chance: Chance, items: &[i64]) -> Option<i64> {
        self.perhaps(&whole.0, chance, |draw| draw.pick(items), i64::MAX)
    }

    /// A number from `low` to `high`, both included. Plain: `low`. A script is bound by the declaration alone.
    #[inline]
    pub fn whole(&mut self, whole: &Whole, low: i64, high: i64) -> i64 {
        self.number(&whole.0, low, high, i64::MAX)
    }

    /// A number, if one is drawn at all. Plain: none.
    #[inline]
    pub fn sometimes_whole(&mut self, whole: &Whole, chance: Chance, low: i64, high: i64) -> Option<i64> {
        self.perhaps(&whole.0, chance, |draw| between(draw, low, high), i64::MAX)
    }

    /// A number from 0 to `most`, which only the run knows, if one is drawn at all. Plain: none. If a script says more,
    /// `most` is taken, and a [`Note`] says so.
    #[inline]
    pub fn sometimes_up_to(&mut self, whole: &Whole, chance: Chance, most: u64) -> Option<u64> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.perhaps(&whole.0, chance, |draw| between(draw, 0, most), most).map(i64::cast_unsigned)
    }

    /// A number from 0 to `most`, which only the run knows. Plain: 0. If a script says more, `most` is taken, and a
    /// [`Note`] says so.
    #[inline]
    pub fn up_to(&mut self, whole: &Whole, most: u64) -> u64 {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.number(&whole.0, 0, most, most).cast_unsigned()
    }

    /// One of these. Plain: the first. A script may say any that was declared.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub fn pick<T: Words>(&mut self, choice: &Choice<T>, items: &[T]) -> T {
        let mut draw = self.draw(&choice.0);
        let picked = match self.said(&choice.0) {
            Said::Drawn => draw.pick(items),
            Said::Plain => items[0],
            Said::Value(value) => T::of_value(Some(value)).unwrap_or(items[0]),
        };
        if picked != items[0] {
            self.record(&choice.0, Value::Word(picked.word()));
        }
        picked
    }

    /// One of these, if it happens at all. Plain: the first of all that are declared, which stands for nothing.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    pub fn sometimes_one<T: Words>(&mut self, choice: &Choice<T>, chance: Chance, items: &[T]) -> T {
        let mut draw = self.draw(&choice.0);
        let plain = T::ALL[0];
        let picked = match self.said_at(&choice.0, chance) {
            Said::Drawn if draw.chance(chance) => draw.pick(items),
            Said::Drawn | Said::Plain => plain,
            Said::Value(value) => T::of_value(Some(value)).unwrap_or(plain),
        };
        if picked != plain {
            self.record(&choice.0, Value::Word(picked.word()));
        }
        picked
    }

    #[inline]
    fn number(&self, decided: &Decided, low: i64, high: i64, most: i64) -> i64 {
        let mut draw = self.draw(decided);
        let number = match self.said(decided) {
            Said::Drawn => between(&mut draw, low, high),
            Said::Plain => low,
            Said::Value(value) => self.at_most(decided, value, most).unwrap_or(low),
        };
        if number != low {
            self.record(decided, Value::Number(number));
        }
        number
    }

    #[inline]
    fn perhaps(
        &self,
        decided: &Decided,
        chance: Chance,
        number: impl FnOnce(&mut Draw) -> i64,
        most: i64,
    ) -> Option<i64> {
        let mut draw = self.draw(decided);
        let number = match self.said_at(decided, chance) {
            Said::Drawn => draw.chance(chance).then(|| number(&mut draw)),
            Said::Plain => None,
            Said::Value(value) => self.at_most(decided, value, most),
        };
        if let Some(number) = number {
            self.record(decided, Value::Number(number));
        }
        number
    }

    /// What this decision is drawn from: the seed, the place and the name. So it does not matter what else is asked.
    #[inline]
    fn draw(&self, decided: &Decided) -> Draw {
        let hash = mix(self.hash ^ decided.hash);
        #[cfg(debug_assertions)]
        self.once(hash, decided);
        Draw::from(hash)
    }

    #[cfg(debug_assertions)]
    fn once(&self, hash: u64, decided: &Decided) {
        let is_new = self.once.borrow_mut().insert(hash);
        assert!(is_new, "asked twice in a run: {} at \"{}\"", decided.field.name, self.place);
        let is_declared = self.place.field(decided.field.name).is_some();
        assert!(is_declared, "{} is not declared at \"{}\"", decided.field.name, self.place);
    }

    #[inline]
    fn said(&self, decided: &Decided) -> Said {
        self.mode.as_ref().map_or(Said::Drawn, |mode| self.scripted(mode, decided))
    }

    /// The same of something that is drawn at this rate.
    #[inline]
    fn said_at(&self, decided: &Decided, rate: Chance) -> Said {
        let has_ceased = self.mode.as_ref().is_some_and(|mode| rate == Chance::NEVER && mode.has_healed.get());
        if has_ceased { Said::Plain } else { self.said(decided) }
    }

    #[cold]
    fn scripted(&self, mode: &Mode, decided: &Decided) -> Said {
        if let Some(asked) = &mode.asked {
            asked.borrow_mut().push((self.place, decided.field.name));
        }
        let value = mode.script.0.get(&self.place).and_then(|table| table.get(decided.field.name));
        match value {
            Some(value) => {
                mode.played.borrow_mut().insert((self.place, decided.field.name));
                Said::Value(*value)
            }
            None if mode.rest_is_plain => Said::Plain,
            None => Said::Drawn,
        }
    }

    /// The number that a script says, but no more than `most`.
    fn at_most(&self, decided: &Decided, value: Value, most: i64) -> Option<i64> {
        let (Value::Number(said), Some(mode)) = (value, &self.mode) else { return None };
        let taken = said.min(most);
        if taken < said {
            mode.notes.borrow_mut().push(Note { place: self.place, name: decided.field.name, said, taken });
        }
        Some(taken)
    }

    #[inline]
    fn record(&self, decided: &Decided, value: Value) {
        if let Some(mode) = &self.mode
            && let Some(script) = &mode.recorded
        {
            script.borrow_mut().0.entry(self.place).or_default().insert(decided.field.name, value);
        }
    }
}

/// A number from `low` to `high`, both included.
fn between(draw: &mut Draw, low: i64, high: i64) -> i64 {
    low.wrapping_add(draw.below(high.wrapping_sub(low).cast_unsigned().saturating_add(1)).cast_signed())
}

#[cfg(test)]
mod tests;
