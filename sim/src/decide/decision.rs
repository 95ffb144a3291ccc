//! The decisions at one place: each is drawn, or taken from a script, as its declaration says.

use super::{
    Chance, Choice, Draw, Field, Flag, Note, Place, Time, Value, Whole, Words, declare::Decided, draw::mix, mode::Mode,
};
#[cfg(debug_assertions)]
use super::{MISUSE, mode::Asked};
use crate::time::Micros;
use std::rc::Rc;

/// The decisions at one place.
#[derive(Debug)]
pub struct Decision {
    pub(super) hash: u64,
    pub(super) place: Place,
    pub(super) mode: Option<Rc<Mode>>,
    #[cfg(debug_assertions)]
    pub(super) once: Asked,
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

impl Decision {
    /// Whether it happens. Plain: it does not, unless it always does.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
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
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn time(&mut self, time: &Time, low: Micros, high: Micros) -> Micros {
        self.number(&time.0, low.cast_signed(), high.cast_signed(), i64::MAX).cast_unsigned()
    }

    /// A time, if one is drawn at all. Plain: 0.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn sometimes(&mut self, time: &Time, chance: Chance, low: Micros, high: Micros) -> Micros {
        let (low, high) = (low.cast_signed(), high.cast_signed());
        #[cfg(debug_assertions)]
        self.are_declared(&time.0, &[low, high]);
        self.perhaps(&time.0, chance, |draw| between(draw, low, high), i64::MAX).unwrap_or(0).cast_unsigned()
    }

