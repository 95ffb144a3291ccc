//! The JSON of a callback.
//!
//! ```json
//! {"request_id": "order-7", "outcome": "response", "attempts": 1, "duration_ms": 1503,
//!  "response": {"status": 200, "headers": {"content-type": "text/plain"}, "body": "hello"}}
//! ```
//!
//! `outcome` is [`Outcome::name`]. `response` is there if it is `response`, and `error` ([`Failure::name`]) if it is
//! `failed`. Bodies and headers: [`crate::wire`].

use crate::{shell::Response, wire::ResponseJson};
use proxy_fetch::{Failure, Outcome, RequestId};
use serde::Serialize;

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
    match serde_json::to_vec(&json) {
        Ok(bytes) => bytes,
        // Texts and numbers under text keys: nothing that JSON refuses.
        Err(error) => panic!("a callback cannot be encoded: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
