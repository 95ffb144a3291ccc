//! The names of a request: the caller's request id, and the ULID that orders the queue.
//!
//! Keeps S17 (a new ULID is greater than every earlier one) and S19 (the request id is fixed by the caller).

use crate::{Refusal, Timestamp, limits};
use alloc::sync::Arc;
use core::fmt;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};
use ulid::Ulid;

/// The caller's name for a request: 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Checks length and characters.
    ///
    /// # Errors
    /// [`Refusal`] of the field `request_id`.
    pub fn new(text: &str) -> Result<Self, Refusal> {
        let field = "request_id";
        if text.is_empty() {
            return Err(Refusal::missing(field));
        }
        if text.len() > limits::MAX_REQUEST_ID_BYTES {
            return Err(Refusal::too_long(field, text.len(), limits::MAX_REQUEST_ID_BYTES));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::malformed(field, "only visible ASCII characters are allowed"));
        }
        Ok(Self(text.into()))
    }

    /// The name of a request whose row could not be read: no caller can have chosen it.
    pub(crate) fn unreadable() -> Self {
        Self("".into())
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    /// Straight from the stored bytes: serde's own way to an `Arc<str>` is by a `Box<str>`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = RequestId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a request id")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RequestId, E> {
                Ok(RequestId(text.into()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A ULID at `now` that is greater than `last`, random in its low 80 bits where it may be; `None` when there is none,
/// in the year 10889.
///
/// `entropy`: its low 80 bits are used.
#[must_use]
pub fn next_ulid(last: Ulid, now: Timestamp, entropy: u128) -> Option<Ulid> {
    let fresh = Ulid::from_parts(now.min(Timestamp::MAX).0, entropy);
    if fresh > last {
        return Some(fresh);
    }
    // Same millisecond: the next number. Once in 2^80 that carries into the timestamp, which is still greater.
    last.0.checked_add(1).map(Ulid)
}

/// When the request was accepted: its ULID's timestamp.
#[must_use]
pub fn accepted_at(id: Ulid) -> Timestamp {
    Timestamp(id.timestamp_ms())
}

/// When the request expires: a function of its ULID alone, so that it can never change (law S9).
#[must_use]
pub fn expires_at(id: Ulid) -> Timestamp {
    accepted_at(id).plus_ms(limits::MAX_REQUEST_AGE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_random_part_carries_into_the_time() {
        let last = Ulid::from_parts(7, u128::MAX);
        let next = next_ulid(last, Timestamp(7), 0);
        assert!(next > Some(last), "a new ULID is greater than {last}, and not {next:?}");
        assert_eq!(next.map(accepted_at), Some(Timestamp(8)), "the time of the ULID after the last one of ms 7");
        assert_eq!(next_ulid(Ulid(u128::MAX), Timestamp(u64::MAX), 0), None, "there is no ULID after the last of all");
    }

    #[test]
    fn request_ids_are_bounded() {
        let refused = |id: &str| RequestId::new(id).err().map(|refusal| refusal.field);
        let promised = Some("request_id");
        for (id, field) in [("order-7", None), ("", promised), ("two words", promised)] {
            assert_eq!(refused(id), field, "the field that is refused of the request id {id:?}");
        }
        for (bytes, field) in [(128, None), (129, promised)] {
            assert_eq!(
                refused(&"x".repeat(bytes)),
                field,
                "the field that is refused of a request id of {bytes} bytes"
            );
        }
    }
}
