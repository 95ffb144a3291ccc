//! The JSON of answers.

use super::{
    callback::error_name,
    encode,
    problem::{Problem, ProblemJson},
};
use crate::{Outcome, Stage, Status, accepted_at, expires_at};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use serde::Serialize;

#[derive(Serialize)]
struct Accepted<'a> {
    request_id: &'a str,
}

#[derive(Serialize)]
struct Cancelled<'a> {
    request_id: &'a str,
    outcome: &'static str,
}

/// One of several answers.
#[derive(Serialize)]
#[serde(untagged)]
enum OneOf<'a> {
    Accepted(Accepted<'a>),
    Problem(ProblemJson<'a>),
}

/// How a request is. Times are RFC 3339, in UTC.
#[derive(Serialize)]
struct StatusJson<'a> {
    request_id: &'a str,
    state: &'static str,
    attempts: u8,
    accepted_at: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponseStatus>,
}

#[derive(Serialize)]
struct ResponseStatus {
    status: u16,
}

/// The answer to an enqueue.
#[must_use]
pub fn accepted_json(request_id: &str) -> Vec<u8> {
    encode(&Accepted { request_id })
}

/// The answer to an enqueue of several: for each, in order, its id or its problem.
#[must_use]
pub fn answers_json(answers: &[Result<String, Problem>]) -> Vec<u8> {
    fn one(answer: &Result<String, Problem>) -> OneOf<'_> {
        match answer {
            Ok(request_id) => OneOf::Accepted(Accepted { request_id }),
            Err(problem) => OneOf::Problem(problem.as_json()),
        }
    }
    encode(&answers.iter().map(one).collect::<Vec<_>>())
}

/// The answer to a cancel.
#[must_use]
pub fn cancelled_json(request_id: &str) -> Vec<u8> {
    encode(&Cancelled { request_id, outcome: Outcome::Cancelled.name() })
}

/// The answer to a status.
#[must_use]
pub fn status_json(status: &Status) -> Vec<u8> {
    let (state, outcome, not_before, finished_at) = match status.stage {
        Stage::Queued { not_before } => ("queued", None, Some(not_before), None),
        Stage::InFlight => ("in_flight", None, None, None),
        Stage::Delivering { outcome } => ("delivering", Some(outcome), None, None),
        Stage::Finished { outcome, at } => ("finished", Some(outcome), None, Some(at)),
    };
    encode(&StatusJson {
        request_id: status.request_id.as_str(),
        state,
        attempts: status.attempts,
        accepted_at: accepted_at(status.id).to_string(),
        expires_at: expires_at(status.id).to_string(),
        not_before: not_before.map(|at| at.to_string()),
        finished_at: finished_at.map(|at| at.to_string()),
        outcome: outcome.map(Outcome::name),
        error: outcome.and_then(error_name),
        response: outcome.and_then(response_status),
    })
}

const fn response_status(outcome: Outcome) -> Option<ResponseStatus> {
    match outcome {
        Outcome::Response { status } => Some(ResponseStatus { status }),
        Outcome::Failed(_)
        | Outcome::Expired
        | Outcome::Cancelled
        | Outcome::Interrupted
        | Outcome::Unknown
        | Outcome::Unreadable => None,
    }
}
