//! Admission: a request is validated, and each of its fields bounded, before anything is stored.
//!
//! A room of its own, since a request knows nothing of a host's configuration, nor that of the machine.
//!
//! Keeps S6 (the fingerprint), S13 at the door, S18 (callback target), S22 (first URL).

use crate::{
    Callback, Config, Options, Payload, Policy, Refusal, Request, RequestId, limits, refusal::quoted,
    request::parse_url,
};
use alloc::{format, string::String};
use xxhash_rust::xxh3::Xxh3;

/// A validated request.
pub(crate) struct Accepted {
    pub policy: Policy,
    pub fingerprint: u128,
    pub payload: Payload,
}

impl Request {
    /// Validates every field; takes the body over without a copy.
    pub(crate) fn accept(self, config: &Config) -> Result<Accepted, Refusal> {
        let request_id = RequestId::new(&self.request_id)?;
        let policy = self.options.check()?;
        check_method(&self.method)?;
        let url = parse_url("url", &self.url)?;
        config.check_destination(&url)?;
        check_headers(&self.headers)?;
        if self.body.len() > config.max_request_body_bytes {
            return Err(Refusal::too_long("body", self.body.len(), config.max_request_body_bytes));
        }
        if !self.body.is_empty() && matches!(self.method.as_str(), "GET" | "HEAD") {
            return Err(Refusal::malformed("body", format!("is not allowed with the method {}", self.method)));
        }
        if let Some(callback) = &self.callback {
            config.check_callback(callback)?;
        }
        let fingerprint = self.fingerprint();
        let payload = Payload {
            request_id,
            method: self.method,
            url: url.into(),
            headers: self.headers,
            body: self.body,
            callback: self.callback,
        };
        Ok(Accepted { policy, fingerprint, payload })
    }

    /// Tells a repeat from a different request under the same id (law S6). It is stored, so it must never change:
    /// XXH3-128 over all fields but the id, each with its length.
    fn fingerprint(&self) -> u128 {
        let mut hash = Xxh3::new();
        let mut part = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(self.method.as_bytes());
        part(self.url.as_bytes());
        part(&(self.headers.len() as u64).to_le_bytes());
        for (name, value) in &self.headers {
            part(name.as_bytes());
            part(value.as_bytes());
        }
        part(&self.body);
        match &self.callback {
            None => part(b""),
            Some(Callback::Url(url)) => {
                part(b"url");
                part(url.as_bytes());
            }
            Some(Callback::Object(target)) => {
                part(b"object");
                part(target.binding.as_bytes());
                part(target.object.as_bytes());
                part(target.method.as_bytes());
            }
        }
        let Options { timeout_ms, max_retries, retry_delay_ms, max_retry_delay_ms, retry_on_5xx, at_most_once } =
            self.options;
        for number in [timeout_ms, max_retries, retry_delay_ms, max_retry_delay_ms] {
            part(&number.to_le_bytes());
        }
        part(&[u8::from(retry_on_5xx), u8::from(at_most_once)]);
        hash.digest128()
    }
}

fn check_method(method: &str) -> Result<(), Refusal> {
    match method {
        "" => Err(Refusal::missing("method")),
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => Ok(()),
        other => Err(Refusal::malformed(
            "method",
            format!("{} is none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", quoted(other)),
        )),
    }
}

fn check_headers(headers: &[(String, String)]) -> Result<(), Refusal> {
    if headers.len() > limits::MAX_HEADERS {
        return Err(Refusal::malformed(
            "headers",
            format!("{} headers are more than the maximum of {}", headers.len(), limits::MAX_HEADERS),
        ));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum();
    if bytes > limits::MAX_HEADER_BYTES {
        return Err(Refusal::too_long("headers", bytes, limits::MAX_HEADER_BYTES));
    }
    for (name, value) in headers {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(Refusal::malformed("headers", format!("{} is no header name", quoted(name))));
        }
        // Control characters would end the header line and start another (RFC 9110, 5.5).
        if value.chars().any(|c| c.is_control() && c != '\t') || value.trim_matches([' ', '\t']) != value {
            return Err(Refusal::malformed(
                "headers",
                format!("the value of {} has characters not allowed", quoted(name)),
            ));
        }
    }
    Ok(())
}
