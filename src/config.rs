//! What a host decides once, when it starts: bounds and allow-lists.

use crate::{Callback, Refusal, address, limits, refusal::quoted, request::parse_url};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::{Deserialize, Serialize};
use url::Url;

/// A host's configuration of the machine. It is not stored; a restart may change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Live requests that the object may hold, 1 or more; over it an enqueue is refused as `queue_full`.
    pub max_live: usize,
    /// Requests that may be in flight at once: 1 to [`MAX_IN_FLIGHT`](limits::MAX_IN_FLIGHT), which is the default.
    pub max_in_flight: usize,
    /// Requests whose ids are known, 1 or more: live ones, and finished ones until the end of their dedupe window. Over it an
    /// enqueue is refused as `queue_full`, with the time at which the first may be forgotten.
    pub max_known: usize,
    /// Largest request body, in bytes.
    pub max_request_body_bytes: usize,
    /// Largest response body that the host may hand on, in bytes. The machine only carries this number.
    pub max_response_body_bytes: usize,
    /// Whether URLs may name private, loopback or otherwise non-public addresses.
    pub allow_private_addresses: bool,
    /// Where callbacks may go (law S18). Empty: nowhere.
    pub callbacks: Vec<AllowedCallback>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_live: limits::DEFAULT_MAX_LIVE,
            max_in_flight: limits::MAX_IN_FLIGHT,
            max_known: limits::DEFAULT_MAX_KNOWN,
            max_request_body_bytes: limits::DEFAULT_BODY_BYTES,
            max_response_body_bytes: limits::DEFAULT_BODY_BYTES,
            allow_private_addresses: false,
            callbacks: Vec::new(),
        }
    }
}

/// One entry of the allow-list of callback targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllowedCallback {
    /// Any URL of this origin; `port: None` allows every port.
    Origin {
        /// `http` or `https`.
        scheme: String,
        /// As the URL standard normalises it: lower case, IPv6 in brackets.
        host: String,
        /// The port, or any.
        port: Option<u16>,
    },
    /// A method, or any, of the objects behind a binding.
    Binding {
        /// The binding's name.
        binding: String,
        /// The method's name or the fetch path; `None` allows every one.
        method: Option<String>,
    },
}

impl AllowedCallback {
    /// Reads `https://host`, `https://host:8443` or `http://127.0.0.1:*`.
    ///
    /// # Errors
    /// A [`Refusal`] of the field `callback origin` that says what is wrong.
    pub fn origin(text: &str) -> Result<Self, Refusal> {
        let field = "callback origin";
        let (plain, any_port) = match text.strip_suffix(":*") {
            Some(plain) => (plain, true),
            None => (text, false),
        };
        let url = parse_url(field, plain)?;
        let host = url.host_str().unwrap_or_default();
        // Said exactly, so that nothing that is no part of an origin is passed over, a port before `:*` neither.
        let any_port_form = format!("{}://{host}", url.scheme());
        let given = plain.strip_suffix('/').unwrap_or(plain).to_ascii_lowercase();
        let is_exact = match (url.port_or_known_default(), any_port) {
            (_, true) | (None, false) => given == any_port_form,
            (Some(port), false) => given == any_port_form || given == format!("{any_port_form}:{port}"),
        };
        if !is_exact {
            return Err(Refusal::malformed(
                field,
                format!("{} is not of the form https://host, https://host:port or https://host:*", quoted(text)),
            ));
        }
        let port = if any_port { None } else { url.port_or_known_default() };
        Ok(Self::Origin { scheme: url.scheme().into(), host: host.into(), port })
    }

    fn allows(&self, callback: &Callback, url: Option<&Url>) -> bool {
        match (self, callback) {
            (Self::Origin { scheme, host, port }, Callback::Url(_)) => url.is_some_and(|url| {
                url.scheme() == scheme
                    && url.host_str() == Some(host)
                    && (port.is_none() || *port == url.port_or_known_default())
            }),
            (Self::Binding { binding, method }, Callback::Object(target)) => {
                *binding == target.binding && method.as_ref().is_none_or(|method| *method == target.method)
            }
            (Self::Origin { .. }, Callback::Object(_)) | (Self::Binding { .. }, Callback::Url(_)) => false,
        }
    }
}

impl Config {
    /// Checks a callback target's form and the allow-list (law S18).
    pub fn check_callback(&self, callback: &Callback) -> Result<(), Refusal> {
        let (field, url) = match callback {
            Callback::Url(text) => ("callback_url", Some(parse_url("callback_url", text)?)),
            Callback::Object(target) => {
                target.check()?;
                ("callback", None)
            }
        };
        if self.callbacks.iter().any(|allowed| allowed.allows(callback, url.as_ref())) {
            return Ok(());
        }
        let shown = quoted(&callback.to_string());
        Err(Refusal::not_allowed(field, format!("{shown} is not among this host's allowed callback targets")))
    }

    /// Checks a destination, the first one or a redirect's, as far as its text tells (law S22). A host that resolves
    /// names itself must also check each resolved address with [`address::is_public`].
    ///
    /// # Errors
    /// A [`Refusal`] of the field `url`.
    pub fn check_destination(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::not_allowed(
                "url",
                format!("the scheme {} is neither http nor https", quoted(url.scheme())),
            ));
        }
        if self.allow_private_addresses || url.host().is_some_and(|host| address::may_be_public(&host)) {
            return Ok(());
        }
        let host = url.host_str().unwrap_or_default();
        Err(Refusal::not_allowed("url", format!("{} is not a public address", quoted(host))))
    }
}
