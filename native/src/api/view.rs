//! The JSON of the health report.

use crate::shell::Health;
use serde::Serialize;

#[derive(Serialize)]
struct HealthJson {
    status: &'static str,
    epoch: u64,
    live: usize,
    in_flight: usize,
}

pub(super) fn health_json(health: Health) -> Vec<u8> {
    let Health { epoch, live, in_flight } = health;
    match serde_json::to_vec(&HealthJson { status: "ok", epoch, live, in_flight }) {
        Ok(bytes) => bytes,
        // Texts and numbers under text keys: nothing that JSON refuses.
        Err(error) => panic!("a health report cannot be encoded: {error}"),
    }
}
