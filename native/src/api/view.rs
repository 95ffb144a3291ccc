//! The JSON of answers.

use crate::{callback::error_name, shell::Health};
use proxy_fetch::{Outcome, Stage, Status, accepted_at, expires_at};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Accepted<'a> {
    pub request_id: &'a str,
}

#[derive(Serialize)]
pub(super) struct Cancelled<'a> {
    request_id: &'a str,
    outcome: &'static str,
}

impl<'a> Cancelled<'a> {
    pub fn new(request_id: &'a str) -> Self {
        Self { request_id, outcome: Outcome::Cancelled.name() }
    }
}

#[derive(Serialize)]
pub(super) struct HealthJson {
    status: &'static str,
    epoch: u64,
    live: usize,
    in_flight: usize,
}

impl HealthJson {
    pub fn new(health: Health) -> Self {
        let Health { epoch, live, in_flight } = health;
        Self { status: "ok", epoch, live, in_flight }
    }
}

/// How a request is. Times are RFC 3339, in UTC.
#[derive(Serialize)]
pub(super) struct StatusJson<'a> {
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

impl<'a> StatusJson<'a> {
    pub fn new(status: &'a Status) -> Self {
        let (state, outcome, not_before, finished_at) = match status.stage {
            Stage::Queued { not_before } => ("queued", None, Some(not_before), None),
            Stage::InFlight => ("in_flight", None, None, None),
            Stage::Delivering { outcome } => ("delivering", Some(outcome), None, None),
            Stage::Finished { outcome, at } => ("finished", Some(outcome), None, Some(at)),
        };
        Self {
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
        }
    }
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
