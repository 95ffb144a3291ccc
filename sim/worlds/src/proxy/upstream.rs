//! Upstreams: what one answers to an attempt, drawn from the seed for the request and the attempt alone (F21-F24).

use super::{message::Message, plan::purpose, world::ProxyWorld};
use crate::history::ledger::{Ask, Planned};
use durable_sim::{Micros, Sim};
use proxy_fetch::{Hop, Timestamp};

/// What happens to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The name does not resolve, or nobody listens: certainly not sent.
    NoConnection,
    /// The connection breaks before the upstream acts, but who knows.
    BreaksFirst,
    /// The upstream acts, then the connection breaks.
    BreaksAfter,
    /// The upstream acts and never answers.
    Stalls,
    /// The upstream acts and answers.
    Responds {
        status: u16,
        head_us: Micros,
        body: Body,
        body_us: Micros,
        retry_after: Option<RetryAfterKind>,
        redirect: Option<Redirect>,
    },
}

/// What the response's body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Whole,
    Hangs,
    Truncated,
    TooLarge,
    /// No body: the head itself is no HTTP.
    BadHead,
}

/// What `Retry-After` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryAfterKind {
    Seconds(u64),
    DateIn(u64),
    DatePast,
    Negative,
    Huge,
    Garbage,
}

/// Where redirects lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// So many hops to other hosts, then an answer.
    Chain(u8),
    /// To itself, for ever.
    Loop,
    /// To an address that is not public.
    Private,
    /// Without a `Location`.
    Nowhere,
}

impl Redirect {
    pub fn location(self, hop: &Hop) -> Option<String> {
        match self {
            Self::Chain(_) => Some(format!("https://hop{}.test/", hop.redirects)),
            Self::Loop => Some("/again".into()),
            Self::Private => Some("http://10.0.0.1/admin".into()),
            Self::Nowhere => None,
        }
    }

    pub const fn ends_after(self, redirects: u8) -> bool {
        match self {
            Self::Chain(hops) => redirects >= hops,
            Self::Loop | Self::Private | Self::Nowhere => false,
        }
    }
}

impl RetryAfterKind {
    pub fn text(self, now_ms: u64) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::DateIn(seconds) => http_date(now_ms / 1_000 + seconds),
            Self::DatePast => http_date(0),
            Self::Negative => "-5".into(),
            Self::Huge => "99999999999999999999".into(),
            Self::Garbage => "soon \u{1F552}".into(),
        }
    }
}

/// An IMF-fixdate.
fn http_date(seconds: u64) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
}

impl ProxyWorld {
    pub(super) fn draw_answer(&self, sim: &Sim<Self>, planned: Planned, attempt: u8) -> Answer {
        let request = self.plan.requests.get(planned as usize).and_then(Option::as_ref);
        let service_us = request.map_or(1_000, |request| request.service_us);
        let mut draw = sim.decide(purpose::FETCH, 0, u64::from(planned), u32::from(attempt));
        let head_us = draw.between("head_us", service_us / 50, service_us);
        let body_us = draw.below("body_us", service_us / 10 + 1);
        let plain =
            Answer::Responds { status: 200, head_us, body: Body::Whole, body_us, retry_after: None, redirect: None };
        if self.healthy {
            return plain;
        }
        let faults = &self.plan.world;
        if draw.chance("breaks", faults.fetch_fails) {
            return draw.pick("how", &[Answer::NoConnection, Answer::BreaksFirst, Answer::BreaksAfter]);
        }
        if draw.chance("never_answers", faults.stalls) {
            return Answer::Stalls;
        }
        let mut body = Body::Whole;
        if draw.chance("body_fails", faults.body_fails) {
            body = draw.pick("body", &[Body::Hangs, Body::Truncated, Body::TooLarge, Body::BadHead]);
        }
        let (mut status, mut retry_after, mut redirect) = (200, None, None);
        if draw.chance("odd_status", faults.odd_status) {
            status = draw.pick("status", &[100, 204, 304, 400, 404, 408, 425, 429, 429, 500, 502, 503, 503, 599]);
            retry_after = draw.pick(
                "retry_after",
                &[
                    None,
                    Some(RetryAfterKind::Seconds(0)),
                    Some(RetryAfterKind::Seconds(7)),
                    Some(RetryAfterKind::Seconds(3_600)),
                    Some(RetryAfterKind::DateIn(20)),
                    Some(RetryAfterKind::DatePast),
                    Some(RetryAfterKind::Negative),
                    Some(RetryAfterKind::Huge),
                    Some(RetryAfterKind::Garbage),
                ],
            );
        } else if draw.chance("redirects", faults.redirects) {
            status = draw.pick("status", &[301, 302, 303, 307, 308]);
            redirect = Some(draw.pick(
                "to",
                &[Redirect::Chain(1), Redirect::Chain(3), Redirect::Loop, Redirect::Private, Redirect::Nowhere],
            ));
        }
        Answer::Responds { status, head_us, body, body_us, retry_after, redirect }
    }

    /// A callback's handler hands in a request of its own: a new one, made like the one it is told about.
    pub(super) fn enqueue_one_more(&mut self, sim: &mut Sim<Self>, like: Planned) {
        /// A chain of such requests ends by itself.
        const MAX_PLANNED: usize = 2_000;
        let planned = self.plan.requests.len();
        let request = self.plan.requests.get(like as usize).and_then(Option::as_ref);
        let Some(request) = request.filter(|_| planned < MAX_PLANNED) else { return };
        let more = super::plan::PlannedRequest {
            at: sim.now(),
            cancel_at: None,
            status_at: None,
            conflict_at: None,
            ..*request
        };
        self.plan.requests.push(Some(more));
        sim.after(0, Message::Ask(Ask::Enqueue { planned: planned as Planned, valid: true }));
    }
}

/// Lines of a trace show times of the run, not of the calendar.
pub(super) const START: Timestamp = Timestamp(1_767_225_600_000);
