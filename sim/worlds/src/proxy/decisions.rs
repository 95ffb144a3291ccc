//! What this world decides in a run, and what it is about.

use super::{
    callbacks::CallbackFails,
    upstream::{Body, Breaks, OverQuota, Redirect, RetryAfter},
};
use durable_sim::{DAY, Point, SECOND, Subject, points};

/// A request is handed in.
pub(super) static ENQUEUE: Subject = Subject::of("requests", "enqueue r{}");
/// Another request is handed in under its id.
pub(super) static CONFLICT: Subject = Subject::of("requests", "conflict r{}");
/// It is cancelled.
pub(super) static CANCEL: Subject = Subject::of("requests", "cancel r{}");
/// Somebody asks how it is.
pub(super) static STATUS: Subject = Subject::of("requests", "status r{}");
/// An attempt of a request.
pub(super) static ATTEMPT: Subject = Subject::of("requests", "r{}#{}");
/// The end of an attempt, as the object is told it.
pub(super) static REPORT: Subject = Subject::of("requests", "report of r{}#{}");
/// The end of a callback, as the object is told it.
pub(super) static ANSWER: Subject = Subject::of("requests", "answer to r{}#{}");
/// A reset that the plan has.
pub(super) static RESET: Subject = Subject::of("resets", "reset {}");

/// What is decided about.
pub(super) const SUBJECTS: &[&Subject] = &[&ENQUEUE, &CONFLICT, &CANCEL, &STATUS, &ATTEMPT, &REPORT, &ANSWER, &RESET];

/// Where something is decided.
pub(super) static POINTS: [&Point; 5] = [&CALL.point, &FETCH.point, &HOP.point, &CALLBACK.point, &ROWS.point];

points! {
    /// A caller calls the object, and is answered.
    pub(super) CALL: Call = "call" {
        /// The call is lost on its way.
        lost: Flag,
        /// The caller sends the same call again so much later, though nothing went wrong.
        repeated: Time(0..=DAY, tries [1, 1_000_000, 400_000_000]),
        /// How long the call is on its way.
        network: Time(0..=DAY),
        /// The randomness of the request's ULID.
        entropy: Whole(0..=4_294_967_295),
        /// How long it takes the caller to hear that the object cannot be called.
        refused: Time(0..=DAY),
        /// The reply is lost on its way.
        reply_lost: Flag,
        /// How long the reply is on its way.
        reply: Time(0..=DAY),
        /// How much longer than the least a caller without an answer waits before it asks again.
        patience: Time(0..=DAY),
    }

    /// An attempt of a request, and what its upstream makes of it.
    pub(super) FETCH: Fetching = "fetch" {
        /// A fetch or a timer is over the platform's quota.
        over_quota: Choice<OverQuota>,
        /// Its instance is lost while it waits for a connection, and it goes out all the same so much later.
        runs_on: Time(0..=DAY),
        /// How long it is on its way.
        there: Time(0..=DAY),
        /// The connection breaks.
        breaks: Choice<Breaks>,
        /// The upstream acts and never answers.
        never_answers: Flag,
        /// The upstream answers with a redirect.
        redirect: Choice<Redirect>,
        /// The status of its answer. Plain: 200, or 301 with a redirect.
        status: Whole(100..=599, tries [204, 301, 404, 429, 500, 503]),
        /// What its answer says of when to come again.
        retry_after: Choice<RetryAfter>,
        /// How long it takes to answer.
        head: Time(0..=DAY),
        /// What the body of its answer does.
        body: Choice<Body>,
        /// How long its body takes.
        content: Time(0..=DAY),
    }

    /// An attempt reaches an upstream: its own, or where a redirect leads.
    pub(super) HOP: HopPoint = "hop" {
        /// How long the answer is on its way.
        back: Time(0..=DAY),
        /// How long it is on its way to where a redirect leads.
        there: Time(0..=DAY),
    }

    /// The callback of an attempt's end.
    pub(super) CALLBACK: CallingBack = "callback" {
        /// It fails.
        fails: Choice<CallbackFails>,
        /// How long its receiver takes, if it is slow.
        slow: Time(0..=29 * SECOND),
        /// Its handler hands in a request of its own.
        enqueues: Flag,
        /// How long it is on its way.
        there: Time(0..=DAY),
        /// How long its answer is on its way.
        back: Time(0..=DAY),
    }

    /// An instance is lost, by what it is lost in, and something happens to the stored rows.
    pub(super) ROWS: Rows = "rows after" {
        /// One of them becomes unreadable.
        corrupt: Flag,
        /// One of them is of another version until the run heals.
        foreign: Flag,
        /// Which of them.
        row: Whole(0..=1_000_000),
    }
}
