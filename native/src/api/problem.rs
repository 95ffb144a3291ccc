//! Errors as answers: problem details (RFC 9457), in this server's words.

use crate::shell::CallError;
use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use proxy_fetch::{
    RefusalKind,
    json::{self, PROBLEM_TYPE},
};

/// An error as callers get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem(json::Problem);

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(json::Problem::new(status.as_u16(), code, detail))
    }

    pub fn of_field(self, field: impl Into<String>) -> Self {
        Self(self.0.of_field(field))
    }

    pub fn overloaded() -> Self {
        CallError::Overloaded.into()
    }
}

impl From<json::Problem> for Problem {
    fn from(problem: json::Problem) -> Self {
        Self(problem)
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let detail = error.to_string();
        let unavailable = |code| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        match error {
            CallError::Refused(refusal) => {
                let (kind, field) = (refusal.kind, refusal.field);
                let mut problem = json::Problem::from(refusal);
                if kind == RefusalKind::NotAllowed {
                    let flag = if field == "url" { "--allow-private-addresses" } else { "--allow-callback" };
                    problem.detail += &format!(" (the server's option {flag} allows more)");
                }
                Self(problem)
            }
            CallError::Overloaded => unavailable("overloaded"),
            CallError::StoreFailed => unavailable("store_failed"),
            CallError::Stopped => unavailable("stopping"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = super::json(status, problem.to_json());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // Whole seconds, not earlier than there may be room.
            let seconds = problem.retry_after_ms.map_or(1, |ms| ms.div_ceil(1_000).max(1));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
