//! A request in JSON.
//!
//! ```json
//! {"url": "https://example.com/slow", "method": "POST", "headers": {"accept": "text/plain"}, "body": "hello",
//!  "request_id": "order-7", "callback": {"binding": "ORDERS", "object": "…", "method": "onResult"},
//!  "options": {"timeout_ms": 30000, "max_retries": 3}}
//! ```
//!
//! Everything but `url` may be left out. `callback_url` takes the place of `callback` where the host calls URLs.

use super::{
    encode,
    problem::Problem,
    wire::{Body, BodyJson, Headers, HeadersJson},
};
use crate::{Callback, ObjectCallback, Options, Request};
use alloc::{
    borrow::ToOwned,
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The most requests in one call.
pub const MAX_REQUESTS_PER_CALL: usize = 100;

/// What one call hands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// A JSON object.
    One(Box<Request>),
    /// A JSON array. What is malformed is refused by itself.
    Many(Vec<Result<Request, Problem>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestRead {
    /// Left out it is refused by the machine, like every other wrong URL.
    #[serde(default)]
    url: String,
    method: Option<String>,
    headers: Option<Headers>,
    body: Option<Body>,
    callback: Option<ObjectRead>,
    callback_url: Option<String>,
    request_id: Option<String>,
    options: Option<OptionsRead>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectRead {
    binding: String,
    object: String,
    method: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionsRead {
    timeout_ms: Option<i64>,
    max_retries: Option<i64>,
    retry_delay_ms: Option<i64>,
    max_retry_delay_ms: Option<i64>,
    retry_on_5xx: Option<bool>,
    at_most_once: Option<bool>,
}

impl OptionsRead {
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

/// Reads one request. `fresh_id` names it if the caller gave no `request_id` (law S19).
///
/// # Errors
/// A [`Problem`] that names the field at fault. Bounds are the machine's to check.
pub fn parse_request(bytes: &[u8], fresh_id: impl FnOnce() -> String) -> Result<Request, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read: RequestRead = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner().to_string();
        if path == "." {
            Problem::malformed(problem)
        } else {
            Problem::malformed(format!("{path}: {problem}")).of_field(path)
        }
    })?;
    json.end().map_err(|error| Problem::malformed(error.to_string()))?;
    let callback = match (read.callback, read.callback_url) {
        (Some(_), Some(_)) => {
            let detail = "callback: there is also a callback_url; give one of the two";
            return Err(Problem::malformed(detail).of_field("callback"));
        }
        (Some(ObjectRead { binding, object, method }), None) => {
            Some(Callback::Object(ObjectCallback { binding, object, method }))
        }
        (None, Some(url)) => Some(Callback::Url(url)),
        (None, None) => None,
    };
    Ok(Request {
        request_id: read.request_id.unwrap_or_else(fresh_id),
        method: read.method.unwrap_or_else(|| "GET".to_owned()),
        url: read.url,
        headers: read.headers.unwrap_or_default().0,
        body: read.body.unwrap_or_default().0,
        callback,
        options: read.options.unwrap_or_default().or_default(),
    })
}

/// Reads one request, or an array of 1 to [`MAX_REQUESTS_PER_CALL`].
///
/// # Errors
/// A [`Problem`] that concerns the whole call.
pub fn parse_submission(bytes: &[u8], mut fresh_id: impl FnMut() -> String) -> Result<Submission, Problem> {
    if bytes.trim_ascii_start().first() != Some(&b'[') {
        return parse_request(bytes, fresh_id).map(|request| Submission::One(Box::new(request)));
    }
    let parts: Vec<&RawValue> = serde_json::from_slice(bytes).map_err(|error| Problem::malformed(error.to_string()))?;
    if parts.is_empty() || parts.len() > MAX_REQUESTS_PER_CALL {
        let detail = format!("{} requests in one call are not between 1 and {MAX_REQUESTS_PER_CALL}", parts.len());
        return Err(Problem::malformed(detail));
    }
    let read = |part: &RawValue| parse_request(part.get().as_bytes(), &mut fresh_id);
    Ok(Submission::Many(parts.into_iter().map(read).collect()))
}

#[derive(Serialize)]
struct RequestJson<'a> {
    request_id: &'a str,
    method: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<HeadersJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<BodyJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback: Option<&'a ObjectCallback>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a str>,
    options: OptionsJson,
}

#[derive(Serialize)]
struct OptionsJson {
    timeout_ms: i64,
    max_retries: i64,
    retry_delay_ms: i64,
    max_retry_delay_ms: i64,
    retry_on_5xx: bool,
    at_most_once: bool,
}

/// The JSON of a request, as a client sends it: the inverse of [`parse_request`].
#[must_use]
pub fn request_json(request: &Request) -> Vec<u8> {
    let Request { request_id, method, url, headers, body, callback, options } = request;
    let Options { timeout_ms, max_retries, retry_delay_ms, max_retry_delay_ms, retry_on_5xx, at_most_once } = *options;
    let (callback, callback_url) = match callback {
        Some(Callback::Object(target)) => (Some(target), None),
        Some(Callback::Url(url)) => (None, Some(url.as_str())),
        None => (None, None),
    };
    encode(&RequestJson {
        request_id,
        method,
        url,
        headers: (!headers.is_empty()).then_some(HeadersJson { fields: headers, end_to_end_only: false }),
        body: (!body.is_empty()).then(|| BodyJson::new(body)),
        callback,
        callback_url,
        options: OptionsJson {
            timeout_ms,
            max_retries,
            retry_delay_ms,
            max_retry_delay_ms,
            retry_on_5xx,
            at_most_once,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use std::{assert, assert_eq, panic};

    fn fresh() -> String {
        "fresh".into()
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let Ok(request) = parse_request(br#"{"url":"https://example.com","options":{"max_retries":1}}"#, fresh) else {
            panic!("the request is refused");
        };
        assert_eq!(request.method, "GET");
        assert_eq!(request.request_id, "fresh");
        assert_eq!(request.options, Options { max_retries: 1, ..Options::default() });
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, field) in [
            (r#"{"url":7}"#, "url"),
            (r#"{"options":{"timeout_ms":"soon"}}"#, "options.timeout_ms"),
            (r#"{"options":{"timeout":1}}"#, "options.timeout"),
            (r#"{"callback":{"binding":"A","object":"b"}}"#, "callback"),
            (r#"{"callback":{"binding":"A","object":"b","method":"c"},"callback_url":"x"}"#, "callback"),
            (r#"{"headers":{"accept":7}}"#, "headers.accept"),
            (r#"{"body":{"base64":"?"}}"#, "body"),
            (r#"{"surprise":1}"#, "surprise"),
        ] {
            let problem = parse_request(json.as_bytes(), fresh).err();
            let Some(problem) = problem else { panic!("{json} is taken") };
            assert_eq!((problem.status, problem.field.as_deref()), (400, Some(field)), "{json}: {problem:?}");
        }
        assert!(parse_request(b"{} {}", fresh).is_err());
    }

    #[test]
    fn what_is_written_can_be_read() {
        let object = ObjectCallback { binding: "A".into(), object: "b".into(), method: "c".into() };
        for callback in [None, Some(Callback::Url("https://a/".into())), Some(Callback::Object(object))] {
            let request = Request {
                request_id: "order-7".into(),
                method: "POST".into(),
                url: "https://example.com/\"".into(),
                headers: vec![("a".into(), "1".into()), ("a".into(), "2".into()), ("host".into(), "x".into())],
                body: vec![0, 255],
                callback,
                options: Options { timeout_ms: -1, retry_on_5xx: false, at_most_once: true, ..Options::default() },
            };
            assert_eq!(parse_request(&request_json(&request), fresh), Ok(request));
        }
    }

    #[test]
    fn one_or_many() {
        let Ok(Submission::One(one)) = parse_submission(br#" {"url":"a"}"#, fresh) else { panic!("one is refused") };
        assert_eq!(one.url, "a");
        let Ok(Submission::Many(many)) = parse_submission(br#"[{"url":"a"},{"url":7},3]"#, fresh) else {
            panic!("many are refused");
        };
        assert!(many[0].is_ok() && many[1].is_err() && many[2].is_err(), "{many:?}");
        let too_many = format!("[{}]", vec!["{}"; MAX_REQUESTS_PER_CALL + 1].join(","));
        for wrong in ["[]", "[{}", "", "nonsense", &too_many] {
            assert!(parse_submission(wrong.as_bytes(), fresh).is_err(), "{wrong}");
        }
    }
}
