//! What of proxy-fetch's records proves what, and how stored rows differ.

use crate::{
    history::storage::{Rows, Storage, restorable},
    proxy::object::ProxyObject,
};
use durable_sim::verify::Recorded;
use proxy_fetch::{Attempt, CallbackResult, Config, Effect, Event, Failure, FetchResult, Key, Machine, Record, Table};
use std::{collections::BTreeMap, fmt::Write as _};

/// Rows that are shown of a restart that differs.
const SHOWN_ROWS: usize = 5;

/// What has left: a fetch or a callback of this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// A fetch.
    Fetch(Attempt),
    /// A callback.
    Callback(Attempt),
}

impl Recorded for ProxyObject {
    type Proof = Left;

    fn is_alarm(event: &Event) -> bool {
        *event == Event::Tick
    }

    fn leaves(effect: &Effect) -> Option<Left> {
        match effect {
            Effect::Fetch { attempt, .. } => Some(Left::Fetch(*attempt)),
            Effect::Deliver { attempt, .. } => Some(Left::Callback(*attempt)),
            Effect::Abort { .. } | Effect::Reply { .. } | Effect::Report(_) => None,
        }
    }

    fn proves(event: &Event) -> Option<Left> {
        match event {
            Event::Fetched { attempt, result } => match result {
                FetchResult::Response { .. }
                | FetchResult::Failed(Failure::BodyBroken | Failure::BodyTooLarge | Failure::BadHead) => {
                    Some(Left::Fetch(*attempt))
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
            Event::Delivered { attempt, result: CallbackResult::Answered } => Some(Left::Callback(*attempt)),
            Event::Delivered { result: CallbackResult::Failed, .. }
            | Event::Start
            | Event::Tick
            | Event::Stop
            | Event::Enqueue { .. }
            | Event::Cancel { .. }
            | Event::Status { .. } => None,
        }
    }

    /// The rows that differ, as a trace shows them.
    fn differences(found: &Storage, expected: &Storage) -> Vec<String> {
        let (found, expected) = (restored(found), restored(expected));
        let keys = found.keys().chain(expected.keys().filter(|key| !found.contains_key(key)));
        let differ: Vec<&Key> = keys.filter(|key| found.get(key) != expected.get(key)).collect();
        if differ.is_empty() {
            return Vec::new();
        }
        let (found_texts, expected_texts) = (texts(&found), texts(&expected));
        let mut lines = Vec::new();
        for key in differ.iter().take(SHOWN_ROWS) {
            // What was found is what was recorded.
            lines.push(format!("expected: {}", row_text(key, &found, &found_texts)));
            lines.push(format!("got:      {}", row_text(key, &expected, &expected_texts)));
        }
        if differ.len() > SHOWN_ROWS {
            lines.push("and more".into());
        }
        lines
    }
}

/// The rows that a restart reads.
fn restored(storage: &Storage) -> Rows {
    let rows = storage.read();
    rows.iter()
        .filter(|(key, _)| Table::RESTORED.contains(&key.table))
        .map(|(key, bytes)| (*key, bytes.clone()))
        .collect()
}

fn texts(rows: &Rows) -> BTreeMap<Key, String> {
    let machine = Machine::restore(Config::default(), restorable(rows));
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
