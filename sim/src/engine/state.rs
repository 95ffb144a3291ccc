//! What the platform has of its objects: stored, in memory, and under way.

use super::{Fault, InstanceId, Micros, Object, ObjectId, World};
use crate::decide::{Key, Place};
use std::{collections::VecDeque, fmt};

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
    /// What it is about: its turn.
    pub(super) key: Key,
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
            key: Key::WORLD,
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
    Alarm { object: ObjectId, key: Key, token: u64 },
    AlarmAgain { object: ObjectId, key: Key },
    HangEnds { instance: InstanceId },
    Look { object: ObjectId, entry: Option<Place> },
    Message { message: M, cause: Key },
}

pub(super) struct Instance<W: World> {
    pub incarnation: u32,
    pub machine: W::Object,
    pub inbox: Vec<<W::Object as Object>::Event>,
    /// What the first of the inbox is about.
    pub key: Key,
    pub is_new: bool,
    pub alarm: Option<AlarmRun>,
    /// When the next turn is; `Micros::MAX`: none is asked for.
    pub turn_at: Micros,
    pub turn_when_clear: bool,
    pub pending: VecDeque<Commit<W::Object>>,
    pub connections: u32,
    pub waiting: VecDeque<(W::Message, Key)>,
}

/// An alarm that waits in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlarmRun {
    /// The stored one: success deletes it.
    Stored(Key),
    /// One that the platform runs though it is not stored, or not any more.
    Extra(Key),
}

pub(super) struct Hosted<W: World> {
    pub settings: <W::Object as Object>::Settings,
    pub storage: <W::Object as Object>::Storage,
    pub alarm: Option<u64>,
    /// Tells the stored alarm from those it replaced.
    pub alarm_token: u64,
    /// What the stored alarm is due to.
    pub alarm_key: Key,
    /// The firing whose handler has run, but not yet durably, of the stored alarm, and the alarm's token.
    pub alarm_running: Option<(Place, u64)>,
    /// The time that the alarm was stored for whose handler ran last.
    pub alarm_ran: Option<u64>,
    /// Failed runs that count towards abandonment.
    pub alarm_failures: u32,
    /// How often the wait before the next retry was doubled.
    pub alarm_backoff: u32,
    pub alarm_not_before: Micros,
    pub alarm_hangs_until: Micros,
    /// When the alarm runs again that a reset interrupted last.
    pub alarm_reruns_at: Micros,
    /// Whether a fault left the object without an alarm that will fire.
    pub alarm_lost: bool,
    pub skew_ms: i64,
    /// The most that the clock was ahead, of all that the object has had.
    pub most_skew_ms: i64,
    pub incarnations: u32,
    pub throws_in_a_row: u32,
    pub last_entry: Micros,
    pub last_entry_key: Key,
    /// Whether a look is under way at whether it is idle.
    pub is_watched: bool,
    pub second: u64,
    pub calls_in_second: u32,
    pub instance: Option<Instance<W>>,
}

impl<W: World> Hosted<W> {
    pub(super) fn new(settings: <W::Object as Object>::Settings, storage: <W::Object as Object>::Storage) -> Self {
        Self {
            settings,
            storage,
            alarm: None,
            alarm_token: 0,
            alarm_key: Key::WORLD,
            alarm_running: None,
            alarm_ran: None,
            alarm_failures: 0,
            alarm_backoff: 0,
            alarm_not_before: 0,
            alarm_hangs_until: 0,
            alarm_reruns_at: 0,
            alarm_lost: false,
            skew_ms: 0,
            most_skew_ms: 0,
            incarnations: 0,
            throws_in_a_row: 0,
            last_entry: 0,
            last_entry_key: Key::WORLD,
            is_watched: false,
            second: 0,
            calls_in_second: 0,
            instance: None,
        }
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
            Self::Look { .. } => f.write_str("(evicted)"),
            Self::Message { message, .. } => write!(f, "({message})"),
        }
    }
}
