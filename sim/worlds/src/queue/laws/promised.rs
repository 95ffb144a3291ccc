//! What is promised, written down a second time: a law that read it from the machine's own numbers, or asked the
//! machine's own functions, would hold whatever they become.

use proxy_fetch::{Failure, FetchResult, Options, Timestamp, Ulid};

/// Fetches and callbacks under way at once in one batch, together.
pub const MAX_SLOTS: usize = 5;
/// A request ends as "expired" at this age, in ms.
pub const MAX_REQUEST_AGE_MS: u64 = 1_800_000;
/// How long after its end a request is remembered, in ms.
pub const DEDUPE_WINDOW_MS: u64 = 300_000;
/// The host's time for a callback, in ms.
pub const CALLBACK_TIMEOUT_MS: u64 = 30_000;
/// How much longer the consumer waits than the host, for an attempt and for a callback, in ms.
pub const GRACE_MS: u64 = 5_000;
/// The platform ends an invocation at this age, in ms.
pub const BATCH_LIMIT_MS: u64 = 900_000;
/// The platform's longest delay, in s.
pub const MAX_DELAY_S: u32 = 43_200;
/// How long a repeat of a request that is under way stays away, in ms.
pub const REPEAT_MS: u64 = 60_000;
/// The longest that a message that cannot be read stays away, in ms.
pub const UNREAD_MS: u64 = 3_600_000;

/// When a request expires.
#[must_use]
pub const fn expires_at(id: Ulid) -> Timestamp {
    Timestamp(id.timestamp_ms() + MAX_REQUEST_AGE_MS)
}

/// How often a request may be started.
#[must_use]
pub fn most(options: &Options) -> u32 {
    u32::try_from(options.max_retries).unwrap_or(0) + 1
}

/// The shortest and the longest backoff after this attempt, in ms: doubled for each earlier one up to the bound, and
/// up to a quarter more.
#[must_use]
pub fn backoff_ms(options: &Options, attempt: u8) -> (u64, u64) {
    let mut delay = options.retry_delay_ms.unsigned_abs();
    for _ in 1..attempt {
        delay = (delay * 2).min(options.max_retry_delay_ms.unsigned_abs());
    }
    (delay, delay + delay / 4)
}

/// Whether an attempt that ended so is to be made again, if there is time and a retry left.
#[must_use]
pub fn is_retryable(options: &Options, result: &FetchResult) -> bool {
    match result {
        FetchResult::Response { status: 408 | 425 | 429, .. } => true,
        FetchResult::Response { status, .. } => status / 100 == 5 && options.retry_on_5xx,
        FetchResult::Failed(Failure::NotSent | Failure::Broken | Failure::TimedOut | Failure::BodyBroken) => true,
        FetchResult::Failed(
            Failure::BodyTooLarge
            | Failure::BadHead
            | Failure::AddressRefused
            | Failure::BadRedirect
            | Failure::Unreadable,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_bound() {
        let options = Options { retry_delay_ms: 1_000, max_retry_delay_ms: 5_000, ..Options::default() };
        let low: Vec<u64> = (1..6).map(|attempt| backoff_ms(&options, attempt).0).collect();
        assert_eq!(low, [1_000, 2_000, 4_000, 5_000, 5_000]);
        assert_eq!(backoff_ms(&options, 2).1, 2_500);
    }
}
