//! A run's decisions as data: recorded while a seed draws them, and replayed from those that were kept.
//!
//! A [`Decision`] is a draw whose outcomes have names. Each has a plain outcome (the thing does not happen, or its
//! value is the least or the first), and a [`Script`] holds the outcomes that are not plain. So what is removed from a
//! script no longer happens, and what is left still happens, at its place.

use super::draw::{Chance, Draw, Draws};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    rc::Rc,
};

/// Where in a run something is decided: what for, by whom, about what, and which time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// What is decided. The engine's purposes are below 100, a world's from 100.
    pub purpose: u16,
    /// By whom.
    pub actor: u32,
    /// About what.
    pub item: u64,
    /// Which time it is, from 0 or 1 as the decision counts.
    pub attempt: u32,
}

impl Place {
    /// The place of these four.
    #[must_use]
    pub const fn new(purpose: u16, actor: u32, item: u64, attempt: u32) -> Self {
        Self { purpose, actor, item, attempt }
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// It happens.
    Yes,
    /// So much; times are in µs.
    Number(u64),
    /// The one that is written like this.
    Word(String),
}

/// All decisions of a run that are not plain, by place and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script(pub BTreeMap<Place, BTreeMap<String, Value>>);

/// Whether decisions are recorded or played.
#[derive(Debug)]
enum Mode {
    Records(RefCell<Script>),
    Plays {
        script: Script,
        /// What was asked for of it.
        played: RefCell<BTreeSet<(Place, String)>>,
    },
}

/// The decisions of a run: drawn from a seed, and recorded if that is asked for; or played.
#[derive(Clone, Debug, Default)]
pub struct Decisions(Option<Rc<Mode>>);

/// The decisions at one place. What is decided first may say what else is.
#[derive(Debug)]
pub struct Decision {
    draw: Draw,
    place: Place,
    mode: Option<Rc<Mode>>,
}

impl Decisions {
    /// They are drawn, and recorded for [`Decisions::recorded`].
    #[must_use]
    pub fn recording() -> Self {
        Self(Some(Rc::new(Mode::Records(RefCell::default()))))
    }

    /// They are those of the script, and plain where it has none.
    #[must_use]
    pub fn playing(script: Script) -> Self {
        Self(Some(Rc::new(Mode::Plays { script, played: RefCell::default() })))
    }

    /// Whether they are played.
    #[must_use]
    pub fn are_played(&self) -> bool {
        self.0.as_ref().is_some_and(|mode| matches!(**mode, Mode::Plays { .. }))
    }

    /// What was recorded until now.
    #[must_use]
    pub fn recorded(&self) -> Script {
        match self.0.as_deref() {
            Some(Mode::Records(script)) => script.borrow().clone(),
            Some(Mode::Plays { .. }) | None => Script::default(),
        }
    }

    /// What is played and was not asked for until now: without it the run would be the same.
    #[must_use]
    pub fn unplayed(&self) -> Script {
        let Some(Mode::Plays { script, played }) = self.0.as_deref() else { return Script::default() };
        let played = played.borrow();
        let mut rest = script.clone();
        for (place, decided) in &mut rest.0 {
            decided.retain(|name, _| !played.contains(&(*place, name.clone())));
        }
        rest.0.retain(|_, decided| !decided.is_empty());
        rest
    }

    /// The decisions at this place.
    pub(super) fn at(&self, draws: &Draws, place: Place) -> Decision {
        let draw = draws.at(place.purpose, place.actor, place.item, place.attempt);
        Decision { draw, place, mode: self.0.clone() }
    }
}

impl Decision {
    /// Whether it happens. Plain: it does not, unless it always does.
    pub fn chance(&mut self, name: &str, chance: Chance) -> bool {
        let drawn = self.draw.chance(chance);
        match self.mode.as_deref() {
            None => drawn,
            Some(Mode::Plays { .. }) => chance == Chance::ALWAYS || self.played(name).is_some(),
            Some(Mode::Records(_)) => {
                if drawn {
                    self.record(name, Value::Yes);
                }
                drawn
            }
        }
    }

