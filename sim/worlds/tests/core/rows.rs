//! The stored format: a golden per row kind, field by field, and the round trip (law S24).

use crate::support::bytes::{AnyPhase, AnyRequest, Form, fields, hex, unhex};
use crate::{regressions, reviewed, support};
use proptest::prelude::*;
use proxy_fetch::{
    Callback, Config, Failure, FinishedRow, Key, Machine, Meta, ObjectCallback, Options, Outcome, Payload, Phase,
    Policy, Record, RequestId, RequestRow, Row, RowError, Table, Timestamp, Ulid,
};
use std::fmt::Write as _;

const TIME: Timestamp = Timestamp(1_767_225_600_000);
const ID: Ulid = Ulid::from_parts(1_767_225_600_000, 42);

fn policy() -> Policy {
    Options { max_retries: 2, at_most_once: true, ..Options::default() }.check().unwrap()
}

fn request_id() -> RequestId {
    RequestId::new("order-7").unwrap()
}

fn outcomes() -> Vec<Outcome> {
    let failures = [
        Failure::NotSent,
        Failure::Broken,
        Failure::TimedOut,
        Failure::BodyBroken,
        Failure::BodyTooLarge,
        Failure::BadHead,
        Failure::AddressRefused,
        Failure::BadRedirect,
        Failure::Unreadable,
    ];
    let plain = [Outcome::Expired, Outcome::Cancelled, Outcome::Interrupted, Outcome::Unknown, Outcome::Unreadable];
    let response = [Outcome::Response { status: 503 }];
    response.into_iter().chain(failures.map(Outcome::Failed)).chain(plain).collect()
}

fn row(phase: Phase) -> Record {
    let row = RequestRow {
        request_id: request_id(),
        fingerprint: 300,
        has_callback: true,
        policy: policy(),
        attempts: 1,
        phase,
    };
    Record::Request(ID, row)
}

fn finished(outcome: Outcome) -> Record {
    let row = FinishedRow {
        request_id: request_id(),
        fingerprint: 300,
        outcome,
        attempts: 2,
        finished_at: TIME.plus_ms(900),
    };
    Record::Finished(ID, row)
}

fn payload(callback: Option<Callback>) -> Record {
    let payload = Payload {
        request_id: request_id(),
        method: "POST".into(),
        url: "https://example.com/a".into(),
        headers: vec![("accept".into(), "*/*".into())],
        body: b"{}".to_vec(),
        callback,
    };
    Record::Payload(ID, payload.into())
}

fn object() -> Callback {
    Callback::Object(ObjectCallback { binding: "CART".into(), object: "9f".into(), method: "done".into() })
}

fn golden(name: &str, text: String) {
    reviewed::snapshot(name, &text);
}

fn listed(record: &Record, tail: &[(&str, Form)]) -> String {
    let head: &[(&str, Form)] = match record {
        Record::Request(..) => &[
            ("version", Form::Byte),
            ("request_id", Form::Text),
            ("fingerprint", Form::Number),
            ("has_callback", Form::Byte),
            ("timeout_ms", Form::Number),
            ("max_retries", Form::Byte),
            ("retry_delay_ms", Form::Number),
            ("max_retry_delay_ms", Form::Number),
            ("retry_on_5xx", Form::Byte),
            ("at_most_once", Form::Byte),
            ("attempts", Form::Byte),
        ],
        Record::Payload(..) => &[
            ("version", Form::Byte),
            ("request_id", Form::Text),
            ("method", Form::Text),
            ("url", Form::Text),
            ("headers", Form::Number),
            ("headers[0] name", Form::Text),
            ("headers[0] value", Form::Text),
            ("body", Form::Text),
            ("callback is set", Form::Byte),
        ],
        Record::Finished(..) => &[("version", Form::Byte), ("request_id", Form::Text), ("fingerprint", Form::Number)],
        Record::Meta(_) => &[("version", Form::Byte)],
        Record::Quarantine(..) => &[],
    };
    let names: Vec<_> = head.iter().chain(tail).copied().collect();
    format!("{record}\n{}", fields(&record.encode(), &names))
}

