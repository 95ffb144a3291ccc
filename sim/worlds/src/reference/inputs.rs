//! What callers ask and how attempts end, generated; and what follows from that by arithmetic alone. The tests of the
//! core generate theirs from here too.

use proptest::prelude::*;
use proxy_fetch::{AllowedCallback, Callback, Config, Failure, Options, Request, Ulid};

/// A kind of request: a different profile under the same name is a different request.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// As a caller gives them.
    pub options: Options,
    /// Whether anybody is called back.
    pub has_callback: bool,
    /// Whether it has a body.
    pub body: bool,
}

/// A `Retry-After`, kept in parts so that the expectation needs no parser.
#[derive(Clone, Copy, Debug)]
pub enum Wait {
    /// There is none.
    None,
    /// So many seconds.
    Seconds(u64),
    /// An HTTP date so many seconds after the time of the answer; negative: before it.
    Date(i64),
    /// A text that says nothing, one of a few.
    Garbage(u8),
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// With a response.
    Status(u16, Wait),
    /// Without one.
    Failed(Failure),
}

fn options() -> impl Strategy<Value = Options> {
    let delay = prop_oneof![Just(100_i64), Just(1_000), Just(600_000), 100..600_000_i64];
    let timeout = prop_oneof![Just(100_i64), Just(30_000), Just(300_000), 100..300_000_i64];
    (timeout, prop_oneof![0..4_i64, Just(10)], delay.clone(), delay, any::<bool>(), prop::bool::weighted(0.3)).prop_map(
        |(timeout_ms, max_retries, one, other, retry_on_5xx, at_most_once)| Options {
            timeout_ms,
            max_retries,
            retry_delay_ms: one.min(other),
            max_retry_delay_ms: one.max(other),
            retry_on_5xx,
            at_most_once,
        },
    )
}

/// Any kind of request that is accepted.
pub fn profile() -> impl Strategy<Value = Profile> {
    (options(), prop::bool::weighted(0.7), any::<bool>()).prop_map(|(options, has_callback, body)| Profile {
        options,
        has_callback,
        body,
    })
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        2 => Just(Wait::None),
        2 => (0..3_000_u64).prop_map(Wait::Seconds),
        1 => prop_oneof![Just(u64::MAX), any::<u64>()].prop_map(Wait::Seconds),
        2 => (-100..3_000_i64).prop_map(Wait::Date),
        1 => any::<u8>().prop_map(Wait::Garbage),
    ]
}

/// Any failure.
pub fn failure() -> impl Strategy<Value = Failure> {
    prop::sample::select(vec![
        Failure::NotSent,
        Failure::Broken,
        Failure::TimedOut,
        Failure::BodyBroken,
        Failure::BodyTooLarge,
        Failure::BadHead,
        Failure::AddressRefused,
        Failure::BadRedirect,
        Failure::Unreadable,
    ])
}

/// Any end of an attempt, those that are retried more often than not.
pub fn end() -> impl Strategy<Value = End> {
    let status = prop::sample::select(vec![200_u16, 204, 302, 404, 408, 425, 429, 500, 503, 599, 600, 0]);
    prop_oneof![
        4 => (status, wait()).prop_map(|(status, wait)| End::Status(status, wait)),
        2 => failure().prop_map(End::Failed),
        1 => Just(End::Failed(Failure::NotSent)),
    ]
}

/// The delay that an answer asked for, in ms from `now`, when the answer was made at the host's time `clock`.
#[must_use]
pub fn asked_ms(end: End, clock: u64, now: u64) -> u64 {
    match end {
        End::Status(_, Wait::Seconds(seconds)) => seconds.saturating_mul(1_000),
        End::Status(_, Wait::Date(offset)) => date(clock, offset).saturating_mul(1_000).saturating_sub(now),
        End::Status(_, Wait::None | Wait::Garbage(_)) | End::Failed(_) => 0,
    }
}

/// The whole second of an HTTP date `offset` seconds from `clock`.
#[must_use]
pub fn date(clock: u64, offset: i64) -> u64 {
    (clock / 1_000).saturating_add_signed(offset)
}

/// When a request expires, in ms.
#[must_use]
pub const fn expires(id: Ulid) -> u64 {
    id.timestamp_ms() + 1_800_000
}

/// A configuration that allows the callbacks of [`request`].
#[must_use]
pub fn allowing() -> Config {
    let Ok(origin) = AllowedCallback::origin("https://origin.example") else { panic!("it is an origin") };
    Config { callbacks: vec![origin], ..Config::default() }
}

/// A call of this name and profile; another number makes it another request.
#[must_use]
pub fn request(name: &str, number: u8, profile: Profile) -> Request {
    Request {
        request_id: name.into(),
        method: "POST".into(),
        url: format!("https://example.com/{number}"),
        headers: vec![("x-name".into(), name.into())],
        body: if profile.body { vec![7; 9] } else { Vec::new() },
        callback: profile.has_callback.then(|| Callback::Url("https://origin.example/done".into())),
        options: profile.options,
    }
}
