//! The record of an incarnation: a line in the log for what was restored and for each turn, so that the simulator can
//! take the same turns (`cargo sim verify`).

use proxy_fetch::{Alarm, Config, Effect, Event, Recorded, Row, Timestamp};
use worker::console_log;

pub(super) fn incarnation(object: &str, config: &Config, rows: &[Row]) {
    let rows = rows.iter().map(|row| (row.key.table as u8, row.key.id.0, row.value.clone())).collect();
    write(object, &Recorded::Incarnation { config: config.clone(), rows });
}

pub(super) fn turn(
    object: &str,
    now: Timestamp,
    fired: Option<Timestamp>,
    events: Vec<Event>,
    effects: &[Effect],
    alarm: Alarm,
) {
    let effects = effects.iter().map(ToString::to_string).collect();
    write(object, &Recorded::Turn { now, fired, events, effects, alarm: alarm.at() });
}

fn write(object: &str, entry: &Recorded) {
    console_log!("proxy-fetch record {object} {}", entry.to_line());
}
