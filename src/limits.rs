//! Every number that bounds the machine, with its unit in its name.

/// Fetches under way at once (law S3).
pub const MAX_IN_FLIGHT: usize = 5;
/// A request ends as "expired" at this age, in ms from its ULID's timestamp (law S9).
pub const MAX_REQUEST_AGE_MS: u64 = 30 * 60 * 1_000;
/// While eligible work waits at capacity the machine asks to be woken this often, in ms (law L1).
pub const CAPACITY_POLL_MS: u64 = 500;
/// While a fetch is in flight the machine asks to be woken this often, in ms (law L1). An object without events for
/// 70 s may be evicted, so this must stay below that.
pub const HEARTBEAT_MS: u64 = 30_000;
/// How long a finished request is remembered, in ms, to answer repeats (law S6).
pub const DEDUPE_WINDOW_MS: u64 = 5 * 60 * 1_000;
/// The host gives a callback this long, in ms: connect, send, and the answer's head.
pub const CALLBACK_TIMEOUT_MS: u64 = 30_000;
/// How much longer than the host's own time-out the machine waits, in ms, before it declares an attempt or a callback
/// lost: a live host always reports first.
pub const LEASE_GRACE_MS: u64 = 5_000;
/// Callbacks under way at once. Beyond it outcomes wait, oldest first.
pub const MAX_CALLBACKS: usize = 256;
/// Responses that the host may have to hold at once: running fetches and undelivered responses together.
pub const MAX_HELD_RESPONSES: usize = 64;
/// Rows that deadlines may move in one step (law S15); what is left is due in the next.
pub const MAX_DUE_PER_STEP: usize = 64;

/// Default of `timeout_ms`: per attempt; connect, head and body.
pub const DEFAULT_TIMEOUT_MS: i64 = 30_000;
/// Bounds of `timeout_ms`.
pub const TIMEOUT_RANGE_MS: (i64, i64) = (100, 300_000);
/// Default of `max_retries`.
pub const DEFAULT_MAX_RETRIES: i64 = 3;
/// Bounds of `max_retries`.
pub const MAX_RETRIES_RANGE: (i64, i64) = (0, 10);
/// Default of `retry_delay_ms`: the delay before the first retry; it doubles with each further one.
pub const DEFAULT_RETRY_DELAY_MS: i64 = 1_000;
/// Bounds of `retry_delay_ms`. The minimum keeps a retry loop from spinning (law S20).
pub const RETRY_DELAY_RANGE_MS: (i64, i64) = (100, 600_000);
/// Default of `max_retry_delay_ms`: the bound on the doubling, before jitter.
pub const DEFAULT_MAX_RETRY_DELAY_MS: i64 = 10_000;
/// Bounds of `max_retry_delay_ms`.
pub const MAX_RETRY_DELAY_RANGE_MS: (i64, i64) = (100, 600_000);
/// Jitter adds up to this share of the delay, in percent.
pub const RETRY_JITTER_PERCENT: u64 = 25;

/// Longest request id, in bytes.
pub const MAX_REQUEST_ID_BYTES: usize = 128;
/// Longest URL, in bytes.
pub const MAX_URL_BYTES: usize = 8 * 1_024;
/// Most request headers.
pub const MAX_HEADERS: usize = 100;
/// All request header names and values together, in bytes.
pub const MAX_HEADER_BYTES: usize = 32 * 1_024;
/// Longest part of a callback target that names an object (binding, object, method), in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// Redirects that one attempt follows. The Fetch standard and workerd use the same number.
pub const MAX_REDIRECTS: u8 = 20;
/// Default bound on a request body, and on a response body, in bytes.
pub const DEFAULT_BODY_BYTES: usize = 1_024 * 1_024;
/// A response head over this is refused by the hosts, in bytes (law S21).
pub const MAX_RESPONSE_HEAD_BYTES: usize = 64 * 1_024;
/// Default bound on live requests in one object.
pub const DEFAULT_MAX_LIVE: usize = 100_000;
/// Default bound on known request ids, of live and of remembered requests: 1,000 requests a second for the dedupe window.
pub const DEFAULT_MAX_KNOWN: usize = 300_000;
/// Requests that a consumer of the queue remembers between deliveries.
pub const MAX_CONSUMER_MEMOS: usize = 10_000;

const _: () = {
    assert!(HEARTBEAT_MS < 70_000);
    assert!(CAPACITY_POLL_MS < HEARTBEAT_MS);
    assert!(MAX_IN_FLIGHT < MAX_HELD_RESPONSES);
    assert!(MAX_HELD_RESPONSES <= MAX_CALLBACKS);
    assert!(RETRY_DELAY_RANGE_MS.0 > 0);
    // The longest backoff ends well before a request expires.
    assert!((MAX_RETRY_DELAY_RANGE_MS.1 as u64) < MAX_REQUEST_AGE_MS);
    assert!((TIMEOUT_RANGE_MS.1 as u64) < MAX_REQUEST_AGE_MS);
};
