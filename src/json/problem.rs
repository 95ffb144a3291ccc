//! Errors as problem details (RFC 9457).
//!
//! `type` is `about:blank`, so `title` is the status in words; `code` is the stable name for programs, `detail` the
//! sentence for people, and `field` the field at fault where one is.

use super::encode;
use crate::{Refusal, RefusalKind};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;
use serde::Serialize;

/// The media type of a problem.
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// An error as callers get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable name: `queue_full`.
    pub code: &'static str,
    /// The sentence for people.
    pub detail: String,
    /// The field at fault, where one is.
    pub field: Option<String>,
    /// After how many ms it may be otherwise, if that is known.
    pub retry_after_ms: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct ProblemJson<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl Problem {
    /// A problem without a field.
    #[must_use]
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), field: None, retry_after_ms: None }
    }

    /// What was sent is not of the expected form.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(400, "malformed", detail)
    }

    /// The same at a field.
    #[must_use]
    pub fn of_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The problem's JSON, to be sent as [`PROBLEM_TYPE`].
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        encode(&self.as_json())
    }

    pub(super) fn as_json(&self) -> ProblemJson<'_> {
        ProblemJson {
            r#type: "about:blank",
            title: title(self.status),
            status: self.status,
            code: self.code,
            detail: &self.detail,
            field: self.field.as_deref(),
            retry_after_ms: self.retry_after_ms,
        }
    }
}

/// The status in words (RFC 9110, RFC 6585), of those that the hosts answer with.
const fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Entity",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.kind {
            RefusalKind::Invalid => 422,
            RefusalKind::NotAllowed => 403,
            RefusalKind::Conflict | RefusalKind::TooLate => 409,
            RefusalKind::QueueFull => 503,
            RefusalKind::NotFound => 404,
        };
        let problem = Self {
            retry_after_ms: refusal.retry_after_ms,
            ..Self::new(status, refusal.kind.name(), refusal.to_string())
        };
        // The queue is no field of the request.
        if refusal.kind == RefusalKind::QueueFull { problem } else { problem.of_field(refusal.field) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl core::error::Error for Problem {}
