//! What a run of the queue is made of: the queue's settings, who sends what when, which isolates crash, and how often
//! the world misbehaves in a run that is drawn.

use super::decisions::{KILLED_AFTER, NTH, POINTS};
use durable_sim::{
    Chance, MINUTE, Micros, SECOND, fields,
    plan::{Conflict, Document, Fields, List, Schema},
    words,
};
use proxy_fetch::Options;
use std::{collections::BTreeMap, fmt};

/// The number of a request in its plan.
pub type Planned = u32;

/// How a request's bytes are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Nobody can ever read them.
    Corrupt,
    /// Of a version that consumers do not know until the run heals.
    Foreign,
}

words!(Damage { Damage::Corrupt => "corrupt", Damage::Foreign => "foreign" });

/// A request that a producer will send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRequest {
    /// When.
    pub at: Micros,
    /// How it is to be fetched.
    pub options: Options,
    /// Whether anybody is called back.
    pub callback: bool,
    /// How long its upstream takes, in µs, at the most.
    pub service_us: Micros,
    /// What is wrong with its bytes.
    pub damage: Option<Damage>,
}

impl Default for PlannedRequest {
    fn default() -> Self {
        Self { at: 0, options: Options::default(), callback: true, service_us: 50_000, damage: None }
    }
}

fields!(PlannedRequest {
    /// When it is sent for the first time.
    at: moment "at_ms",
    /// Whether its origin is called back.
    callback: flag "callback",
    /// `options.at_most_once`: such a request is refused.
    options.at_most_once: flag "at_most_once",
    /// `options.max_retries`.
    options.max_retries: whole "max_retries" (0..=10),
    /// `options.retry_delay_ms`.
    options.retry_delay_ms: whole "retry_delay_ms" (100..=600_000),
    /// `options.max_retry_delay_ms`. If it is less than `retry_delay_ms`, the request is refused.
    options.max_retry_delay_ms: whole "max_retry_delay_ms" (100..=600_000),
    /// `options.retry_on_5xx`.
    options.retry_on_5xx: flag "retry_on_5xx",
    /// `options.timeout_ms`.
    options.timeout_ms: whole "timeout_ms" (100..=300_000),
    /// How long its upstream takes at the most, if that is drawn; a 50th of it else.
    service_us: time "service_ms" (0..=10 * MINUTE),
    /// What is wrong with its bytes: nobody can ever read them, or no consumer does until faults cease.
    damage: word<Damage> "damage",
});

/// The crash of an isolate: F1 and F29.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crash {
    /// When.
    pub at: Micros,
    /// Which one, from 0.
    pub isolate: usize,
}

fields!(Crash {
    /// When. Once faults have ceased, it does not happen.
    at: moment "at_ms",
    /// Which isolate, from 0; one of the `isolates` that there are.
    isolate: whole "isolate" (0..=99),
});

/// The queue's settings, its consumers', and those of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Messages in a batch at the most.
    pub max_batch: usize,
    /// How long the broker waits for a batch to fill.
    pub batch_timeout: Micros,
    /// Deliveries after the first.
    pub max_retries: u32,
    /// The delay of a redelivery that no consumer asked for.
    pub retry_delay: Micros,
    /// Whether there is a dead-letter queue.
    pub dead_letters: bool,
    /// Deliveries of a dead letter after the first.
    pub dead_letter_max_retries: u32,
    /// How long a message is kept.
    pub retention: Micros,
    /// Batches that an isolate works on at once.
    pub concurrency: usize,
    /// Isolates.
    pub isolates: usize,
    /// Requests that a consumer remembers.
    pub max_remembered: usize,
    /// When faults cease.
    pub heal_at: Micros,
    /// F30: whether explicit acks are forgotten if the batch fails.
    pub forgets_acks: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_batch: 10,
            batch_timeout: 0,
            max_retries: 50,
            retry_delay: 0,
            dead_letters: false,
            dead_letter_max_retries: 100,
            retention: 4 * DAY,
            concurrency: 1,
            isolates: 1,
            max_remembered: 10_000,
            heal_at: MINUTE,
            forgets_acks: false,
        }
    }
}

/// So many ms, in µs.
pub(super) const fn micros(ms: u64) -> Micros {
    ms * 1_000
}

/// A day.
pub(super) const DAY: Micros = 24 * 60 * MINUTE;

fields!(Settings {
    /// From then on nothing fails, whatever is decided.
    heal_at: moment "heal_at_ms",
    /// Messages in a batch at the most.
    max_batch: whole "max_batch" (1..=100),
    /// How long the broker waits for a batch to fill.
    batch_timeout: time "batch_timeout_ms" (0..=MINUTE),
    /// Deliveries of a message after the first.
    max_retries: whole "redeliveries" (0..=100),
    /// The delay of a redelivery that no consumer asked for.
    retry_delay: time "redelivery_delay_ms" (0..=DAY),
    /// Whether there is a dead-letter queue. Else what was delivered too often is deleted.
    dead_letters: flag "dead_letters",
    /// Deliveries of a dead letter after the first.
    dead_letter_max_retries: whole "dead_letter_redeliveries" (0..=100),
    /// How long a queue keeps a message.
    retention: time "retention_ms" (0..=14 * DAY),
    /// Isolates.
    isolates: whole "isolates" (1..=100),
    /// Batches that an isolate works on at once.
    concurrency: whole "concurrency" (1..=100),
    /// Requests that a consumer remembers.
    max_remembered: whole "max_remembered" (1..=1_000_000),
    /// Whether explicit acks are forgotten if the batch fails.
    forgets_acks: flag "forgets_acks",
});

