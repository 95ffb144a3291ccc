//! proxy-fetch's object on the engine, with a recording: it records its incarnations and turns as the worker does.

use crate::{
    history::{
        ledger::Note,
        storage::{Storage, restorable},
    },
    proxy::object::ProxyObject,
};
use durable_sim::{Object, Turn};
use proxy_fetch::{Config, Effect, Event, Recorded, Timestamp, Write};
use std::{cell::RefCell, rc::Rc};

/// Lines of a log.
pub(super) type Recording = Rc<RefCell<Vec<String>>>;

/// The object's name in its records.
pub const OBJECT_NAME: &str = "simulated";

/// The object, with what it records.
pub(super) struct RecordedObject {
    pub object: ProxyObject,
    /// The alarm that is known to be stored.
    alarm: Option<Timestamp>,
    recording: Recording,
}

pub(super) struct Settings {
    pub config: Config,
    pub recording: Recording,
}

fn record(recording: &Recording, entry: &Recorded) {
    recording.borrow_mut().push(format!("proxy-fetch record {OBJECT_NAME} {}", entry.to_line()));
}

impl Object for RecordedObject {
    type Settings = Settings;
    type Storage = Storage;
    type Write = Write;
    type Event = Event;
    type Effect = Effect;
    type Note = Note;

    const START: Event = Event::Start;
    const ALARM: Event = Event::Tick;

    fn construct(settings: &Settings, storage: &Storage) -> Result<Self, String> {
        let rows = restorable(&storage.read()).map(|row| (row.key.table as u8, row.key.id.0, row.value)).collect();
        record(&settings.recording, &Recorded::Incarnation { config: settings.config.clone(), rows });
        let object = ProxyObject::construct(&settings.config, storage)?;
        Ok(Self { object, alarm: None, recording: Rc::clone(&settings.recording) })
    }

    fn apply(storage: &mut Storage, write: &Write) {
        ProxyObject::apply(storage, write);
    }

    fn turn(&mut self, now_ms: u64, events: &mut Vec<Event>, turn: &mut Turn<Self>) {
        let taken = events.clone();
        let fired = turn.fired.map(Timestamp);
        let mut inner = Turn {
            fired: turn.fired,
            writes: std::mem::take(&mut turn.writes),
            alarm: None,
            effects: std::mem::take(&mut turn.effects),
            commit_fails: turn.commit_fails,
            failed: false,
        };
        self.object.turn(now_ms, events, &mut inner);
        (turn.writes, turn.alarm, turn.effects, turn.failed) = (inner.writes, inner.alarm, inner.effects, inner.failed);
        if turn.failed {
            return;
        }
        // It has fired, and is deleted.
        if taken.contains(&Event::Tick) {
            self.alarm = None;
        }
        self.alarm = turn.alarm.map(Timestamp).or(self.alarm);
        let effects = turn.effects.iter().map(ToString::to_string).collect();
        let (now, alarm) = (Timestamp(now_ms), self.alarm);
        record(&self.recording, &Recorded::Turn { now, fired, events: taken, effects, alarm });
    }

    fn note(event: &Event) -> Note {
        ProxyObject::note(event)
    }

    fn linger_ms(event: &Event) -> u64 {
        ProxyObject::linger_ms(event)
    }
}
