//! What a producer sends: a request with its ULID, validated like an enqueue.
//!
//! The bytes are one version byte and the message in postcard's wire format; the order of fields is the format, and
//! never changes without a new version byte (law S24). Keeps S16 by refusal, S18, S19 and S22 at the door.

use super::MAX_MESSAGE_BYTES;
use crate::{Config, Payload, Policy, Refusal, Request, RequestId, RowError};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The version byte that this program writes.
pub const MESSAGE_VERSION: u8 = 1;

/// A validated request under its ULID, as it travels through the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    id: Ulid,
    policy: Policy,
    payload: Payload,
}

/// What a [`Consumer`](super::Consumer) must know of a message; the rest stays with the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The request's ULID; its timestamp is the request's age.
    pub id: Ulid,
    /// How to fetch and retry.
    pub policy: Policy,
    /// Whether anybody is called back.
    pub has_callback: bool,
}

#[derive(Serialize, Deserialize)]
struct Wire<P> {
    id: u128,
    policy: Policy,
    payload: P,
}

impl Message {
    /// Validates a request for the queue, with the checks of an enqueue. `id` is minted by the producer and stays the
    /// request's own in every repeat of the send (law S19); its timestamp is the time of acceptance.
    ///
    /// # Errors
    /// A [`Refusal`] that names the field: as for an enqueue; `options.at_most_once`, which a queue cannot keep; `body`
    /// or `message`, if the message is larger than [`MAX_MESSAGE_BYTES`].
    pub fn new(config: &Config, id: Ulid, request: Request) -> Result<Self, Refusal> {
        if request.options.at_most_once {
            let problem = "cannot be kept by a queue, which may deliver twice; use the durable object";
            return Err(Refusal::not_allowed("options.at_most_once", problem));
        }
        if request.body.len() > MAX_MESSAGE_BYTES {
            return Err(Refusal::too_long("body", request.body.len(), MAX_MESSAGE_BYTES));
        }
        let accepted = request.accept(config)?;
        let message = Self { id, policy: accepted.policy, payload: accepted.payload };
        let bytes = message.to_bytes().len();
        if bytes > MAX_MESSAGE_BYTES {
            return Err(Refusal::too_long("message", bytes, MAX_MESSAGE_BYTES));
        }
        Ok(message)
    }

