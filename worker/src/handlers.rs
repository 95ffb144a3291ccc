//! The handlers of a worker that has no others.

use crate::queue::consume;
use wasm_bindgen::prelude::*;
use worker::{Context, Env, Request, Response, event};

/// The worker has no face to the internet: whoever may call it could fetch anything in its name. Other workers reach
/// the object by its binding.
#[event(fetch)]
async fn fetch(_request: Request, _env: Env, _context: Context) -> worker::Result<Response> {
    Response::error("proxy-fetch is reached by the binding PROXY_FETCH_DO or PROXY_FETCH_QUEUE, not by HTTP", 404)
}

/// A batch of the queue, or of its dead letters.
///
/// # Errors
/// The settings cannot be read; the platform delivers the batch again.
#[wasm_bindgen]
pub async fn queue(batch: JsValue, env: Env, _context: JsValue) -> Result<(), JsValue> {
    consume(batch.unchecked_into(), env).await
}
