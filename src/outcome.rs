//! How an attempt went, and how a request ended.

use core::fmt;
use serde::{Deserialize, Serialize};

/// What the host reports of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FetchResult {
    /// The whole response was read within its bounds. The host holds it until the machine says deliver or abort.
    Response {
        /// The final status, after redirects.
        status: u16,
        /// The `Retry-After` field's value as it came, at most its first 64 bytes.
        retry_after: Option<alloc::string::String>,
    },
    /// There is no usable response.
    Failed(Failure),
}

/// Why an attempt has no usable response. The numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Failure {
    /// Nothing was sent: the name did not resolve, the connection was refused, or no connection slot came free.
    NotSent,
    /// The connection broke after sending began; the remote may have acted.
    Broken,
    /// The attempt's time was up; the remote may have acted.
    TimedOut,
    /// The response's body ended early or could not be read.
    BodyBroken,
    /// The response's body is larger than the bound (law S21).
    BodyTooLarge,
    /// The response's head is larger than the bound, or is no HTTP.
    BadHead,
    /// The address, the first or a redirect's, is not allowed (law S22).
    AddressRefused,
    /// Too many redirects, or one without a usable `Location`.
    BadRedirect,
    /// The stored request could not be read (law S13).
    Unreadable,
}

impl Failure {
    /// Whether another attempt may help.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::NotSent | Self::Broken | Self::TimedOut | Self::BodyBroken => true,
            Self::BodyTooLarge | Self::BadHead | Self::AddressRefused | Self::BadRedirect | Self::Unreadable => false,
        }
    }

    /// Whether it is unknown if the remote acted and what it answered (law S16).
    #[must_use]
    pub const fn is_ambiguous(self) -> bool {
        match self {
            Self::Broken | Self::TimedOut | Self::BodyBroken => true,
            Self::NotSent
            | Self::BodyTooLarge
            | Self::BadHead
            | Self::AddressRefused
            | Self::BadRedirect
            | Self::Unreadable => false,
        }
    }

    /// The failure's stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Broken => "connection_broken",
            Self::TimedOut => "timed_out",
            Self::BodyBroken => "body_broken",
            Self::BodyTooLarge => "body_too_large",
            Self::BadHead => "bad_response_head",
            Self::AddressRefused => "address_refused",
            Self::BadRedirect => "bad_redirect",
            Self::Unreadable => "unreadable_request",
        }
    }
}

/// How a request ended. The numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// An HTTP response, of whatever status. The host holds it until the callback is through.
    Response {
        /// Its status.
        status: u16,
    },
    /// The last attempt failed so, and no further one is allowed.
    Failed(Failure),
    /// 30 minutes old.
    Expired,
    /// The caller cancelled it.
    Cancelled,
    /// A restart interrupted the last attempt that was allowed.
    Interrupted,
    /// An at-most-once request may or may not have been executed (law S16).
    Unknown,
    /// The stored row could not be read; its bytes are kept in quarantine (law S13).
    Unreadable,
}

impl Outcome {
    /// Whether the host must hold a response for it.
    #[must_use]
    pub const fn has_response(self) -> bool {
        match self {
            Self::Response { .. } => true,
            Self::Failed(_)
            | Self::Expired
            | Self::Cancelled
            | Self::Interrupted
            | Self::Unknown
            | Self::Unreadable => false,
        }
    }

    /// The outcome's stable name, as callbacks carry it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Response { .. } => "response",
            Self::Failed(_) => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What the host reports of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CallbackResult {
    /// The origin took it.
    Answered,
    /// It did not arrive, was refused, or was not answered in time. It is not tried again.
    Failed,
}

impl fmt::Display for FetchResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response { status, retry_after: None } => write!(f, "{status}"),
            Self::Response { status, retry_after: Some(value) } => {
                write!(f, "{status} retry-after={}", crate::refusal::quoted(value))
            }
            Self::Failed(failure) => write!(f, "{failure}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response { status } => write!(f, "response {status}"),
            Self::Failed(failure) => write!(f, "failed: {failure}"),
            Self::Expired | Self::Cancelled | Self::Interrupted | Self::Unknown | Self::Unreadable => {
                f.write_str(self.name())
            }
        }
    }
}

impl fmt::Display for CallbackResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
        })
    }
}