    /// One of two, equally often. Plain: no.
    pub fn either(&mut self, name: &str) -> bool {
        self.chance(name, Chance::percent(50))
    }

    /// A number from `low` to `high`, both included. Plain: the lowest.
    pub fn between(&mut self, name: &str, low: u64, high: u64) -> u64 {
        let drawn = self.draw.between(low, high);
        match self.mode.as_deref() {
            None => drawn,
            Some(Mode::Plays { .. }) => match self.played(name) {
                Some(Value::Number(number)) => (*number).clamp(low, high.max(low)),
                Some(Value::Yes | Value::Word(_)) | None => low,
            },
            Some(Mode::Records(_)) => {
                if drawn != low {
                    self.record(name, Value::Number(drawn));
                }
                drawn
            }
        }
    }

    /// A number below `bound`; 0 if that is 0. Plain: 0.
    pub fn below(&mut self, name: &str, bound: u64) -> u64 {
        self.between(name, 0, bound.saturating_sub(1))
    }

    /// One of them. Plain: the first.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<T: Copy + fmt::Debug>(&mut self, name: &str, items: &[T]) -> T {
        let drawn = self.draw.pick(items);
        match self.mode.as_deref() {
            None => drawn,
            Some(Mode::Plays { .. }) => match self.played(name) {
                Some(Value::Word(word)) => {
                    items.iter().copied().find(|item| &format!("{item:?}") == word).unwrap_or(items[0])
                }
                Some(Value::Yes | Value::Number(_)) | None => items[0],
            },
            Some(Mode::Records(_)) => {
                let word = format!("{drawn:?}");
                if word != format!("{:?}", items[0]) {
                    self.record(name, Value::Word(word));
                }
                drawn
            }
        }
    }

    fn played(&self, name: &str) -> Option<&Value> {
        match self.mode.as_deref() {
            Some(Mode::Plays { script, played }) => {
                let value = script.0.get(&self.place)?.get(name)?;
                played.borrow_mut().insert((self.place, name.to_owned()));
                Some(value)
            }
            Some(Mode::Records(_)) | None => None,
        }
    }

    fn record(&self, name: &str, value: Value) {
        if let Some(Mode::Records(script)) = self.mode.as_deref() {
            script.borrow_mut().0.entry(self.place).or_default().insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(decisions: &Decisions, seed: u64) -> Vec<String> {
        let draws = Draws::new(seed);
        (0..50)
            .map(|item| {
                let mut at = decisions.at(&draws, Place { purpose: 1, actor: 2, item, attempt: 3 });
                let happens = at.chance("happens", Chance::percent(30));
                let how = happens.then(|| at.pick("how", &["slowly", "fast"]));
                format!("{happens} {how:?} {} {}", at.between("time", 5, 9), at.below("rest", 0))
            })
            .collect()
    }

    #[test]
    fn what_was_recorded_is_played() {
        let recording = Decisions::recording();
        let drawn = decide(&recording, 1);
        assert_eq!(drawn, decide(&Decisions::default(), 1), "recording changes nothing");
        let playing = Decisions::playing(recording.recorded());
        assert_eq!(drawn, decide(&playing, 2), "the seed plays no part");
    }

    #[test]
    fn what_nobody_asked_for_is_known() {
        let recording = Decisions::recording();
        decide(&recording, 1);
        let mut script = recording.recorded();
        let never = Place { purpose: 1, actor: 2, item: 99, attempt: 3 };
        let here = *script.0.keys().next().expect("something was decided");
        let rest = Script([here, never].map(|place| (place, BTreeMap::from([("other".into(), Value::Yes)]))).into());
        script.0.entry(here).or_default().extend(rest.0[&here].clone());
        script.0.insert(never, rest.0[&never].clone());
        let playing = Decisions::playing(script.clone());
        assert_eq!(playing.unplayed(), script);
        decide(&playing, 2);
        assert_eq!(playing.unplayed(), rest);
    }

    #[test]
    fn what_is_not_in_the_script_is_plain() {
        let plain = decide(&Decisions::playing(Script::default()), 1);
        assert_eq!(plain, vec!["false None 5 0"; 50]);
    }
}
