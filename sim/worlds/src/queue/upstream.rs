//! Upstreams and origins: what becomes of an attempt and of a callback, decided for the request and the try alone.

use super::{
    coverage::Fault,
    decisions::{CALLBACK, CallbackFails, FETCH, FetchFails, RetryAfter, one_of},
    ledger::{Number, Observation},
    plan::Faults,
    stage::Stage,
};
use durable_sim::{Chance, Micros, SECOND, Words};
use proxy_fetch::{Failure, FetchResult, Timestamp};

/// How an attempt will end.
pub(super) struct Answer {
    /// After so long, unless its time is up first; `None`: never.
    pub after: Option<Micros>,
    pub result: FetchResult,
    /// What a valid `Retry-After` asks for.
    pub asked: Asked,
    /// Whether the upstream acts.
    pub acts: bool,
    pub fault: Option<Fault>,
}

/// What is asked of whoever hears a `Retry-After`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    Nothing,
    /// To wait for so many s, counted from when it is heard.
    Seconds(u64),
    /// To wait until then.
    Until(Timestamp),
}

impl Asked {
    /// When it allows the next attempt, if it is heard at this time.
    pub const fn until(self, heard: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Nothing => None,
            Self::Seconds(seconds) => Some(heard.plus_ms(seconds * 1_000)),
            Self::Until(time) => Some(time),
        }
    }
}

/// How a callback will end.
pub(super) struct Reply {
    pub after: Option<Micros>,
    pub answered: bool,
    pub fault: Option<Fault>,
}

/// Statuses that mean something to a consumer, and all others: one of these ranges, from one to another.
const STATUSES: [(i64, i64); 14] = [
    (204, 204),
    (304, 304),
    (400, 400),
    (404, 404),
    (408, 408),
    (425, 425),
    (429, 429),
    (429, 429),
    (500, 500),
    (502, 502),
    (503, 503),
    (503, 503),
    (599, 599),
    (100, 599),
];

/// All upstreams and origins.
#[derive(Debug)]
pub(super) struct Upstreams {
    /// How often a fetch fails, and in what ways.
    failing: (Chance, Vec<FetchFails>),
}

impl Upstreams {
    /// As these rates have them.
    pub fn new(faults: &Faults) -> Self {
        Self { failing: failing(faults) }
    }
}

/// How often a fetch fails, and in what ways: each as often as the rates have it, one kind of fault after the other.
fn failing(faults: &Faults) -> (Chance, Vec<FetchFails>) {
    use FetchFails::{
        AddressRefused, BadHead, BadRedirect, BodyBroken, BodyTooLarge, Broken, BrokenLate, NeverAnswers, NotSent,
    };
    /// Of each kind so many times as many as it has ways, at the most.
    const PARTS: u64 = 20;
    /// A multiple of the ways of each kind.
    const WAYS: usize = 15;
    let kinds: [(Chance, &[FetchFails]); 3] = [
        (faults.fetch_fails, &[NotSent, Broken, BrokenLate, AddressRefused, BadRedirect]),
        (faults.stalls, &[NeverAnswers]),
        (faults.body_fails, &[BodyBroken, BodyTooLarge, BadHead]),
    ];
    let mut sound = u64::from(Chance::ALWAYS.0);
    let shares = kinds.map(|(rate, ways)| {
        let share = sound * u64::from(rate.0) / u64::from(Chance::ALWAYS.0);
        sound -= share;
        (share, ways)
    });
    let fail = u64::from(Chance::ALWAYS.0) - sound;
    let mut all = Vec::new();
    for (share, ways) in shares.into_iter().filter(|(share, _)| *share > 0) {
        let parts = (share * PARTS).div_ceil(fail) as usize;
        all.extend(ways.iter().cycle().take(parts * WAYS));
    }
    (Chance(fail as u32), all)
}

