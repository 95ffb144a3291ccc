//! No sequence of events, however odd, makes the Queue variant's consumer panic or stick (S13), decide a message twice
//! or leave its batch (Q2), or remember more than it may (S15).
#![allow(missing_docs, reason = "a test")]

#[path = "../../tests/settings/mod.rs"]
mod settings;

use proptest::{collection::vec, prelude::*, test_runner::FileFailurePersistence};
use proxy_fetch::{
    AllowedCallback, Callback, CallbackResult, Config, Failure, FetchResult, ObjectCallback, Options, Request,
    RowError, Timestamp, Ulid,
    queue::{Consumer, Delivery, Effect, Event, Handle, Head, Message, Source},
};
use std::collections::BTreeMap;

const START_MS: u64 = 1_767_225_600_000;
const MAX_REMEMBERED: usize = 3;

fn head(number: u64, options: Options, has_callback: bool) -> Head {
    let config = Config {
        callbacks: vec![AllowedCallback::Binding { binding: "ORIGIN".into(), method: None }],
        ..Config::default()
    };
    let target = ObjectCallback { binding: "ORIGIN".into(), object: "o".into(), method: "m".into() };
    let request = Request {
        request_id: "a".into(),
        method: "GET".into(),
        url: "https://example.com/".into(),
        callback: has_callback.then_some(Callback::Object(target)),
        options,
        ..Request::default()
    };
    // One of them is from the end of time.
    let ms = if number == 0 { (1 << 48) - 1 } else { START_MS + number };
    Message::new(&config, Ulid::from_parts(ms, number.into()), request).expect("valid").head()
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let options = (prop_oneof![Just(100_i64), Just(300_000)], 0..=10_i64)
        .prop_map(|(timeout_ms, max_retries)| Options { timeout_ms, max_retries, ..Options::default() });
    let good = (0..5_u64, options, any::<bool>()).prop_map(|(number, options, calls)| Ok(head(number, options, calls)));
    let bad = prop_oneof![Just(Err(RowError::Corrupt)), any::<u8>().prop_map(|v| Err(RowError::UnknownVersion(v)))];
    let head = prop_oneof![9 => good, 1 => bad];
    let attempts = prop_oneof![8 => 1..5_u32, 1 => Just(0), 1 => Just(u32::MAX), 1 => 100..140_u32];
    (attempts, head).prop_map(|(attempts, head)| Delivery { attempts, head })
}

fn event() -> impl Strategy<Value = Event> {
    let at = || (0..4_u64, 0..8_u32).prop_map(|(batch, index)| Handle { batch, index });
    let response = (prop_oneof![Just(200_u16), Just(503), Just(429), any::<u16>()], proptest::option::of(".{0,12}"))
        .prop_map(|(status, retry_after)| FetchResult::Response { status, retry_after });
    let failed = prop_oneof![Just(Failure::TimedOut), Just(Failure::BadHead)].prop_map(FetchResult::Failed);
    let source = prop_oneof![4 => Just(Source::Queue), 1 => Just(Source::DeadLetters)];
    let deadline = prop_oneof![Just(0_u64), START_MS..START_MS + 2_000_000, Just(u64::MAX)].prop_map(Timestamp);
    let called = prop_oneof![Just(CallbackResult::Answered), Just(CallbackResult::Failed)];
    prop_oneof![
        3 => (0..4_u64, source, deadline, vec(delivery(), 0..8))
            .prop_map(|(batch, source, deadline, messages)| Event::Batch { batch, source, deadline, messages }),
        4 => (at(), prop_oneof![response, failed]).prop_map(|(at, result)| Event::Fetched { at, result }),
        4 => (at(), called).prop_map(|(at, result)| Event::Delivered { at, result }),
        1 => (0..4_u64).prop_map(|batch| Event::Tick { batch }),
        1 => (0..4_u64).prop_map(|batch| Event::Closed { batch }),
    ]
}

fn config() -> ProptestConfig {
    let base = ProptestConfig::default();
    let cases = settings::number("PROPTEST_CASES", 200).try_into().unwrap_or(u32::MAX);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proptest-regressions/queue_total.txt");
    ProptestConfig { cases, failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))), ..base }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_event_at_any_time(steps in vec((0..400_000_u64, event()), 1..60)) {
        let mut consumer = Consumer::new(MAX_REMEMBERED);
        let mut now = START_MS;
        // Undecided messages of each open batch.
        let mut open: BTreeMap<u64, Vec<bool>> = BTreeMap::new();
        for (jump, event) in steps {
            // Mostly forward, now and then back.
            now = if jump % 7 == 0 { now.saturating_sub(jump) } else { now + jump };
            let batch = event.batch();
            match &event {
                Event::Batch { messages, .. } => drop(open.insert(batch, vec![true; messages.len()])),
                Event::Closed { .. } => drop(open.remove(&batch)),
                Event::Fetched { .. } | Event::Delivered { .. } | Event::Tick { .. } => {}
            }
            let mut out = Vec::new();
            consumer.step(Timestamp(now), event.clone(), &mut out);
            for effect in &out {
                let at = effect.at();
                prop_assert_eq!(at.batch, batch, "{} of {}", effect, event);
                let undecided = open.get_mut(&batch).and_then(|batch| batch.get_mut(at.index as usize));
                prop_assert_eq!(undecided.as_deref(), Some(&true), "{} of {}", effect, event);
                if let (Effect::Ack { .. } | Effect::Retry { .. }, Some(undecided)) = (effect, undecided) {
                    *undecided = false;
                }
            }
            let goes_on = open.get(&batch).is_some_and(|batch| batch.contains(&true));
            if consumer.is_open(batch) {
                prop_assert!(goes_on, "batch {} goes on for nothing after {}", batch, event);
            } else if !matches!(event, Event::Fetched { .. } | Event::Delivered { .. } | Event::Tick { .. }) {
                prop_assert!(!goes_on, "batch {} is over too early after {}", batch, event);
            } else {
                // It may have been given up at its deadline, as another one spoke.
                open.remove(&batch);
            }
            prop_assert!(consumer.remembered_len() <= MAX_REMEMBERED);
        }
        // Its timers alone bring every batch to its end.
        for batch in 0..4 {
            for _ in 0..100 {
                let Some(wake) = consumer.next_wake(batch) else { break };
                consumer.step(wake.max(Timestamp(now)), Event::Tick { batch }, &mut Vec::new());
            }
            prop_assert!(!consumer.is_open(batch), "batch {} sticks:\n{}", batch, consumer);
        }
    }
}