    /// The bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256 + self.payload.body.len());
        bytes.push(MESSAGE_VERSION);
        let wire = Wire { id: self.id.0, policy: self.policy, payload: &self.payload };
        match postcard::to_extend(&wire, bytes) {
            Ok(bytes) => bytes,
            // Messages hold nothing that postcard refuses: no maps or sequences of unknown length.
            Err(error) => panic!("a message cannot be encoded: {error}"),
        }
    }

    /// Reads delivered bytes; every byte must belong to the message, and no producer of ours can have refused it.
    ///
    /// # Errors
    /// [`RowError`]; the host passes it on in [`Delivery::head`](super::Delivery::head).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RowError> {
        let wire: Wire<Payload> = match bytes.split_first() {
            Some((&MESSAGE_VERSION, rest)) => match postcard::take_from_bytes(rest) {
                Ok((wire, [])) => wire,
                Ok(_) | Err(_) => return Err(RowError::Corrupt),
            },
            Some((&version, _)) => return Err(RowError::UnknownVersion(version)),
            None => return Err(RowError::Corrupt),
        };
        let Wire { id, policy, payload } = wire;
        let plausible = policy.is_in_bounds()
            && !policy.at_most_once()
            && RequestId::new(payload.request_id.as_str()).is_ok_and(|id| id == payload.request_id);
        if plausible { Ok(Self { id: Ulid(id), policy, payload }) } else { Err(RowError::Corrupt) }
    }

    /// The request's ULID: with [`Hop::first`](crate::Hop::first), the `Idempotency-Key` of every attempt (law S16).
    #[must_use]
    pub const fn id(&self) -> Ulid {
        self.id
    }

    /// What is sent and whom to call back.
    #[must_use]
    pub const fn payload(&self) -> &Payload {
        &self.payload
    }

    /// What the consumer must know.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head { id: self.id, policy: self.policy, has_callback: self.payload.callback.is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, RefusalKind};
    use alloc::vec;

    fn request() -> Request {
        Request {
            request_id: "a".into(),
            method: "POST".into(),
            url: "https://example.com/x".into(),
            body: vec![0, 255],
            ..Request::default()
        }
    }

    fn message(request: Request) -> Result<Message, Refusal> {
        Message::new(&Config::default(), Ulid::from_parts(7, 8), request)
    }

    #[test]
    fn what_is_sent_can_be_read_and_its_format_is_fixed() {
        let sent = message(request()).expect("valid");
        let bytes = sent.to_bytes();
        assert_eq!(Message::from_bytes(&bytes), Ok(sent.clone()));
        assert_eq!(sent.head(), Head { id: Ulid::from_parts(7, 8), policy: sent.policy, has_callback: false });
        // The golden of version 1: ULID as a varint, timeout, retries, delays, flags, then the payload.
        let golden = b"\x01\x88\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x38\xb0\xea\x01\x03\xe8\x07\x90\x4e\x01\x00\
            \x01a\x04POST\x15https://example.com/x\x00\x02\x00\xff\x00";
        assert_eq!(bytes, golden);
    }

    #[test]
    fn every_cut_and_every_other_version_is_refused() {
        let bytes = message(request()).expect("valid").to_bytes();
        for end in 0..bytes.len() {
            assert_eq!(Message::from_bytes(&bytes[..end]), Err(RowError::Corrupt), "cut at {end}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Message::from_bytes(&longer), Err(RowError::Corrupt));
        for version in (0..=u8::MAX).filter(|version| *version != MESSAGE_VERSION) {
            let mut other = bytes.clone();
            other[0] = version;
            assert_eq!(Message::from_bytes(&other), Err(RowError::UnknownVersion(version)));
        }
        let mut at_most_once = message(request()).expect("valid");
        at_most_once.policy.at_most_once = true;
        assert_eq!(Message::from_bytes(&at_most_once.to_bytes()), Err(RowError::Corrupt));
        let mut many = message(request()).expect("valid");
        many.policy.max_retries = 11;
        assert_eq!(Message::from_bytes(&many.to_bytes()), Err(RowError::Corrupt));
    }

    #[test]
    fn what_a_queue_cannot_keep_or_carry_is_refused_by_name() {
        let refused = message(Request { options: Options { at_most_once: true, ..Options::default() }, ..request() });
        let refusal = refused.expect_err("at most once");
        assert_eq!((refusal.kind, refusal.field), (RefusalKind::NotAllowed, "options.at_most_once"));
        assert!(refusal.problem.contains("use the durable object"), "{refusal}");

        let of_body = |bytes: usize| message(Request { body: vec![7; bytes], ..request() });
        let refusal = of_body(MAX_MESSAGE_BYTES + 1).expect_err("too large");
        assert_eq!(refusal.field, "body");
        assert!(refusal.problem.contains("120001") && refusal.problem.contains("120000"), "{refusal}");
        let refusal = of_body(MAX_MESSAGE_BYTES - 10).expect_err("too large with the rest");
        assert_eq!(refusal.field, "message");
        assert!(refusal.problem.contains("120000"), "{refusal}");
        let largest = (0..100).map(|less| of_body(MAX_MESSAGE_BYTES - less)).find_map(Result::ok).expect("some fits");
        assert_eq!(largest.to_bytes().len(), MAX_MESSAGE_BYTES);

        let refusal = message(Request { url: "http://10.0.0.1/".into(), ..request() }).expect_err("private");
        assert_eq!((refusal.kind, refusal.field), (RefusalKind::NotAllowed, "url"));
    }
}
