//! Single rows and clocks that no sound host brings about, and that must not break an object all the same (laws S13,
//! S17, S20, S23). Each is the smallest case of its kind.

use crate::support::{
    any::TIME,
    bytes::{AnyPhase, AnyRequest},
    rig::{Rig, small},
};
use proxy_fetch::{
    CallbackResult, Caller, Effect, Event, FetchResult, FinishedRow, Key, Meta, Outcome, Phase, Record, Request,
    RequestId, Table, Timestamp, Ulid, Wake,
};
use std::collections::BTreeMap;

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

/// What is in quarantine after the first step of a machine that is restored from these rows.
fn set_aside(rows: impl IntoIterator<Item = (Key, Vec<u8>)>) -> (Rig, Vec<Vec<u8>>) {
    let mut rig = Rig::new(small(), rows.into_iter().collect()).unwrap();
    rig.step(TIME, Event::Start);
    let rows = rig.mem.rows.iter().filter(|(key, _)| key.table == Table::Quarantine);
    let aside = rows.map(|(_, value)| value.clone()).collect();
    (rig, aside)
}

/// A row that decodes, but that no step can have written, is as unreadable as one that does not: S13. One that is
/// next to it, and that a step can have written, is not given up.
#[test]
fn s13_a_request_that_no_step_can_have_written_is_set_aside() {
    const LAST: u8 = 3;
    const EXPIRY: u64 = TIME + 30 * 60 * 1_000;
    let row = |attempts, phase| move |row: &mut AnyRequest| (row.attempts, row.phase) = (attempts, phase);
    let of = |id, change: &dyn Fn(&mut AnyRequest), is_aside: bool, what: &str| {
        let request = request_row(id, change);
        let (rig, aside) = set_aside([meta(TIME, ID), request.clone()]);
        let expected = if is_aside { vec![request.1] } else { vec![] };
        assert_eq!(aside, expected, "{what}");
        // The one in its place tells its origin, unless its ULID is of a time that has not come.
        let is_live = rig.machine.live_row(id).is_some();
        assert_eq!(is_live, !is_aside || id <= ID, "{what}");
    };
    of(ID, &row(LAST, AnyPhase::Queued(TIME)), false, "an attempt is left");
    of(ID, &row(LAST + 1, AnyPhase::Queued(TIME)), true, "it waits for one attempt too many");
    of(ID, &row(0, AnyPhase::Queued(EXPIRY - 1)), false, "it waits until just before its expiry");
    of(ID, &row(0, AnyPhase::Queued(EXPIRY)), true, "it waits until its expiry");
    of(ID, &row(1, AnyPhase::InFlight(1, TIME + 35_000)), false, "it is in flight");
    of(ID, &row(0, AnyPhase::InFlight(1, TIME + 35_000)), true, "it is in flight without an attempt");
    of(ID, &row(LAST + 1, AnyPhase::Delivering(Err(2), None)), false, "all attempts were made");
    of(ID, &row(LAST + 2, AnyPhase::Delivering(Err(2), None)), true, "one attempt too many was made");
    let nobody = |row: &mut AnyRequest| (row.has_callback, row.phase) = (false, AnyPhase::Delivering(Err(2), None));
    of(ID, &nobody, true, "it is being delivered to nobody");
    of(ID, &|row: &mut AnyRequest| row.policy = (30_000, 10, 99, 1_000), true, "its delay is too short");
    of(ID, &|row: &mut AnyRequest| row.policy = (30_000, 10, 100, 1_000), false, "its delay is the shortest");
    of(Ulid::from_parts(TIME + 1, 0), &|_| {}, false, "a ULID that has carried into the next ms");
    of(Ulid::from_parts(TIME + 2, 0), &|_| {}, true, "a ULID of the future");
}

#[test]
fn s13_an_end_that_no_step_can_have_written_is_set_aside() {
    let of = |row: (Key, Vec<u8>), beside: Option<(Key, Vec<u8>)>, is_aside: bool, what: &str| {
        let (rig, aside) = set_aside([meta(TIME, ID), row.clone()].into_iter().chain(beside));
        assert_eq!(aside, if is_aside { vec![row.1] } else { vec![] }, "{what}");
        assert_eq!(rig.machine.finished_row(row.0.id).is_some(), !is_aside, "{what}");
    };
    of(finished(ID, "a", TIME), None, false, "it ended now");
    of(finished(ID, "a", TIME + 1), None, true, "it ended later than now");
    of(finished(Ulid::from_parts(TIME + 1, 0), "a", TIME), None, false, "a ULID that has carried");
    of(finished(Ulid::from_parts(TIME + 2, 0), "a", TIME), None, true, "a ULID of the future");
    of(finished(ID, "a", TIME), Some(request_row(ID, |_| {})), true, "it is live too");
}

