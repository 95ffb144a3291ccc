//! The platform's state: objects, their storage and their instances; and what a world may ask of it.

use super::{
    Decision, Decisions, Draws, Fault, Faults, Micros, Object, Place, Recorder, SECOND, Sizes, World, queue::Queue,
};
use std::{collections::VecDeque, fmt};

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
    /// Too many calls in this second (F28).
    Overloaded,
    /// Its constructor threw (F11).
    Broken,
}

/// What one turn made, or will make, durable.
#[derive(Debug)]
pub struct Commit<O: Object> {
    /// The object's clock in the turn, in ms.
    pub now_ms: u64,
    /// What the turn took in.
    pub notes: Vec<O::Note>,
    /// What it wrote.
    pub writes: Vec<O::Write>,
    /// The alarm that it stored, if it did.
    pub alarm_set: Option<u64>,
    /// The alarm that is stored once the commit is durable.
    pub alarm: Option<u64>,
    /// Whether the instance was lost before it was told: the commit's effects do not leave.
    pub is_unconfirmed: bool,
    pub(super) effects: Vec<O::Effect>,
    pub(super) done_at: Micros,
    pub(super) consumes_alarm: bool,
    pub(super) fate: Fate,
}

impl<O: Object> Default for Commit<O> {
    fn default() -> Self {
        Self {
            now_ms: 0,
            notes: Vec::new(),
            writes: Vec::new(),
            alarm_set: None,
            alarm: None,
            is_unconfirmed: false,
            effects: Vec::new(),
            done_at: 0,
            consumes_alarm: false,
            fate: Fate::Durable,
        }
    }
}

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Durable,
    /// It never becomes durable, and the object is reset by this fault.
    Fails(Fault),
    /// It becomes durable, and the object is reset before its effects.
    ThenException,
}

#[derive(Debug)]
pub(super) enum Happening<M> {
    Turn { instance: InstanceId, at: Micros },
    CommitDone { instance: InstanceId },
    Alarm { object: ObjectId, token: u64 },
    AlarmAgain { object: ObjectId },
    HangEnds { instance: InstanceId },
    Evict { object: ObjectId },
    Message(M),
}

pub(super) struct Instance<W: World> {
    pub incarnation: u32,
    pub machine: W::Object,
    pub inbox: Vec<<W::Object as Object>::Event>,
    pub is_new: bool,
    pub alarm: Option<AlarmRun>,
    /// When the next turn is; `Micros::MAX`: none is asked for.
    pub turn_at: Micros,
    pub turn_when_clear: bool,
    pub pending: VecDeque<Commit<W::Object>>,
    pub connections: u32,
    pub waiting: VecDeque<W::Message>,
}

/// An alarm that waits in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlarmRun {
    /// The stored one: success deletes it.
    Stored,
    /// One that the platform runs though it is not stored, or not any more.
    Extra,
}

pub(super) struct Hosted<W: World> {
    pub settings: <W::Object as Object>::Settings,
    pub storage: <W::Object as Object>::Storage,
    pub alarm: Option<u64>,
    /// Tells the stored alarm from those it replaced.
    pub alarm_token: u64,
    /// Whether the stored alarm's handler has run, but not yet durably.
    pub alarm_running: bool,
    /// The time that the alarm was stored for whose handler ran last.
    pub alarm_ran: Option<u64>,
    /// Failed runs that count towards abandonment.
    pub alarm_failures: u32,
    /// How often the wait before the next retry was doubled.
    pub alarm_backoff: u32,
    pub alarm_not_before: Micros,
    pub alarm_hangs_until: Micros,
    /// Whether a fault left the object without an alarm that will fire.
    pub alarm_lost: bool,
    pub skew_ms: i64,
    pub incarnations: u32,
    pub turns: u64,
    pub commits: u64,
    pub alarms: u64,
    pub constructions: u64,
    pub throws_in_a_row: u32,
    pub last_entry: Micros,
    pub evict_asked: bool,
    pub second: u64,
    pub calls_in_second: u32,
    pub instance: Option<Instance<W>>,
}

/// A run: its time, its draws, its objects, and what will happen.
///
/// # Panics
/// Whatever takes an [`ObjectId`] or an [`InstanceId`] panics if the object is not of this run.
/// And a run panics that has 2^40 events behind it, or 2^24 of them before it at once.
pub struct Sim<W: World> {
    /// The draws of the seed.
    pub draws: Draws,
    /// Whether decisions are drawn, recorded or played.
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
}

