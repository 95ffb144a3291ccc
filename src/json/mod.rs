//! The JSON that callers send and origins get, the same in every host.

mod answer;
mod callback;
mod problem;
mod submission;
mod wire;

pub use answer::{accepted_json, answers_json, cancelled_json, status_json};
pub use callback::{CallbackItem, callback_json, error_name, parse_callback};
pub use problem::{PROBLEM_TYPE, Problem};
pub use submission::{MAX_REQUESTS_PER_CALL, Submission, parse_request, parse_submission, request_json};
pub use wire::Response;

use alloc::vec::Vec;
use serde::Serialize;

fn encode(json: &impl Serialize) -> Vec<u8> {
    match serde_json::to_vec(json) {
        Ok(bytes) => bytes,
        // Texts and numbers under text keys: nothing that JSON refuses.
        Err(error) => panic!("what is ours cannot be encoded: {error}"),
    }
}