/// The object's own row: if it cannot be right, what the other rows prove takes its place (S13, S17).
#[test]
fn s17_a_time_that_no_commit_can_have_stored_is_set_aside() {
    const END: u64 = (1 << 48) - 1;
    let of = |mark, last, is_aside: bool, what: &str| {
        let row = meta(mark, last);
        let (rig, aside) = set_aside([row.clone()]);
        assert_eq!(aside, if is_aside { vec![row.1] } else { vec![] }, "{what}");
        assert_eq!(rig.machine.meta().last_id, if is_aside { 0 } else { last.0 }, "{what}");
    };
    of(TIME, ID, false, "it is now");
    of(TIME, Ulid::from_parts(TIME + 1, 0), false, "a last ULID that has carried");
    of(TIME, Ulid::from_parts(TIME + 2, 0), true, "a last ULID of the future");
    of(END, ID, false, "the last time of all");
    of(END + 1, ID, true, "a time after the last of all");
}

/// What is known of an object without its own row: its epoch from what is in flight, its time and its last ULID from all
/// that is stored. A ULID that was given is not given again, and nothing that was stored is of the future.
#[test]
fn s17_without_its_own_row_an_object_goes_on_from_its_other_rows() {
    let in_flight = |row: &mut AnyRequest| row.phase = AnyPhase::InFlight(7, TIME + 35_000);
    let unreadable = (Key { table: Table::Requests, id: Ulid::from_parts(TIME, 9) }, vec![1]);
    let known = |rows: Vec<(Key, Vec<u8>)>| {
        let rig = Rig::new(small(), rows.into_iter().collect()).unwrap();
        let Meta { epoch, mark, last_id } = *rig.machine.meta();
        (epoch, mark.0, Ulid(last_id))
    };
    assert_eq!(known(vec![]), (0, 0, Ulid::nil()));
    assert_eq!(known(vec![request_row(ID, in_flight)]), (7, TIME, ID));
    assert_eq!(known(vec![request_row(ID, in_flight), unreadable.clone()]), (7, TIME, unreadable.0.id));
    assert_eq!(known(vec![finished(ID, "a", TIME + 500)]), (0, TIME + 500, ID));
    // One that says that it ended after the last time of all proves nothing.
    assert_eq!(known(vec![finished(ID, "a", u64::MAX)]), (0, TIME, ID));
    // With its own row, which is older than the others, no ULID is given twice either.
    assert_eq!(known(vec![meta(TIME, Ulid::nil()), request_row(ID, in_flight)]), (1, TIME, ID));
    assert_eq!(known(vec![meta(TIME, Ulid::nil()), unreadable.clone()]), (1, TIME, unreadable.0.id));
    // But of a row whose ULID is of the future and that cannot be read, nothing is believed.
    let future = (Key { table: Table::Requests, id: Ulid::from_parts(TIME + 2, 0) }, vec![1]);
    assert_eq!(known(vec![meta(TIME, ID), future]), (1, TIME, ID));
    // Nor is a row of an unknown version a proof.
    let foreign = (Key { table: Table::Requests, id: Ulid::from_parts(TIME, 99) }, vec![9]);
    assert_eq!(known(vec![meta(TIME, ID), foreign]), (1, TIME, ID));
}

/// Where an unreadable row was, nothing is left of it: S13, S23.
#[test]
fn s13_an_unreadable_row_gives_up_its_place() {
    let key = |table, id| Key { table, id };
    let future = Ulid::from_parts(TIME + 2, 0);
    for (bad, is_replaced, what) in [
        (key(Table::Requests, ID), true, "a request"),
        (key(Table::Requests, future), false, "a request of the future"),
        (key(Table::Finished, ID), false, "an end"),
        (key(Table::Meta, ID), false, "a row in the place of none"),
    ] {
        let (rig, aside) = set_aside([meta(TIME, ID), (bad, vec![1, 7])]);
        assert_eq!((aside, rig.mem.rows.contains_key(&bad)), (vec![vec![1, 7]], is_replaced), "{what}");
    }
    // One that can be read is no less in the place of none, and is not taken for the object's own.
    let stray = (key(Table::Meta, ID), Record::Meta(Meta { epoch: 9, mark: Timestamp(TIME), last_id: ID.0 }).encode());
    let (rig, aside) = set_aside([meta(TIME, ID), stray.clone()]);
    assert_eq!((aside, rig.mem.rows.contains_key(&stray.0), rig.machine.epoch()), (vec![stray.1], false, 2));
    // One that has ended does not live again.
    let (rig, aside) = set_aside([meta(TIME, ID), finished(ID, "a", TIME), (key(Table::Requests, ID), vec![1, 7])]);
    assert_eq!((aside, rig.machine.live_len()), (vec![vec![1, 7]], 0));
    assert!(rig.machine.finished_row(ID).is_some());
    // The object's own row has a new one in its place.
    let (rig, aside) = set_aside([(key(Table::Meta, Ulid::nil()), vec![1])]);
    assert_eq!((aside, rig.mem.rows.contains_key(&key(Table::Meta, Ulid::nil()))), (vec![vec![1]], true));
}

