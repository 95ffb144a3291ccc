//! Whether and when to try again: what an attempt's end means, backoff, jitter and Retry-After, all pure functions
//! (laws S7, S20).
//!
//! *Why jitter is computed from request and attempt:* a generator would be state, to be stored or passed in; and a
//! restart would draw a different delay from the one that was promised.

use crate::{FetchResult, Outcome, Policy, Timestamp, limits};
use jiff::{civil::DateTime, fmt::strtime, tz::Offset};
use ulid::Ulid;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A `Retry-After` longer than this is no valid value, in bytes; the longest HTTP date has 33.
const MAX_RETRY_AFTER_BYTES: usize = 64;

/// What a `Retry-After` field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many milliseconds from now.
    In(u64),
    /// At this time.
    At(Timestamp),
}

impl RetryAfter {
    /// Reads the field's value: whole seconds, or an HTTP date in any of its three forms (RFC 9110, 10.2.3 and
    /// 5.6.7). Anything else, a negative number too, is `None`.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        if value.len() > MAX_RETRY_AFTER_BYTES {
            return None;
        }
        let value = value.trim_matches([' ', '\t']);
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            // Digits that do not fit are a very long time, not an error.
            return Some(Self::In(value.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1_000)));
        }
        let utc = parse_http_date(value)?;
        // A date before 1970 is long past.
        let ms = Offset::UTC.to_timestamp(utc).ok()?.as_millisecond();
        Some(Self::At(Timestamp(u64::try_from(ms).unwrap_or(0))))
    }

    /// The delay it asks for at `now`, in ms; 0 for a date that is past.
    #[must_use]
    pub const fn delay_ms(self, now: Timestamp) -> u64 {
        match self {
            Self::In(ms) => ms,
            Self::At(time) => time.ms_since(now),
        }
    }
}

fn parse_http_date(value: &str) -> Option<DateTime> {
    // IMF-fixdate, RFC 850 and asctime. The weekday is checked against the date, two-digit years are in 1969-2068.
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|format| strtime::parse(format, value).ok()?.to_datetime().ok())
}

/// The delay before the attempt after number `attempt` (from 1), in ms: `retry_delay_ms` doubled for each earlier
/// attempt, at most `max_retry_delay_ms`, and up to 25 % more.
#[must_use]
pub fn backoff_ms(policy: &Policy, id: Ulid, attempt: u8) -> u64 {
    let doublings = u32::from(attempt.saturating_sub(1)).min(32);
    let plain = u64::from(policy.retry_delay_ms) << doublings;
    let bounded = plain.min(u64::from(policy.max_retry_delay_ms));
    // A pure function of request and attempt: no generator, and requests that failed together part.
    let most = bounded * limits::RETRY_JITTER_PERCENT / 100;
    let jitter = xxh3_64_with_seed(&id.0.to_le_bytes(), u64::from(attempt)) % (most + 1);
    bounded + jitter
}

/// When the next attempt may start: after the backoff, later if a valid `Retry-After` says so, and never later than
/// `expires_at`, when there is none.
#[must_use]
pub fn not_before(
    policy: &Policy,
    id: Ulid,
    attempt: u8,
    retry_after: Option<RetryAfter>,
    now: Timestamp,
    expires_at: Timestamp,
) -> Timestamp {
    let asked = retry_after.map_or(0, |value| value.delay_ms(now));
    now.plus_ms(backoff_ms(policy, id, attempt).max(asked)).min(expires_at)
}

/// What an attempt's end means under a policy.
pub(crate) struct Judgement {
    /// The request's outcome, if it is not tried again.
    pub outcome: Outcome,
    /// Whether another attempt may help, and is wanted.
    pub retryable: bool,
    /// Whether it is unknown if the remote acted.
    pub ambiguous: bool,
    /// What the response asks for.
    pub retry_after: Option<RetryAfter>,
}

pub(crate) fn judge(policy: &Policy, result: &FetchResult) -> Judgement {
    match result {
        FetchResult::Response { status, retry_after } => {
            let server_error = (500..600).contains(status) && policy.retry_on_5xx;
            let retryable = server_error || matches!(status, 408 | 425 | 429);
            Judgement {
                outcome: Outcome::Response { status: *status },
                // An answer says that the request was executed: at-most-once takes it as it is.
                retryable: retryable && !policy.at_most_once,
                ambiguous: false,
                retry_after: retry_after.as_deref().and_then(RetryAfter::parse),
            }
        }
        FetchResult::Failed(failure) => Judgement {
            outcome: Outcome::Failed(*failure),
            retryable: failure.is_retryable(),
            ambiguous: failure.is_ambiguous(),
            retry_after: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_of_every_kind() {
        let means = |text: &str, promised: Option<RetryAfter>| {
            let read = RetryAfter::parse(text);
            assert!(read == promised, "Retry-After: {text:?} is read as {read:?}; RFC 9110 promises {promised:?}");
        };
        let at = Some(RetryAfter::At(Timestamp(784_111_777_000)));
        means("Sun, 06 Nov 1994 08:49:37 GMT", at);
        means("Sunday, 06-Nov-94 08:49:37 GMT", at);
        means("Sun Nov  6 08:49:37 1994", at);
        means(" 120 ", Some(RetryAfter::In(120_000)));
        means("0", Some(RetryAfter::In(0)));
        means("99999999999999999999999", Some(RetryAfter::In(u64::MAX)));
        means("Thu, 01 Jan 1970 00:00:00 GMT", Some(RetryAfter::At(Timestamp(0))));
        for garbage in
            ["", "-1", "+5", "1.5", "soon", "12 s", "Sun, 06 Nov 1994 08:49:37 CET", "Mon, 06 Nov 1994 08:49:37 GMT"]
        {
            means(garbage, None);
        }
        means(&alloc::string::String::from("0").repeat(65), None);
    }
}