/// What the engine's decisions are about: a [`Place`]'s purpose. A world's begin at 100. The actor is the object.
pub mod purpose {
    /// A turn, by its number from 0.
    pub const TURN: u16 = 1;
    /// What comes after a commit, by its number from 1.
    pub const COMMIT: u16 = 2;
    /// The end of an incarnation, by its number.
    pub const RESET: u16 = 3;
    /// An alarm that is stored, by the number of commits that stored one or ran one before.
    pub const ALARM_STORED: u16 = 4;
    /// An alarm that fires, by the same number; and how often it has fired before.
    pub const ALARM_FIRED: u16 = 5;
    /// A construction, by its number from 0.
    pub const CONSTRUCT: u16 = 6;
    /// The look at whether to evict, by the number of turns when it was arranged.
    pub const EVICT: u16 = 7;
}

impl<W: World> Sim<W> {
    /// A run that begins at `start_ms` (ms since the Unix epoch) with nothing in it.
    #[must_use]
    pub fn new(seed: u64, start_ms: u64, faults: Faults, sizes: Sizes, recorder: Recorder) -> Self {
        Self {
            draws: Draws::new(seed),
            decisions: Decisions::default(),
            recorder,
            faults,
            sizes,
            now: 0,
            start_ms,
            queue: Queue::new(),
            spare: Vec::new(),
            objects: Vec::new(),
            stopped: false,
        }
    }

    /// Adds an object with what is stored of it already. It has no alarm, and no instance until something calls it.
    pub fn add_object(
        &mut self,
        settings: <W::Object as Object>::Settings,
        storage: <W::Object as Object>::Storage,
    ) -> ObjectId {
        self.objects.push(Hosted {
            settings,
            storage,
            alarm: None,
            alarm_token: 0,
            alarm_running: false,
            alarm_ran: None,
            alarm_failures: 0,
            alarm_backoff: 0,
            alarm_not_before: 0,
            alarm_hangs_until: 0,
            alarm_lost: false,
            skew_ms: 0,
            incarnations: 0,
            turns: 0,
            commits: 0,
            alarms: 0,
            constructions: 0,
            throws_in_a_row: 0,
            last_entry: 0,
            evict_asked: false,
            second: 0,
            calls_in_second: 0,
            instance: None,
        });
        (self.objects.len() - 1) as ObjectId
    }

    /// What is decided at this place: see [`Place`].
    #[must_use]
    pub fn decide(&self, purpose: u16, actor: u32, item: u64, attempt: u32) -> Decision {
        self.decisions.at(&self.draws, Place::new(purpose, actor, item, attempt))
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
        self.queue.push(self.now + delay, Happening::Message(message));
    }

    /// Ends the run after this step, which is still done to its end.
    pub const fn stop(&mut self) {
        self.stopped = true;
    }

    /// Ends all platform faults. Returns the longest time until the retry of a stored alarm, in µs.
    pub fn heal(&mut self) -> Micros {
        let recovery = std::mem::take(&mut self.faults).recovery(self.decisions.are_played());
        for hosted in &mut self.objects {
            hosted.alarm_hangs_until = 0;
        }
        recovery
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

    /// Whether the last alarm of the object was lost by a fault that the platform's contract does not exclude (F15,
    /// F17): only an incoming event can help it then.
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

    /// Opens a connection: `message` happens at once, or when one of the instance's connections is closed (F20).
    /// Says whether it must wait.
    pub fn connect(&mut self, id: InstanceId, message: W::Message) -> bool {
        let most = self.sizes.connections;
        let Some(instance) = &mut self.objects[id.object as usize].instance else { return false };
        if instance.connections < most {
            instance.connections += 1;
            self.queue.push(self.now, Happening::Message(message));
            return false;
        }
        instance.waiting.push_back(message);
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
                Some(next) => self.queue.push(self.now, Happening::Message(next)),
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

impl<M: fmt::Display> fmt::Display for Happening<M> {
    /// For a step in which nothing is seen to happen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn { .. } => f.write_str("(a turn with nothing to do)"),
            Self::CommitDone { .. } => f.write_str("(a commit of nothing, or of a lost instance)"),
            Self::Alarm { .. } | Self::AlarmAgain { .. } => f.write_str("(an alarm that waits, or is not wanted)"),
            Self::HangEnds { .. } => f.write_str("(a hung alarm handler is gone already)"),
            Self::Evict { .. } => f.write_str("(not to be evicted)"),
            Self::Message(message) => write!(f, "({message})"),
        }
    }
}
