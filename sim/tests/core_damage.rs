//! Single rows and clocks that no sound host brings about, and that must not break an object all the same (laws S13,
//! S17, S20, S23). Each is the smallest case of its kind.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use proxy_fetch::{
    CallbackResult, Caller, Effect, Event, FetchResult, FinishedRow, Key, Meta, Outcome, Phase, Record, Request,
    RequestId, Table, Timestamp, Ulid,
};
use std::collections::BTreeMap;
use support::{
    any::TIME,
    bytes::{AnyPhase, AnyRequest},
    rig::{Rig, small},
};

fn enqueue(name: &str, entropy: u128) -> Event {
    let request = Request {
        request_id: name.into(),
        method: "GET".into(),
        url: "https://example.com/".into(),
        ..Request::default()
    };
    Event::Enqueue { caller: Caller(0), request: Box::new(request), entropy }
}

fn request_row(id: Ulid, change: impl FnOnce(&mut AnyRequest)) -> (Key, Vec<u8>) {
    let mut row = AnyRequest {
        request_id: "a".into(),
        fingerprint: 0,
        has_callback: true,
        policy: (30_000, 3, 1_000, 10_000),
        retry_on_5xx: true,
        at_most_once: false,
        attempts: 1,
        phase: AnyPhase::Queued(TIME),
    };
    change(&mut row);
    (Key { table: Table::Requests, id }, row.encode())
}

fn meta(mark: u64, last_id: Ulid) -> (Key, Vec<u8>) {
    let record = Record::Meta(Meta { epoch: 1, mark: Timestamp(mark), last_id: last_id.0 });
    (record.key(), record.encode())
}

fn finished(id: Ulid, name: &str, finished_at: u64) -> (Key, Vec<u8>) {
    let row = FinishedRow {
        request_id: RequestId::new(name).unwrap(),
        fingerprint: 0,
        outcome: Outcome::Expired,
        attempts: 0,
        finished_at: Timestamp(finished_at),
    };
    let record = Record::Finished(id, row);
    (record.key(), record.encode())
}

/// Restores from these rows, takes a first step and runs to rest.
fn survives(rows: impl IntoIterator<Item = (Key, Vec<u8>)>) -> Rig {
    let mut rig = Rig::new(small(), rows.into_iter().collect()).unwrap();
    let effects = rig.step(TIME, Event::Start);
    for effect in effects {
        if let Effect::Deliver { attempt, .. } = effect {
            rig.step(TIME, Event::Delivered { attempt, result: CallbackResult::Answered });
        }
    }
    rig.drain(TIME);
    rig
}

const ID: Ulid = Ulid::from_parts(TIME, 7);

#[test]
fn s13_a_request_above_the_last_id() {
    survives([meta(TIME, Ulid::nil()), request_row(ID, |_| {})]);
}

#[test]
fn s13_an_unreadable_request_above_the_last_id() {
    survives([meta(TIME, Ulid::nil()), (Key { table: Table::Requests, id: ID }, vec![1])]);
}

#[test]
fn s13_a_request_that_is_live_and_finished() {
    survives([meta(TIME, ID), request_row(ID, |_| {}), finished(ID, "a", TIME)]);
}

#[test]
fn s13_a_delivery_after_more_attempts_than_allowed() {
    survives([
        meta(TIME, ID),
        request_row(ID, |row| {
            row.attempts = 200;
            row.phase = AnyPhase::Delivering(Err(2), None);
        }),
    ]);
}

#[test]
fn s13_a_policy_with_255_retries() {
    survives([meta(TIME, ID), request_row(ID, |row| row.policy.1 = 255)]);
}

#[test]
fn s20_a_policy_without_a_delay() {
    let rows = [meta(TIME, ID), request_row(ID, |row| row.policy = (30_000, 10, 0, 0))];
    let mut rig = Rig::new(small(), rows.into_iter().collect()).unwrap();
    let effects = rig.step(TIME, Event::Start);
    let fetch = effects.iter().find_map(|effect| match effect {
        Effect::Fetch { attempt, .. } => Some(*attempt),
        Effect::Abort { .. } | Effect::Deliver { .. } | Effect::Reply { .. } | Effect::Report(_) => None,
    });
    if let Some(attempt) = fetch {
        let result = FetchResult::Failed(proxy_fetch::Failure::NotSent);
        let next = rig.step(TIME, Event::Fetched { attempt, result });
        let again = next.iter().any(|effect| matches!(effect, Effect::Fetch { .. }));
        assert!(!again, "a retry in the same millisecond");
    }
    rig.drain(TIME);
}

#[test]
fn s23_a_request_that_finished_in_the_far_future_is_forgotten() {
    let rig = survives([meta(TIME, ID), finished(ID, "a", u64::MAX)]);
    assert!(rig.mem.rows.keys().all(|key| key.table != Table::Finished));
}

#[test]
fn s17_a_mark_beyond_the_last_time() {
    survives([meta(u64::MAX, ID)]);
}

