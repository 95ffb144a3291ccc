//! Named situations of the Queue variant's consumer: the trace of each is a snapshot that a person reviews.
//!
//! `<` goes in, `>` comes out. The platform is a few words in the script: what it counts, and when it delivers again.
#![allow(missing_docs, reason = "a test")]

mod reviewed;

use proxy_fetch::{
    AllowedCallback, Callback, CallbackResult, Config, Failure, FetchResult, ObjectCallback, Options, Request,
    RowError, Timestamp, Ulid,
    queue::{BATCH_LIMIT_MS, Consumer, Delivery, Event, Handle, Message, Source},
};
use std::fmt::Write as _;

/// 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;

/// A consumer, the clock, and what was said.
struct Stage {
    consumer: Consumer,
    now_ms: u64,
    batches: u64,
    log: String,
}

impl Stage {
    fn new() -> Self {
        Self { consumer: Consumer::new(100), now_ms: 0, batches: 0, log: String::new() }
    }

    fn note(&mut self, text: &str) {
        self.say(&format!("# {text}"));
    }

    fn say(&mut self, text: &str) {
        let (seconds, ms) = (self.now_ms / 1_000, self.now_ms % 1_000);
        // Writing to a String cannot fail.
        let _ = writeln!(self.log, "{seconds:>5}.{ms:03}s  {text}");
    }

    fn after(&mut self, ms: u64) -> &mut Self {
        self.now_ms += ms;
        self
    }

    fn step(&mut self, event: Event) {
        self.say(&format!("< {event}"));
        let mut out = Vec::new();
        self.consumer.step(Timestamp(START_MS + self.now_ms), event, &mut out);
        for effect in out {
            self.say(&format!("> {effect}"));
        }
    }

    /// Delivers these requests, by their names, each with the platform's count.
    fn batch(&mut self, source: Source, messages: &[(&str, u32)]) {
        let deliveries = messages.iter().map(|(name, attempts)| Delivery { attempts: *attempts, head: head(name) });
        let deadline = Timestamp(START_MS + self.now_ms + BATCH_LIMIT_MS);
        let batch = self.batches;
        self.batches += 1;
        self.step(Event::Batch { batch, source, deadline, messages: deliveries.collect() });
    }

    fn queue(&mut self, messages: &[(&str, u32)]) {
        self.batch(Source::Queue, messages);
    }

    fn answer(&mut self, batch: u64, index: u32, status: u16) {
        let result = FetchResult::Response { status, retry_after: None };
        self.step(Event::Fetched { at: Handle { batch, index }, result });
    }

    fn called_back(&mut self, batch: u64, index: u32, result: CallbackResult) {
        self.step(Event::Delivered { at: Handle { batch, index }, result });
    }

    fn wake(&mut self, batch: u64) {
        let at = self.consumer.next_wake(batch).expect("it asks to be woken");
        self.now_ms = at.0 - START_MS;
        self.step(Event::Tick { batch });
    }

    fn crash(&mut self) {
        self.consumer = Consumer::new(100);
        self.note("the isolate crashes, and a new one knows nothing");
    }

    fn snapshot(self, name: &str) {
        let mut text = self.log;
        for request in ["a", "b", "c", "d", "e", "f"] {
            text = text.replace(&id(request).to_string(), request);
        }
        reviewed::snapshot(&format!("queue_{name}"), &text);
    }
}

fn id(name: &str) -> Ulid {
    Ulid::from_parts(START_MS, name.bytes().next().unwrap_or(0).into())
}

