//! Errors as problem details (RFC 9457).
//!
//! `type` is `about:blank`, so `title` is the status in words; `code` is the stable name for programs, `detail` the
//! sentence for people, and `field` the field at fault where one is.

use crate::shell::CallError;
use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use proxy_fetch::RefusalKind;
use serde::Serialize;

/// An error as callers get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
}

#[derive(Serialize)]
struct ProblemJson<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), field: None }
    }

    pub fn of_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    pub fn overloaded() -> Self {
        CallError::Overloaded.into()
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let mut detail = error.to_string();
        match error {
            CallError::Refused(refusal) => {
                if refusal.kind == RefusalKind::NotAllowed {
                    let flag = if refusal.field == "url" { "--allow-private-addresses" } else { "--allow-callback" };
                    detail += &format!(" (the server's option {flag} allows more)");
                }
                let status = match refusal.kind {
                    RefusalKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
                    RefusalKind::NotAllowed => StatusCode::FORBIDDEN,
                    RefusalKind::Conflict | RefusalKind::TooLate => StatusCode::CONFLICT,
                    RefusalKind::QueueFull => StatusCode::SERVICE_UNAVAILABLE,
                    RefusalKind::NotFound => StatusCode::NOT_FOUND,
                };
                let problem = Self::new(status, refusal.kind.name(), detail);
                // The queue is no field of the request.
                if refusal.kind == RefusalKind::QueueFull { problem } else { problem.of_field(refusal.field) }
            }
            CallError::Overloaded => Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail),
            CallError::StoreFailed => Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_failed", detail),
            CallError::Stopped => Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = ProblemJson {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            field: self.field.as_deref(),
        };
        let mut response = super::json(self.status, &json);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
impl Problem {
    /// Whether both are the same error at the same field, in whatever words.
    pub fn is_at(&self, other: &Self) -> bool {
        (self.status, self.code, &self.field) == (other.status, other.code, &other.field)
    }
}
