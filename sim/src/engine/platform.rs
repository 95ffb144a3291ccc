//! A run: its time, its objects, what will happen; and what a world may ask of it.

use super::{
    Breaks, Commit, Coverage, Faults, Micros, Object, Recorder, SECOND, Sizes, World,
    law::Promised,
    queue::Queue,
    state::{Happening, Hosted},
};
use crate::decide::{Decision, Decisions, Key, MISUSE, Place, Point};
use rustc_hash::FxHashMap;
use std::fmt;

/// An object's number: those of a run are 0, 1, … in the order of [`Sim::add_object`].
pub type ObjectId = u32;

/// One incarnation of an object in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstanceId {
    /// The object.
    pub object: ObjectId,
    /// Which of its instances it is, from 1.
    pub incarnation: u32,
}

/// Why a call did not reach an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// Too many calls in this second.
    Overloaded,
    /// Its constructor threw.
    Broken,
}

/// A run: its time, its decisions, its objects, and what will happen.
///
/// # Panics
/// Whatever takes an [`ObjectId`] or an [`InstanceId`] panics if the object is not of this run.
/// And a run panics that has 2^40 events behind it, or 2^24 of them before it at once.
pub struct Sim<W: World> {
    /// Its decisions: drawn, recorded or played.
    pub decisions: Decisions,
    /// Digest and lines.
    pub recorder: Recorder,
    /// The platform's faults. A world may change them at any time; [`Sim::heal`] ends them all.
    pub faults: Faults,
    pub(super) sizes: Sizes,
    pub(super) now: Micros,
    pub(super) start_ms: u64,
    pub(super) queue: Queue<Happening<W::Message>>,
    /// Emptied commits, for their memory.
    pub(super) spare: Vec<Commit<W::Object>>,
    pub(super) objects: Vec<Hosted<W>>,
    pub(super) stopped: bool,
    pub(super) is_healed: bool,
    /// Whether an alarm's handler hung, or may have waited for a retry that does not count: see [`Sim::heal`].
    pub(super) has_hung: bool,
    pub(super) has_retried: bool,
    /// Looks at whether an object is idle, among all that will happen.
    pub(super) looks: usize,
    /// Whether every commit fails.
    pub(super) is_full: bool,
    /// The first broken law.
    pub(super) broken: Option<Breaks>,
    /// What must happen yet, and when the first of it is due.
    pub(super) promised: Vec<Promised>,
    pub(super) promised_until: Micros,
    pub(super) coverage: Coverage,
    /// What is being done is due to this.
    pub(super) cause: Key,
    /// How often a place was come to.
    pub(super) times: FxHashMap<u64, u32>,
}

impl<W: World> Sim<W> {
    /// A run that begins at `start_ms` (ms since the Unix epoch) with nothing in it.
    #[must_use]
    pub fn new(decisions: Decisions, start_ms: u64, faults: Faults, sizes: Sizes, recorder: Recorder) -> Self {
        Self {
            decisions,
            recorder,
            faults,
            sizes,
            now: 0,
            start_ms,
            queue: Queue::new(),
            spare: Vec::new(),
            objects: Vec::new(),
            stopped: false,
            is_healed: false,
            has_hung: false,
            has_retried: false,
            looks: 0,
            is_full: false,
            broken: None,
            promised: Vec::new(),
            promised_until: Micros::MAX,
            coverage: Coverage::default(),
            cause: Key::WORLD,
            times: FxHashMap::default(),
        }
    }

    /// Adds an object with what is stored of it already. It has no alarm, and no instance until something calls it.
    pub fn add_object(
        &mut self,
        settings: <W::Object as Object>::Settings,
        storage: <W::Object as Object>::Storage,
    ) -> ObjectId {
        self.objects.push(Hosted::new(settings, storage));
        (self.objects.len() - 1) as ObjectId
    }

