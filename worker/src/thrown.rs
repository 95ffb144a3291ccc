//! What JavaScript threw, for the log.

use wasm_bindgen::{JsCast, JsValue};

/// What was thrown, in words.
pub(crate) fn text(thrown: &JsValue) -> String {
    match thrown.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => format!("{thrown:?}"),
    }
}
