//! proxy-fetch as an object of the engine: the core's machine, its alarm, and the core's one order of a turn.

use crate::history::{
    ledger::Note,
    storage::{Storage, restorable},
};
use durable_sim::{Object, Turn};
use proxy_fetch::{Alarm, Config, Effect, Event, Machine, Output, Store, Timestamp, Write, turn};

/// The object.
#[derive(Debug)]
pub struct ProxyObject {
    /// The machine under test.
    pub machine: Machine,
    alarm: Alarm,
    out: Output,
}

struct TurnStore<'a>(&'a mut Turn<ProxyObject>);

impl Store for TurnStore<'_> {
    type Error = ();

    fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), ()> {
        if self.0.commit_fails {
            return Err(());
        }
        self.0.writes.extend_from_slice(writes);
        self.0.alarm = alarm.map(|at| at.0);
        Ok(())
    }
}

impl Object for ProxyObject {
    type Settings = Config;
    type Storage = Storage;
    type Write = Write;
    type Event = Event;
    type Effect = Effect;
    type Note = Note;

    const START: Event = Event::Start;
    const ALARM: Event = Event::Tick;

    fn construct(settings: &Config, storage: &Storage) -> Result<Self, String> {
        let machine =
            Machine::restore(settings.clone(), restorable(&storage.read())).map_err(|error| error.to_string())?;
        Ok(Self { machine, alarm: Alarm::UNKNOWN, out: Output::default() })
    }

    fn apply(storage: &mut Storage, write: &Write) {
        storage.write(write);
    }

    fn turn(&mut self, now_ms: u64, events: &mut Vec<Event>, out: &mut Turn<Self>) {
        if let Some(at) = out.fired {
            self.alarm = Alarm::stored(Timestamp(at));
        }
        let mut store = TurnStore(out);
        let now = Timestamp(now_ms);
        let done = turn(&mut self.machine, &mut self.alarm, &mut store, now, events.drain(..), &mut self.out);
        out.failed = done.is_err();
        // Whatever is left here leaves: it is for `turn` to leave nothing after a failed commit.
        out.effects.extend(self.out.drain_effects());
    }

    fn note(event: &Event) -> Note {
        match event {
            Event::Start => Note::Start,
            // This platform gives no notice of an end.
            Event::Tick | Event::Stop => Note::Tick,
            Event::Enqueue { caller, .. } | Event::Cancel { caller, .. } | Event::Status { caller, .. } => {
                Note::Call(caller.0)
            }
            Event::Fetched { attempt, result } => Note::Fetched(*attempt, result.clone()),
            Event::Delivered { attempt, result } => Note::Delivered(*attempt, *result),
        }
    }

    fn linger_ms(event: &Event) -> u64 {
        event.linger_ms()
    }
}
