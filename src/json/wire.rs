//! How bodies and headers are written in JSON, the same in requests, answers and callbacks.
//!
//! - A body is `"text"`, or `{"base64": "…"}` for bytes that are not UTF-8. The two cannot be confused.
//! - Headers are one object from name to value; a repeated header has an array of values.

use crate::is_end_to_end;
use alloc::{borrow::ToOwned, string::String, vec, vec::Vec};
use base64::{Engine, engine::general_purpose::STANDARD};
use core::fmt;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};

/// A whole response, read within its bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The final status, after redirects.
    pub status: u16,
    /// Header names and values in order, as they came.
    pub headers: Vec<(String, String)>,
    /// The body's bytes, as they came.
    pub body: Vec<u8>,
}

/// A body in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Body(pub Vec<u8>);

/// Headers in JSON, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers(pub Vec<(String, String)>);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BodyVisitor)
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or {\"base64\": \"…\"}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Body, E> {
        Ok(Body(text.as_bytes().to_vec()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Body, E> {
        Ok(Body(text.into_bytes()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
        let Some(key) = map.next_key::<String>()? else { return Err(de::Error::missing_field("base64")) };
        if key != "base64" {
            return Err(de::Error::unknown_field(&key, &["base64"]));
        }
        let text: String = map.next_value()?;
        if let Some(more) = map.next_key::<String>()? {
            return Err(de::Error::unknown_field(&more, &["base64"]));
        }
        STANDARD.decode(text).map(Body).map_err(|error| de::Error::custom(format_args!("no base64: {error}")))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object from header name to value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some((name, Values(values))) = map.next_entry::<String, Values>()? {
            headers.extend(values.into_iter().map(|value| (name.clone(), value)));
        }
        Ok(Headers(headers))
    }
}

/// One value or several.
struct Values(Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or an array of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Values, E> {
        Ok(Values(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Values(values))
    }
}

/// A response as callbacks carry it: without the fields that belonged to its connection.
#[derive(Serialize)]
pub(super) struct ResponseJson<'a> {
    status: u16,
    headers: HeadersJson<'a>,
    body: BodyJson<'a>,
}

impl<'a> ResponseJson<'a> {
    pub fn new(response: &'a Response) -> Self {
        Self {
            status: response.status,
            headers: HeadersJson { fields: &response.headers, end_to_end_only: true },
            body: BodyJson::new(&response.body),
        }
    }
}

/// A body to write.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum BodyJson<'a> {
    Text(&'a str),
    Bytes { base64: String },
}

impl<'a> BodyJson<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        match core::str::from_utf8(bytes) {
            Ok(text) => BodyJson::Text(text),
            Err(_) => BodyJson::Bytes { base64: STANDARD.encode(bytes) },
        }
    }
}

/// Headers to write.
pub(super) struct HeadersJson<'a> {
    pub fields: &'a [(String, String)],
    /// Whether those that belonged to the response's connection are left out.
    pub end_to_end_only: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ValuesJson<'a> {
    One(&'a str),
    Many(Vec<&'a str>),
}

impl Serialize for HeadersJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut groups: Vec<(&str, ValuesJson<'_>)> = Vec::new();
        for (name, value) in self.fields.iter().filter(|(name, _)| !self.end_to_end_only || is_end_to_end(name)) {
            match groups.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                None => groups.push((name, ValuesJson::One(value))),
                Some((_, ValuesJson::Many(values))) => values.push(value),
                Some((_, one @ ValuesJson::One(_))) => {
                    let ValuesJson::One(first) = *one else { continue };
                    *one = ValuesJson::Many(vec![first, value]);
                }
            }
        }
        serializer.collect_map(groups.iter().map(|(name, values)| (name, values)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use std::panic;

    fn body(json: &str) -> Result<Body, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn bodies() {
        assert_eq!(body(r#""a\nb""#), Ok(Body(b"a\nb".to_vec())));
        assert_eq!(body(r#"{"base64":"/wA="}"#), Ok(Body(vec![255, 0])));
        for (json, problem) in [
            ("7", "expected a text"),
            ("{}", "missing field `base64`"),
            (r#"{"text":"a"}"#, "unknown field `text`"),
            (r#"{"base64":"/wA=","x":1}"#, "unknown field `x`"),
            (r#"{"base64":"?"}"#, "no base64"),
        ] {
            assert!(body(json).is_err_and(|error| error.contains(problem)), "{json}");
        }
    }

    #[test]
    fn headers_go_in_and_out() {
        let Ok(headers) = serde_json::from_str::<Headers>(r#"{"accept":"a","x":["1","2"]}"#) else {
            panic!("headers are refused");
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(headers.0, [pair("accept", "a"), pair("x", "1"), pair("x", "2")]);
        assert!(serde_json::from_str::<Headers>(r#"{"accept":7}"#).is_err());
        let mut given = headers.0;
        given.push(pair("Connection", "close"));
        given.push(pair("X", "3"));
        let shown = serde_json::to_string(&HeadersJson { fields: &given, end_to_end_only: true })
            .map_err(|error| error.to_string());
        assert_eq!(shown.as_deref(), Ok(r#"{"accept":"a","x":["1","2","3"]}"#));
    }
}
