//! Anything at all: events, and rows of which most were never written by a step.

use super::{
    bytes::{AnyPhase, AnyRequest},
    ops::failure,
};
use proptest::prelude::*;
use proxy_fetch::{
    Attempt, Callback, CallbackResult, Caller, Event, FetchResult, FinishedRow, Key, Meta, ObjectCallback, Options,
    Outcome, Record, Request, RequestId, Table, Timestamp, Ulid,
};
use std::collections::BTreeMap;

pub const TIME: u64 = 1_767_225_600_000;
/// The last time that a ULID can carry, with room for a request's lifetime.
const LAST: u64 = (1 << 48) - 1 - 7_200_000;

pub fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab]",
        2 => any::<String>(),
        1 => "[ -~]{0,200}",
        1 => (0..3_usize).prop_map(|n| "\u{1F980}x".repeat(1 << (7 * n))),
    ]
}

pub fn any_request() -> impl Strategy<Value = Request> {
    let method = prop_oneof![8 => Just("POST".to_owned()), 1 => Just("get".to_owned()), 1 => any_text()];
    let url = prop_oneof![8 => Just("https://example.com/".to_owned()), 1 => any_text(), 1 => "https?://[!-~]{0,40}"];
    let callback = prop_oneof![
        4 => Just(None),
        8 => Just(Some(Callback::Url("https://a.example/done".into()))),
        1 => any_text().prop_map(|url| Some(Callback::Url(url))),
        1 => (any_text(), any_text(), any_text()).prop_map(|(binding, object, method)|
            Some(Callback::Object(ObjectCallback { binding, object, method }))),
    ];
    let number = || prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0_i64), any::<i64>(), 100..600_000_i64];
    let options = prop_oneof![
        6 => Just(Options::default()),
        1 => (number(), number(), number(), number(), any::<bool>(), any::<bool>()).prop_map(
            |(timeout_ms, max_retries, retry_delay_ms, max_retry_delay_ms, retry_on_5xx, at_most_once)| Options {
                timeout_ms, max_retries, retry_delay_ms, max_retry_delay_ms, retry_on_5xx, at_most_once,
            }),
    ];
    let headers = prop_oneof![8 => Just(Vec::new()), 1 => prop::collection::vec((any_text(), any_text()), 0..120)];
    let body = prop::collection::vec(any::<u8>(), 0..110);
    (any_text(), method, url, headers, body, callback, options).prop_map(
        |(request_id, method, url, headers, body, callback, options)| Request {
            request_id,
            method,
            url,
            headers,
            body,
            callback,
            options,
        },
    )
}

pub fn any_ulid() -> impl Strategy<Value = Ulid> {
    prop_oneof![
        6 => (0..4_u64, 0..3_u128).prop_map(|(ms, entropy)| Ulid::from_parts(TIME + ms, entropy)),
        1 => (0..LAST, any::<u128>()).prop_map(|(ms, entropy)| Ulid::from_parts(ms, entropy)),
        1 => Just(Ulid::nil()),
    ]
}

pub fn any_attempt() -> impl Strategy<Value = Attempt> {
    let epoch = prop_oneof![4 => 0..3_u64, 1 => any::<u64>()];
    (any_ulid(), prop_oneof![4 => 0..3_u8, 1 => any::<u8>()], epoch).prop_map(|(id, number, epoch)| Attempt {
        id,
        number,
        epoch,
    })
}

pub fn any_event() -> impl Strategy<Value = Event> {
    let caller = || any::<u64>().prop_map(Caller);
    let result = prop_oneof![
        (any::<u16>(), any::<Option<String>>())
            .prop_map(|(status, retry_after)| FetchResult::Response { status, retry_after }),
        failure().prop_map(FetchResult::Failed),
    ];
    let answer = prop_oneof![Just(CallbackResult::Answered), Just(CallbackResult::Failed)];
    // Small entropies, so that made-up attempts meet real requests.
    let entropy = prop_oneof![0..3_u128, any::<u128>(), Just(u128::MAX)];
    prop_oneof![
        1 => Just(Event::Start),
        3 => Just(Event::Tick),
        8 => (caller(), any_request(), entropy).prop_map(|(caller, request, entropy)|
            Event::Enqueue { caller, request: Box::new(request), entropy }),
        2 => (caller(), any_text()).prop_map(|(caller, request_id)| Event::Cancel { caller, request_id }),
        1 => (caller(), any_text()).prop_map(|(caller, request_id)| Event::Status { caller, request_id }),
        6 => (any_attempt(), result).prop_map(|(attempt, result)| Event::Fetched { attempt, result }),
        3 => (any_attempt(), answer).prop_map(|(attempt, result)| Event::Delivered { attempt, result }),
    ]
}

