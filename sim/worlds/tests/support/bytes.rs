//! The stored format told a second time: postcard's integers by hand. It writes rows that the core would not, and
//! reads rows field by field for the goldens.

use std::fmt::Write as _;

/// A field's form in postcard's wire format.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// One plain byte: a version, a `u8`, a `bool`, an `Option`'s tag.
    Byte,
    /// Seven bits to a byte, least first: wider integers and enum variants.
    Number,
    /// A number, and so many bytes.
    Text,
}

/// Least seven bits first; the high bit says that more follow.
pub fn number(mut value: u128, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
}

pub fn text(value: &str, bytes: &mut Vec<u8>) {
    number(value.len() as u128, bytes);
    bytes.extend_from_slice(value.as_bytes());
}

fn take_number(bytes: &mut &[u8]) -> u128 {
    let mut value = 0;
    for shift in 0.. {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u128::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// One line per field: its name, its bytes, what they say. Panics unless every byte belongs to a field.
pub fn fields(mut bytes: &[u8], names: &[(&str, Form)]) -> String {
    let mut lines = String::new();
    for (name, form) in names {
        let before = bytes;
        let shown = match form {
            Form::Byte => {
                let (byte, rest) = bytes.split_first().unwrap();
                bytes = rest;
                byte.to_string()
            }
            Form::Number => take_number(&mut bytes).to_string(),
            Form::Text => {
                let length = usize::try_from(take_number(&mut bytes)).unwrap();
                let (text, rest) = bytes.split_at(length);
                bytes = rest;
                format!("{:?}", String::from_utf8_lossy(text))
            }
        };
        let own = &before[..before.len() - bytes.len()];
        writeln!(lines, "  {name:<20} {:<40} {shown}", hex(own)).unwrap();
    }
    assert!(bytes.is_empty(), "{} are left after\n{lines}", hex(bytes));
    lines
}

/// A request row of any content, also of one that no core would write.
#[derive(Clone, Debug)]
pub struct AnyRequest {
    pub request_id: String,
    pub fingerprint: u128,
    pub has_callback: bool,
    /// Time-out, most retries, first and longest delay.
    pub policy: (u32, u8, u32, u32),
    pub retry_on_5xx: bool,
    pub at_most_once: bool,
    pub attempts: u8,
    pub phase: AnyPhase,
}

#[derive(Clone, Copy, Debug)]
pub enum AnyPhase {
    Queued(u64),
    InFlight(u64, u64),
    /// With an outcome without data (2 expired to 6 unreadable), or a response of this status.
    Delivering(Result<u16, u8>, Option<u64>),
}

impl AnyRequest {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![1];
        text(&self.request_id, &mut bytes);
        number(self.fingerprint, &mut bytes);
        bytes.push(u8::from(self.has_callback));
        let (timeout, retries, delay, longest) = self.policy;
        number(timeout.into(), &mut bytes);
        bytes.push(retries);
        number(delay.into(), &mut bytes);
        number(longest.into(), &mut bytes);
        bytes.extend([u8::from(self.retry_on_5xx), u8::from(self.at_most_once), self.attempts]);
        match self.phase {
            AnyPhase::Queued(not_before) => {
                bytes.push(0);
                number(not_before.into(), &mut bytes);
            }
            AnyPhase::InFlight(epoch, lease_until) => {
                bytes.push(1);
                number(epoch.into(), &mut bytes);
                number(lease_until.into(), &mut bytes);
            }
            AnyPhase::Delivering(outcome, until) => {
                bytes.push(2);
                match outcome {
                    Ok(status) => {
                        bytes.push(0);
                        number(status.into(), &mut bytes);
                    }
                    Err(plain) => bytes.push(plain),
                }
                bytes.push(u8::from(until.is_some()));
                if let Some(until) = until {
                    number(until.into(), &mut bytes);
                }
            }
        }
        bytes
    }
}
