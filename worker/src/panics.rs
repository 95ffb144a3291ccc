//! What a panic leads to: the object is reset by the runtime, as after any other crash.
//!
//! A panic aborts the instance of wasm and with it the state of every object in the isolate, while their JavaScript
//! goes on: storage, fetches, and callers that nobody would ever answer. So the object under which it happened is
//! reset at once, and each of the others when it is constructed again (the ghost restart, F10, ends there): the runtime
//! then fails their pending calls, drops what the turn had written without committing it, and constructs them anew.

use crate::glue;
use std::{cell::Cell, panic};
use wasm_bindgen::JsValue;
use worker::console_error;

thread_local! {
    /// Whether the hook is set in this instance.
    static HOOKED: Cell<bool> = const { Cell::new(false) };
}

/// Takes an object into this instance's care. If it lived in an earlier instance, it is reset.
///
/// # Errors
/// It is being reset, and must do nothing more.
pub fn watch(ctx: &JsValue) -> Result<(), String> {
    if !HOOKED.replace(true) {
        let earlier = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            earlier(info);
            glue::reset_all("proxy-fetch: a panic");
        }));
    }
    if glue::watch(ctx) {
        return Ok(());
    }
    let why = "proxy-fetch: a panic took its memory; it is restored from what is stored";
    if let Err(error) = glue::reset(ctx, why) {
        console_error!("proxy-fetch: reset: {}", crate::thrown::text(&error));
    }
    Err(why.to_owned())
}
