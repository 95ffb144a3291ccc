//! A recorded incarnation, lived again turn by turn: the machine, what it knows of its alarm, and what it has stored.

use crate::history::storage::{Rows, restorable};
use durable_sim::panic_text;
use proxy_fetch::{
    Alarm, Attempt, CallbackResult, Config, Effect, Event, Failure, FetchResult, Key, Machine, Output, Record, Store,
    Table, Timestamp, Write, turn,
};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Rows that are shown of a restart that differs.
const SHOWN_ROWS: usize = 5;

/// An incarnation that is lived again.
pub(super) struct Incarnation {
    config: Config,
    /// Or why there is none.
    machine: Result<Machine, String>,
    alarm: Alarm,
    out: Output,
    disk: Disk,
    /// Turns so far.
    pub(super) turns: u64,
    /// The turns that let these fetches and callbacks out.
    fetched_in: BTreeMap<Attempt, u64>,
    called_in: BTreeMap<Attempt, u64>,
    /// So many turns were durable for certain.
    durable: u64,
}

/// What the incarnation has written, and what stood there before, turn by turn.
#[derive(Default)]
struct Disk {
    rows: Rows,
    undo: Vec<Vec<(Key, Option<Vec<u8>>)>>,
}

impl Store for Disk {
    type Error = Infallible;

    fn commit(&mut self, writes: &[Write], _: Option<Timestamp>) -> Result<(), Infallible> {
        for write in writes {
            let (key, bytes) = match write {
                Write::Put(record) => (record.key(), Some(record.encode())),
                Write::Delete(key) => (*key, None),
            };
            if !Table::RESTORED.contains(&key.table) {
                continue;
            }
            let before = match bytes {
                Some(bytes) => self.rows.insert(key, bytes),
                None => self.rows.remove(&key),
            };
            if let Some(undo) = self.undo.last_mut() {
                undo.push((key, before));
            }
        }
        Ok(())
    }
}

impl Disk {
    /// Takes the last turn back.
    fn undo(&mut self) {
        for (key, before) in self.undo.pop().unwrap_or_default().into_iter().rev() {
            match before {
                Some(bytes) => drop(self.rows.insert(key, bytes)),
                None => drop(self.rows.remove(&key)),
            }
        }
    }
}

impl Incarnation {
    /// An incarnation that begins with these rows.
    pub(super) fn begin(config: Config, rows: Rows) -> Self {
        let machine = Machine::restore(config.clone(), restorable(&rows)).map_err(|error| error.to_string());
        Self {
            config,
            machine,
            alarm: Alarm::UNKNOWN,
            out: Output::default(),
            disk: Disk { rows, undo: Vec::new() },
            turns: 0,
            fetched_in: BTreeMap::new(),
            called_in: BTreeMap::new(),
            durable: 0,
        }
    }

    /// Takes a turn again; the error says what differs.
    pub(super) fn turn(
        &mut self,
        now: Timestamp,
        fired: Option<Timestamp>,
        events: Vec<Event>,
        effects: &[String],
        alarm: Option<Timestamp>,
    ) -> Result<(), Vec<String>> {
        self.turns += 1;
        for event in &events {
            self.seen(event);
        }
        let mut what = vec![format!("at {now}")];
        what.extend(events.iter().map(|event| format!("< {event}")));
        let machine = match &mut self.machine {
            Ok(machine) => machine,
            Err(error) => {
                what.push("expected: a turn of the restored machine".into());
                what.push(format!("got:      none; it cannot be restored: {error}"));
                return Err(what);
            }
        };
        if let Some(at) = fired {
            self.alarm = Alarm::stored(at);
        }
        self.disk.undo.push(Vec::new());
        let Self { alarm: known, disk, out, .. } = self;
        let taken = catch_unwind(AssertUnwindSafe(|| turn(machine, known, disk, now, events, out)));
        if let Err(panic) = taken {
            what.push("expected: a turn".into());
            what.push(format!("got:      a panic of the machine: {}", panic_text(&*panic)));
            return Err(what);
        }
        let got = self.out.take_effects();
        for effect in &got {
            self.sent(effect);
        }
        let mut got = got.iter().map(ToString::to_string);
        let mut expected = effects.iter();
        loop {
            let (expected, got) = (expected.next(), got.next());
            if expected.is_none() && got.is_none() {
                break;
            }
            if expected != got.as_ref() {
                what.push(format!("expected: {}", effect_text(expected)));
                what.push(format!("got:      {}", effect_text(got.as_ref())));
                return Err(what);
            }
            what.extend(got.map(|effect| format!("> {effect}")));
        }
        if self.alarm.at() != alarm {
            what.push(format!("expected: {}", alarm_text(alarm)));
            what.push(format!("got:      {}", alarm_text(self.alarm.at())));
            return Err(what);
        }
        Ok(())
    }

