//! The decisions of a run: drawn from a seed, played from a script, or both; and recorded if that is asked for.

#[cfg(debug_assertions)]
use super::{Key, MISUSE, Subject, mode::Asked};
use super::{
    Note, Place, Point, Script,
    decision::Decision,
    draw::{mix, seed_key},
    mode::Mode,
};
use std::{cell::RefCell, rc::Rc};

/// All decisions of a run.
#[derive(Debug)]
pub struct Decisions {
    key: u64,
    mode: Option<Rc<Mode>>,
    #[cfg(debug_assertions)]
    once: Asked,
    #[cfg(debug_assertions)]
    known: Option<Rc<Known>>,
}

/// Where something may be decided, and about what: else it could not be written.
#[cfg(debug_assertions)]
#[derive(Debug)]
struct Known {
    points: Vec<&'static Point>,
    subjects: &'static [&'static Subject],
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
            #[cfg(debug_assertions)]
            known: None,
        }
    }

    /// The same, at these points and about these subjects only; anything else is a mistake of the world's schema.
    #[cfg(all(debug_assertions, feature = "plans"))]
    pub(crate) fn within(self, points: Vec<&'static Point>, subjects: &'static [&'static Subject]) -> Self {
        Self { known: Some(Rc::new(Known { points, subjects })), ..self }
    }

    #[cfg(debug_assertions)]
    #[track_caller]
    fn is_known(&self, Place { point, key, .. }: &Place) {
        let Some(known) = &self.known else { return };
        let subject = key.subject();
        let is_point = known.points.iter().any(|known| known.name == point.name);
        assert!(is_point, "{MISUSE}the point \"{}\" is not in the schema's `points`", point.name);
        let is_subject = subject == Key::WORLD.subject() || known.subjects.contains(&subject);
        assert!(is_subject, "{MISUSE}the subject \"{}\" is not in the schema's `subjects`", subject.text);
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

    /// Whether a script says anything of this point.
    pub(crate) fn say_of(&self, point: &Point) -> bool {
        self.mode.as_ref().is_some_and(|mode| mode.script.0.keys().any(|place| place.point.name == point.name))
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
    #[cfg_attr(debug_assertions, track_caller)]
    pub(crate) fn at(&self, place: Place) -> Decision {
        #[cfg(debug_assertions)]
        self.is_known(&place);
        Decision {
            hash: mix(place.hash() ^ self.key),
            place,
            mode: self.mode.clone(),
            #[cfg(debug_assertions)]
            once: Rc::clone(&self.once),
        }
    }
}

#[cfg(test)]
mod tests;
