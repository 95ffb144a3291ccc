//! Time as a run counts it.

/// True time in microseconds since the run began.
pub type Micros = u64;

/// A second.
pub const SECOND: Micros = 1_000_000;
/// A minute.
pub const MINUTE: Micros = 60 * SECOND;
/// A day.
pub const DAY: Micros = 24 * 60 * MINUTE;

/// When a run begins, for whoever has no reason to choose: 2026-01-01, in ms since the Unix epoch.
pub const START_MS: u64 = 1_767_225_600_000;
