//! `POST /v1/fetches`: from bytes to a request. Reading is bounded in bytes, in time, and over all callers together.

use super::problem::Problem;
use crate::wire::{self, Headers};
use axum::{
    body::Body,
    extract::Request,
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use proxy_fetch::{Callback, Options, Ulid};
use serde::Deserialize;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

/// A caller has this long to send its request.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// And this long to send the rest of one that is too large.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Unread and unanswered requests of all callers together, in bytes: beyond it callers are refused as overloaded.
const MAX_WAITING_BYTES: usize = 64 * 1_024 * 1_024;
/// What the budget is counted in, in bytes.
const UNIT_BYTES: usize = 1_024;

/// What a caller sends. Everything but `url` may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    /// Left out it is refused by the machine, like every other wrong URL.
    #[serde(default)]
    url: String,
    method: Option<String>,
    headers: Option<Headers>,
    body: Option<wire::Body>,
    callback_url: Option<String>,
    request_id: Option<String>,
    options: Option<OptionsJson>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionsJson {
    timeout_ms: Option<i64>,
    max_retries: Option<i64>,
    retry_delay_ms: Option<i64>,
    max_retry_delay_ms: Option<i64>,
    retry_on_5xx: Option<bool>,
    at_most_once: Option<bool>,
}

impl OptionsJson {
    fn or_default(self) -> Options {
        let default = Options::default();
        Options {
            timeout_ms: self.timeout_ms.unwrap_or(default.timeout_ms),
            max_retries: self.max_retries.unwrap_or(default.max_retries),
            retry_delay_ms: self.retry_delay_ms.unwrap_or(default.retry_delay_ms),
            max_retry_delay_ms: self.max_retry_delay_ms.unwrap_or(default.max_retry_delay_ms),
            retry_on_5xx: self.retry_on_5xx.unwrap_or(default.retry_on_5xx),
            at_most_once: self.at_most_once.unwrap_or(default.at_most_once),
        }
    }
}

/// Reads submissions within a common budget.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    max_bytes: usize,
    budget: Arc<Semaphore>,
}

impl Reader {
    /// JSON may need two bytes for one of the body, and room for the other fields.
    pub fn new(max_request_body_bytes: usize) -> Self {
        let max_bytes = max_request_body_bytes.saturating_mul(2).saturating_add(128 * 1_024);
        let units = MAX_WAITING_BYTES.max(max_bytes).div_ceil(UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self { max_bytes, budget: Arc::new(Semaphore::new(units)) }
    }

    /// The request, and its part of the budget: to be kept until it is answered.
    pub async fn read(&self, request: Request) -> Result<(proxy_fetch::Request, OwnedSemaphorePermit), Problem> {
        // Also keeps out web pages: a browser sends this type to another origin only if that agrees, and we do not.
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = content_type.and_then(|text| text.split(';').next()).map(str::trim);
        if !media_type.is_some_and(|text| text.eq_ignore_ascii_case("application/json")) {
            let detail = "the body must be JSON, with the header content-type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail));
        }
        let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes: usize = declared.unwrap_or(self.max_bytes);
        let mut body = request.into_body();
        if bytes > self.max_bytes {
            drain(&mut body).await;
            return Err(self.too_large());
        }
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES).max(1)).unwrap_or(u32::MAX);
        let part = Arc::clone(&self.budget).try_acquire_many_owned(units).map_err(|_| Problem::overloaded())?;
        let read = Limited::new(&mut body, self.max_bytes).collect();
        let read = tokio::time::timeout(READ_TIMEOUT, read).await.map_err(|_| {
            let detail = format!("the request did not arrive within {} s", READ_TIMEOUT.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail)
        })?;
        let bytes = match read {
            Ok(read) => read.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                drain(&mut body).await;
                return Err(self.too_large());
            }
            Err(error) => {
                let detail = format!("the body cannot be read: {error}");
                return Err(Problem::new(StatusCode::BAD_REQUEST, "unreadable", detail));
            }
        };
        Ok((parse(&bytes)?, part))
    }

    fn too_large(&self) -> Problem {
        let detail = format!("the request is larger than {} bytes", self.max_bytes);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }
}

/// Takes in and drops what still comes, for a while: a caller that cannot send on may not look for the answer.
async fn drain(body: &mut Body) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, rest).await.is_err() {
        debug!("a caller is still sending a request that is too large");
    }
}

fn parse(bytes: &[u8]) -> Result<proxy_fetch::Request, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let malformed = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "malformed", detail);
    let submission: Submission = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner().to_string();
        if path == "." { malformed(problem) } else { malformed(format!("{path}: {problem}")).of_field(path) }
    })?;
    json.end().map_err(|error| malformed(error.to_string()))?;
    Ok(proxy_fetch::Request {
        request_id: submission.request_id.unwrap_or_else(fresh_id),
        method: submission.method.unwrap_or_else(|| "GET".to_owned()),
        url: submission.url,
        headers: submission.headers.unwrap_or_default().0,
        body: submission.body.unwrap_or_default().0,
        callback: submission.callback_url.map(Callback::Url),
        options: submission.options.unwrap_or_default().or_default(),
    })
}

/// A name for a request whose caller gave none, fixed before the machine sees it (law S19).
fn fresh_id() -> String {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    Ulid::from_parts(ms.min(proxy_fetch::Timestamp::MAX.0), rand::random()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default() {
        let Ok(request) = parse(br#"{"url":"https://example.com","options":{"max_retries":1}}"#) else {
            panic!("the request is refused");
        };
        assert_eq!(request.method, "GET");
        assert_eq!(request.request_id.len(), 26);
        assert_eq!(request.options, Options { max_retries: 1, ..Options::default() });
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, field) in [
            (r#"{"url":7}"#, "url"),
            (r#"{"options":{"timeout_ms":"soon"}}"#, "options.timeout_ms"),
            (r#"{"options":{"timeout":1}}"#, "options.timeout"),
            (r#"{"callback":"x"}"#, "callback"),
            (r#"{"headers":{"accept":7}}"#, "headers.accept"),
            (r#"{"body":{"base64":"?"}}"#, "body"),
        ] {
            let problem = parse(json.as_bytes()).err();
            let at = Problem::new(StatusCode::BAD_REQUEST, "malformed", "").of_field(field);
            let Some(problem) = problem else { panic!("{json} is taken") };
            assert!(problem.is_at(&at), "{json}: {problem:?}");
        }
        assert!(parse(b"{} {}").is_err());
    }
}
