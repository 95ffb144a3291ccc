//! The numbers that are promised, written down a second time: a law that read them from the machine's own limits would
//! hold whatever they become.

use proxy_fetch::{Failure, Policy, Timestamp, Ulid};

/// Fetches under way at once.
pub const MAX_IN_FLIGHT: usize = 5;
/// A request ends as "expired" at this age, in ms.
pub const MAX_REQUEST_AGE_MS: u64 = 1_800_000;
/// While eligible work waits at capacity an alarm comes this often, in ms.
pub const CAPACITY_POLL_MS: u64 = 500;
/// While a fetch is in flight an alarm comes this often, in ms.
pub const HEARTBEAT_MS: u64 = 30_000;
/// How long a finished request is remembered, in ms.
pub const DEDUPE_WINDOW_MS: u64 = 300_000;
/// The host's time for a callback, in ms.
pub const CALLBACK_TIMEOUT_MS: u64 = 30_000;
/// How much longer the machine waits than the host, in ms.
pub const LEASE_GRACE_MS: u64 = 5_000;
/// The longest time of an attempt that a caller may ask for, in ms.
pub const MAX_TIMEOUT_MS: u64 = 300_000;
/// The shortest delay before a retry that a caller may ask for, in ms.
pub const MIN_RETRY_DELAY_MS: u64 = 100;
/// Callbacks under way at once.
pub const MAX_CALLBACKS: usize = 256;
/// Responses that the host may have to hold at once.
pub const MAX_HELD_RESPONSES: usize = 64;
/// Deadlines that one step may act on.
pub const MAX_DUE_PER_STEP: usize = 64;

/// The most retries that a caller may ask for, and the first attempt.
pub const MAX_ATTEMPTS: usize = 11;

/// The delay before the attempt after this one, in ms: without jitter, and with all of it.
#[must_use]
pub fn backoff_ms(policy: &Policy, attempt: u8) -> (u64, u64) {
    let doubled = u64::from(policy.retry_delay_ms()) << attempt.saturating_sub(1);
    let least = doubled.min(policy.max_retry_delay_ms().into());
    (least, least + least / 4)
}

/// Failures after which another attempt may help.
#[must_use]
pub const fn is_retryable(failure: Failure) -> bool {
    match failure {
        Failure::NotSent | Failure::Broken | Failure::TimedOut | Failure::BodyBroken => true,
        Failure::BodyTooLarge
        | Failure::BadHead
        | Failure::AddressRefused
        | Failure::BadRedirect
        | Failure::Unreadable => false,
    }
}

/// When a request expires.
#[must_use]
pub const fn expires_at(id: Ulid) -> Timestamp {
    Timestamp(id.timestamp_ms() + MAX_REQUEST_AGE_MS)
}
