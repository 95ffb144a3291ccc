//! The HTTP API: four routes over the shell's mailbox.
//!
//! Keeps S5 (202 follows the commit), S19 (a request has its id before it enters) and F32 (a hostile caller is bounded).

mod problem;
mod submit;
mod view;

use crate::shell::Mailbox;
use axum::{
    Router,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{
        HeaderValue, Method, StatusCode, Uri,
        header::{CONTENT_TYPE, LOCATION},
    },
    response::Response,
    routing::{get, post},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use problem::Problem;
use proxy_fetch::json::{accepted_json, cancelled_json, status_json};
use submit::Reader;

#[derive(Clone, Debug)]
struct Api {
    mailbox: Mailbox,
    reader: Reader,
}

/// The routes.
///
/// - `POST /v1/fetches`: hand a request in; 202 with its id.
/// - `GET /v1/fetches/{request_id}`: how it is.
/// - `DELETE /v1/fetches/{request_id}`: give it up.
/// - `GET /healthz`: whether the loop turns.
pub fn router(mailbox: Mailbox, max_request_body_bytes: usize) -> Router {
    Router::new()
        .route("/v1/fetches", post(submit))
        .route("/v1/fetches/{request_id}", get(status).delete(cancel))
        .route("/healthz", get(health))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Api { mailbox, reader: Reader::new(max_request_body_bytes) })
}

async fn submit(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let (request, part_of_budget) = api.reader.read(request).await?;
    let request_id = request.request_id.clone();
    // On its own, so that a caller that goes away does not give its part back before the request is stored.
    let stored = tokio::spawn(async move {
        let result = api.mailbox.enqueue(request).await;
        drop(part_of_budget);
        result
    });
    match stored.await {
        Ok(result) => result?,
        Err(error) => panic!("the enqueue ended badly: {error}"),
    };
    let mut response = json(StatusCode::ACCEPTED, accepted_json(&request_id));
    let path = format!("/v1/fetches/{}", utf8_percent_encode(&request_id, NON_ALPHANUMERIC));
    if let Ok(location) = HeaderValue::try_from(path) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

type RequestId = Result<Path<String>, PathRejection>;

async fn status(State(api): State<Api>, request_id: RequestId) -> Result<Response, Problem> {
    let status = api.mailbox.status(id(request_id)?).await?;
    Ok(json(StatusCode::OK, status_json(&status)))
}

async fn cancel(State(api): State<Api>, request_id: RequestId) -> Result<Response, Problem> {
    let request_id = id(request_id)?;
    api.mailbox.cancel(request_id.clone()).await?;
    Ok(json(StatusCode::OK, cancelled_json(&request_id)))
}

async fn health(State(api): State<Api>) -> Result<Response, Problem> {
    let health = api.mailbox.health().await?;
    Ok(json(StatusCode::OK, view::health_json(health)))
}

async fn unknown_path(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}; see /v1/fetches and /healthz", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "unknown_path", detail)
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{method} is not possible at {}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", detail)
}

fn id(request_id: RequestId) -> Result<String, Problem> {
    let Path(request_id) = request_id.map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed", error.body_text()).of_field("request_id")
    })?;
    Ok(request_id)
}

fn json(status: StatusCode, mut bytes: Vec<u8>) -> Response {
    // A terminal shows the next prompt on its own line.
    bytes.push(b'\n');
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