    /// The same where it makes a difference that it happens after no time at all. Plain: none.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn sometimes_after(&mut self, time: &Time, chance: Chance, low: Micros, high: Micros) -> Option<Micros> {
        let (low, high) = (low.cast_signed(), high.cast_signed());
        #[cfg(debug_assertions)]
        self.are_declared(&time.0, &[low, high]);
        self.perhaps(&time.0, chance, |draw| between(draw, low, high), i64::MAX).map(i64::cast_unsigned)
    }

    /// One of these times, in µs, if one is drawn at all. Plain: 0. A script is bound by the declaration alone.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn sometimes_of(&mut self, time: &Time, chance: Chance, items: &[Micros]) -> Micros {
        #[cfg(debug_assertions)]
        self.are_declared(&time.0, &items.iter().map(|item| item.cast_signed()).collect::<Vec<_>>());
        self.perhaps(&time.0, chance, |draw| draw.pick(items).cast_signed(), i64::MAX).unwrap_or(0).cast_unsigned()
    }

    /// One of these numbers, if one is drawn at all. Plain: none. A script is bound by the declaration alone.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn sometimes_whole_of(&mut self, whole: &Whole, chance: Chance, items: &[i64]) -> Option<i64> {
        #[cfg(debug_assertions)]
        self.are_declared(&whole.0, items);
        self.perhaps(&whole.0, chance, |draw| draw.pick(items), i64::MAX)
    }

    /// A number from `low` to `high`, both included. Plain: `low`. A script is bound by the declaration alone.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn whole(&mut self, whole: &Whole, low: i64, high: i64) -> i64 {
        self.number(&whole.0, low, high, i64::MAX)
    }

    /// A number, if one is drawn at all. Plain: none.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn sometimes_whole(&mut self, whole: &Whole, chance: Chance, low: i64, high: i64) -> Option<i64> {
        #[cfg(debug_assertions)]
        self.are_declared(&whole.0, &[low, high]);
        self.perhaps(&whole.0, chance, |draw| between(draw, low, high), i64::MAX)
    }

    /// A number from 0 to `most`, which only the run knows, if one is drawn at all. Plain: none. If a script says more,
    /// `most` is taken, and a [`Note`] says so.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn sometimes_up_to(&mut self, whole: &Whole, chance: Chance, most: u64) -> Option<u64> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.perhaps(&whole.0, chance, |draw| between(draw, 0, most), most).map(i64::cast_unsigned)
    }

    /// A number from 0 to `most`, which only the run knows. Plain: 0. If a script says more, `most` is taken, and a
    /// [`Note`] says so.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn up_to(&mut self, whole: &Whole, most: u64) -> u64 {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.number(&whole.0, 0, most, most).cast_unsigned()
    }

    /// One of these numbers. Plain: the first. If a script says another, the first is taken, and a [`Note`] says so.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn whole_of(&mut self, whole: &Whole, items: &[i64]) -> i64 {
        #[cfg(debug_assertions)]
        self.are_declared(&whole.0, items);
        let mut draw = self.draw(&whole.0);
        let number = match self.said(&whole.0) {
            Said::Drawn => draw.pick(items),
            Said::Value(Value::Number(said)) if items.contains(&said) => said,
            Said::Value(value) => {
                let of: Vec<String> = items.iter().map(i64::to_string).collect();
                self.note(&whole.0, value, &format!("is none of {} here: {} was taken", of.join(", "), items[0]));
                items[0]
            }
            Said::Plain => items[0],
        };
        if number != items[0] {
            self.record(&whole.0, Value::Number(number));
        }
        number
    }

    /// One of these. Plain: the first. A script may say any that was declared.
    ///
    /// # Panics
    /// If there is none.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
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
    #[cfg_attr(debug_assertions, track_caller)]
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

    /// What was decided of this here is without effect: it is not recorded, and if a script says it, a [`Note`] says why.
    pub fn without_effect(&self, field: Field, why: &str) {
        let Some(mode) = &self.mode else { return };
        if let Some(recorded) = &mode.recorded {
            let all = &mut recorded.borrow_mut().0;
            if let Some(here) = all.get_mut(&self.place) {
                here.remove(field.name);
                if here.is_empty() {
                    all.remove(&self.place);
                }
            }
        }
        let said = mode.script.0.get(&self.place).and_then(|table| table.get(field.name));
        if let Some(said) = said {
            let what = format!("{} is without effect: {why}", field.text(*said));
            mode.notes.borrow_mut().push(Note { place: self.place, name: field.name, what });
        }
    }

    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    fn number(&self, decided: &Decided, low: i64, high: i64, most: i64) -> i64 {
        #[cfg(debug_assertions)]
        self.are_declared(decided, &[low, high]);
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
    #[cfg_attr(debug_assertions, track_caller)]
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
    #[cfg_attr(debug_assertions, track_caller)]
    fn draw(&self, decided: &Decided) -> Draw {
        let hash = mix(self.hash ^ decided.hash);
        #[cfg(debug_assertions)]
        self.once(hash, decided);
        Draw::from(hash)
    }

    #[cfg(debug_assertions)]
    #[track_caller]
    fn once(&self, hash: u64, decided: &Decided) {
        let is_new = self.once.borrow_mut().insert(hash);
        let again = "if the run may come here more than once, ask at a `Sim::place`, with `Sim::decide_at`";
        assert!(is_new, "{MISUSE}asked twice in a run: {} at \"{}\"; {again}", decided.field.name, self.place);
        let is_declared = self.place.field(decided.field.name).is_some();
        assert!(is_declared, "{MISUSE}{} is not declared at \"{}\"", decided.field.name, self.place);
    }

    /// What may be drawn is within the declaration: else a run that is written out could not be read.
    #[cfg(debug_assertions)]
    #[track_caller]
    fn are_declared(&self, decided: &Decided, numbers: &[i64]) {
        for number in numbers {
            if let Err(what) = decided.field.check(Value::Number(*number)) {
                panic!(
                    "{MISUSE}{} at \"{}\" may be drawn beyond its declaration: {what}",
                    decided.field.name, self.place
                );
            }
        }
    }

    #[inline]
    fn said(&self, decided: &Decided) -> Said {
        self.mode.as_ref().map_or(Said::Drawn, |mode| self.scripted(mode, decided))
    }

    /// The same of something that is drawn at this rate.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
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

    /// The number that a script says, but no more than `most` if there is one, and then not below 0.
    fn at_most(&self, decided: &Decided, value: Value, most: i64) -> Option<i64> {
        let Value::Number(said) = value else { return None };
        // What has no bound but its declaration may be below 0.
        let taken = if most == i64::MAX { said } else { said.clamp(0, most) };
        if taken != said {
            let how = if taken < said { "more" } else { "less" };
            let taken = decided.field.text(Value::Number(taken));
            self.note(decided, value, &format!("is {how} than there was: {taken} was taken"));
        }
        Some(taken)
    }

    /// What a script says cannot be done as it says.
    #[cold]
    fn note(&self, decided: &Decided, said: Value, what: &str) {
        let Some(mode) = &self.mode else { return };
        let what = format!("{} {what}", decided.field.text(said));
        mode.notes.borrow_mut().push(Note { place: self.place, name: decided.field.name, what });
    }

    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
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
