//! What actually goes out: headers of a fetch, and redirects. Pure, so that every host and the simulator agree.
//!
//! Keeps S16 (an `Idempotency-Key` that never changes) and S22 (each hop checked; credentials stay with their origin).

use crate::{Config, Failure, Payload, limits};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use ulid::Ulid;
use url::Url;

/// Fields that belong to one connection or that the client sets itself, and those of Cloudflare's edge.
fn belongs_to_the_hop(name: &str) -> bool {
    const FIELDS: [&str; 13] = [
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    ];
    FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field)) || starts_with_ignoring_case(name, "cf-")
}

fn starts_with_ignoring_case(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The next request of an attempt: the first, or after a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The method.
    pub method: String,
    /// Where to.
    pub url: Url,
    /// The headers to send.
    pub headers: Vec<(String, String)>,
    /// Whether the payload's body is sent.
    pub with_body: bool,
    /// Redirects followed so far.
    pub redirects: u8,
}

/// What to do with a response's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterHead {
    /// It is the response: read its body.
    Read,
    /// Drop its body and send this.
    Follow(Hop),
    /// Drop its body; the attempt failed.
    Fail(Failure),
}

impl Hop {
    /// The first request of an attempt.
    ///
    /// # Errors
    /// [`Failure::Unreadable`] if the stored URL is none; [`Failure::AddressRefused`] if the host's configuration
    /// does not allow it (any more).
    pub fn first(config: &Config, id: Ulid, payload: &Payload) -> Result<Self, Failure> {
        let url = Url::parse(&payload.url).map_err(|_| Failure::Unreadable)?;
        config.check_destination(&url).map_err(|_| Failure::AddressRefused)?;
        // Fields that `Connection` names are the connection's too (RFC 9110, 7.6.1).
        let listed: Vec<&str> = payload
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
            .flat_map(|(_, value)| value.split(',').map(str::trim))
            .collect();
        let mut headers: Vec<(String, String)> = payload
            .headers
            .iter()
            .filter(|(name, _)| {
                !belongs_to_the_hop(name) && !listed.iter().any(|field| field.eq_ignore_ascii_case(name))
            })
            .cloned()
            .collect();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key")) {
            headers.push(("idempotency-key".into(), id.to_string()));
        }
        Ok(Self { method: payload.method.clone(), url, headers, with_body: !payload.body.is_empty(), redirects: 0 })
    }

    /// Judges a response's head by the rules of the Fetch standard, with each hop's address checked as the first.
    #[must_use]
    pub fn after_head(self, config: &Config, status: u16, location: Option<&str>) -> AfterHead {
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return AfterHead::Read;
        }
        // Without a Location it is an answer like any other.
        let Some(location) = location else { return AfterHead::Read };
        if self.redirects >= limits::MAX_REDIRECTS || location.len() > limits::MAX_URL_BYTES {
            return AfterHead::Fail(Failure::BadRedirect);
        }
        let Ok(url) = self.url.join(location) else { return AfterHead::Fail(Failure::BadRedirect) };
        let usable = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        if !usable {
            return AfterHead::Fail(Failure::BadRedirect);
        }
        if config.check_destination(&url).is_err() {
            return AfterHead::Fail(Failure::AddressRefused);
        }
        let becomes_get =
            (matches!(status, 301 | 302) && self.method == "POST") || (status == 303 && self.method != "HEAD");
        let crosses = self.url.origin() != url.origin();
        let mut headers = self.headers;
        headers.retain(|(name, _)| {
            let body = becomes_get && starts_with_ignoring_case(name, "content-");
            let secret =
                crosses && ["authorization", "cookie", "cookie2"].iter().any(|field| name.eq_ignore_ascii_case(field));
            !body && !secret
        });
        AfterHead::Follow(Self {
            method: if becomes_get { "GET".into() } else { self.method },
            url,
            headers,
            with_body: self.with_body && !becomes_get,
            redirects: self.redirects + 1,
        })
    }
}

/// Whether a response header may be handed on to the origin: not the connection's own.
#[must_use]
pub fn is_end_to_end(name: &str) -> bool {
    // A response's length is told by its body.
    !belongs_to_the_hop(name)
}
