//! An instance of an object: how it is constructed, and how it is evicted (F6, F11, F19).

use super::{
    Fault, Micros, Object, ObjectId, Place, SECOND, World,
    faults::Eviction,
    platform::{Happening, Instance, InstanceId, Sim, purpose},
};
use std::collections::VecDeque;

/// Without an incoming event for this long an object may be evicted …
const EVICT_AFTER: Micros = 70 * SECOND;
/// … and by then it will be.
const EVICT_BEFORE: Micros = 140 * SECOND;

impl<W: World> Sim<W> {
    /// An instance, constructed if need be; `None` if its constructor throws.
    pub(super) fn ensure_instance(&mut self, world: &mut W, object: ObjectId) -> Option<InstanceId> {
        if let Some(id) = self.instance(object) {
            return Some(id);
        }
        let hosted = &mut self.objects[object as usize];
        let mut draw = self.decisions.at(&self.draws, Place::new(purpose::CONSTRUCT, object, hosted.constructions, 0));
        hosted.constructions += 1;
        let injected = draw.chance("throws", self.faults.constructor_throws) && hosted.throws_in_a_row < 6;
        let skew_bound = self.faults.clock_skew_ms;
        let off = draw.below("clock_off_ms", skew_bound + 1).cast_signed();
        let skew = if draw.either("clock_behind") { -off } else { off };
        let constructed = if injected {
            Err("out of memory".into())
        } else {
            W::Object::construct(&hosted.settings, &hosted.storage)
        };
        let machine = match constructed {
            Ok(machine) => machine,
            Err(error) => {
                hosted.throws_in_a_row += 1;
                self.say("object", || format!("constructor throws: {error}"));
                world.fault(self, object, Fault::ISOLATE_KILLED);
                return None;
            }
        };
        hosted.throws_in_a_row = 0;
        hosted.incarnations += 1;
        let went_back = skew < hosted.skew_ms;
        if skew_bound > 0 {
            hosted.skew_ms = skew;
        }
        let id = InstanceId { object, incarnation: hosted.incarnations };
        hosted.instance = Some(Instance {
            incarnation: id.incarnation,
            machine,
            inbox: Vec::new(),
            is_new: true,
            alarm: None,
            turn_at: Micros::MAX,
            turn_when_clear: false,
            pending: VecDeque::new(),
            connections: 0,
            waiting: VecDeque::new(),
        });
        self.say("object", || format!("constructed, incarnation {}", id.incarnation));
        if skew_bound > 0 && went_back {
            world.fault(self, object, Fault::CLOCK_MOVES);
        }
        world.started(self, id);
        Some(id)
    }

    /// An incoming event: the object was needed.
    pub(super) fn entered(&mut self, object: ObjectId) {
        let hosted = &mut self.objects[object as usize];
        hosted.last_entry = self.now;
        if self.faults.eviction != Eviction::Never && !hosted.evict_asked {
            hosted.evict_asked = true;
            let mut draw = self.decisions.at(&self.draws, Place::new(purpose::EVICT, object, hosted.turns, 0));
            self.queue
                .push(self.now + draw.between("evict_us", EVICT_AFTER, EVICT_BEFORE), Happening::Evict { object });
        }
    }

    pub(super) fn evict(&mut self, world: &mut W, object: ObjectId) {
        let hosted = &mut self.objects[object as usize];
        hosted.evict_asked = false;
        let Some(instance) = &hosted.instance else { return };
        let busy = !instance.pending.is_empty() || !instance.inbox.is_empty() || instance.connections > 0;
        let allowed = match self.faults.eviction {
            Eviction::Never => return,
            Eviction::Idle => !busy,
            Eviction::Busy => true,
        };
        if allowed && self.now >= hosted.last_entry + EVICT_AFTER {
            self.reset(world, object, Fault::EVICTION);
        } else {
            let last_entry = hosted.last_entry;
            self.entered(object);
            self.objects[object as usize].last_entry = last_entry;
        }
    }
}