fn of_outcome(outcome: Outcome) -> Vec<(&'static str, Form)> {
    let data = match outcome {
        Outcome::Response { .. } => Some(("status", Form::Number)),
        Outcome::Failed(_) => Some(("failure", Form::Number)),
        Outcome::Expired | Outcome::Cancelled | Outcome::Interrupted | Outcome::Unknown | Outcome::Unreadable => None,
    };
    [("outcome", Form::Number)].into_iter().chain(data).collect()
}

/// All but the fields before `first`: they are those of the row above.
fn rest(text: &str, first: &str) -> String {
    let (title, fields) = text.split_once('\n').unwrap();
    let from = fields.find(&format!("  {first} ")).unwrap();
    format!("{title}\n  ...\n{}", &fields[from..])
}

#[test]
fn golden_meta() {
    let record = Record::Meta(Meta { epoch: 3, mark: TIME, last_id: ID.0 });
    golden("row_meta", listed(&record, &[("epoch", Form::Number), ("mark", Form::Number), ("last_id", Form::Number)]));
}

#[test]
fn golden_request() {
    let mut text = listed(
        &row(Phase::Queued { not_before: TIME.plus_ms(1_100) }),
        &[("phase", Form::Number), ("not_before", Form::Number)],
    );
    let in_flight = listed(
        &row(Phase::InFlight { epoch: 3, lease_until: TIME.plus_ms(35_000) }),
        &[("phase", Form::Number), ("epoch", Form::Number), ("lease_until", Form::Number)],
    );
    text += &rest(&in_flight, "phase");
    let until = [("until is set", Form::Byte), ("until", Form::Number)];
    for (index, outcome) in outcomes().into_iter().enumerate() {
        let waits = index % 2 == 0;
        let mut tail = vec![("phase", Form::Number)];
        tail.extend(of_outcome(outcome));
        tail.extend(&until[..if waits { 1 } else { 2 }]);
        let until = (!waits).then(|| TIME.plus_ms(36_000));
        text += &rest(&listed(&row(Phase::Delivering { outcome, until }), &tail), "phase");
    }
    golden("row_request", text);
}

#[test]
fn golden_payload() {
    let mut text = listed(&payload(None), &[]);
    let url = payload(Some(Callback::Url("https://origin.example/done".into())));
    text += &rest(&listed(&url, &[("callback kind", Form::Number), ("url", Form::Text)]), "callback is set");
    let parts =
        [("callback kind", Form::Number), ("binding", Form::Text), ("object", Form::Text), ("method", Form::Text)];
    text += &rest(&listed(&payload(Some(object())), &parts), "callback is set");
    golden("row_payload", text);
}

#[test]
fn golden_finished() {
    let text = outcomes().into_iter().fold(String::new(), |mut text, outcome| {
        let mut tail = of_outcome(outcome);
        tail.extend([("attempts", Form::Byte), ("finished_at", Form::Number)]);
        let fields = listed(&finished(outcome), &tail);
        text += &if text.is_empty() { fields } else { rest(&fields, "outcome") };
        text
    });
    golden("row_finished", text);
}

#[test]
fn golden_quarantine() {
    let record = Record::Quarantine(ID, vec![9, 8, 7]);
    let mut text = String::new();
    writeln!(text, "{record}\n  {}", hex(&record.encode())).unwrap();
    golden("row_quarantine", text);
}

/// What restoring a machine makes of these bytes, beside a meta row that makes every id known.
fn read_back(key: Key, value: Vec<u8>) -> Vec<Record> {
    let meta = Record::Meta(Meta { epoch: 1, mark: TIME, last_id: u128::MAX >> 1 });
    let meta = Row { key: meta.key(), value: meta.encode() };
    let machine = Machine::restore(Config::default(), [meta, Row { key, value }]).unwrap();
    machine.rows().skip(1).collect()
}

