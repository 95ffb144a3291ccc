//! One callback to an origin object, by a method or by a path. Both variants make their callbacks so.
//!
//! Keeps S11 (one call) and L5 (its own time).

use crate::glue::{self, Flight, Origins};
use js_sys::{Function, Promise, Uint8Array};
use proxy_fetch::{
    Callback, ObjectCallback, Outcome, Payload, is_end_to_end,
    json::{Response, callback_json, error_name},
    limits,
};
use std::cell::RefCell;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};

/// The time of a callback, as timers take it.
const TIMEOUT_MS: u32 = limits::CALLBACK_TIMEOUT_MS as u32;

/// Calls the request's origin, once. `flight` holds the response, if the outcome has one.
pub(crate) fn call(
    origins: &Origins,
    payload: &Payload,
    attempts: u8,
    outcome: Outcome,
    duration_ms: u64,
    flight: Option<&Flight>,
) -> Result<Promise, JsValue> {
    let Some(Callback::Object(ObjectCallback { binding, object, method })) = &payload.callback else {
        return Err(JsValue::from_str("this host calls no URLs"));
    };
    assert_eq!(flight.is_some(), outcome.has_response(), "{outcome}, and a response is held or not");
    if method.starts_with('/') {
        let response = flight.map(|flight| Response {
            status: flight.status(),
            headers: pairs(&flight.headers()),
            body: flight.body().to_vec(),
        });
        let json = callback_json(&payload.request_id, attempts, outcome, duration_ms, response.as_ref());
        return Ok(origins.post(binding, object, method, Uint8Array::from(json.as_slice()), TIMEOUT_MS));
    }
    let response = match flight {
        Some(flight) => Some(END_TO_END.with_borrow_mut(|filter| {
            flight.to_response(filter.get_or_insert_with(|| {
                Closure::<dyn Fn(String) -> bool>::new(|name: String| is_end_to_end(&name))
                    .into_js_value()
                    .unchecked_into()
            }))
        })?),
        None => None,
    };
    let code = error_name(outcome).or((!outcome.has_response()).then(|| outcome.name()));
    let message = code.map(|_| format!("the request ended as {outcome}"));
    // Below 2^53 for 285,000 years.
    let duration_ms = duration_ms as f64;
    let item = glue::item(payload.request_id.as_str(), attempts, duration_ms, response, code, message);
    Ok(origins.call_method(binding, object, method, &item, TIMEOUT_MS))
}

thread_local! {
    /// [`is_end_to_end`] as JavaScript calls it; made once.
    static END_TO_END: RefCell<Option<Function>> = const { RefCell::new(None) };
}

fn pairs(flat: &js_sys::Array) -> Vec<(String, String)> {
    let texts: Vec<String> = flat.iter().filter_map(|value| value.as_string()).collect();
    texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}
