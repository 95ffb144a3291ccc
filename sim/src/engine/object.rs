//! What the engine asks of a durable object, and of the world around it.

use super::{Commit, Fault, InstanceId, ObjectId, Sim};
use std::{convert::Infallible, fmt, hash::Hash};

/// A durable object: a pure machine and the few lines of host around it that take a turn.
#[allow(unused_variables, reason = "most events do not linger")]
pub trait Object: Sized {
    /// What a constructor is given besides its storage.
    type Settings;
    /// What is stored. It survives everything.
    type Storage: Default;
    /// One change of what is stored. It is part of the digest of a run.
    type Write: fmt::Display + Hash;
    /// Something that happens to the object. It is part of the digest of a run.
    type Event: fmt::Display + Hash;
    /// Something that the object does to the world, once what it wrote is durable. It is part of the digest of a run.
    type Effect: fmt::Display + Hash;
    /// What is kept of an event for those who watch.
    type Note;

    /// The event that the first turn of an instance begins with.
    const START: Self::Event;
    /// The event of an alarm.
    const ALARM: Self::Event;

    /// The constructor: reads the storage, changes nothing. It is not told the stored alarm.
    ///
    /// # Errors
    /// It throws; it will be tried again at the next event.
    fn construct(settings: &Self::Settings, storage: &Self::Storage) -> Result<Self, String>;

    /// Applies one write to the storage.
    fn apply(storage: &mut Self::Storage, write: &Self::Write);

    /// One synchronous turn over the events at the clock `now_ms`, in ms since the Unix epoch. There is at least one
    /// event. What is left in `events` is dropped.
    fn turn(&mut self, now_ms: u64, events: &mut Vec<Self::Event>, turn: &mut Turn<Self>);

    /// What to keep of an event, for [`Commit::notes`].
    fn note(event: &Self::Event) -> Self::Note;

    /// How long an event may wait for company, in ms; not at all unless the object says so.
    fn linger_ms(event: &Self::Event) -> u64 {
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
    /// The alarm to store, in ms of the object's clock; `None` leaves the stored one as it is. The alarm whose handler
    /// this turn is will be gone. One in the past fires at once; the time that [`Turn::fired`] names never does.
    pub alarm: Option<u64>,
    /// What to do once the writes are durable.
    pub effects: Vec<O::Effect>,
    /// Whether the storage will refuse the commit. The object finds that out only by trying to commit.
    pub commit_fails: bool,
    /// Set by the object: its commit was refused. It must leave no effects then; what it leaves is performed.
    pub failed: bool,
}

impl<O: Object> Default for Turn<O> {
    /// Before a turn that is no alarm's: nothing is left yet.
    fn default() -> Self {
        let (writes, effects) = (Vec::new(), Vec::new());
        Self { fired: None, writes, alarm: None, effects, commit_fails: false, failed: false }
    }
}

/// Everything around the objects: those who call them, those whom they call, and the ground truth.
///
/// Each method may ask the run and change it; what it starts with [`Sim::after`] comes back to [`World::receive`].
#[allow(unused_variables, reason = "what a world need not watch")]
pub trait World: Sized {
    /// The kind of object in it.
    type Object: Object;
    /// What happens outside the objects.
    type Message: fmt::Display;

    /// Something happens: the message of a [`Sim::after`] that is due, or of a connection that is open.
    fn receive(&mut self, sim: &mut Sim<Self>, message: Self::Message);

    /// An effect leaves an object. What its turn wrote is durable, and so is all that earlier turns wrote; unless the
    /// object left effects in a turn that failed. After [`Sim::stop`] the rest of the step is still done.
    fn perform(&mut self, sim: &mut Sim<Self>, from: InstanceId, effect: <Self::Object as Object>::Effect);

    /// A commit became durable; its effects have not left yet.
    fn committed(&mut self, sim: &mut Sim<Self>, object: ObjectId, commit: &Commit<Self::Object>) {}

    /// All that an instance wrote is durable, so that memory and storage can be compared.
    fn settled(&mut self, sim: &mut Sim<Self>, object: ObjectId) {}

    /// An instance was constructed.
    fn started(&mut self, sim: &mut Sim<Self>, instance: InstanceId) {}

    /// An instance is gone, with all it held: timers, running work, waiting calls.
    fn lost(&mut self, sim: &mut Sim<Self>, instance: InstanceId) {}

    /// The memory of the instance's machine is gone, with all calls that it had not answered, and a new machine takes
    /// its place; what the instance had started runs on, and will be reported to the new one.
    fn ghost(&mut self, sim: &mut Sim<Self>, instance: InstanceId) {}

    /// A fault hits the object.
    fn fault(&mut self, sim: &mut Sim<Self>, object: ObjectId, fault: Fault) {}
}

/// The object of a world that has none. There is no value of it, so nothing of it is ever called.
#[derive(Debug)]
pub enum NoObject {}

impl Object for NoObject {
    type Settings = Infallible;
    type Storage = ();
    type Write = Infallible;
    type Event = &'static str;
    type Effect = Infallible;
    type Note = ();

    const START: &'static str = "start";
    const ALARM: &'static str = "alarm";

    fn construct(settings: &Infallible, (): &()) -> Result<Self, String> {
        match *settings {}
    }

    fn apply((): &mut (), write: &Infallible) {
        match *write {}
    }

    fn turn(&mut self, _: u64, _: &mut Vec<&'static str>, _: &mut Turn<Self>) {
        match *self {}
    }

    fn note(_: &&'static str) {}
}
