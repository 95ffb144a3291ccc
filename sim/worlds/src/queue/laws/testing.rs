//! Small stories for the tests of laws: batches are delivered, consumers act, the laws look. A story's requests are
//! made at its begin, with the default options and a callback each.

use super::check;
use crate::queue::ledger::{Delivered, Ledger, Number, Observation};
use proxy_fetch::{
    FetchResult, Options, Outcome, RowError, Timestamp, Ulid,
    queue::{Handle, Source},
};

const START: Timestamp = Timestamp(1_767_225_600_000);

pub(super) const fn at(batch: u64, index: u32) -> Handle {
    Handle { batch, index }
}

pub(super) struct Story {
    pub ledger: Ledger,
    pub incarnation: u32,
}

impl Story {
    pub fn new(requests: u64) -> Self {
        let ledger = Ledger { now: START, max_remembered: 100, ..Ledger::default() };
        let mut story = Self { ledger, incarnation: 1 };
        for number in 0..requests {
            let id = Ulid::from_parts(START.0, number.into());
            story.sees(Observation::Made { id, options: Options::default(), callback: true, unread: None });
        }
        story
    }

    /// Sees this, and no law is broken.
    #[track_caller]
    pub fn sees(&mut self, seen: Observation) {
        assert_eq!(check(&self.ledger, &seen), Ok(()));
        self.ledger.apply(&seen);
    }

    /// No law would be broken by this.
    #[track_caller]
    pub fn passes(&mut self, what: impl FnOnce(&Self) -> Observation) {
        assert_eq!(check(&self.ledger, &what(self)), Ok(()));
    }

    /// This law would be broken by this.
    #[track_caller]
    pub fn breaks(&mut self, law: &str, what: impl FnOnce(&Self) -> Observation) {
        let seen = what(self);
        let law = super::LAWS.iter().find(|other| other.is.name == law).expect("there is such a law");
        assert!((law.check)(&self.ledger, &seen).is_err(), "{} holds", law.is.name);
    }

    pub fn after(&mut self, ms: u64) {
        self.ledger.now = self.ledger.now.plus_ms(ms);
    }

    pub fn stored(&mut self, request: Number) {
        self.sees(Observation::Stored { request });
    }

    pub fn queue(&mut self, requests: &[Number]) {
        self.queue_at(requests, 1);
    }

    pub fn queue_at(&mut self, requests: &[Number], delivery: u32) {
        self.batch(Source::Queue, requests, delivery, None);
    }

    /// The platform has kept them since then.
    pub fn queue_since(&mut self, requests: &[Number], due: Timestamp) {
        let delivered = |request: &Number| Delivered { request: *request, delivery: 1, unread: None, due };
        let messages = requests.iter().map(delivered).collect();
        self.sees(Observation::Batch { incarnation: self.incarnation, source: Source::Queue, messages });
    }

    pub fn dead_letters(&mut self, requests: &[Number]) {
        self.batch(Source::DeadLetters, requests, 1, None);
    }

    pub fn unread(&mut self, requests: &[Number], error: RowError) {
        self.batch(Source::Queue, requests, 1, Some(error));
    }

    fn batch(&mut self, source: Source, requests: &[Number], delivery: u32, unread: Option<RowError>) {
        let messages = requests
            .iter()
            .map(|request| Delivered { request: *request, delivery, unread, due: self.ledger.now })
            .collect();
        self.sees(Observation::Batch { incarnation: self.incarnation, source, messages });
    }

    pub fn fetch(&self, at: Handle, attempt: u8) -> Observation {
        Observation::Fetch { at, id: self.ledger.entry(at).id, attempt, timeout_ms: 30_000 }
    }

    #[track_caller]
    pub fn fetches(&mut self, at: Handle, attempt: u8) {
        self.sees(self.fetch(at, attempt));
    }

    pub fn fetched(&mut self, at: Handle, status: u16) {
        let result = FetchResult::Response { status, retry_after: None };
        self.sees(Observation::Fetched { at, result, asked: None });
    }

    pub fn fetched_asked(&mut self, at: Handle, status: u16, asked_ms: u64) {
        let result = FetchResult::Response { status, retry_after: None };
        self.sees(Observation::Fetched { at, result, asked: Some(self.ledger.now.plus_ms(asked_ms)) });
    }

    pub fn deliver(&self, at: Handle, attempts: u8, status: u16) -> Observation {
        self.outcome(at, attempts, Outcome::Response { status })
    }

    #[track_caller]
    pub fn delivers(&mut self, at: Handle, attempts: u8, status: u16) {
        self.sees(self.deliver(at, attempts, status));
    }

    pub fn outcome(&self, at: Handle, attempts: u8, outcome: Outcome) -> Observation {
        Observation::Deliver { at, id: self.ledger.entry(at).id, outcome, attempts }
    }

    #[track_caller]
    pub fn outcomes(&mut self, at: Handle, attempts: u8, outcome: Outcome) {
        self.sees(self.outcome(at, attempts, outcome));
    }

    pub fn delivered(&mut self, at: Handle) {
        self.sees(Observation::Delivered { at, answered: true });
    }

    pub fn ack(&self, at: Handle) -> Observation {
        Observation::Ack { at }
    }

    #[track_caller]
    pub fn acks(&mut self, at: Handle) {
        self.sees(self.ack(at));
    }

    pub fn retry(&self, at: Handle, delay_s: u32) -> Observation {
        Observation::Retry { at, delay_s }
    }

    #[track_caller]
    pub fn retries(&mut self, at: Handle, delay_s: u32) {
        self.sees(self.retry(at, delay_s));
    }

    /// As a consumer would that breaks Q3.
    pub fn uncheck_retry(&mut self, at: Handle, delay_s: u32) {
        self.ledger.apply(&Observation::Retry { at, delay_s });
    }

    pub fn closed(&mut self, batch: u64) {
        self.sees(Observation::Closed { batch });
    }

    /// The platform ended an invocation and has no decision for this message.
    pub fn lost(&mut self, batch: u64, index: u32) {
        self.sees(Observation::Ended { batch, undecided: vec![index] });
    }
}
