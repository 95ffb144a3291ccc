//! Fetches for durable objects, off their clock.
//!
//! A durable object that awaits a slow fetch pays for the wait. It can hand the request to a [`Machine`] instead,
//! which stores it in a queue ordered by ULID, fetches it (at most 5 at once), retries, expires requests that are 30
//! minutes old, survives restarts, and calls the object back.
//!
//! Where scale matters more than latency and guarantees, a Cloudflare Queue can take its place: [`queue`] is the machine
//! of its consumer, under the same policies.
//!
//! # The law of the machine
//!
//! The machine does nothing itself. It has no clock, no randomness, no I/O: it takes one [`Event`] at a given time and
//! says what to write and what to do. The host obeys one order, on which all promises rest: **step, commit,
//! then perform the effects.** The writes of a step are committed all or nothing, together with the alarm; an effect (a
//! fetch, a callback, an abort, a reply) leaves only after that commit. If a commit fails, the host drops the machine
//! and restores it from what is stored: memory is a shadow of storage.
//!
//! [`turn`] is that order as code. A host is a loop around it:
//!
//! ```
//! use proxy_fetch::{Alarm, Caller, Config, Effect, Event, FetchResult, Machine, Output, Request, Row, Store};
//! use proxy_fetch::{Attempt, Timestamp, Write, turn};
//! use std::collections::BTreeMap;
//!
//! /// A store in memory; a real one commits to a disk before it returns.
//! #[derive(Default)]
//! struct Rows(BTreeMap<proxy_fetch::Key, Vec<u8>>, Option<Timestamp>);
//!
//! impl Store for Rows {
//!     type Error = std::convert::Infallible;
//!     fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), Self::Error> {
//!         for write in writes {
//!             match write {
//!                 Write::Put(record) => drop(self.0.insert(record.key(), record.encode())),
//!                 Write::Delete(key) => drop(self.0.remove(key)),
//!             }
//!         }
//!         self.1 = alarm.or(self.1);
//!         Ok(())
//!     }
//! }
//!
//! let mut store = Rows::default();
//! let rows = store.0.iter().map(|(key, value)| Row { key: *key, value: value.clone() });
//! let mut machine = Machine::restore(Config::default(), rows)?;
//! let mut alarm = Alarm::UNKNOWN;
//! let mut out = Output::default();
//!
//! let request = Request {
//!     request_id: "order-7".into(),
//!     method: "GET".into(),
//!     url: "https://example.com/slow".into(),
//!     ..Request::default()
//! };
//! let enqueue = Event::Enqueue { caller: Caller(1), request: Box::new(request), entropy: 42 };
//! let mut inbox = vec![Event::Start, enqueue];
//! let mut clock = Timestamp(1_767_225_600_000);
//! let mut log = Vec::new();
//!
//! while !inbox.is_empty() {
//!     // Everything that waits shares one commit.
//!     let Ok(()) = turn(&mut machine, &mut alarm, &mut store, clock, inbox.drain(..), &mut out);
//!     for effect in out.take_effects() {
//!         log.push(effect.to_string());
//!         match effect {
//!             // A real host starts the fetch and goes on; its end comes back as an event.
//!             Effect::Fetch { attempt, timeout_ms: _ } => {
//!                 let result = FetchResult::Response { status: 200, retry_after: None };
//!                 inbox.push(Event::Fetched { attempt, result });
//!             }
//!             Effect::Abort { attempt: Attempt { .. } } => {}
//!             Effect::Deliver { .. } | Effect::Reply { .. } | Effect::Report(_) => {}
//!         }
//!     }
//!     clock = clock.plus_ms(80);
//! }
//! // And at the alarm's time: `turn(…, [Event::Tick], …)`.
//!
//! assert_eq!(machine.live_len(), 0, "nobody is called back, so the answer ends the request");
//! assert!(log[0].starts_with("reply caller=1 accepted 01KDVDNA00"), "{}", log[0]);
//! assert!(log[1].starts_with("fetch 01KDVDNA00"), "{}", log[1]);
//! # Ok::<(), proxy_fetch::RestoreError>(())
//! ```
//!
//! Refusals of a caller are data in a [`Reply`]; failures of the world are data in an event; our own bugs are
//! assertions, kept in release builds.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod address;
mod admission;
mod backoff;
mod config;
mod event;
mod id;
#[cfg(feature = "json")]
pub mod json;
pub mod limits;
mod machine;
mod outcome;
mod outgoing;
pub mod queue;
mod recorded;
mod refusal;
mod request;
mod row;
mod time;
mod turn;

pub use backoff::{RetryAfter, backoff_ms, not_before};
pub use config::{AllowedCallback, Config};
pub use event::{Attempt, Caller, Effect, Event, Output, Reply, Report, Stage, Status};
pub use id::{RequestId, accepted_at, expires_at, next_ulid};
pub use machine::{Machine, RestoreError, Wake};
pub use outcome::{CallbackResult, Failure, FetchResult, Outcome};
pub use outgoing::{AfterHead, Hop, is_end_to_end};
pub use recorded::Recorded;
pub use refusal::{Refusal, RefusalKind};
pub use request::{Callback, ObjectCallback, Options, Payload, Policy, Request};
pub use row::{FinishedRow, Key, Meta, Phase, ROW_VERSION, Record, RequestRow, Row, RowError, Table, Write};
pub use time::Timestamp;
pub use turn::{Alarm, Store, turn};
pub use ulid::Ulid;
pub use url::Url;
