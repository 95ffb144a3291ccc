//! What is decided within a run of the queue, and where. All of it is about a request for the nth time: its second send,
//! its third fetch, from whatever consumer. So taking a request out leaves what is decided about the others.

use durable_sim::{MINUTE, Micros, Point, SECOND, Subject, points, words};

/// A request, for the nth time, counted from 1.
pub(super) static NTH: Subject = Subject::of("requests", "r{}#{}");

/// The wall limit of an invocation.
pub(super) const KILLED_AFTER: Micros = 15 * MINUTE;

/// What becomes of a send that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendFails {
    /// It does not fail.
    Never,
    /// Nothing is stored.
    Lost,
    /// It is stored, and the producer is not told.
    Stored,
}

words!(SendFails { SendFails::Never => "never", SendFails::Lost => "lost", SendFails::Stored => "stored" });

/// A second copy of a message that is delivered, with the same count, and when it is delivered in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// There is none.
    Never,
    /// In the same batch if there is room, else at once.
    SameBatch,
    /// At once, in another batch.
    AtOnce,
    /// A second later.
    InASecond,
    /// A minute later.
    InAMinute,
    /// Ten minutes later.
    InTenMinutes,
}

words!(Copied {
    Copied::Never => "never",
    Copied::SameBatch => "same_batch",
    Copied::AtOnce => "at_once",
    Copied::InASecond => "in_a_second",
    Copied::InAMinute => "in_a_minute",
    Copied::InTenMinutes => "in_ten_minutes",
});

/// How a fetch fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchFails {
    /// It does not: it is answered.
    Never,
    /// The call is never sent.
    NotSent,
    /// The connection breaks before the upstream acts.
    Broken,
    /// The connection breaks after the upstream has acted.
    BrokenLate,
    /// Its address is refused.
    AddressRefused,
    /// A redirect that may not be followed.
    BadRedirect,
    /// The upstream acts, and never answers.
    NeverAnswers,
    /// The body breaks off.
    BodyBroken,
    /// The body is too large.
    BodyTooLarge,
    /// The head of the response is none.
    BadHead,
}

words!(FetchFails {
    FetchFails::Never => "never",
    FetchFails::NotSent => "not_sent",
    FetchFails::Broken => "broken",
    FetchFails::BrokenLate => "broken_late",
    FetchFails::AddressRefused => "address_refused",
    FetchFails::BadRedirect => "bad_redirect",
    FetchFails::NeverAnswers => "never_answers",
    FetchFails::BodyBroken => "body_broken",
    FetchFails::BodyTooLarge => "body_too_large",
    FetchFails::BadHead => "bad_head",
});

/// What `Retry-After` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryAfter {
    /// There is none.
    Nothing,
    /// `0`.
    AtOnce,
    /// `7`.
    InSevenSeconds,
    /// `3600`.
    InAnHour,
    /// A date in 20 s.
    Date,
    /// A date long ago.
    PastDate,
    /// A negative number.
    Negative,
    /// More seconds than there can be.
    Endless,
    /// No time at all.
    Garbage,
}

words!(RetryAfter {
    RetryAfter::Nothing => "nothing",
    RetryAfter::AtOnce => "at_once",
    RetryAfter::InSevenSeconds => "in_seven_seconds",
    RetryAfter::InAnHour => "in_an_hour",
    RetryAfter::Date => "date",
    RetryAfter::PastDate => "past_date",
    RetryAfter::Negative => "negative",
    RetryAfter::Endless => "endless",
    RetryAfter::Garbage => "garbage",
});

/// How a callback fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallbackFails {
    /// It does not: it is answered.
    Never,
    /// The origin refuses it.
    Refused,
    /// The origin refuses it after 20 s.
    Slowly,
    /// The origin does not answer until its time is up.
    NeverAnswers,
}

