//! The numbers that are promised, written down a second time: a law that read them from the machine's own limits would
//! hold whatever they become.

use proxy_fetch::{Failure, Outcome, Policy, Timestamp, Ulid};
use std::time::{Duration, SystemTime};

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
    let doubled = u64::from(policy.retry_delay_ms()) << attempt.saturating_sub(1).min(31);
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

/// Failures after which nobody knows whether the upstream acted.
#[must_use]
pub const fn is_ambiguous(failure: Failure) -> bool {
    match failure {
        Failure::Broken | Failure::TimedOut | Failure::BodyBroken => true,
        Failure::NotSent
        | Failure::BodyTooLarge
        | Failure::BadHead
        | Failure::AddressRefused
        | Failure::BadRedirect
        | Failure::Unreadable => false,
    }
}

/// Outcomes whose callback carries a response, which the host holds until then.
#[must_use]
pub const fn has_response(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Response { .. } => true,
        Outcome::Failed(_)
        | Outcome::Expired
        | Outcome::Cancelled
        | Outcome::Interrupted
        | Outcome::Unknown
        | Outcome::Unreadable => false,
    }
}

/// The delay that a `Retry-After` asks for at this time, in ms: whole seconds, or until an HTTP date in any of its
/// three forms (RFC 9110, 10.2.3 and 5.6.7). `None`: it is neither, and asks for nothing.
#[must_use]
pub fn retry_after_ms(value: &str, now: Timestamp) -> Option<u64> {
    // No valid one is longer, and the host hands on no more of it.
    if value.len() > 64 {
        return None;
    }
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse::<u64>().map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000)));
    }
    // A leap second (RFC 9110, 5.6.7) is the second before it.
    let date = httpdate::parse_http_date(&value.replace(":60 ", ":59 ")).ok()?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now.0);
    // A date that is past asks for no delay.
    let delay = date.duration_since(now).unwrap_or_default();
    Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))
}

/// When a request was accepted: its ULID says so.
#[must_use]
pub const fn accepted_at(id: Ulid) -> Timestamp {
    Timestamp(id.timestamp_ms())
}

/// When a request expires.
#[must_use]
pub const fn expires_at(id: Ulid) -> Timestamp {
    Timestamp(id.timestamp_ms() + MAX_REQUEST_AGE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_of_every_kind() {
        let now = Timestamp(784_111_777_000);
        for (text, promised) in [
            ("0", Some(0)),
            (" 120 ", Some(120_000)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:38 GMT", Some(1_000)),
            ("Sunday, 06-Nov-94 08:49:40 GMT", Some(3_000)),
            ("Sun Nov  6 08:50:37 1994", Some(60_000)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:60 GMT", Some(22_000)),
            (&"9".repeat(65), None),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after_ms(text, now), promised, "{text:?}");
        }
    }

    #[test]
    fn the_backoff_doubles_up_to_its_bound() {
        let Ok(policy) = proxy_fetch::Options::default().check() else { panic!("the defaults are valid") };
        assert_eq!(backoff_ms(&policy, 1), (1_000, 1_250));
        assert_eq!(backoff_ms(&policy, 3), (4_000, 5_000));
        assert_eq!(backoff_ms(&policy, 9), (10_000, 12_500));
    }
}
