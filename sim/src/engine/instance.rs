//! An instance of an object: how it is constructed, and how it is evicted.

use super::{
    Chance, Fault, InstanceId, Micros, Object, ObjectId, SECOND, Sim, World,
    faults::Eviction,
    points::{CONSTRUCTION, Evicted, IDLE},
    state::{Happening, Instance},
};
use crate::decide::{Key, Place};
use std::collections::VecDeque;

/// Without an incoming event for this long an object may be evicted …
pub(super) const EVICT_AFTER: Micros = 70 * SECOND;
/// … and by then it will be.
pub(super) const EVICT_BEFORE: Micros = 140 * SECOND;

impl<W: World> Sim<W> {
    /// An instance, constructed if need be; `None` if its constructor throws.
    pub(super) fn ensure_instance(&mut self, world: &mut W, object: ObjectId) -> Option<InstanceId> {
        if let Some(id) = self.instance(object) {
            return Some(id);
        }
        let place = self.again(Place::new(&CONSTRUCTION, self.cause));
        let mut decide = self.decisions.at(place);
        let hosted = &mut self.objects[object as usize];
        let may_throw = hosted.throws_in_a_row < 6;
        let rate = if may_throw { self.faults.constructor_throws } else { Chance::NEVER };
        let injected = decide.happens(&CONSTRUCTION.throws, rate);
        let apart = self.faults.clock_skew_ms.cast_signed();
        let always = if apart > 0 { Chance::ALWAYS } else { Chance::NEVER };
        let skew = if injected { None } else { decide.sometimes_whole(&CONSTRUCTION.clock_ms, always, -apart, apart) };
        let constructed = if injected {
            Err("out of memory".into())
        } else {
            W::Object::construct(&hosted.settings, &hosted.storage)
        };
        let machine = match constructed {
            Ok(machine) => machine,
            Err(error) => {
                hosted.throws_in_a_row += 1;
                self.has_retried = true;
                self.object_says(object, || format!("constructor throws: {error}"));
                world.fault(self, object, Fault::ISOLATE_KILLED);
                return None;
            }
        };
        hosted.throws_in_a_row = 0;
        hosted.incarnations += 1;
        let went_back = skew.is_some_and(|skew| skew < hosted.skew_ms);
        hosted.skew_ms = skew.unwrap_or(hosted.skew_ms);
        hosted.most_skew_ms = hosted.most_skew_ms.max(hosted.skew_ms);
        let id = InstanceId { object, incarnation: hosted.incarnations };
        hosted.instance = Some(Instance {
            incarnation: id.incarnation,
            machine,
            inbox: Vec::new(),
            key: Key::WORLD,
            is_new: true,
            alarm: None,
            turn_at: Micros::MAX,
            turn_when_clear: false,
            pending: VecDeque::new(),
            connections: 0,
            waiting: VecDeque::new(),
        });
        let clock = hosted.skew_ms;
        self.object_says(object, || match clock {
            0 => format!("constructed, incarnation {}", id.incarnation),
            _ => format!("constructed, incarnation {}; its clock is {clock:+} ms off", id.incarnation),
        });
        if went_back {
            world.fault(self, object, Fault::CLOCK_MOVES);
        }
        world.started(self, id);
        Some(id)
    }

    /// An incoming event: the object was needed.
    pub(super) fn entered(&mut self, object: ObjectId) {
        let hosted = &mut self.objects[object as usize];
        (hosted.last_entry, hosted.last_entry_key) = (self.now, self.cause);
        // A script may evict what no rate does: also one that only says a part of what a seed draws.
        let is_on =
            || self.faults.eviction != Eviction::Never || self.decisions.are_played() || self.decisions.say_of(&IDLE);
        if !hosted.is_watched && is_on() {
            hosted.is_watched = true;
            self.look_at(self.now + EVICT_AFTER, object, None);
        }
    }

    fn look_at(&mut self, at: Micros, object: ObjectId, entry: Option<Place>) {
        self.looks += 1;
        self.queue.push(at, Happening::Look { object, entry });
    }

    /// Whether the object is evicted now. A look is no step of a run: nobody sees it unless it evicts.
    ///
    /// There is one look under way for each object that is watched: 70 s after its last entry, which decides when it
    /// would go; and then, with the place of that decision, once more.
    pub(super) fn look(&mut self, at: Micros, object: ObjectId, entry: Option<Place>) -> bool {
        self.looks -= 1;
        let hosted = &mut self.objects[object as usize];
        let Some(instance) = hosted.instance.as_ref().filter(|_| !self.is_healed) else {
            hosted.is_watched = false;
            return false;
        };
        let due = hosted.last_entry + EVICT_AFTER;
        let Some(place) = entry.filter(|place| place.key == hosted.last_entry_key && due <= at) else {
            if due > at {
                self.look_at(due, object, None);
                return false;
            }
            let key = hosted.last_entry_key;
            let place = self.again(Place::new(&IDLE, key));
            let after = self.decisions.at(place).time(&IDLE.after, 0, EVICT_BEFORE - EVICT_AFTER);
            self.look_at(at + after, object, Some(place));
            return false;
        };
        let is_busy = !instance.pending.is_empty() || !instance.inbox.is_empty() || instance.connections > 0;
        let (chance, how) = match self.faults.eviction {
            Eviction::Busy => (Chance::ALWAYS, Evicted::Busy),
            Eviction::Idle if !is_busy => (Chance::ALWAYS, Evicted::Idle),
            Eviction::Idle | Eviction::Never => (Chance::NEVER, Evicted::Idle),
        };
        let mut decide = self.decisions.at(place);
        let evicted = match decide.sometimes_one(&IDLE.evicted, chance, &[how]) {
            Evicted::Never => false,
            Evicted::Idle if is_busy => {
                decide.without_effect(IDLE.evicted.field(), "it was busy");
                false
            }
            Evicted::Idle | Evicted::Busy => true,
        };
        // What is busy may be evicted when it is not any more, if ever.
        let hosted = &mut self.objects[object as usize];
        // Looks alone would go on for ever.
        hosted.is_watched = is_busy && !evicted && self.queue.len() > self.looks;
        if hosted.is_watched {
            self.look_at(at + EVICT_AFTER, object, None);
        }
        evicted
    }
}