    /// What is decided at this point about this.
    ///
    /// # Panics
    /// In debug builds, if the point is the engine's; and each decision, if it was asked for before at this place.
    #[must_use]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn decide(&self, point: &'static Point, key: Key) -> Decision {
        debug_assert!(!point.is_engines, "{MISUSE}\"{}\" is the engine's", point.name);
        self.decisions.at(Place::new(point, key))
    }

    /// The place of this point and this, which may be come to more than once: the places of each time differ. Its
    /// decisions are those of [`Sim::decide_at`], for as long as the world keeps it.
    ///
    /// # Panics
    /// In debug builds, if the point is the engine's.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn place(&mut self, point: &'static Point, key: Key) -> Place {
        debug_assert!(!point.is_engines, "{MISUSE}\"{}\" is the engine's", point.name);
        self.again(Place::new(point, key))
    }

    /// What is decided at this place.
    ///
    /// # Panics
    /// In debug builds: each decision, if it was asked for before at this place.
    #[must_use]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn decide_at(&self, place: Place) -> Decision {
        debug_assert!(!place.point.is_engines, "{MISUSE}\"{}\" is the engine's", place.point.name);
        self.decisions.at(place)
    }

    /// What is being done is due to this, until the step ends: what is called now, what is started now, and the turns
    /// and commits that follow from it. A world says so where it knows better than the engine, to which a message is
    /// due to what it was sent for.
    pub const fn about(&mut self, key: Key) {
        self.cause = key;
    }

    /// What is being done is due to this.
    #[must_use]
    pub const fn cause(&self) -> Key {
        self.cause
    }

    /// The place as it is come to now: not for the first time, perhaps.
    pub(super) fn again(&mut self, place: Place) -> Place {
        let times = self.times.entry(place.hash()).or_default();
        let again = *times;
        *times += 1;
        Place { again, ..place }
    }

    /// True time since the run began.
    #[must_use]
    pub const fn now(&self) -> Micros {
        self.now
    }

    /// True time in ms since the Unix epoch.
    #[must_use]
    pub const fn true_ms(&self) -> u64 {
        self.start_ms + self.now / 1_000
    }

    /// The object's clock in ms since the Unix epoch: true time as its host has it.
    #[must_use]
    pub fn clock_ms(&self, object: ObjectId) -> u64 {
        self.true_ms().saturating_add_signed(self.objects[object as usize].skew_ms)
    }

    /// Lets something happen after `delay` µs of true time. What is due at one time happens in the order in which it
    /// was asked for.
    pub fn after(&mut self, delay: Micros, message: W::Message) {
        let cause = self.cause;
        self.queue.push(self.now + delay, Happening::Message { message, cause });
    }

    /// The object by its number, if there are several: so the trace names it.
    pub(super) const fn named(&self, object: ObjectId) -> Option<ObjectId> {
        if self.objects.len() > 1 { Some(object) } else { None }
    }

    /// The object says it.
    pub(super) fn object_says(&mut self, object: ObjectId, what: impl FnOnce() -> String) {
        let (now, named) = (self.now, self.named(object));
        self.recorder.object_line(now, named, what);
    }

    /// Lets something of the plan happen at `at` µs of true time, but not before now. What follows is due to `key`.
    pub fn plan(&mut self, at: Micros, key: Key, message: W::Message) {
        self.queue.push(at.max(self.now), Happening::Message { message, cause: key });
    }

    /// Ends the run after this step, which is still done to its end.
    pub const fn stop(&mut self) {
        self.stopped = true;
    }

    /// Ends all platform faults, those that a script says too. Returns the longest time until the retry of a stored alarm, in µs: after what has
    /// happened, not after what might have, so that it is the same in a run that is played.
    pub fn heal(&mut self) -> Micros {
        let recovery = self.recovery();
        self.faults = Faults::default();
        self.decisions.heal();
        self.is_healed = true;
        self.is_full = false;
        for hosted in &mut self.objects {
            hosted.alarm_hangs_until = 0;
        }
        recovery
    }

    /// Whether the storage is full from now on, so that every commit fails.
    pub const fn set_full(&mut self, is_full: bool) {
        self.is_full = is_full;
    }

    /// What is stored of the object.
    #[must_use]
    pub fn storage(&self, object: ObjectId) -> &<W::Object as Object>::Storage {
        &self.objects[object as usize].storage
    }

    /// What is stored of the object, to tamper with.
    pub fn storage_mut(&mut self, object: ObjectId) -> &mut <W::Object as Object>::Storage {
        &mut self.objects[object as usize].storage
    }

    /// The alarm that is stored, in ms of the object's clock.
    #[must_use]
    pub fn alarm(&self, object: ObjectId) -> Option<u64> {
        self.objects[object as usize].alarm
    }

    /// Whether the last alarm of the object was lost by a fault that the platform's contract does not exclude: only an incoming event can help it then.
    #[must_use]
    pub fn alarm_is_lost(&self, object: ObjectId) -> bool {
        self.objects[object as usize].alarm_lost
    }

    /// The machine in memory, if there is an instance. It may be ahead of the storage: see [`World::settled`].
    #[must_use]
    pub fn machine(&self, object: ObjectId) -> Option<&W::Object> {
        self.objects[object as usize].instance.as_ref().map(|instance| &instance.machine)
    }

    /// Whether this instance still lives.
    #[must_use]
    pub fn is_alive(&self, id: InstanceId) -> bool {
        self.objects[id.object as usize]
            .instance
            .as_ref()
            .is_some_and(|instance| instance.incarnation == id.incarnation)
    }

    /// The living instance of the object.
    #[must_use]
    pub fn instance(&self, object: ObjectId) -> Option<InstanceId> {
        self.objects[object as usize]
            .instance
            .as_ref()
            .map(|instance| InstanceId { object, incarnation: instance.incarnation })
    }

    /// A call to the object: an incoming event, which constructs an instance if there is none. The object takes its
    /// turn later, never within this call.
    ///
    /// # Errors
    /// [`CallError`]; nothing reached the object.
    pub fn call(
        &mut self,
        world: &mut W,
        object: ObjectId,
        event: <W::Object as Object>::Event,
    ) -> Result<InstanceId, CallError> {
        let second = self.now / SECOND;
        let limit = self.sizes.calls_per_second;
        let hosted = &mut self.objects[object as usize];
        if hosted.second != second {
            (hosted.second, hosted.calls_in_second) = (second, 0);
        }
        hosted.calls_in_second += 1;
        if hosted.calls_in_second > limit {
            return Err(CallError::Overloaded);
        }
        let Some(instance) = self.ensure_instance(world, object) else { return Err(CallError::Broken) };
        self.entered(object);
        self.deliver(instance, event);
        Ok(instance)
    }

    /// Work that an instance started comes back to it; whether the instance still lived.
    pub fn resume(&mut self, instance: InstanceId, event: <W::Object as Object>::Event) -> bool {
        let alive = self.is_alive(instance);
        if alive {
            self.deliver(instance, event);
        }
        alive
    }

    fn deliver(&mut self, id: InstanceId, event: <W::Object as Object>::Event) {
        let linger_us = W::Object::linger_ms(&event) * 1_000;
        let at = self.now + linger_us.max(self.sizes.gather_us);
        if let Some(instance) = &mut self.objects[id.object as usize].instance {
            if instance.inbox.is_empty() {
                instance.key = self.cause;
            }
            instance.inbox.push(event);
        }
        self.ask_turn(id, at);
    }

    pub(super) fn ask_turn(&mut self, id: InstanceId, at: Micros) {
        if let Some(instance) = &mut self.objects[id.object as usize].instance
            && at < instance.turn_at
        {
            instance.turn_at = at;
            self.queue.push(at, Happening::Turn { instance: id, at });
        }
    }

    /// Opens a connection: `message` happens at once, or when one of the instance's connections is closed.
    /// Says whether it must wait.
    pub fn connect(&mut self, id: InstanceId, message: W::Message) -> bool {
        let (most, cause) = (self.sizes.connections, self.cause);
        let Some(instance) = &mut self.objects[id.object as usize].instance else { return false };
        if instance.connections < most {
            instance.connections += 1;
            self.queue.push(self.now, Happening::Message { message, cause });
            return false;
        }
        instance.waiting.push_back((message, cause));
        true
    }

    /// Closes a connection that has been opened; the one that has waited longest takes its place. Nothing happens if
    /// the instance is gone: its connections went with it.
    pub fn disconnect(&mut self, id: InstanceId) {
        if !self.is_alive(id) {
            return;
        }
        if let Some(instance) = &mut self.objects[id.object as usize].instance {
            match instance.waiting.pop_front() {
                Some((message, cause)) => self.queue.push(self.now, Happening::Message { message, cause }),
                None => instance.connections -= 1,
            }
        }
    }

    /// Says a line of the trace; `what` is made only if lines are wanted.
    pub fn say(&mut self, who: impl Into<String>, what: impl FnOnce() -> String) {
        if self.recorder.wants_lines() {
            let text = what();
            self.recorder.line(self.now, who, text);
        }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "object {} incarnation {}", self.object, self.incarnation)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overloaded => "overloaded",
            Self::Broken => "the constructor threw",
        })
    }
}