/// S6 to the millisecond, though more windows end at once than one step forgets.
#[test]
fn s6_a_name_is_free_when_its_window_ends() {
    let rows = || (0..100).map(|n| finished(Ulid::from_parts(TIME, n), &format!("r{n}"), TIME));
    let config = proxy_fetch::Config { max_known: 1_000, ..small() };
    for (now, is_known) in [(TIME + 299_999, true), (TIME + 300_000, false)] {
        let all = rows().chain([meta(TIME, Ulid::from_parts(TIME, 999))]).collect();
        let mut rig = Rig::new(config.clone(), all).unwrap();
        let status = rig.step(now, Event::Status { caller: Caller(0), request_id: "r99".into() });
        let text = status.iter().map(ToString::to_string).collect::<String>();
        assert_eq!(!text.contains("refused"), is_known, "{text}");
    }
}

/// A request whose end cannot be stored, since a row of an unknown version has its place, ends all the same, and that row
/// stays (S24); and of one whose name nobody could read nothing is remembered.
#[test]
fn s24_an_end_does_not_take_the_place_of_a_kept_row() {
    let place = Key { table: Table::Finished, id: ID };
    let rig = survives([meta(TIME, ID), request_row(ID, |_| {}), (place, vec![9, 9])]);
    assert_eq!(rig.mem.rows.get(&place), Some(&vec![9, 9]));
    let rows = [meta(TIME, ID), (Key { table: Table::Requests, id: ID }, vec![1])];
    let mut rig = Rig::new(small(), rows.into_iter().collect()).unwrap();
    for effect in rig.step(TIME, Event::Start) {
        if let Effect::Deliver { attempt, .. } = effect {
            rig.step(TIME, Event::Delivered { attempt, result: CallbackResult::Answered });
        }
    }
    assert_eq!(rig.machine.live_len(), 0, "its origin was told");
    assert!(rig.mem.rows.keys().all(|key| key.table != Table::Finished), "nobody can ask for it");
}

/// Hosts show it, and people look there first.
#[test]
fn a_machine_says_why_it_is_to_be_woken() {
    const EXPIRY: u64 = 1_800_000;
    for (lease, why) in [
        (EXPIRY - 5_000, Wake::LeaseEnd),
        (EXPIRY - 1, Wake::LeaseEnd),
        (EXPIRY, Wake::Expiry),
        (EXPIRY + 5_000, Wake::Expiry),
    ] {
        let in_flight = request_row(ID, |row| row.phase = AnyPhase::InFlight(1, TIME + lease));
        let rig = Rig::new(small(), BTreeMap::from([meta(TIME + EXPIRY - 10_000, ID), in_flight])).unwrap();
        assert_eq!(rig.machine.next_wake(), Some((Timestamp(TIME + lease.min(EXPIRY)), why)));
    }
}

/// What the shadow law asks (S25): machines that stand for other rows are not the same.
#[test]
fn s25_other_rows_are_another_machine() {
    let machine = |rows: Vec<(Key, Vec<u8>)>| Rig::new(small(), rows.into_iter().collect()).unwrap().machine;
    let kept = |id| (Key { table: Table::Quarantine, id: Ulid(id) }, vec![1]);
    let finished_a = finished(Ulid::from_parts(TIME, 1), "a", TIME);
    let all = vec![meta(TIME, ID), request_row(ID, |row| row.request_id = "b".into()), finished_a.clone(), kept(1)];
    let one = machine(all.clone());
    assert!(one.same_rows(&machine(all.clone())));
    let others = [
        meta(TIME + 1, ID),
        request_row(ID, |row| row.request_id = "c".into()),
        finished(finished_a.0.id, "d", TIME),
        kept(2),
    ];
    for (at, other) in others.into_iter().enumerate() {
        let mut rows = all.clone();
        rows[at] = other;
        assert!(!one.same_rows(&machine(rows.clone())), "{:?}", rows[at]);
    }
}