/// The bytes as the first release stored them. Whoever changes one of these breaks every stored object.
#[test]
fn bytes_of_the_first_release_are_read_and_written() {
    let delivering = row(Phase::Delivering { outcome: Outcome::Failed(Failure::TimedOut), until: Some(TIME) });
    let stored = [
        (delivering, REQUEST),
        (finished(Outcome::Response { status: 503 }), FINISHED),
        (payload(Some(object())), PAYLOAD),
        (Record::Meta(Meta { epoch: 3, mark: TIME, last_id: ID.0 }), META),
        (Record::Quarantine(ID, vec![9, 8, 7]), "090807"),
    ];
    for (record, text) in stored {
        let bytes = unhex(text);
        assert_eq!(hex(&record.encode()), hex(&bytes), "{record} is written differently");
        match &record {
            Record::Request(..) | Record::Finished(..) => {
                assert_eq!(read_back(record.key(), bytes), [record], "read differently");
            }
            Record::Payload(_, payload) => assert_eq!(Payload::decode(&bytes).as_ref(), Ok(&**payload)),
            Record::Meta(_) => {
                let machine = Machine::restore(Config::default(), [Row { key: record.key(), value: bytes }]).unwrap();
                assert_eq!(machine.rows().collect::<Vec<_>>(), [record]);
            }
            Record::Quarantine(..) => {}
        }
    }
}

const META: &str = "01 03 80d0eab6b733 aa808080808080808080808080d5b6bb9b03";
const REQUEST: &str = "01 076f726465722d37 ac02 01 b0ea01 02 e807 904e 01 01 01 02 01 02 01 80d0eab6b733";
const FINISHED: &str = "01 076f726465722d37 ac02 00 f703 02 84d7eab6b733";
const PAYLOAD: &str = "01 076f726465722d37 04504f5354 1568747470733a2f2f6578616d706c652e636f6d2f61 \
    01 06616363657074 032a2f2a 027b7d 01 01 0443415254 023966 04646f6e65";

/// S24: a later program's row is never taken for one of ours, even if its bytes would fit.
#[test]
fn another_version_is_another_format() {
    for version in [0, 2, u8::MAX] {
        for record in [row(Phase::Queued { not_before: TIME }), finished(Outcome::Expired)] {
            let mut bytes = record.encode();
            bytes[0] = version;
            assert_eq!(read_back(record.key(), bytes), [], "{record}");
        }
        let mut bytes = payload(None).encode();
        bytes[0] = version;
        assert_eq!(Payload::decode(&bytes), Err(RowError::UnknownVersion(version)));
    }
    assert_eq!(Payload::decode(&[]), Err(RowError::Corrupt));
}

/// The numbers of the tables are stored by hosts.
#[test]
fn table_numbers() {
    let tables = [Table::Meta, Table::Requests, Table::Payloads, Table::Finished, Table::Quarantine];
    for (number, table) in (0_u8..).zip(tables) {
        assert_eq!(Table::from_number(number), Some(table));
        assert_eq!(table as u8, number);
    }
    assert!((5..=u8::MAX).all(|number| Table::from_number(number).is_none()));
}

fn request_ids() -> impl Strategy<Value = String> {
    "[!-~]{1,128}"
}