pub fn any_events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let clock = prop_oneof![6 => TIME..TIME + 4, 2 => TIME..TIME + 4_000_000, 1 => 0..LAST];
    prop::collection::vec((clock, any_event()), 0..40)
}

pub fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![4 => TIME..TIME + 1_800_000, 1 => 0..LAST, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

/// Decodes, and is often what no step can have written.
pub fn any_request_row() -> impl Strategy<Value = Vec<u8>> {
    let phase = prop_oneof![
        any_time().prop_map(AnyPhase::Queued),
        (0..3_u64, any_time()).prop_map(|(epoch, until)| AnyPhase::InFlight(epoch, until)),
        (2..7_u8, prop::option::of(any_time())).prop_map(|(plain, until)| AnyPhase::Delivering(Err(plain), until)),
        (any::<u16>(), prop::option::of(any_time()))
            .prop_map(|(status, until)| AnyPhase::Delivering(Ok(status), until)),
    ];
    let policy = prop_oneof![
        4 => Just((30_000, 3, 1_000, 10_000)),
        1 => any::<(u32, u8, u32, u32)>(),
        1 => Just((0, 255, 0, 0)),
    ];
    let name = prop_oneof![6 => "[a-d]", 1 => Just(String::new()), 1 => any::<String>()];
    (name, any::<u128>(), any::<bool>(), policy, any::<(bool, bool)>(), prop_oneof![0..5_u8, any::<u8>()], phase)
        .prop_map(|(request_id, fingerprint, has_callback, policy, (retry_on_5xx, at_most_once), attempts, phase)| {
            let row = AnyRequest {
                request_id,
                fingerprint,
                has_callback,
                policy,
                retry_on_5xx,
                at_most_once,
                attempts,
                phase,
            };
            row.encode()
        })
}

pub fn any_finished_row() -> impl Strategy<Value = Vec<u8>> {
    ("[a-d]", any::<u128>(), any::<u16>(), any::<u8>(), any_time()).prop_map(
        |(name, fingerprint, status, attempts, finished_at)| {
            let row = FinishedRow {
                request_id: RequestId::new(&name).unwrap(),
                fingerprint,
                outcome: Outcome::Response { status },
                attempts,
                finished_at: Timestamp(finished_at),
            };
            Record::Finished(Ulid::nil(), row).encode()
        },
    )
}

pub fn any_rows() -> impl Strategy<Value = BTreeMap<Key, Vec<u8>>> {
    let garbage = || prop::collection::vec(any::<u8>(), 0..40);
    let of_version_1 = || garbage().prop_map(|bytes| [&[1], bytes.as_slice()].concat());
    let key = |table| any_ulid().prop_map(move |id| Key { table, id });
    let row = prop_oneof![
        8 => (key(Table::Requests), any_request_row()),
        3 => (key(Table::Finished), any_finished_row()),
        1 => (key(Table::Requests), of_version_1()),
        1 => (key(Table::Finished), of_version_1()),
        1 => (key(Table::Requests), garbage()),
        1 => (key(Table::Finished), garbage()),
        1 => (key(Table::Quarantine), garbage()),
        1 => (key(Table::Payloads), garbage()),
    ];
    let last_id = prop_oneof![4 => Just(Ulid::from_parts(TIME + 9, 0).0), 1 => any_ulid().prop_map(|id| id.0)];
    let meta = (prop_oneof![0..3_u64, any::<u64>()], any_time(), last_id)
        .prop_map(|(epoch, mark, last_id)| Record::Meta(Meta { epoch, mark: Timestamp(mark), last_id }).encode());
    let meta = prop_oneof![6 => meta.prop_map(Some), 2 => Just(None), 1 => of_version_1().prop_map(Some)];
    (prop::collection::vec(row, 0..14), meta).prop_map(|(rows, meta)| {
        let mut rows: BTreeMap<Key, Vec<u8>> = rows.into_iter().collect();
        rows.extend(meta.map(|meta| (Key { table: Table::Meta, id: Ulid::nil() }, meta)));
        rows
    })
}