/// What the consumer gets of a message; `?` is one of another version.
fn head(name: &str) -> Result<proxy_fetch::queue::Head, RowError> {
    if name == "?" {
        return Message::from_bytes(&[2, 0]).map(|message| message.head());
    }
    let config = Config {
        callbacks: vec![AllowedCallback::Binding { binding: "ORIGIN".into(), method: None }],
        ..Config::default()
    };
    let callback = ObjectCallback { binding: "ORIGIN".into(), object: name.into(), method: "onResult".into() };
    let request = Request {
        request_id: name.into(),
        method: "GET".into(),
        url: "https://example.com/".into(),
        callback: Some(Callback::Object(callback)),
        options: Options::default(),
        ..Request::default()
    };
    let message = Message::new(&config, id(name), request).expect("valid");
    Message::from_bytes(&message.to_bytes()).map(|message| message.head())
}

#[test]
fn retry_then_success() {
    let mut s = Stage::new();
    s.after(200).queue(&[("a", 1)]);
    s.after(50).answer(0, 0, 503);
    s.note("the platform delivers it again after the delay");
    s.after(2_000).queue(&[("a", 2)]);
    s.after(40).answer(1, 0, 200);
    s.after(5).called_back(1, 0, CallbackResult::Answered);
    s.snapshot("retry_then_success");
}

#[test]
fn duplicate_while_under_way() {
    let mut s = Stage::new();
    s.queue(&[("a", 1), ("b", 1), ("a", 1)]);
    s.note("the same request once more, in another batch");
    s.after(10).queue(&[("a", 1)]);
    s.after(70).answer(0, 0, 200);
    s.after(5).called_back(0, 0, CallbackResult::Answered);
    s.after(10).answer(0, 1, 503);
    s.note("the repeat comes back");
    s.after(60_000).queue(&[("a", 2)]);
    s.snapshot("duplicate_while_under_way");
}

#[test]
fn crash_then_redelivery() {
    let mut s = Stage::new();
    s.queue(&[("a", 1)]);
    s.after(80).answer(0, 0, 200);
    s.after(2).crash();
    s.note("the ack was never sent: the platform delivers again, and the attempt counts");
    s.after(5_000).queue(&[("a", 2)]);
    s.after(80).answer(1, 0, 200);
    s.after(5).called_back(1, 0, CallbackResult::Answered);
    s.note("a copy that was delivered before the ack is over here");
    s.after(1_000).queue(&[("a", 2)]);
    s.after(5).crash();
    s.note("with every attempt cut off by a crash there is none left");
    s.after(5_000).queue(&[("b", 5)]);
    s.snapshot("crash_then_redelivery");
}

#[test]
fn dead_letter() {
    let mut s = Stage::new();
    s.queue(&[("?", 51)]);
    s.note("what was delivered too often comes through the dead-letter queue");
    s.after(1_000).batch(Source::DeadLetters, &[("a", 1), ("?", 1)]);
    s.after(5).called_back(1, 0, CallbackResult::Failed);
    s.snapshot("dead_letter");
}

#[test]
fn expired() {
    let mut s = Stage::new();
    s.after(29 * 60_000 + 45_000).queue(&[("a", 1)]);
    s.wake(0);
    s.after(5).called_back(0, 0, CallbackResult::Answered);
    s.note("and one that comes only now");
    s.after(5).queue(&[("b", 2)]);
    s.wake(1);
    s.snapshot("expired");
}

#[test]
fn no_time_left_in_the_batch() {
    let mut s = Stage::new();
    s.queue(&[("f", 1), ("e", 1), ("d", 1), ("c", 1), ("b", 1), ("a", 1)]);
    s.after(14 * 60_000);
    s.note("a clock that jumps: five attempts are given up, and f would not fit any more");
    s.step(Event::Tick { batch: 0 });
    s.note("f was not started, and that is remembered: it is its first attempt");
    s.after(1_000).queue(&[("f", 2)]);
    s.step(Event::Fetched { at: Handle { batch: 1, index: 0 }, result: FetchResult::Failed(Failure::BadHead) });
    s.note("the invocation throws in mid-callback: the attempt was cut off, and has failed");
    s.step(Event::Closed { batch: 1 });
    s.queue(&[("f", 3)]);
    s.snapshot("no_time_left_in_the_batch");
}