#[test]
fn s17_an_object_without_a_meta_row_and_a_late_finish() {
    survives([finished(ID, "a", u64::MAX)]);
}

#[test]
fn l5_a_last_id_far_ahead_of_the_clock() {
    let mut rig = survives([meta(TIME, Ulid::from_parts(TIME + 10_000_000, 0))]);
    rig.step(TIME, enqueue("b", 0));
    rig.drain(TIME);
}

/// Whatever the last ULID is, two requests are two requests.
#[test]
fn s17_s1_at_the_last_ulid_of_all() {
    let mut rig = Rig::new(small(), BTreeMap::from([meta(TIME, Ulid(u128::MAX))])).unwrap();
    let accepted: Vec<Effect> =
        [enqueue("a", 0), enqueue("b", 0)].into_iter().flat_map(|e| rig.step(TIME, e)).collect();
    let ids: Vec<String> = accepted.iter().map(ToString::to_string).filter(|text| text.contains("accepted")).collect();
    assert!(ids.len() < 2 || ids[0] != ids[1], "two requests share a ULID: {ids:?}");
}

/// The same without a damaged row: a clock at its end and a full random part.
#[test]
fn s17_s1_at_the_end_of_time() {
    let mut rig = Rig::new(small(), BTreeMap::new()).unwrap();
    rig.step(u64::MAX, enqueue("a", u128::MAX));
    rig.step(u64::MAX, enqueue("b", u128::MAX));
}

/// The clock goes back between two commits (F19, native): what the later time has released in memory, the earlier
/// must not start, and a restart in between must make no difference.
#[test]
fn s7_a_clock_that_goes_back_between_two_commits() {
    let mut rig = Rig::new(small(), BTreeMap::new()).unwrap();
    let fetched = |rig: &Rig, nth: usize, result| {
        let (id, row) = rig.machine.live().nth(nth).unwrap();
        let attempt = proxy_fetch::Attempt { id, number: row.attempts, epoch: rig.machine.epoch() };
        Event::Fetched { attempt, result }
    };
    rig.step(TIME, enqueue("a", 0));
    let failed = fetched(&rig, 0, FetchResult::Failed(proxy_fetch::Failure::NotSent));
    rig.step(TIME, failed);
    let (first, row) = rig.machine.live().next().map(|(id, row)| (id, row.clone())).unwrap();
    let Phase::Queued { not_before } = row.phase else { panic!("{row}") };
    for name in ["b", "c", "d", "e", "f"] {
        rig.step(TIME + 900, enqueue(name, 0));
    }
    // Its delay is over, but no slot is free: nothing is written, so the mark stays.
    rig.step(not_before.0, Event::Tick);
    let answered = fetched(&rig, 1, FetchResult::Response { status: 200, retry_after: None });
    let effects = rig.step(TIME + 900, answered);
    let early = effects.iter().any(|effect| matches!(effect, Effect::Fetch { attempt, .. } if attempt.id == first));
    assert!(!early, "it starts at {}, not from {not_before}", Timestamp(TIME + 900));
}

/// A host whose clock once reads 2^48 ms or more: a retry, a lease and a dedupe window still end.
#[test]
fn s13_nothing_sticks_at_the_end_of_time() {
    let mut rig = Rig::new(small(), BTreeMap::new()).unwrap();
    rig.step(u64::MAX, enqueue("a", 0));
    rig.drain(u64::MAX);
}

#[test]
fn s10_the_greatest_epoch_still_changes() {
    let record = Record::Meta(Meta { epoch: u64::MAX, mark: Timestamp(TIME), last_id: ID.0 });
    let mut rig = Rig::new(small(), BTreeMap::from([(record.key(), record.encode())])).unwrap();
    rig.step(TIME, Event::Start);
    assert_ne!(rig.machine.epoch(), u64::MAX, "an old incarnation's report would count");
}

#[test]
fn s15_fewer_finished_requests_are_allowed_than_are_stored() {
    let rows = (0..200).map(|n| finished(Ulid::from_parts(TIME, n), &format!("r{n}"), TIME));
    let rig = survives(rows.chain([meta(TIME, Ulid::from_parts(TIME, 999))]));
    assert!(rig.mem.rows.len() == 1, "{} rows are left", rig.mem.rows.len());
}

/// The object's own row stands under the nil ULID; another one in its table is none.
#[test]
fn s25_a_meta_row_under_another_id() {
    let (_, value) = meta(TIME - 5, ID);
    survives([meta(TIME, ID), (Key { table: Table::Meta, id: ID }, value)]);
}

/// S13 "byte for byte": a second unreadable row of the same id does not replace the first one's bytes.
#[test]
fn s13_quarantined_bytes_are_not_replaced() {
    let key = |table| Key { table, id: ID };
    let rig = survives([meta(TIME, ID), (key(Table::Quarantine), vec![1, 7, 7]), (key(Table::Requests), vec![1, 200])]);
    let kept = rig.mem.rows.get(&key(Table::Quarantine));
    assert_eq!(kept, Some(&vec![1, 7, 7]), "the earlier bytes are gone");
}
