//! What a test may be told from outside: how much to do, and where to start. What cannot be done is an error.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{env, num::NonZero, thread, time::Duration};

/// A failure is made small within this.
pub const SHRINK_WITHIN: Duration = Duration::from_secs(10);

/// A number from the environment, 1 or more unless it is where to start.
pub fn number(name: &str, default: u64) -> u64 {
    let Some(text) = env::var_os(name) else { return default };
    let least = u64::from(name != "SIM_START");
    match text.to_str().map(str::parse) {
        Some(Ok(number)) if number >= least => number,
        Some(_) | None => panic!("{name}={} is not a whole number from {least} on", text.display()),
    }
}

pub fn jobs() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}
