//! `glue.js` as wasm sees it. Each function there is one crossing.

use js_sys::{Array, Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/glue.js")]
extern "C" {
    /// Creates the tables of a new object.
    #[wasm_bindgen(catch, js_name = createTables)]
    pub fn create_tables(storage: &JsValue) -> Result<(), JsValue>;

    /// Commits packed writes and the alarm (ms since the Unix epoch), all or nothing.
    #[wasm_bindgen(catch)]
    pub fn commit(storage: &JsValue, packed: &[u8], alarm: Option<f64>) -> Result<(), JsValue>;

    /// All rows but payloads, packed.
    #[wasm_bindgen(catch, js_name = readRows)]
    pub fn read_rows(storage: &JsValue) -> Result<Uint8Array, JsValue>;

    /// A payload's bytes.
    #[wasm_bindgen(catch, js_name = readPayload)]
    pub fn read_payload(storage: &JsValue, key: &[u8]) -> Result<Option<Uint8Array>, JsValue>;

    /// Ends this instance.
    #[wasm_bindgen(catch)]
    pub fn reset(ctx: &JsValue, why: &str) -> Result<(), JsValue>;

    /// Takes an object into care; `false` if it was there before its instance of wasm was.
    pub fn watch(ctx: &JsValue) -> bool;

    /// Ends all objects.
    #[wasm_bindgen(js_name = resetAll)]
    pub fn reset_all(why: &str);

    /// Calls back once, after this time.
    pub fn later(delay_ms: u32, callback: &Function);

    /// The whole body of a request or response, an `ArrayBuffer`; `undefined` if it is longer than the bound.
    #[wasm_bindgen(js_name = readBody)]
    pub fn read_body(message: &JsValue, max_bytes: f64) -> Promise;

    /// One attempt.
    #[derive(Clone, Debug)]
    pub type Flight;

    #[wasm_bindgen(constructor)]
    pub fn new(timeout_ms: u32) -> Flight;

    #[wasm_bindgen(method)]
    pub fn abort(this: &Flight);

    #[wasm_bindgen(method)]
    pub fn land(this: &Flight);

    /// Resolves with a [`Landing`].
    #[wasm_bindgen(method)]
    pub fn hop(
        this: &Flight,
        method: &str,
        url: &str,
        headers: Array,
        body: Option<Uint8Array>,
        max_body_bytes: f64,
        max_head_bytes: f64,
    ) -> Promise;

    #[wasm_bindgen(method, getter)]
    pub fn status(this: &Flight) -> u16;

    #[wasm_bindgen(method, getter)]
    pub fn headers(this: &Flight) -> Array;

    #[wasm_bindgen(method, getter)]
    pub fn body(this: &Flight) -> Uint8Array;

    #[wasm_bindgen(method, catch, js_name = toResponse)]
    pub fn to_response(this: &Flight, is_end_to_end: &Function) -> Result<JsValue, JsValue>;

    /// The objects that one object, or one batch, calls back.
    #[derive(Clone, Debug)]
    pub type Origins;

    #[wasm_bindgen(constructor)]
    pub fn new(env: &JsValue) -> Origins;

    #[wasm_bindgen(method, js_name = callMethod)]
    pub fn call_method(
        this: &Origins,
        binding: &str,
        object: &str,
        method: &str,
        item: &JsValue,
        timeout_ms: u32,
    ) -> Promise;

    #[wasm_bindgen(method)]
    pub fn post(this: &Origins, binding: &str, object: &str, path: &str, json: Uint8Array, timeout_ms: u32) -> Promise;

    pub fn item(
        request_id: &str,
        attempts: u8,
        duration_ms: f64,
        response: Option<JsValue>,
        code: Option<&str>,
        message: Option<String>,
    ) -> JsValue;
}

#[wasm_bindgen]
extern "C" {
    /// What a hop ends with.
    pub type Landing;

    #[wasm_bindgen(method, getter)]
    pub fn failure(this: &Landing) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub fn status(this: &Landing) -> u16;

    #[wasm_bindgen(method, getter)]
    pub fn location(this: &Landing) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = retryAfter)]
    pub fn retry_after(this: &Landing) -> Option<String>;
}

#[wasm_bindgen]
extern "C" {
    /// What an alarm handler is told.
    #[derive(Clone, Debug)]
    pub type AlarmInfo;

    /// In ms since the Unix epoch.
    #[wasm_bindgen(method, getter, js_name = scheduledTime)]
    pub fn scheduled_time(this: &AlarmInfo) -> f64;
}