words!(CallbackFails {
    CallbackFails::Never => "never",
    CallbackFails::Refused => "refused",
    CallbackFails::Slowly => "slowly",
    CallbackFails::NeverAnswers => "never_answers",
});

points! {
    /// A producer sends a request: `r0#1` is its first send.
    pub(super) SEND: SendPoint = "send" {
        /// The producer is told that the send has failed.
        fails: Choice<SendFails>,
        /// How long the producer waits until it sends the same bytes again, if it failed.
        again: Time(0..=10 * MINUTE),
        /// Where its ULID stands among those of the same ms. At the first send.
        order: Whole(0..=1_000_000),
    }

    /// The broker makes a batch, and an isolate works on it: `r0#2` is the second one that is made while `r0` waits for
    /// the longest time.
    pub(super) BATCH: BatchPoint = "batch" {
        /// Which of the isolates that have room gets it.
        isolate: Whole(0..=99),
        /// So many of those that have waited longest are overtaken by all others.
        overtaken: Whole(0..=100_000),
        /// So many messages fewer are in it than could be.
        cut: Whole(0..=100_000),
        /// So long after its begin the invocation throws, if it is not over before.
        throws: Time(0..=KILLED_AFTER),
        /// The invocation throws at its end.
        throws_at_end: Flag,
        /// So long after its begin the invocation makes no more progress, if it is not over before, and is killed at 15 minutes.
        hangs: Time(0..=KILLED_AFTER),
        /// The invocation does all its work and does not return, and is killed at 15 minutes.
        never_returns: Flag,
        /// How long after its last decision the invocation returns.
        returns: Time(0..=MINUTE),
        /// The consumer hears that its invocation has failed.
        told: Flag,
        /// The platform keeps what it had heard of the messages of an invocation that it kills.
        kept: Flag,
    }

    /// A message is delivered: `r0#3` is the third delivery of any copy of `r0`.
    pub(super) DELIVERY: DeliveryPoint = "delivery" {
        /// The broker delivers another copy of it. In the same batch means at once if there is no room in it.
        copied: Choice<Copied>,
        /// So much later than it should be the message is delivered again, if it is given back.
        delay: Time(0..=10 * MINUTE),
    }

    /// What an upstream makes of a fetch: `r0#1` is the first fetch of `r0`.
    pub(super) FETCH: FetchPoint = "fetch" {
        /// The fetch fails.
        fails: Choice<FetchFails>,
        /// The status of the answer, if not 200.
        status: Whole(100..=599, tries [200, 204, 304, 400, 404, 408, 425, 429, 500, 503]),
        /// The header `Retry-After` of an answer that has a status.
        retry_after: Choice<RetryAfter>,
        /// How long the answer takes. Plain is a 50th of the request's `service_ms`.
        takes: Time(0..=10 * MINUTE),
        /// Its end is reported only so much later than its time is up, or when its time is up if that is 0.
        overdue: Time(0..=10 * MINUTE),
        /// It was given up and ends all the same.
        late: Flag,
    }

    /// What an origin makes of a callback: `r0#1` is the first callback of `r0`.
    pub(super) CALLBACK: CallbackPoint = "callback" {
        /// The callback fails.
        fails: Choice<CallbackFails>,
        /// How long the answer takes.
        takes: Time(0..=30 * SECOND),
        /// Its end is never reported.
        unreported: Flag,
    }
}

/// All of them.
pub(super) static POINTS: [&Point; 5] = [&SEND.point, &BATCH.point, &DELIVERY.point, &FETCH.point, &CALLBACK.point];

/// One of these for an occasion that has this number, as good as drawn.
///
/// These are the bounds within which something is drawn: most values of a status or a time are of no interest, and the
/// others are to come up often. In a run that is played nothing is drawn, and no bounds count.
pub(super) fn one_of<T: Copy>(items: &[T], number: u64) -> T {
    let mixed = (number ^ (number >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    items[((u128::from(mixed) * items.len() as u128) >> 64) as usize]
}
