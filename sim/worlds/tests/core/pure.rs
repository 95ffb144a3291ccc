//! Properties of the pure functions: backoff, Retry-After, ULIDs, options.

use crate::{regressions, support};
use proptest::prelude::*;
use proxy_fetch::{
    Alarm, Options, Policy, RetryAfter, Timestamp, Ulid, accepted_at, backoff_ms, expires_at, limits, next_ulid,
    not_before,
};
use std::{
    collections::BTreeSet,
    time::{Duration, UNIX_EPOCH},
};

fn delays() -> impl Strategy<Value = (u64, u64, Policy)> {
    (100..=600_000_i64, 100..=600_000_i64).prop_map(|(one, other)| {
        let (first, longest) = (one.min(other), one.max(other));
        let options = Options { retry_delay_ms: first, max_retry_delay_ms: longest, ..Options::default() };
        (first as u64, longest as u64, options.check().unwrap())
    })
}

fn ulids() -> impl Strategy<Value = Ulid> {
    any::<u128>().prop_map(Ulid)
}

/// 1970 to 9999 in whole seconds: what HTTP dates can say.
fn seconds() -> impl Strategy<Value = u64> {
    prop_oneof![0..253_402_300_800_u64, 1_700_000_000..1_900_000_000_u64]
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The other two forms, from the parts of the first, which an independent crate writes.
fn forms(seconds: u64) -> [String; 3] {
    let fixed = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
    let parts: Vec<&str> = fixed.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    let [weekday, day, month, year, time, _] = parts[..] else { panic!("{fixed}") };
    let long = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let long = long.iter().find(|name| name.starts_with(weekday)).unwrap();
    let short = &year[2..];
    let rfc850 = format!("{long}, {day}-{month}-{short} {time} GMT");
    let padded: u8 = day.parse().unwrap();
    let asctime = format!("{weekday} {month} {padded:>2} {time} {year}");
    [fixed.clone(), rfc850, asctime]
}

proptest! {
    #![proptest_config(support::config(regressions!("core_pure"), 1_000))]

    #[test]
    fn s7_backoff_doubles_within_its_bounds((first, longest, policy) in delays(), id in ulids(), attempt: u8) {
        let delay = backoff_ms(&policy, id, attempt);
        prop_assert_eq!(delay, backoff_ms(&policy, id, attempt), "not a function");
        let mut plain = first;
        for _ in 1..attempt {
            plain = (plain * 2).min(longest);
        }
        prop_assert!(delay >= plain, "{delay} is less than {plain}");
        prop_assert!(delay <= plain + plain / 4, "{delay} is more than a quarter over {plain}");
        prop_assert!(delay >= 100, "S20: {delay}");
    }

    #[test]
    fn s7_jitter_parts_requests_and_attempts((_, _, policy) in delays(), seed in ulids()) {
        let of_requests: BTreeSet<u64> = (0..64).map(|n| backoff_ms(&policy, Ulid(seed.0 ^ n), 9)).collect();
        prop_assert!(of_requests.len() > 8, "64 requests share {of_requests:?}");
        let of_attempts: BTreeSet<u64> = (40..104).map(|n| backoff_ms(&policy, seed, n)).collect();
        prop_assert!(of_attempts.len() > 8, "64 attempts share {of_attempts:?}");
    }

    #[test]
    fn s7_not_before_is_clamped_between_backoff_and_expiry(
        (_, _, policy) in delays(), id in ulids(), attempt: u8, now in 0..1_u64 << 48, left in 1..2_000_000_u64,
        asked in prop_oneof![
            Just(None),
            any::<u64>().prop_map(|ms| Some(RetryAfter::In(ms))),
            (0..4_000_000_u64).prop_map(|ms| Some(RetryAfter::In(ms))),
            any::<u64>().prop_map(|ms| Some(RetryAfter::At(Timestamp(ms)))),
        ],
    ) {
        let expires = now + left;
        let start = not_before(&policy, id, attempt, asked, Timestamp(now), Timestamp(expires)).0;
        prop_assert!(start <= expires);
        let backoff = now + backoff_ms(&policy, id, attempt);
        let wanted = match asked {
            None => 0,
            Some(RetryAfter::In(ms)) => now.saturating_add(ms),
            Some(RetryAfter::At(at)) => at.0,
        };
        prop_assert_eq!(start, backoff.max(wanted).min(expires));
    }

    #[test]
    fn retry_after_dates_of_all_three_forms(seconds in seconds()) {
        let [fixed, rfc850, asctime] = forms(seconds);
        let at = Some(RetryAfter::At(Timestamp(seconds * 1_000)));
        prop_assert_eq!(RetryAfter::parse(&fixed), at, "{}", fixed);
        prop_assert_eq!(RetryAfter::parse(&asctime), at, "{}", asctime);
        // Two digits of a year say which one only within a hundred years.
        if (1_000_000_000..3_000_000_000).contains(&seconds) {
            prop_assert_eq!(RetryAfter::parse(&rfc850), at, "{}", rfc850);
        }
        prop_assert_eq!(RetryAfter::parse(&fixed.replace("GMT", "CET")), None);
        // A wrong weekday: the sender's clock is no clock.
        let other = if fixed.starts_with("Mon") { "Tue" } else { "Mon" };
        prop_assert_eq!(RetryAfter::parse(&format!("{other}{}", &fixed[3..])), None);
    }

    #[test]
    fn retry_after_seconds(value: u64, zeros in 0..20_usize, pad in "[ \t]{0,3}") {
        let text = format!("{pad}{}{value}{pad}", "0".repeat(zeros));
        prop_assert_eq!(RetryAfter::parse(&text), Some(RetryAfter::In(value.saturating_mul(1_000))));
        prop_assert_eq!(RetryAfter::parse(&format!("-{value}")), None);
        prop_assert_eq!(RetryAfter::parse(&format!("{value}.0")), None);
    }

    #[test]
    fn retry_after_reads_any_text(
        text in prop_oneof![
            any::<String>(),
            "[A-Za-z]{3,9},? [0-9]{1,4}[ -][A-Za-z]{3}[ -][0-9]{1,8} [0-9:]{1,9} (GMT|[0-9]{1,9})",
            "(Sun|Mon|Sunday), [0-9]{2} Nov [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
            "[0-9]{60,70}",
        ],
        now: u64,
    ) {
        if let Some(value) = RetryAfter::parse(&text) {
            prop_assert!(text.len() <= 64);
            let delay = value.delay_ms(Timestamp(now));
            match value {
                RetryAfter::In(ms) => prop_assert_eq!(delay, ms),
                RetryAfter::At(at) => prop_assert_eq!(delay, at.0.saturating_sub(now)),
            }
        }
    }

    #[test]
    fn s17_ulids_grow_under_any_clock(
        first in (0..1_u128 << 127).prop_map(Ulid),
        clocks in prop::collection::vec((prop_oneof![0..5_u64, 0..1_u64 << 47, any::<u64>()],
            prop_oneof![Just(u128::MAX), Just(0), any::<u128>()]), 1..50),
    ) {
        let mut last = first;
        for (clock, entropy) in clocks {
            let Some(next) = next_ulid(last, Timestamp(clock), entropy) else {
                prop_assert_eq!(last.0, u128::MAX, "only the last ULID has none after it");
                break;
            };
            let clock = clock.min((1 << 48) - 1);
            prop_assert!(next > last, "{next} after {last}");
            if clock > last.timestamp_ms() {
                prop_assert_eq!(next.timestamp_ms(), clock, "the time is the clock's if it is ahead");
                prop_assert_eq!(next.0 & ((1 << 80) - 1), entropy & ((1 << 80) - 1), "the rest is the entropy's");
            } else {
                prop_assert!(next.timestamp_ms() <= last.timestamp_ms() + 1);
            }
            last = next;
        }
    }

    #[test]
    fn s9_expiry_is_30_minutes_from_the_ulid(id in ulids()) {
        prop_assert_eq!(accepted_at(id), Timestamp(id.timestamp_ms()));
        prop_assert_eq!(expires_at(id).0 - accepted_at(id).0, 30 * 60 * 1_000);
    }

    #[test]
    fn s8_options_are_bounded(
        numbers in prop::array::uniform4(prop_oneof![
            -2..12_i64, 98..103_i64, 299_998..300_003_i64, 599_998..600_003_i64, any::<i64>(),
            Just(i64::MIN), Just(i64::MAX), 100..600_000_i64, 100..600_000_i64,
        ]),
        retries in prop_oneof![3 => 0..=10_i64, 1 => any::<i64>()], flags: (bool, bool),
    ) {
        let [timeout_ms, _, retry_delay_ms, max_retry_delay_ms] = numbers;
        let (retry_on_5xx, at_most_once) = flags;
        let options =
            Options { timeout_ms, max_retries: retries, retry_delay_ms, max_retry_delay_ms, retry_on_5xx, at_most_once };
        let wrong = [
            ("options.timeout_ms", timeout_ms, 100, 300_000),
            ("options.max_retries", retries, 0, 10),
            ("options.retry_delay_ms", retry_delay_ms, 100, 600_000),
            ("options.max_retry_delay_ms", max_retry_delay_ms, 100, 600_000),
        ];
        let first = wrong.into_iter().find(|(_, value, least, most)| value < least || value > most);
        match (first, options.check()) {
            (Some((field, value, least, most)), Err(refusal)) => {
                prop_assert_eq!(refusal.field, field);
                prop_assert_eq!(refusal.problem, format!("{value} is not between {least} and {most}"));
            }
            (None, Err(refusal)) => {
                prop_assert!(max_retry_delay_ms < retry_delay_ms, "{refusal}");
                prop_assert_eq!(refusal.field, "options.max_retry_delay_ms");
            }
            (None, Ok(_)) => prop_assert!(max_retry_delay_ms >= retry_delay_ms),
            (Some(wrong), Ok(_)) => prop_assert!(false, "accepted {wrong:?}"),
        }
    }

    #[test]
    fn timestamps_are_shown_whatever_they_are(ms: u64) {
        prop_assert!(!Timestamp(ms).to_string().is_empty());
    }
}

#[test]
fn months_are_all_read() {
    for (index, month) in MONTHS.iter().enumerate() {
        let seconds = 1_767_225_600 + index as u64 * 30 * 86_400 + 15 * 86_400;
        let [fixed, ..] = forms(seconds);
        assert!(RetryAfter::parse(&fixed).is_some() && fixed.contains(month), "{fixed}");
    }
}

/// RFC 9110 lets a second be 60, and a date of two digits more than 50 years ahead means the past.
#[test]
fn retry_after_at_the_edges_of_the_grammar() {
    assert!(matches!(RetryAfter::parse("Wed, 31 Dec 2008 23:59:60 GMT"), Some(RetryAfter::At(_))));
    assert_eq!(RetryAfter::parse("Thursday, 01-Jan-70 00:00:00 GMT"), Some(RetryAfter::At(Timestamp(0))));
}

/// Over many requests, each value up to a quarter of the delay and no other: requests that failed together part.
#[test]
fn s7_the_jitter_is_all_of_a_quarter() {
    let options = Options { retry_delay_ms: 100, max_retry_delay_ms: 100, ..Options::default() };
    let policy = options.check().unwrap();
    let seen: BTreeSet<u64> = (0..2_000).map(|id| backoff_ms(&policy, Ulid(id), 1)).collect();
    assert_eq!(seen, (100..=125).collect());
}

/// A value of 64 bytes is read, a longer one is not.
#[test]
fn s7_a_retry_after_is_bounded() {
    for (bytes, read) in [(63, Some(RetryAfter::In(0))), (64, Some(RetryAfter::In(0))), (65, None), (66, None)] {
        assert_eq!(RetryAfter::parse(&"0".repeat(bytes)), read, "{bytes} bytes");
    }
}

/// Hosts write it down.
#[test]
fn an_alarm_is_at_its_time() {
    let times = [Alarm::stored(Timestamp(7)), Alarm::stored(Timestamp(0)), Alarm::UNKNOWN].map(Alarm::at);
    assert_eq!(times, [Some(Timestamp(7)), Some(Timestamp(0)), None]);
}

#[test]
fn the_numbers_of_the_design() {
    assert_eq!(limits::MAX_IN_FLIGHT, 5);
    assert_eq!(limits::MAX_REQUEST_AGE_MS, 1_800_000);
    assert_eq!(limits::CAPACITY_POLL_MS, 500);
    assert_eq!(limits::HEARTBEAT_MS, 30_000);
    assert_eq!(limits::DEDUPE_WINDOW_MS, 300_000);
    assert_eq!((limits::DEFAULT_MAX_LIVE, limits::DEFAULT_MAX_KNOWN), (100_000, 300_000));
    let Options { timeout_ms, max_retries, retry_delay_ms, max_retry_delay_ms, retry_on_5xx, at_most_once } =
        Options::default();
    assert_eq!((timeout_ms, max_retries, retry_delay_ms, max_retry_delay_ms), (30_000, 3, 1_000, 10_000));
    assert!(retry_on_5xx && !at_most_once);
}
