//! Why a caller is refused: data in a reply, which names the field and the bound.

use alloc::{borrow::Cow, format, string::String};
use core::fmt;

/// A refused request or call. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// What kind of refusal it is, for programs.
    pub kind: RefusalKind,
    /// The field at fault, as callers spell it.
    pub field: &'static str,
    /// What is wrong with it and what would be right, for people.
    pub problem: Cow<'static, str>,
    /// After how many ms there may be room, if that is known.
    pub retry_after_ms: Option<u64>,
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalKind {
    /// A field is missing, malformed or out of bounds.
    Invalid,
    /// The destination or the callback target is not allowed by the host's configuration (laws S18, S22).
    NotAllowed,
    /// The request id is in use for a different request (law S6).
    Conflict,
    /// The object holds as many live requests, or knows as many names, as it may (laws S6, S15).
    QueueFull,
    /// No such request, or it is forgotten.
    NotFound,
    /// The request has its outcome already; it can no longer be cancelled.
    TooLate,
}

impl Refusal {
    fn new(kind: RefusalKind, field: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, field, problem: problem.into(), retry_after_ms: None }
    }

    /// The field is required.
    #[must_use]
    pub fn missing(field: &'static str) -> Self {
        Self::new(RefusalKind::Invalid, field, "must not be empty")
    }

    /// The field has the wrong form.
    #[must_use]
    pub fn malformed(field: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalKind::Invalid, field, problem)
    }

    /// The field has more bytes than allowed.
    #[must_use]
    pub fn too_long(field: &'static str, bytes: usize, max_bytes: usize) -> Self {
        Self::malformed(field, format!("{bytes} bytes are more than the maximum of {max_bytes}"))
    }

    /// The number is out of its range, which includes both ends.
    #[must_use]
    pub fn out_of_range(field: &'static str, value: i64, (min, max): (i64, i64)) -> Self {
        Self::malformed(field, format!("{value} is not between {min} and {max}"))
    }

    /// The host's configuration forbids this target.
    #[must_use]
    pub fn not_allowed(field: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalKind::NotAllowed, field, problem)
    }

    pub(crate) fn conflict() -> Self {
        Self::new(RefusalKind::Conflict, "request_id", "is already in use for a different request")
    }

    pub(crate) fn queue_full(max_live: usize) -> Self {
        Self::new(RefusalKind::QueueFull, "queue", format!("is full: {max_live} requests are waiting or under way"))
    }

    pub(crate) fn names_full(max_known: usize, retry_after_ms: Option<u64>) -> Self {
        let problem =
            format!("is full: as many request ids are known as may be, {max_known}, and none may be forgotten yet");
        Self { retry_after_ms, ..Self::new(RefusalKind::QueueFull, "queue", problem) }
    }

    pub(crate) fn no_ulid_left() -> Self {
        Self::new(RefusalKind::QueueFull, "queue", "has no ULID left: the clock is at the end of their range")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(RefusalKind::NotFound, "request_id", "is not known here, or its request ended a while ago")
    }

    pub(crate) fn too_late() -> Self {
        Self::new(RefusalKind::TooLate, "request_id", "has its outcome already")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl core::error::Error for Refusal {}

impl RefusalKind {
    /// The kind's stable name: `queue_full`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotAllowed => "not_allowed",
            Self::Conflict => "conflict",
            Self::QueueFull => "queue_full",
            Self::NotFound => "not_found",
            Self::TooLate => "too_late",
        }
    }
}

/// Quotes caller's text for an error message: escaped, and cut short.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    let shown: String = text.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(SHOWN_CHARS).is_some() { "…" } else { "" };
    format!("\"{shown}{more}\"")
}
