//! The JSON of a callback.
//!
//! ```json
//! {"request_id": "order-7", "outcome": "response", "attempts": 1, "duration_ms": 1503,
//!  "response": {"status": 200, "headers": {"content-type": "text/plain"}, "body": "hello"}}
//! ```
//!
//! `outcome` is [`Outcome::name`]. `response` is there if it is `response`, and `error` ([`Failure::name`]) if it is
//! `failed`.

use super::{
    encode,
    problem::Problem,
    wire::{Body, Headers, Response, ResponseJson},
};
use crate::{Failure, Outcome, RequestId};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct CallbackJson<'a> {
    request_id: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    attempts: u8,
    duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponseJson<'a>>,
}

/// The name of the failure that ended a request, if one did.
#[must_use]
pub const fn error_name(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Failed(failure) => Some(Failure::name(failure)),
        Outcome::Response { .. }
        | Outcome::Expired
        | Outcome::Cancelled
        | Outcome::Interrupted
        | Outcome::Unknown
        | Outcome::Unreadable => None,
    }
}

/// The callback's JSON. `duration_ms` is from acceptance to now.
#[must_use]
pub fn callback_json(
    request_id: &RequestId,
    attempts: u8,
    outcome: Outcome,
    duration_ms: u64,
    response: Option<&Response>,
) -> Vec<u8> {
    let json = CallbackJson {
        request_id: request_id.as_str(),
        outcome: outcome.name(),
        error: error_name(outcome),
        attempts,
        duration_ms,
        response: response.map(ResponseJson::new),
    };
    encode(&json)
}

/// What a callback says to an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackItem {
    /// The caller's name for the request.
    pub request_id: String,
    /// [`Outcome::name`].
    pub outcome: String,
    /// [`Failure::name`], if the outcome is "failed".
    pub error: Option<String>,
    /// Attempts started.
    pub attempts: u8,
    /// From acceptance to the callback, in ms.
    pub duration_ms: u64,
    /// The response, if the outcome is "response".
    pub response: Option<Response>,
}

#[derive(Deserialize)]
struct CallbackRead {
    request_id: String,
    outcome: String,
    error: Option<String>,
    attempts: u8,
    duration_ms: u64,
    response: Option<ResponseRead>,
}

#[derive(Deserialize)]
struct ResponseRead {
    status: u16,
    headers: Headers,
    body: Body,
}

/// Reads a callback's JSON: the inverse of [`callback_json`]. Fields that it does not know are passed over, so that an
/// origin may be older than what calls it.
///
/// # Errors
/// A [`Problem`] that says what is malformed.
pub fn parse_callback(bytes: &[u8]) -> Result<CallbackItem, Problem> {
    let read: CallbackRead = serde_json::from_slice(bytes).map_err(|error| Problem::malformed(error.to_string()))?;
    let CallbackRead { request_id, outcome, error, attempts, duration_ms, response } = read;
    let response =
        response.map(|ResponseRead { status, headers, body }| Response { status, headers: headers.0, body: body.0 });
    Ok(CallbackItem { request_id, outcome, error, attempts, duration_ms, response })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{borrow::ToOwned, vec};
    use std::panic;

    fn shown(outcome: Outcome, response: Option<&Response>) -> String {
        let Ok(id) = RequestId::new("order-7") else { panic!("the id is refused") };
        String::from_utf8_lossy(&callback_json(&id, 2, outcome, 1_503, response)).into_owned()
    }

    #[test]
    fn callbacks_in_json() {
        let mut response = Response {
            status: 200,
            headers: vec![("content-type".into(), "text/plain".into()), ("content-length".into(), "5".into())],
            body: b"hello".to_vec(),
        };
        assert_eq!(
            shown(Outcome::Response { status: 200 }, Some(&response)),
            r#"{"request_id":"order-7","outcome":"response","attempts":2,"duration_ms":1503,"#.to_owned()
                + r#""response":{"status":200,"headers":{"content-type":"text/plain"},"body":"hello"}}"#
        );
        response.body = vec![255, 0];
        assert!(shown(Outcome::Response { status: 200 }, Some(&response)).ends_with(r#""body":{"base64":"/wA="}}}"#));
        assert_eq!(
            shown(Outcome::Failed(Failure::TimedOut), None),
            r#"{"request_id":"order-7","outcome":"failed","error":"timed_out","attempts":2,"duration_ms":1503}"#
        );
    }
    #[test]
    fn what_is_written_can_be_read() {
        let Ok(id) = RequestId::new("order-7") else { panic!("the id is refused") };
        let response = Response {
            status: 418,
            headers: vec![("a".into(), "1".into()), ("a".into(), "2".into()), ("b".into(), "\u{e9}".into())],
            body: vec![0, 255, 10],
        };
        let json = callback_json(&id, 3, Outcome::Response { status: 418 }, 7, Some(&response));
        let read = CallbackItem {
            request_id: "order-7".into(),
            outcome: "response".into(),
            error: None,
            attempts: 3,
            duration_ms: 7,
            response: Some(response),
        };
        assert_eq!(parse_callback(&json), Ok(read));
        let json = callback_json(&id, 1, Outcome::Failed(Failure::BadHead), 7, None);
        assert_eq!(parse_callback(&json).map(|item| item.error), Ok(Some("bad_response_head".into())));
        assert!(parse_callback(b"{}").is_err());
    }
}
