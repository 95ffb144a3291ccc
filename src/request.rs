//! What a caller hands in, and what is stored of it. [`admission`](crate::admission) validates it.
//!
//! Keeps S8 (options are bounded).

use crate::{Refusal, RequestId, limits, refusal::quoted};
use alloc::{format, string::String, vec::Vec};
use core::fmt;
use serde::{Deserialize, Serialize};
use url::Url;

/// A request as a caller hands it in. Nothing in it is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Request {
    /// The caller's name for it, fixed before the call (law S19).
    pub request_id: String,
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`.
    pub method: String,
    /// An absolute http or https URL.
    pub url: String,
    /// Header names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// Whom to call back; `None`: nobody (fire and forget).
    pub callback: Option<Callback>,
    /// How to fetch and retry.
    pub options: Options,
}

/// Options as a caller hands them in, unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Options {
    /// Per attempt (connect, head and body), in ms: 100 to 300,000; default 30,000.
    pub timeout_ms: i64,
    /// Attempts after the first: 0 to 10; default 3.
    pub max_retries: i64,
    /// Before the first retry, doubling with each further one, in ms: 100 to 600,000; default 1,000.
    pub retry_delay_ms: i64,
    /// Bound on the doubling, in ms: 100 to 600,000, not under `retry_delay_ms`; default 10,000.
    pub max_retry_delay_ms: i64,
    /// Whether a 5xx answer is retried; default true.
    pub retry_on_5xx: bool,
    /// Never send twice: an unknown outcome ends the request as "unknown" (law S16); default false.
    pub at_most_once: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout_ms: limits::DEFAULT_TIMEOUT_MS,
            max_retries: limits::DEFAULT_MAX_RETRIES,
            retry_delay_ms: limits::DEFAULT_RETRY_DELAY_MS,
            max_retry_delay_ms: limits::DEFAULT_MAX_RETRY_DELAY_MS,
            retry_on_5xx: true,
            at_most_once: false,
        }
    }
}

/// Options within their bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Policy {
    pub(crate) timeout_ms: u32,
    pub(crate) max_retries: u8,
    pub(crate) retry_delay_ms: u32,
    pub(crate) max_retry_delay_ms: u32,
    pub(crate) retry_on_5xx: bool,
    pub(crate) at_most_once: bool,
}

impl Policy {
    /// The host's time for one attempt, in ms.
    #[must_use]
    pub const fn timeout_ms(&self) -> u32 {
        self.timeout_ms
    }

    /// Attempts after the first.
    #[must_use]
    pub const fn max_retries(&self) -> u8 {
        self.max_retries
    }

    /// The delay before the first retry, in ms.
    #[must_use]
    pub const fn retry_delay_ms(&self) -> u32 {
        self.retry_delay_ms
    }

    /// The bound on its doubling, in ms.
    #[must_use]
    pub const fn max_retry_delay_ms(&self) -> u32 {
        self.max_retry_delay_ms
    }

    /// Whether the request must never be sent twice.
    #[must_use]
    pub const fn at_most_once(&self) -> bool {
        self.at_most_once
    }
}

impl Policy {
    /// Whether these numbers can have come from [`Options::check`]: stored ones are not believed.
    pub(crate) fn is_in_bounds(&self) -> bool {
        let Self { timeout_ms, max_retries, retry_delay_ms, max_retry_delay_ms, retry_on_5xx, at_most_once } = *self;
        let options = Options {
            timeout_ms: timeout_ms.into(),
            max_retries: max_retries.into(),
            retry_delay_ms: retry_delay_ms.into(),
            max_retry_delay_ms: max_retry_delay_ms.into(),
            retry_on_5xx,
            at_most_once,
        };
        options.check() == Ok(*self)
    }
}

impl Options {
    /// Checks each option against its bounds.
    ///
    /// # Errors
    /// A [`Refusal`] that names the first option out of bounds.
    pub fn check(self) -> Result<Policy, Refusal> {
        let ms = |field, value, range| in_range(field, value, range);
        let policy = Policy {
            timeout_ms: ms("options.timeout_ms", self.timeout_ms, limits::TIMEOUT_RANGE_MS)?,
            max_retries: in_range("options.max_retries", self.max_retries, limits::MAX_RETRIES_RANGE)?,
            retry_delay_ms: ms("options.retry_delay_ms", self.retry_delay_ms, limits::RETRY_DELAY_RANGE_MS)?,
            max_retry_delay_ms: ms(
                "options.max_retry_delay_ms",
                self.max_retry_delay_ms,
                limits::MAX_RETRY_DELAY_RANGE_MS,
            )?,
            retry_on_5xx: self.retry_on_5xx,
            at_most_once: self.at_most_once,
        };
        if policy.max_retry_delay_ms < policy.retry_delay_ms {
            return Err(Refusal::malformed(
                "options.max_retry_delay_ms",
                format!("{} is less than options.retry_delay_ms, {}", self.max_retry_delay_ms, self.retry_delay_ms),
            ));
        }
        Ok(policy)
    }
}

fn in_range<T: TryFrom<i64>>(field: &'static str, value: i64, range: (i64, i64)) -> Result<T, Refusal> {
    let refusal = || Refusal::out_of_range(field, value, range);
    if value < range.0 || value > range.1 {
        return Err(refusal());
    }
    T::try_from(value).map_err(|_| refusal())
}

/// Whom to call back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Callback {
    /// POST to this URL.
    Url(String),
    /// Call this object.
    Object(ObjectCallback),
}

/// A durable object to call back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectCallback {
    /// The namespace binding's name.
    pub binding: String,
    /// The object's id.
    pub object: String,
    /// The RPC method's name, or the path of a fetch.
    pub method: String,
}

impl ObjectCallback {
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let parts =
            [("callback.binding", &self.binding), ("callback.object", &self.object), ("callback.method", &self.method)];
        for (field, text) in parts {
            if text.is_empty() {
                return Err(Refusal::missing(field));
            }
            if text.len() > limits::MAX_NAME_BYTES {
                return Err(Refusal::too_long(field, text.len(), limits::MAX_NAME_BYTES));
            }
            if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Refusal::malformed(field, "only visible ASCII characters are allowed"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Object(target) => write!(f, "{}/{}.{}", target.binding, target.object, target.method),
        }
    }
}

/// What is sent and whom to call back: stored once, read by the host when it acts, never held by the machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Payload {
    /// The caller's name for the request.
    pub request_id: RequestId,
    /// The method.
    pub method: String,
    /// The URL, normalised.
    pub url: String,
    /// The headers as the caller gave them; [`Hop`](crate::Hop) says which are sent.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// Whom to call back.
    pub callback: Option<Callback>,
}

/// An absolute http or https URL without credentials, in its normal form.
pub(crate) fn parse_url(field: &'static str, text: &str) -> Result<Url, Refusal> {
    if text.is_empty() {
        return Err(Refusal::missing(field));
    }
    if text.len() > limits::MAX_URL_BYTES {
        return Err(Refusal::too_long(field, text.len(), limits::MAX_URL_BYTES));
    }
    let mut url =
        Url::parse(text).map_err(|error| Refusal::malformed(field, format!("{} is no URL: {error}", quoted(text))))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::malformed(
            field,
            format!("the scheme {} is neither http nor https", quoted(url.scheme())),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::malformed(field, "must not hold a user name or password; use a header"));
    }
    // Normalising can only lengthen a URL by percent-encoding; the stored form is bounded too.
    if url.as_str().len() > 3 * limits::MAX_URL_BYTES {
        return Err(Refusal::too_long(field, url.as_str().len(), 3 * limits::MAX_URL_BYTES));
    }
    url.set_fragment(None);
    Ok(url)
}