impl Stage<'_> {
    /// The answer to the nth fetch of this request, from whatever consumer.
    pub fn decide_answer(&self, request: Number, nth: u32) -> Answer {
        let mut decide = self.sim.decide(&FETCH, self.key(request, nth));
        let service = self.request(request).service_us;
        let takes = decide.time(&FETCH.takes, service / 50, service);
        let after = Some(takes);
        let plain = FetchResult::Response { status: 200, retry_after: None };
        let plain = Answer { after, result: plain, asked: Asked::Nothing, acts: true, fault: None };
        if self.healthy {
            return plain;
        }
        let failed = |failure, acts, fault| Answer {
            after,
            result: FetchResult::Failed(failure),
            asked: Asked::Nothing,
            acts,
            fault: Some(fault),
        };
        match decide.sometimes_one(&FETCH.fails, self.upstreams.failing.0, &self.upstreams.failing.1) {
            FetchFails::Never => {}
            FetchFails::NotSent => return failed(Failure::NotSent, false, Fault::FetchFails),
            FetchFails::Broken => return failed(Failure::Broken, false, Fault::FetchFails),
            FetchFails::BrokenLate => return failed(Failure::Broken, true, Fault::FetchFails),
            FetchFails::AddressRefused => return failed(Failure::AddressRefused, false, Fault::FetchFails),
            FetchFails::BadRedirect => return failed(Failure::BadRedirect, true, Fault::FetchFails),
            FetchFails::NeverAnswers => {
                return Answer { after: None, ..failed(Failure::TimedOut, true, Fault::FetchFails) };
            }
            FetchFails::BodyBroken => return failed(Failure::BodyBroken, true, Fault::BodyFails),
            FetchFails::BodyTooLarge => return failed(Failure::BodyTooLarge, true, Fault::BodyFails),
            FetchFails::BadHead => return failed(Failure::BadHead, true, Fault::BodyFails),
        }
        let (low, high) = one_of(&STATUSES, self.number_of(request, nth));
        let status = decide.sometimes_whole(&FETCH.status, self.plan.faults.odd_status, low, high);
        let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else { return plain };
        let (retry_after, asked) = retry_after(decide.pick(&FETCH.retry_after, RetryAfter::ALL), self.in_ms(takes));
        let result = FetchResult::Response { status, retry_after };
        Answer { after, result, asked, acts: true, fault: Some(Fault::OddStatus) }
    }

    /// The reply to the nth callback of this request.
    pub fn decide_reply(&self, request: Number, nth: u32) -> Reply {
        let mut decide = self.sim.decide(&CALLBACK, self.key(request, nth));
        let most = one_of(&[50_000, 50_000, 3 * SECOND], self.number_of(request, nth));
        let after = Some(decide.time(&CALLBACK.takes, 500, most));
        let mut fails = CallbackFails::Never;
        if !self.healthy {
            fails = decide.sometimes_one(&CALLBACK.fails, self.plan.faults.callback_fails, &CallbackFails::ALL[1..]);
        }
        let after = match fails {
            CallbackFails::Never => return Reply { after, answered: true, fault: None },
            CallbackFails::Refused => after,
            CallbackFails::Slowly => Some(20 * SECOND),
            CallbackFails::NeverAnswers => None,
        };
        Reply { after, answered: false, fault: Some(Fault::CallbackFails) }
    }

    /// An upstream acts.
    pub fn executes(&mut self, request: Number, key: Option<String>) {
        let planned = self.seen.planned(request);
        self.sim.say("upstream", || format!("executes r{planned}"));
        self.see(Observation::Executed { request, key });
    }
}

/// A `Retry-After` that is sent at this time, and what it asks for.
fn retry_after(says: RetryAfter, sent: Timestamp) -> (Option<String>, Asked) {
    let in_seconds = |seconds: u64| (Some(seconds.to_string()), Asked::Seconds(seconds));
    match says {
        RetryAfter::Nothing => (None, Asked::Nothing),
        RetryAfter::AtOnce => in_seconds(0),
        RetryAfter::InSevenSeconds => in_seconds(7),
        RetryAfter::InAnHour => in_seconds(3_600),
        RetryAfter::Date => {
            let seconds = sent.0 / 1_000 + 20;
            let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            (Some(httpdate::fmt_http_date(date)), Asked::Until(Timestamp(seconds * 1_000)))
        }
        RetryAfter::PastDate => (Some("Thu, 01 Jan 1970 00:00:00 GMT".into()), Asked::Nothing),
        RetryAfter::Negative => (Some("-5".into()), Asked::Nothing),
        RetryAfter::Endless => (Some("99999999999999999999".into()), Asked::Until(Timestamp::MAX)),
        RetryAfter::Garbage => (Some("soon \u{1F552}".into()), Asked::Nothing),
    }
}
