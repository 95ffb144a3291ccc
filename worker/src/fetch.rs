//! One attempt: hop by hop over the runtime's fetch. Both variants make their attempts so.
//!
//! Keeps S16 (nothing is ever called "not sent": the runtime does not tell), S21 (bounds in glue.js) and S22 (each hop
//! is judged by the core).

use crate::{
    glue::{Flight, Landing},
    thrown::text,
};
use js_sys::{Array, JsString, Uint8Array};
use proxy_fetch::{AfterHead, Config, Failure, FetchResult, Hop, Payload, limits};
use wasm_bindgen::JsCast;
use worker::{console_warn, wasm_bindgen_futures::JsFuture};

/// Calls one hop.
pub(crate) fn take_off(flight: &Flight, config: &Config, hop: &Hop, payload: &Payload) -> js_sys::Promise {
    let headers = Array::new_with_length(0);
    for (name, value) in &hop.headers {
        headers.push(&Array::of2(&JsString::from(name.as_str()), &JsString::from(value.as_str())));
    }
    let body = hop.with_body.then(|| Uint8Array::from(payload.body.as_slice()));
    let (max_body, max_head) = (config.max_response_body_bytes as f64, limits::MAX_RESPONSE_HEAD_BYTES as f64);
    flight.hop(&hop.method, hop.url.as_str(), headers, body, max_body, max_head)
}

/// Follows the hops to the attempt's end; the flight then holds the response, if there is one.
pub(crate) async fn fly(
    flight: &Flight,
    config: &Config,
    mut hop: Hop,
    payload: &Payload,
    mut landing: js_sys::Promise,
) -> FetchResult {
    loop {
        let landed: Landing = match JsFuture::from(landing).await {
            Ok(landed) => landed.unchecked_into(),
            Err(error) => {
                console_warn!("proxy-fetch: {}: {}", hop.url, text(&error));
                return FetchResult::Failed(Failure::Broken);
            }
        };
        if let Some(name) = landed.failure() {
            return FetchResult::Failed(failure(&name, hop.redirects));
        }
        let status = landed.status();
        let Some(location) = landed.location() else {
            return FetchResult::Response { status, retry_after: landed.retry_after() };
        };
        hop = match hop.after_head(config, status, Some(&location)) {
            AfterHead::Follow(next) => next,
            AfterHead::Fail(failure) => return FetchResult::Failed(failure),
            // 304 to 306 with a Location are answers, though their bodies were dropped.
            AfterHead::Read => return FetchResult::Failed(Failure::BadRedirect),
        };
        landing = take_off(flight, config, &hop, payload);
    }
}

/// The failure that glue.js named.
fn failure(name: &str, redirects: u8) -> Failure {
    let all = [
        Failure::Broken,
        Failure::TimedOut,
        Failure::BodyBroken,
        Failure::BodyTooLarge,
        Failure::BadHead,
        if redirects == 0 { Failure::Unreadable } else { Failure::BadRedirect },
    ];
    if name == Failure::Unreadable.name() {
        return all[5];
    }
    match all.into_iter().find(|failure| failure.name() == name) {
        Some(failure) => failure,
        None => panic!("glue.js names an unknown failure: {name}"),
    }
}