proptest! {
    #![proptest_config(support::config(regressions!("core_rows"), 256))]

    #[test]
    fn request_rows_round_trip(
        (request_id, fingerprint, has_callback) in (request_ids(), any::<u128>(), any::<bool>()),
        (timeout, retries, delay) in (100..=300_000_u32, 0..=10_u8, 100..=600_000_u32),
        (retry_on_5xx, at_most_once, attempts) in (any::<bool>(), any::<bool>(), 0..12_u8),
        (kind, at, epoch, status) in (0..4_u8, 0..1_800_000_u64, any::<u64>(), any::<u16>()),
    ) {
        let at = TIME.plus_ms(at);
        let options = Options {
            timeout_ms: timeout.into(),
            max_retries: retries.into(),
            retry_delay_ms: delay.into(),
            max_retry_delay_ms: 600_000,
            retry_on_5xx,
            at_most_once,
        };
        let (attempts, has_callback, phase, twin) = match kind {
            0 => (attempts.min(retries), has_callback, Phase::Queued { not_before: at }, AnyPhase::Queued(at.0)),
            1 => {
                let phase = Phase::InFlight { epoch, lease_until: at };
                (attempts.clamp(1, retries + 1), has_callback, phase, AnyPhase::InFlight(epoch, at.0))
            }
            2 => {
                let phase = Phase::Delivering { outcome: Outcome::Expired, until: Some(at) };
                (attempts.min(retries), true, phase, AnyPhase::Delivering(Err(2), Some(at.0)))
            }
            _ => {
                let phase = Phase::Delivering { outcome: Outcome::Response { status }, until: None };
                (attempts.clamp(1, retries + 1), true, phase, AnyPhase::Delivering(Ok(status), None))
            }
        };
        let policy = options.check().unwrap();
        let name = RequestId::new(&request_id).unwrap();
        let row = RequestRow { request_id: name, fingerprint, has_callback, policy, attempts, phase };
        let record = Record::Request(ID, row);
        let policy = (timeout, retries, delay, 600_000);
        let twin = AnyRequest {
            request_id, fingerprint, has_callback, policy, retry_on_5xx, at_most_once, attempts, phase: twin,
        };
        prop_assert_eq!(hex(&record.encode()), hex(&twin.encode()), "not the documented format");
        prop_assert_eq!(read_back(record.key(), record.encode()), vec![record]);
    }

    #[test]
    fn finished_rows_round_trip(
        name in request_ids(), fingerprint: u128, attempts in 0..12_u8, at in 0..1_800_000_u64, pick in 0..15_usize,
    ) {
        let request_id = RequestId::new(&name).unwrap();
        let finished_at = TIME.plus_ms(at);
        let row = FinishedRow { request_id, fingerprint, outcome: outcomes()[pick], attempts, finished_at };
        let record = Record::Finished(ID, row);
        prop_assert_eq!(read_back(record.key(), record.encode()), vec![record]);
    }

    #[test]
    fn meta_rows_round_trip(epoch: u64, mark in 0..1_u64 << 48, entropy: u128, behind in 0..1_000_u64) {
        // The last ULID is never ahead of the mark.
        let last_id = Ulid::from_parts(mark.saturating_sub(behind), entropy).0;
        let record = Record::Meta(Meta { epoch, mark: Timestamp(mark), last_id });
        let machine = Machine::restore(Config::default(), [Row { key: record.key(), value: record.encode() }]).unwrap();
        prop_assert_eq!(machine.rows().collect::<Vec<_>>(), vec![record]);
    }

    #[test]
    fn payloads_round_trip(
        name in request_ids(), method: String, url: String, headers: Vec<(String, String)>, body: Vec<u8>,
        callback in prop_oneof![
            Just(None),
            any::<String>().prop_map(|url| Some(Callback::Url(url))),
            any::<(String, String, String)>().prop_map(|(binding, object, method)|
                Some(Callback::Object(ObjectCallback { binding, object, method }))),
        ],
    ) {
        let request_id = RequestId::new(&name).unwrap();
        let payload = Payload { request_id, method, url, headers, body, callback };
        let bytes = Record::Payload(ID, payload.clone().into()).encode();
        prop_assert_eq!(Payload::decode(&bytes), Ok(payload));
        // Every byte belongs to the row: neither one less nor one more is a row.
        prop_assert!(Payload::decode(&bytes[..bytes.len() - 1]).is_err());
        prop_assert!(Payload::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes: Vec<u8>, version in prop_oneof![Just(1_u8), any::<u8>()]) {
        let bytes = [&[version], bytes.as_slice()].concat();
        drop(Payload::decode(&bytes));
        for table in Table::RESTORED.into_iter().filter(|table| *table != Table::Meta) {
            let rows = read_back(Key { table, id: ID }, bytes.clone());
            prop_assert!(rows.len() <= 1);
            prop_assert!(version == 1 || rows.is_empty(), "an unknown version was read");
        }
    }
}
