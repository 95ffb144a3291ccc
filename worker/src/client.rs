//! The client for objects written in Rust: hands a request over, to the object or to the queue.
//!
//! ```no_run
//! use proxy_fetch::Request;
//! use proxy_fetch_worker::client;
//! use worker::{Env, State};
//!
//! async fn ask(state: &State, env: &Env) -> Result<String, client::Error> {
//!     let request = Request {
//!         method: "GET".into(),
//!         url: "https://example.com/slow".into(),
//!         callback: Some(client::callback(state, "MY_DO", "/on-result")),
//!         ..Request::default()
//!     };
//!     // The object can sleep now; its `fetch` gets a POST to `/on-result`, which `client::item` reads.
//!     client::proxy_fetch(env, request).await
//! }
//! ```
//!
//! Keeps S19: the request id is fixed before the call, and a lost reply is asked for again with the same one.

use crate::{ProxyFetchQueue, object::fresh_id, thrown::text};
use js_sys::{Object, Promise, Reflect, Uint8Array};
use proxy_fetch::{
    Callback, ObjectCallback, Request,
    json::{CallbackItem, parse_callback, request_json},
};
use std::{fmt, time::Duration};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use worker::{Delay, Env, Headers, Method, RequestInit, State, wasm_bindgen_futures::JsFuture};

/// The binding of the object's namespace.
pub const OBJECT_BINDING: &str = "PROXY_FETCH_DO";
/// The binding of the queue.
pub const QUEUE_BINDING: &str = "PROXY_FETCH_QUEUE";
/// The object that is used if none is named.
pub const DEFAULT_INSTANCE: &str = "proxy-fetch-global";
/// How often a call is made whose reply is lost.
const TRIES: u32 = 3;
/// The wait before the second try; it doubles.
const WAIT_MS: u64 = 50;

/// Why a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The worker has neither binding.
    NoBinding,
    /// It was refused. The problem's JSON names the field and the bound (RFC 9457).
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem.
        problem: String,
    },
    /// Whether it was taken is not known; a repeat with the same request id is safe.
    Lost(String),
}

/// Whom to call back: the object of this state, by the binding of its namespace, at a path of its `fetch`.
#[must_use]
pub fn callback(state: &State, binding: &str, path: &str) -> Callback {
    Callback::Object(ObjectCallback {
        binding: binding.to_owned(),
        object: state.id().to_string(),
        method: path.to_owned(),
    })
}

/// Reads what the origin's path is called with.
///
/// # Errors
/// The body cannot be read, or is no callback.
pub async fn item(request: &mut worker::Request) -> worker::Result<CallbackItem> {
    let bytes = request.bytes().await?;
    parse_callback(&bytes).map_err(|problem| worker::Error::RustError(problem.to_string()))
}

/// The instance among several that a caller's key belongs to: `proxy-fetch-0` to `proxy-fetch-{shards - 1}`. One
/// instance does about a thousand requests per second and 5 fetches at once; several do more.
#[must_use]
pub fn instance(shards: u32, key: &str) -> String {
    // FNV-1a: the TypeScript client computes the same.
    let hash = key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("proxy-fetch-{}", hash % shards.max(1))
}

/// Hands a request to the variant whose binding exists: the object first. Returns the request id.
///
/// # Errors
/// [`Error`].
pub async fn proxy_fetch(env: &Env, request: Request) -> Result<String, Error> {
    let has = |binding: &str| Reflect::get(env, &JsValue::from_str(binding)).is_ok_and(|value| !value.is_undefined());
    if has(OBJECT_BINDING) {
        proxy_fetch_do(env, DEFAULT_INSTANCE, request).await
    } else if has(QUEUE_BINDING) {
        proxy_fetch_queue(env, request).await
    } else {
        Err(Error::NoBinding)
    }
}

/// Hands a request to this instance of the object. Returns the request id.
///
/// # Errors
/// [`Error`].
pub async fn proxy_fetch_do(env: &Env, instance: &str, mut request: Request) -> Result<String, Error> {
    fix_id(&mut request);
    let json = request_json(&request);
    let mut lost = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            Delay::from(Duration::from_millis(WAIT_MS << (attempt - 1))).await;
        }
        match submit(env, instance, &json).await {
            Ok((202, _)) => return Ok(request.request_id),
            // The object was reset in mid-call, or is overloaded: it says so with 503 and may have taken it.
            Ok((503, problem)) if !problem.contains("queue_full") => lost = problem,
            Ok((status, problem)) => return Err(Error::Refused { status, problem }),
            Err(error) if is_overloaded(&error) => return Err(Error::Lost(error.to_string())),
            Err(error) => lost = error.to_string(),
        }
    }
    Err(Error::Lost(lost))
}

/// Who is overloaded must not be asked again at once: the platform says so.
fn is_overloaded(error: &worker::Error) -> bool {
    let error = error.to_js_value();
    Reflect::get(&error, &JsValue::from_str("overloaded")).is_ok_and(|is| is.is_truthy())
}

async fn submit(env: &Env, instance: &str, json: &[u8]) -> worker::Result<(u16, String)> {
    // A stub is of no use after an exception: a new one each time.
    let stub = env.durable_object(OBJECT_BINDING)?.get_by_name(instance)?;
    let headers = Headers::new();
    headers.set("content-type", "application/json")?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers).with_body(Some(Uint8Array::from(json).into()));
    let call = worker::Request::new_with_init("https://proxy-fetch/v1/fetches", &init)?;
    let mut response = stub.fetch_with_request(call).await?;
    let text = response.text().await?;
    Ok((response.status_code(), text))
}

#[wasm_bindgen]
extern "C" {
    type Queue;

    #[wasm_bindgen(method, catch)]
    fn send(this: &Queue, body: &Uint8Array, options: &Object) -> Result<Promise, JsValue>;
}

/// Sends a request to the queue. Returns the request id.
///
/// # Errors
/// [`Error`]; a send that failed is tried again with the same message.
pub async fn proxy_fetch_queue(env: &Env, mut request: Request) -> Result<String, Error> {
    fix_id(&mut request);
    let json = String::from_utf8_lossy(&request_json(&request)).into_owned();
    let message = ProxyFetchQueue::message(&json, env.clone())
        .map_err(|error| Error::Refused { status: 422, problem: text(&JsValue::from(error)) })?;
    let queue = Reflect::get(env, &JsValue::from_str(QUEUE_BINDING)).map_err(|error| Error::Lost(text(&error)))?;
    if queue.is_undefined() {
        return Err(Error::NoBinding);
    }
    let queue: Queue = queue.unchecked_into();
    let options = Object::new();
    Reflect::set(&options, &JsValue::from_str("contentType"), &JsValue::from_str("bytes"))
        .map_err(|error| Error::Lost(text(&error)))?;
    let mut lost = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            Delay::from(Duration::from_millis(WAIT_MS << (attempt - 1))).await;
        }
        let sent = match queue.send(&message, &options) {
            Ok(promise) => JsFuture::from(promise).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(_) => return Ok(request.request_id),
            Err(error) => lost = text(&error),
        }
    }
    Err(Error::Lost(lost))
}

fn fix_id(request: &mut Request) {
    if request.request_id.is_empty() {
        request.request_id = fresh_id();
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBinding => write!(f, "there is neither a binding {OBJECT_BINDING} nor {QUEUE_BINDING}"),
            Self::Refused { status, problem } => write!(f, "refused with {status}: {problem}"),
            Self::Lost(problem) => write!(f, "whether the request was taken is not known: {problem}"),
        }
    }
}

impl std::error::Error for Error {}
