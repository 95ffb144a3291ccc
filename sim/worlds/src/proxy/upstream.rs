//! Upstreams: what one answers to an attempt, decided for the request and the attempt alone (F21-F24).

use super::{decisions::FETCH, message::Message, plan::PlannedRequest, stage::Stage};
use crate::history::ledger::{Ask, Planned};
use durable_sim::{MOST_ITEMS, Micros, Place, words};
use proxy_fetch::Hop;

/// What happens to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The connection breaks.
    Breaks(Breaks),
    /// The upstream acts and never answers.
    Stalls,
    /// The upstream acts and answers.
    Responds { status: u16, head_us: Micros, body: Body, body_us: Micros, retry_after: RetryAfter, redirect: Redirect },
}

/// When the connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaks {
    /// It does not.
    Never,
    /// The name does not resolve, or nobody listens: certainly not sent.
    NoConnection,
    /// Before the upstream acts, but who knows.
    BeforeActing,
    /// Once the upstream has acted.
    AfterActing,
}

words!(Breaks {
    Breaks::Never => "never",
    Breaks::NoConnection => "no_connection",
    Breaks::BeforeActing => "before_acting",
    Breaks::AfterActing => "after_acting",
});

/// What is over the platform's quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverQuota {
    /// Nothing.
    Nothing,
    /// The fetch: it is not sent.
    Fetch,
    /// The timer: only the machine's lease ends the attempt.
    Timer,
}

words!(OverQuota {
    OverQuota::Nothing => "nothing",
    OverQuota::Fetch => "fetch",
    OverQuota::Timer => "timer",
});

/// What the response's body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// It comes.
    Whole,
    /// It never ends.
    Hangs,
    /// It breaks off.
    Truncated,
    /// It is over the bound.
    TooLarge,
    /// There is none: the head itself is no HTTP.
    BadHead,
}

words!(Body {
    Body::Whole => "whole",
    Body::Hangs => "hangs",
    Body::Truncated => "truncated",
    Body::TooLarge => "too_large",
    Body::BadHead => "bad_head",
});

/// What `Retry-After` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// There is none.
    None,
    /// So many seconds.
    Seconds(u64),
    /// The date in so many seconds.
    DateIn(u64),
    /// A date in the past.
    DatePast,
    /// A negative number.
    Negative,
    /// A number that no clock reaches.
    Huge,
    /// No number and no date.
    Garbage,
}

words!(RetryAfter {
    RetryAfter::None => "none",
    RetryAfter::Seconds(0) => "0_s",
    RetryAfter::Seconds(7) => "7_s",
    RetryAfter::Seconds(3_600) => "3600_s",
    RetryAfter::DateIn(20) => "date_in_20_s",
    RetryAfter::DatePast => "date_past",
    RetryAfter::Negative => "negative",
    RetryAfter::Huge => "huge",
    RetryAfter::Garbage => "garbage",
});

/// Where redirects lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// There is none.
    None,
    /// So many hops to other hosts, then an answer.
    Chain(u8),
    /// To itself, for ever.
    Loop,
    /// To an address that is not public.
    Private,
    /// Without a `Location`.
    Nowhere,
}

words!(Redirect {
    Redirect::None => "none",
    Redirect::Chain(1) => "one_hop",
    Redirect::Chain(3) => "three_hops",
    Redirect::Loop => "loop",
    Redirect::Private => "private_address",
    Redirect::Nowhere => "no_location",
});

/// The statuses that are redirects if there is a `Location`.
const REDIRECTS: [i64; 5] = [301, 302, 303, 307, 308];

impl Redirect {
    pub fn location(self, hop: &Hop) -> Option<String> {
        match self {
            Self::Chain(_) => Some(format!("https://hop{}.test/", hop.redirects)),
            Self::Loop => Some("/again".into()),
            Self::Private => Some("http://10.0.0.1/admin".into()),
            Self::Nowhere | Self::None => None,
        }
    }

    pub const fn ends_after(self, redirects: u8) -> bool {
        match self {
            Self::Chain(hops) => redirects >= hops,
            Self::Loop | Self::Private | Self::Nowhere | Self::None => false,
        }
    }
}