/// How often the world misbehaves, per occasion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// F29, per delivery.
    pub duplicate: Chance,
    /// F29, per batch.
    pub reorder: Chance,
    /// F29, per redelivery: up to a minute.
    pub delay: Chance,
    /// F29, per batch: fewer messages than there are.
    pub cut: Chance,
    /// F29, per send: half of them stored all the same.
    pub send_error: Chance,
    /// F29, per batch: the invocation throws, at its end or before.
    pub throw: Chance,
    /// F29, per batch: the invocation stops and is killed at 15 minutes.
    pub hang: Chance,
    /// How long after its begin an invocation throws or stops at the most, if not at its end.
    pub within: Micros,
    /// F21, per fetch.
    pub fetch_fails: Chance,
    /// The upstream never answers, per fetch.
    pub stalls: Chance,
    /// F22, per fetch.
    pub body_fails: Chance,
    /// F24, per fetch.
    pub odd_status: Chance,
    /// F23, per fetch that was given up: it ends all the same.
    pub late: Chance,
    /// F7, per fetch and callback: its end is never reported.
    pub unreported: Chance,
    /// F26, per callback.
    pub callback_fails: Chance,
}

fields!(Faults {
    /// Per delivery: another copy is delivered too.
    duplicate: chance "duplicate",
    /// Per batch: some overtake others.
    reorder: chance "reorder",
    /// Per redelivery: it is up to a minute late.
    delay: chance "delay",
    /// Per batch: it has fewer messages than there are.
    cut: chance "cut",
    /// Per send: it fails; half of them are stored all the same.
    send_error: chance "send_error",
    /// Per batch: the invocation throws, half of them at the end.
    throw: chance "throw",
    /// Per batch: the invocation is killed at 15 minutes; half of them have done all their work.
    hang: chance "hang",
    /// How long after its begin an invocation throws or hangs at the most, if not at its end.
    within: time "throws_or_hangs_within_ms" (0..=KILLED_AFTER),
    /// Per fetch: it fails.
    fetch_fails: chance "fetch_fails",
    /// Per fetch: it is never answered.
    stalls: chance "stalls",
    /// Per fetch: the response breaks off, or is too large.
    body_fails: chance "body_fails",
    /// Per fetch: the status is not 200.
    odd_status: chance "odd_status",
    /// Per fetch that was given up: it ends all the same.
    late: chance "late",
    /// Per fetch and callback: its end is not reported in time.
    unreported: chance "unreported",
    /// Per callback: it fails.
    callback_fails: chance "callback_fails",
});

static CRASHES: List = List {
    name: "crashes",
    prefix: "",
    fields: Crash::FIELDS,
    says: "Isolates that crash: what runs there is lost, and all acks of it.",
};

static REQUESTS: List =
    List { name: "requests", prefix: "r", fields: PlannedRequest::FIELDS, says: "What producers send." };

/// What the documents of the queue can have.
pub static SCHEMA: Schema = Schema {
    settings: &[Settings::FIELDS],
    rates: &[Faults::FIELDS],
    lists: &[&CRASHES, &REQUESTS],
    has_objects: false,
    points: &POINTS,
    subjects: &[&NTH],
};

/// A document of the queue, as the world reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The settings.
    pub settings: Settings,
    /// The faults.
    pub faults: Faults,
    /// The requests, by number.
    pub requests: BTreeMap<Planned, PlannedRequest>,
    /// Isolates that crash.
    pub crashes: Vec<Crash>,
}

impl Plan {
    /// What a document says.
    #[must_use]
    pub fn of(document: &Document) -> Self {
        Self {
            settings: Settings::of_table(&document.settings),
            faults: Faults::of_table(&document.rates),
            requests: document.list(&REQUESTS),
            crashes: document.list(&CRASHES).into_values().collect(),
        }
    }

    /// The first crash, by its number, of an isolate that there is not, and what its isolate may be.
    #[must_use]
    pub fn crash_of_none(&self) -> Option<Conflict> {
        let isolates = self.settings.isolates;
        let (number, Crash { isolate, .. }) = (0..).zip(&self.crashes).find(|(_, crash)| crash.isolate >= isolates)?;
        let most = isolates - 1;
        let what = format!("{isolate} is not a whole number from 0 to {most}, since `isolates` is {isolates}");
        Some(Conflict { list: "crashes", number, key: "isolate", what })
    }

    /// As a document, whose decisions this seed draws.
    #[must_use]
    pub fn document(&self, seed: u64) -> Document {
        let Self { settings, faults, requests, crashes } = self;
        let (settings, rates) = (settings.table(), faults.table());
        let mut document = Document { seed: Some(seed), settings, rates, ..Document::default() };
        document.put_list(&REQUESTS, requests.iter().map(|(number, request)| (*number, request)));
        document.put_list(&CRASHES, (0..).zip(crashes));
        document
    }
}

impl fmt::Display for Plan {
    /// The mix in one line, for the head of a trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { max_batch, max_retries, dead_letters, retention, concurrency, isolates, heal_at, .. } =
            self.settings;
        write!(
            f,
            "{} requests, batches of {max_batch}, {max_retries} redeliveries, dead letters {dead_letters}, kept {} min, \
             {isolates} isolates × {concurrency}; faults until {}.{:03}s:",
            self.requests.len(),
            retention / MINUTE,
            heal_at / SECOND,
            heal_at / 1_000 % 1_000
        )?;
        let rates = self.faults.table();
        let fields = Faults::FIELDS.iter().filter_map(|field| Some((field, *rates.get(field.name)?)));
        for (field, value) in fields {
            write!(f, " {} {},", field.name, field.text(value))?;
        }
        if !self.crashes.is_empty() {
            write!(f, " {} crashes,", self.crashes.len())?;
        }
        write!(f, " acks {} if a batch fails", if self.settings.forgets_acks { "forgotten" } else { "kept" })
    }
}
