//! `POST /v1/fetches`: from bytes to a request. Reading is bounded in bytes, in time, and over all callers together.

use super::problem::Problem;
use axum::{
    body::Body,
    extract::Request,
    http::{
        StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use proxy_fetch::{Ulid, json::parse_request};
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
        Ok((parse_request(&bytes, fresh_id)?, part))
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

/// A name for a request whose caller gave none, fixed before the machine sees it (law S19).
fn fresh_id() -> String {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    Ulid::from_parts(ms.min(proxy_fetch::Timestamp::MAX.0), rand::random()).to_string()
}
