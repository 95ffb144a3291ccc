//! Upstreams and origins: what becomes of an attempt and of a callback, drawn for the request and the try alone.

use super::{coverage::Fault, plan::purpose, world::QueueWorld};
use durable_sim::{Micros, SECOND, Sim};
use proxy_fetch::{Failure, FetchResult, Timestamp};

/// How an attempt will end.
pub(super) struct Answer {
    /// After so long, unless its time is up first; `None`: never.
    pub after: Option<Micros>,
    pub result: FetchResult,
    /// When a valid `Retry-After` allows the next attempt.
    pub asked: Option<Timestamp>,
    /// Whether the upstream acts.
    pub acts: bool,
    pub fault: Option<Fault>,
}

/// How a callback will end.
pub(super) struct Reply {
    pub after: Option<Micros>,
    pub answered: bool,
    pub fault: Option<Fault>,
}

impl QueueWorld {
    /// The answer to the `try_number`th fetch of this request, from whatever consumer.
    pub(super) fn draw_answer(&self, sim: &Sim<Self>, request: usize, try_number: u32) -> Answer {
        let mut draw = sim.draws.at(purpose::FETCH, 0, request as u64, try_number);
        let service = self.planned_request(request).map_or(0, |request| request.service_us);
        let takes = draw.between(service / 50, service);
        let after = Some(takes);
        let failed = |failure, acts, fault| Answer {
            after,
            result: FetchResult::Failed(failure),
            asked: None,
            acts,
            fault: Some(fault),
        };
        let faults = &self.plan.faults;
        let plain = FetchResult::Response { status: 200, retry_after: None };
        let plain = Answer { after, result: plain, asked: None, acts: true, fault: None };
        if self.healthy {
            return plain;
        }
        if draw.chance(faults.fetch_fails) {
            let (failure, acts) = draw.pick(&[
                (Failure::NotSent, false),
                (Failure::Broken, false),
                (Failure::Broken, true),
                (Failure::AddressRefused, false),
                (Failure::BadRedirect, true),
            ]);
            return failed(failure, acts, Fault::FetchFails);
        }
        if draw.chance(faults.stalls) {
            return Answer { after: None, ..failed(Failure::TimedOut, true, Fault::FetchFails) };
        }
        if draw.chance(faults.body_fails) {
            let failure = draw.pick(&[Failure::BodyBroken, Failure::BodyTooLarge, Failure::BadHead]);
            return failed(failure, true, Fault::BodyFails);
        }
        if draw.chance(faults.odd_status) {
            let status = draw.pick(&[204, 304, 400, 404, 408, 425, 429, 429, 500, 502, 503, 503, 599]);
            let heard = Timestamp(sim.true_ms() + takes / 1_000);
            let (retry_after, asked) = retry_after(draw.below(9), heard);
            let result = FetchResult::Response { status, retry_after };
            return Answer { after, result, asked, acts: true, fault: Some(Fault::OddStatus) };
        }
        plain
    }

    pub(super) fn draw_reply(&self, sim: &Sim<Self>, request: usize, try_number: u32) -> Reply {
        let mut draw = sim.draws.at(purpose::CALLBACK, 0, request as u64, try_number);
        let most = draw.pick(&[50_000, 50_000, 3 * SECOND]);
        let after = Some(draw.between(500, most));
        if self.healthy || !draw.chance(self.plan.faults.callback_fails) {
            return Reply { after, answered: true, fault: None };
        }
        let after = draw.pick(&[after, Some(20 * SECOND), None]);
        Reply { after, answered: false, fault: Some(Fault::CallbackFails) }
    }
}

/// A `Retry-After`, and what it means to one who hears it at this time.
fn retry_after(kind: u64, heard: Timestamp) -> (Option<String>, Option<Timestamp>) {
    let in_seconds = |seconds: u64| (Some(seconds.to_string()), Some(heard.plus_ms(seconds * 1_000)));
    match kind {
        0 => in_seconds(0),
        1 => in_seconds(7),
        2 => in_seconds(3_600),
        3 => {
            let seconds = heard.0 / 1_000 + 20;
            let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            (Some(httpdate::fmt_http_date(date)), Some(Timestamp(seconds * 1_000)))
        }
        4 => (Some("Thu, 01 Jan 1970 00:00:00 GMT".into()), None),
        5 => (Some("-5".into()), None),
        6 => (Some("99999999999999999999".into()), Some(Timestamp::MAX)),
        7 => (Some("soon \u{1F552}".into()), None),
        _ => (None, None),
    }
}

impl QueueWorld {
    /// An upstream acts.
    pub(super) fn executes(&mut self, sim: &mut Sim<Self>, request: usize, key: Option<String>) {
        sim.say("upstream", || format!("executes r{request}"));
        self.see(sim, super::ledger::Seen::Executed { request, key });
    }
}