impl RetryAfter {
    pub fn text(self, now_ms: u64) -> Option<String> {
        Some(match self {
            Self::None => return None,
            Self::Seconds(seconds) => seconds.to_string(),
            Self::DateIn(seconds) => http_date(now_ms / 1_000 + seconds),
            Self::DatePast => http_date(0),
            Self::Negative => "-5".into(),
            Self::Huge => "99999999999999999999".into(),
            Self::Garbage => "soon \u{1F552}".into(),
        })
    }
}

/// An IMF-fixdate.
fn http_date(seconds: u64) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
}

impl Stage<'_> {
    /// What the upstream answers to an attempt. What cannot matter any more is not asked for: so a scenario that says it
    /// is told that the run did not come to it.
    pub fn decide_answer(&self, planned: Planned, place: Place) -> Answer {
        let request = self.plan.requests.get(&planned);
        let service_us = request.map_or(PlannedRequest::default().service_us, |request| request.service_us);
        let mut decide = self.sim.decide_at(place);
        let rates = &self.plan.world;
        if !self.healthy {
            let all = [Breaks::NoConnection, Breaks::BeforeActing, Breaks::AfterActing];
            let breaks = decide.sometimes_one(&FETCH.breaks, rates.fetch_fails, &all);
            if breaks != Breaks::Never {
                return Answer::Breaks(breaks);
            }
            if decide.happens(&FETCH.never_answers, rates.stalls) {
                return Answer::Stalls;
            }
        }
        let head_us = decide.time(&FETCH.head, service_us / 50, service_us);
        let (mut status, mut redirect) = (200, Redirect::None);
        let (mut body, mut retry_after) = (Body::Whole, RetryAfter::None);
        if !self.healthy {
            let all = [Redirect::Chain(1), Redirect::Chain(3), Redirect::Loop, Redirect::Private, Redirect::Nowhere];
            redirect = decide.sometimes_one(&FETCH.redirect, rates.redirects, &all);
            status = if redirect == Redirect::None {
                let odd = [100, 204, 304, 400, 404, 408, 425, 429, 429, 500, 502, 503, 503, 599];
                decide.sometimes_whole_of(&FETCH.status, rates.odd_status, &odd).unwrap_or(200)
            } else {
                decide.whole_of(&FETCH.status, &REDIRECTS)
            };
            let is_read = match redirect {
                Redirect::None | Redirect::Chain(_) | Redirect::Nowhere => true,
                Redirect::Loop | Redirect::Private => false,
            };
            if is_read {
                let all = [Body::Hangs, Body::Truncated, Body::TooLarge, Body::BadHead];
                body = decide.sometimes_one(&FETCH.body, rates.body_fails, &all);
            }
            if redirect == Redirect::None && status != 200 && body == Body::Whole {
                retry_after = decide.pick(&FETCH.retry_after, <RetryAfter as durable_sim::Words>::ALL);
            }
            if redirect == Redirect::None && REDIRECTS.contains(&status) {
                redirect = Redirect::Nowhere;
            }
        }
        let ends = !matches!(redirect, Redirect::Loop | Redirect::Private) && body != Body::Hangs;
        let body_us = if ends { decide.time(&FETCH.content, 0, service_us / 10) } else { 0 };
        let status = u16::try_from(status).unwrap_or(200);
        Answer::Responds { status, head_us, body, body_us, retry_after, redirect }
    }

    /// A callback's handler hands in a request of its own: a new one, made like the one it is told about.
    pub fn enqueue_one_more(&mut self, like: Planned) {
        /// A chain of such requests ends here at the latest.
        const MAX_PLANNED: usize = 2_000;
        let requests = &mut self.plan.requests;
        let Some(request) = requests.get(&like) else { return };
        if requests.len() >= MAX_PLANNED {
            self.sim.say("origin", || format!("hands nothing in: a run has no more than {MAX_PLANNED} requests"));
            return;
        }
        let more = super::plan::PlannedRequest {
            at: self.sim.now(),
            cancel_at: None,
            status_at: None,
            conflict_at: None,
            ..*request
        };
        // r10007 is the first that comes of r7, whatever comes of others.
        let numbers = (like % MOST_ITEMS..).step_by(MOST_ITEMS as usize).skip(1);
        let planned = numbers.into_iter().find(|number| !requests.contains_key(number)).unwrap_or(like);
        requests.insert(planned, more);
        self.sim.after(0, Message::Ask(Ask::Enqueue { planned, valid: true }));
    }
}
