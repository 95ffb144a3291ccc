//! The configuration of an object, from the variables of its worker.
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `PROXY_FETCH_CALLBACKS` | none | where callbacks may go (law S18): `BINDING.method`, `BINDING./path` or `BINDING.*`, separated by spaces or commas |
//! | `PROXY_FETCH_ALLOW_PRIVATE_ADDRESSES` | `false` | `true` lets URLs name private addresses: for tests |
//! | `PROXY_FETCH_MAX_LIVE` | 100000 | live requests in one object |
//! | `PROXY_FETCH_MAX_KNOWN` | 300000 | request ids that are known in one object: of live requests, and of those that ended in the last five minutes |
//! | `PROXY_FETCH_MAX_REQUEST_BODY_BYTES` | 1048576 | up to what a row can hold: 1900000 |
//! | `PROXY_FETCH_MAX_RESPONSE_BODY_BYTES` | 1048576 | up to 16777216: 64 of them may be held, in 128 MB of memory in the worst case |
//! | `PROXY_FETCH_DEAD_LETTER_QUEUE` | `proxy-fetch-dead-letters` | the queue whose messages only get their outcome |
//! | `PROXY_FETCH_RECORD` | `false` | `true` logs each turn, so that the simulator can replay it; requests with their bodies stand in the log |

use proxy_fetch::{AllowedCallback, Config};
use worker::Env;

/// A row may have 2 MB (platform limit), of which headers and names take their part.
const MAX_REQUEST_BODY_BYTES: usize = 1_900_000;
/// An RPC message may have 32 MiB; bodies are streams and not part of it, but they are held in memory before.
const MAX_RESPONSE_BODY_BYTES: usize = 16 * 1_024 * 1_024;

/// What the variables say.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The machine's part.
    pub config: Config,
    /// Whether each turn is logged.
    pub record: bool,
    /// The name of the dead-letter queue.
    pub dead_letter_queue: String,
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    /// A sentence that names the variable at fault.
    pub fn from_env(env: &Env) -> Result<Self, String> {
        Self::read(|name| env.var(name).ok().map(|value| value.to_string()))
    }

    fn read(var: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let default = Config::default();
        let number = |name: &str, default: usize, max: usize| match var(name) {
            None => Ok(default),
            Some(text) => match text.trim().parse() {
                Ok(number) if (1..=max).contains(&number) => Ok(number),
                Ok(_) | Err(_) => Err(format!("{name}: {text:?} is no number from 1 to {max}")),
            },
        };
        let flag = |name: &str| match var(name).as_deref().map(str::trim) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(text) => Err(format!("{name}: {text:?} is neither true nor false")),
        };
        let callbacks = var("PROXY_FETCH_CALLBACKS").unwrap_or_default();
        let callbacks = callbacks.split([' ', ',', '\n']).filter(|entry| !entry.is_empty()).map(allowed);
        let config = Config {
            max_live: number("PROXY_FETCH_MAX_LIVE", default.max_live, 1_000_000)?,
            max_in_flight: default.max_in_flight,
            max_known: number("PROXY_FETCH_MAX_KNOWN", default.max_known, 1_000_000)?,
            max_request_body_bytes: number(
                "PROXY_FETCH_MAX_REQUEST_BODY_BYTES",
                default.max_request_body_bytes,
                MAX_REQUEST_BODY_BYTES,
            )?,
            max_response_body_bytes: number(
                "PROXY_FETCH_MAX_RESPONSE_BODY_BYTES",
                default.max_response_body_bytes,
                MAX_RESPONSE_BODY_BYTES,
            )?,
            allow_private_addresses: flag("PROXY_FETCH_ALLOW_PRIVATE_ADDRESSES")?,
            callbacks: callbacks.collect::<Result<_, _>>()?,
        };
        let dead_letter_queue =
            var("PROXY_FETCH_DEAD_LETTER_QUEUE").unwrap_or_else(|| "proxy-fetch-dead-letters".to_owned());
        Ok(Self { config, record: flag("PROXY_FETCH_RECORD")?, dead_letter_queue })
    }
}

fn allowed(entry: &str) -> Result<AllowedCallback, String> {
    match entry.split_once('.') {
        Some((binding, "*")) if !binding.is_empty() => {
            Ok(AllowedCallback::Binding { binding: binding.into(), method: None })
        }
        Some((binding, method)) if !binding.is_empty() && !method.is_empty() => {
            Ok(AllowedCallback::Binding { binding: binding.into(), method: Some(method.into()) })
        }
        Some(_) | None => {
            Err(format!("PROXY_FETCH_CALLBACKS: {entry:?} is none of BINDING.method, BINDING./path, BINDING.*"))
        }
    }
}
