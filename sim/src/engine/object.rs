//! What the engine asks of a durable object, and of the world around it.

use super::{Commit, Fault, InstanceId, ObjectId, Sim};
use std::fmt;

/// A durable object: a pure machine and the few lines of host around it that take a turn.
#[allow(unused_variables, reason = "most events need no patience")]
pub trait Object: Sized {
    /// What a constructor is given besides its storage.
    type Settings;
    /// What is stored. It survives everything.
    type Storage: Default;
    /// One change of what is stored.
    type Write: fmt::Display;
    /// Something that happens to the object.
    type Event: fmt::Display;
    /// Something that the object does to the world, once what it wrote is durable.
    type Effect: fmt::Display;
    /// What is kept of an event for those who watch.
    type Note;

    /// The event that the first turn of an instance begins with.
    const START: Self::Event;
    /// The event of an alarm.
    const ALARM: Self::Event;

    /// The constructor: reads the storage, changes nothing.
    ///
    /// # Errors
    /// It throws; it will be tried again at the next event.
    fn construct(settings: &Self::Settings, storage: &Self::Storage) -> Result<Self, String>;

    /// Applies one write to the storage; returns a digest of it.
    fn apply(storage: &mut Self::Storage, write: &Self::Write) -> u64;

    /// One synchronous turn over the events at the clock `now_ms`, in ms since the Unix epoch.
    fn turn(&mut self, now_ms: u64, events: &mut Vec<Self::Event>, turn: &mut Turn<Self>);

    /// What to keep of an event.
    fn note(event: &Self::Event) -> Self::Note;

    /// How long an event may wait for company, in ms.
    fn patience_ms(event: &Self::Event) -> u64 {
        0
    }
}

/// What a turn leaves: an atomic commit (writes and alarm) and the effects that follow it.
#[derive(Debug)]
pub struct Turn<O: Object> {
    /// The stored alarm whose handler this turn is, in ms of the object's clock.
    pub fired: Option<u64>,
    /// The writes, in order.
    pub writes: Vec<O::Write>,
    /// The alarm to store, in ms of the object's clock.
    pub alarm: Option<u64>,
    /// What to do once the writes are durable.
    pub effects: Vec<O::Effect>,
    /// Whether the storage will refuse the commit (F3).
    pub commit_fails: bool,
    /// Set by the object: its commit was refused. It must leave no effects then; what it leaves is performed.
    pub failed: bool,
}

/// Everything around the objects: those who call them, those whom they call, and the ground truth.
#[allow(unused_variables, reason = "what a world need not watch")]
pub trait World: Sized {
    /// The kind of object in it.
    type Object: Object;
    /// What happens outside the objects.
    type Message: fmt::Display;

    /// Something happens.
    fn receive(&mut self, sim: &mut Sim<Self>, message: Self::Message);

    /// An effect leaves an object. What it wrote is durable.
    fn perform(&mut self, sim: &mut Sim<Self>, from: InstanceId, effect: <Self::Object as Object>::Effect);

    /// A commit became durable; its effects have not left yet.
    fn committed(&mut self, sim: &mut Sim<Self>, object: ObjectId, commit: &Commit<Self::Object>) {}

    /// All that an instance wrote is durable, so that memory and storage can be compared.
    fn settled(&mut self, sim: &mut Sim<Self>, object: ObjectId) {}

    /// An instance was constructed.
    fn started(&mut self, sim: &mut Sim<Self>, instance: InstanceId) {}

    /// An instance is gone, with all it held: timers, running work, waiting calls.
    fn lost(&mut self, sim: &mut Sim<Self>, instance: InstanceId) {}

    /// The memory of the instance's machine is gone, with all calls that it had not answered, and a new machine takes its
    /// place; what the instance had started runs on, and will be reported to the new one (F10).
    fn ghost(&mut self, sim: &mut Sim<Self>, instance: InstanceId) {}

    /// A fault hits the object.
    fn fault(&mut self, sim: &mut Sim<Self>, object: ObjectId, fault: Fault) {}
}
