//! The Queue variant: the decisions of a consumer of a Cloudflare Queue, as a second pure machine beside the first.
//!
//! A producer sends a [`Message`]; a [`Consumer`] decides what happens to each delivery. The platform stores, delays,
//! counts and delivers again; the consumer remembers only what may be lost. So it promises less than the durable
//! object: without storage, a crash or a delivery to another consumer may repeat an attempt and its callback.
//!
//! One consumer serves all batches of an isolate. Each batch is one invocation of the host, and **every effect of a step
//! belongs to the batch of its event**: no work crosses from one invocation to another, which the runtime forbids.
//! The loop of an invocation:
//!
//! ```
//! use proxy_fetch::queue::{Consumer, Delivery, Effect, Event, Message, Source};
//! use proxy_fetch::{Config, FetchResult, Request, Timestamp, Ulid};
//!
//! let config = Config::default();
//! let now = Timestamp(1_767_225_600_000);
//! // The producer: the ULID is fixed before the send.
//! let request = Request {
//!     request_id: "order-7".into(),
//!     method: "GET".into(),
//!     url: "https://example.com/slow".into(),
//!     ..Request::default()
//! };
//! let bytes = Message::new(&config, Ulid::from_parts(now.0, 42), request)?.to_bytes();
//!
//! // The consumer, kept across batches.
//! let mut consumer = Consumer::new(proxy_fetch::limits::MAX_CONSUMER_MEMOS);
//! let mut effects = Vec::new();
//!
//! // A batch comes: its messages stay with the host, the machine gets their heads.
//! let messages = vec![Message::from_bytes(&bytes)];
//! let deliveries = messages.iter().map(|message| Delivery {
//!     attempts: 1,
//!     head: message.as_ref().map(Message::head).map_err(|error| *error),
//! });
//! let deadline = now.plus_ms(proxy_fetch::queue::BATCH_LIMIT_MS);
//! let event = Event::Batch { batch: 1, source: Source::Queue, deadline, messages: deliveries.collect() };
//! consumer.step(now, event, &mut effects);
//!
//! let mut log = Vec::new();
//! while !effects.is_empty() {
//!     for effect in std::mem::take(&mut effects) {
//!         log.push(effect.to_string());
//!         match effect {
//!             // A real host starts the fetch and goes on; its end comes back as an event.
//!             Effect::Fetch { at, .. } => {
//!                 let result = FetchResult::Response { status: 200, retry_after: None };
//!                 consumer.step(now.plus_ms(80), Event::Fetched { at, result }, &mut effects);
//!             }
//!             Effect::Ack { .. } | Effect::Retry { .. } => {}
//!             Effect::Abort { .. } | Effect::Deliver { .. } | Effect::Report(_) => {}
//!         }
//!     }
//! }
//! // Meanwhile, at `consumer.next_wake(1)`: `Event::Tick { batch: 1 }`.
//! assert!(!consumer.is_open(1), "each message is acked or retried: the invocation may end");
//! assert_eq!(log, ["fetch 1.0 01KDVDNA00000000000000001A #1 timeout=30000ms", "ack 1.0"]);
//! # Ok::<(), proxy_fetch::Refusal>(())
//! ```
//!
//! # The queue's settings
//!
//! `max_retries` [`QUEUE_MAX_RETRIES`] and a `retry_delay` of some seconds (it spaces the deliveries after a crash);
//! a dead-letter queue, consumed with [`Source::DeadLetters`] and `max_retries` [`DEAD_LETTER_MAX_RETRIES`]; a
//! `max_batch_size` of about 10.

mod consumer;
mod event;
mod memory;
mod message;

pub use consumer::Consumer;
pub use event::{Delivery, Effect, Event, Handle, Report, Source};
pub use message::{Head, MESSAGE_VERSION, Message};

use crate::limits;

/// Largest message, in bytes. The platform's bound is 128 KB; the rest is for what the platform adds.
pub const MAX_MESSAGE_BYTES: usize = 120_000;
/// The platform kills a consumer's invocation at this age, in ms.
pub const BATCH_LIMIT_MS: u64 = 15 * 60 * 1_000;
/// Longest delay of a retry, in s: the documented bound.
pub const MAX_RETRY_DELAY_S: u32 = 12 * 60 * 60;
/// Shortest delay of a retry, in s: no delivery spins (law S20).
pub const MIN_RETRY_DELAY_S: u32 = 1;
/// When a repeat comes back whose original is under way in another batch, in s.
pub const DUPLICATE_DELAY_S: u32 = 60;
/// When a message comes back that this program cannot read, in s: a newer one may be on its way.
pub const UNREADABLE_DELAY_S: u32 = 60;
/// The same for a dead letter, in s: it is kept as long as the platform keeps it.
pub const UNREADABLE_DEAD_LETTER_DELAY_S: u32 = 60 * 60;
/// What the queue's `max_retries` should be. At least 22: an attempt takes a delivery, and may take another that comes
/// too early; 50 leaves room for repeats and for batches that ran out of time.
pub const QUEUE_MAX_RETRIES: u32 = 50;
/// What the dead-letter queue's `max_retries` should be: the platform's maximum.
pub const DEAD_LETTER_MAX_RETRIES: u32 = 100;

const _: () = {
    // Any request fits into a batch that has just begun.
    let longest = limits::TIMEOUT_RANGE_MS.1 as u64 + limits::CALLBACK_TIMEOUT_MS + 2 * limits::LEASE_GRACE_MS;
    assert!(longest < BATCH_LIMIT_MS);
    assert!(QUEUE_MAX_RETRIES as i64 >= 2 * (limits::MAX_RETRIES_RANGE.1 + 1));
    // No delay that a request can ask for is cut short by the platform.
    assert!((MAX_RETRY_DELAY_S as u64) * 1_000 > limits::MAX_REQUEST_AGE_MS);
    // A repeat's deliveries outlast the batch that its original is in.
    assert!((QUEUE_MAX_RETRIES * DUPLICATE_DELAY_S) as u64 * 1_000 > 2 * BATCH_LIMIT_MS);
};