    fn sent(&mut self, effect: &Effect) {
        match effect {
            Effect::Fetch { attempt, .. } => drop(self.fetched_in.insert(*attempt, self.turns)),
            Effect::Deliver { attempt, .. } => drop(self.called_in.insert(*attempt, self.turns)),
            Effect::Abort { .. } | Effect::Reply { .. } | Effect::Report(_) => {}
        }
    }

    /// What the world answers to an effect proves that the effect had left, and that its turn was durable by then.
    fn seen(&mut self, event: &Event) {
        let proof = match event {
            Event::Fetched { attempt, result } => match result {
                FetchResult::Response { .. }
                | FetchResult::Failed(Failure::BodyBroken | Failure::BodyTooLarge | Failure::BadHead) => {
                    self.fetched_in.get(attempt)
                }
                // These may come of what has not left.
                FetchResult::Failed(
                    Failure::NotSent
                    | Failure::Broken
                    | Failure::TimedOut
                    | Failure::AddressRefused
                    | Failure::BadRedirect
                    | Failure::Unreadable,
                ) => None,
            },
            Event::Delivered { attempt, result: CallbackResult::Answered } => self.called_in.get(attempt),
            Event::Delivered { result: CallbackResult::Failed, .. }
            | Event::Start
            | Event::Tick
            | Event::Stop
            | Event::Enqueue { .. }
            | Event::Cancel { .. }
            | Event::Status { .. } => None,
        };
        self.durable = self.durable.max(proof.copied().unwrap_or_default());
    }

    /// Compares what the incarnation has written with what the next one found; says how many turns the disk lacks.
    pub(super) fn left(mut self, found: &Rows) -> Result<u64, Vec<String>> {
        let mut difference = None;
        let mut lost = 0;
        loop {
            if self.disk.rows == *found {
                break;
            }
            // The difference to all that was written is what helps most.
            difference.get_or_insert_with(|| rows_text(&self.config, found, &self.disk.rows));
            if self.disk.undo.is_empty() {
                let mut what = vec![format!("the rows are not as after any of the {} turns before", self.turns)];
                what.extend(difference.unwrap_or_default());
                return Err(what);
            }
            self.disk.undo();
            lost += 1;
        }
        let kept = self.turns - lost;
        if kept < self.durable {
            let mut what = vec![format!(
                "the rows are as after turn {kept} of the incarnation before, though what turn {} sent was answered",
                self.durable
            )];
            what.extend(difference.unwrap_or_default());
            return Err(what);
        }
        Ok(lost)
    }
}

fn effect_text(effect: Option<&String>) -> String {
    effect.map_or_else(|| "no further effect".into(), |effect| format!("> {effect}"))
}

fn alarm_text(alarm: Option<Timestamp>) -> String {
    alarm.map_or_else(|| "no alarm is known".into(), |at| format!("| alarm at {at}"))
}

/// The rows that differ, as a trace shows them.
fn rows_text(config: &Config, expected: &Rows, got: &Rows) -> Vec<String> {
    let (expected_texts, got_texts) = (texts(config, expected), texts(config, got));
    let keys: Vec<&Key> = expected.keys().chain(got.keys().filter(|key| !expected.contains_key(key))).collect();
    let differ = keys.into_iter().filter(|key| expected.get(key) != got.get(key));
    let mut lines = Vec::new();
    for (shown, key) in differ.enumerate() {
        if shown == SHOWN_ROWS {
            lines.push("and more".into());
            break;
        }
        lines.push(format!("expected: {}", row_text(key, expected, &expected_texts)));
        lines.push(format!("got:      {}", row_text(key, got, &got_texts)));
    }
    lines
}

fn texts(config: &Config, rows: &Rows) -> BTreeMap<Key, String> {
    let machine = Machine::restore(config.clone(), restorable(rows));
    let records = machine.iter().flat_map(Machine::rows);
    records.map(|record: Record| (record.key(), record.to_string())).collect()
}

fn row_text(key: &Key, rows: &Rows, texts: &BTreeMap<Key, String>) -> String {
    let Some(bytes) = rows.get(key) else { return format!("| no row {key}") };
    // What a machine makes of odd rows may hide how they differ.
    let mut text = format!("| {} (", texts.get(key).cloned().unwrap_or_else(|| key.to_string()));
    for byte in bytes {
        // A string takes in everything.
        let Ok(()) = write!(text, "{byte:02x}") else { break };
    }
    text.push(')');
    text
}
