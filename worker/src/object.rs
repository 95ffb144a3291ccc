//! The class that the runtime constructs, and its interface.
//!
//! Other workers reach it by `fetch` on its stub:
//!
//! - `POST /v1/fetches`: hand in one request (a JSON object; 202), or 1 to 100 (an array; 200, with an answer each).
//! - `GET /v1/fetches/{request_id}`: how it is.
//! - `DELETE /v1/fetches/{request_id}`: give it up.
//! - `GET /v1/stats`: how the object is.
//!
//! The JSON is that of every host ([`proxy_fetch::json`]). Keeps S5 (an answer follows the commit), F32 (bounded input).

#![allow(missing_docs, reason = "what the macro adds to the class has none")]

use crate::{
    glue::{self, AlarmInfo},
    panics,
    shell::{Call, Shell, Stats},
    thrown::text,
};
use futures_channel::oneshot;
use proxy_fetch::{
    Reply, Timestamp, Ulid,
    json::{
        PROBLEM_TYPE, Problem, Submission, accepted_json, answers_json, cancelled_json, parse_submission, status_json,
    },
};
use std::time::Duration;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use worker::{
    DurableObject, Env, Method, Request, Response, ResponseBuilder, Result, State, console_error, durable_object,
    js_sys::Uint8Array, wasm_bindgen_futures::JsFuture,
};

/// The proxy: holds the queue, fetches, and calls back.
#[durable_object(fetch)]
pub struct ProxyFetchDO {
    state: State,
    /// Or why there is none: the object answers with that, and keeps its alarm.
    shell: std::result::Result<Shell, String>,
}

/// When what cannot be restored is looked at again.
const TRY_AGAIN: Duration = Duration::from_secs(60);

impl DurableObject for ProxyFetchDO {
    fn new(state: State, env: Env) -> Self {
        let shell = restore(&state, &env);
        if let Err(problem) = &shell {
            console_error!("proxy-fetch: {problem}");
        }
        Self { state, shell }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        answer(match &self.shell {
            Ok(shell) => route(shell, request).await,
            Err(problem) => Err(Problem::new(500, "unusable", problem.clone())),
        })
    }
}

// The macro's `alarm` is not told which alarm fired.
#[wasm_bindgen]
impl ProxyFetchDO {
    /// The alarm's handler. Never fails: one that does so seven times loses its alarm for ever (law L6).
    #[wasm_bindgen(js_name = alarm)]
    pub async fn alarm_fired(&self, info: Option<AlarmInfo>) {
        match &self.shell {
            // Whole ms since 1970, as this object set them.
            Ok(shell) => shell.alarm(info.map(|info| Timestamp(info.scheduled_time() as u64))),
            Err(problem) => {
                console_error!("proxy-fetch: {problem}");
                if let Err(error) = self.state.storage().set_alarm(TRY_AGAIN).await {
                    console_error!("proxy-fetch: the next look at it cannot be arranged: {error}");
                }
            }
        }
    }
}

fn restore(state: &State, env: &Env) -> std::result::Result<Shell, String> {
    let ctx: &JsValue = state.as_raw().as_ref();
    panics::watch(ctx)?;
    let storage = state.storage();
    let storage: &JsValue = storage.as_raw().as_ref();
    Shell::restore(state.id().to_string(), ctx.clone(), storage.clone(), env.clone())
}

type Answer = std::result::Result<(u16, Vec<u8>), Problem>;

async fn route(shell: &Shell, request: Request) -> Answer {
    let path = request.path();
    match (request.method(), path.strip_prefix("/v1/fetches"), path.as_str()) {
        (Method::Post, Some(""), _) => submit(shell, request).await,
        (Method::Get, Some(rest), _) if !rest.is_empty() => status(shell, request_id(rest)?).await,
        (Method::Delete, Some(rest), _) if !rest.is_empty() => cancel(shell, request_id(rest)?).await,
        (Method::Get, _, "/v1/stats") => Ok((200, stats_json(shell.stats()))),
        (method, Some(_), _) | (method, _, "/v1/stats") => {
            Err(Problem::new(405, "wrong_method", format!("{method:?} is not possible at {path}")))
        }
        (_, None, _) => {
            let detail = format!("there is nothing at {path}; see /v1/fetches and /v1/stats");
            Err(Problem::new(404, "unknown_path", detail))
        }
    }
}

async fn submit(shell: &Shell, request: Request) -> Answer {
    let bytes = read(shell, &request).await?;
    match parse_submission(&bytes, fresh_id)? {
        Submission::One(request) => {
            let request_id = request.request_id.clone();
            let mut replies = shell.call(vec![Call::Enqueue(request)]);
            accepted(replies.pop()).await?;
            Ok((202, accepted_json(&request_id)))
        }
        Submission::Many(requests) => {
            let mut calls = Vec::with_capacity(requests.len());
            let answers: Vec<_> = requests
                .into_iter()
                .map(|request| {
                    let request = request?;
                    let request_id = request.request_id.clone();
                    calls.push(Call::Enqueue(Box::new(request)));
                    Ok(request_id)
                })
                .collect();
            let mut replies = shell.call(calls).into_iter();
            let mut told = Vec::with_capacity(answers.len());
            for answer in answers {
                told.push(match answer {
                    Ok(request_id) => accepted(replies.next()).await.map(|()| request_id),
                    Err(problem) => Err(problem),
                });
            }
            Ok((200, answers_json(&told)))
        }
    }
}

async fn status(shell: &Shell, request_id: String) -> Answer {
    match reply(shell.call(vec![Call::Status(request_id)]).pop()).await? {
        Reply::Status(status) => Ok((200, status_json(&status))),
        Reply::Refused(refusal) => Err(refusal.into()),
        reply @ (Reply::Accepted { .. } | Reply::Cancelled { .. }) => panic!("a status was answered with {reply}"),
    }
}

async fn cancel(shell: &Shell, request_id: String) -> Answer {
    match reply(shell.call(vec![Call::Cancel(request_id.clone())]).pop()).await? {
        Reply::Cancelled { .. } => Ok((200, cancelled_json(&request_id))),
        Reply::Refused(refusal) => Err(refusal.into()),
        reply @ (Reply::Accepted { .. } | Reply::Status(_)) => panic!("a cancel was answered with {reply}"),
    }
}

async fn accepted(receiver: Option<oneshot::Receiver<Reply>>) -> std::result::Result<(), Problem> {
    match reply(receiver).await? {
        Reply::Accepted { .. } => Ok(()),
        Reply::Refused(refusal) => Err(refusal.into()),
        reply @ (Reply::Cancelled { .. } | Reply::Status(_)) => panic!("an enqueue was answered with {reply}"),
    }
}

async fn reply(receiver: Option<oneshot::Receiver<Reply>>) -> std::result::Result<Reply, Problem> {
    let unknown = || Problem::new(503, "store_failed", "whether the call took effect is not known; repeat it");
    match receiver {
        Some(receiver) => receiver.await.map_err(|oneshot::Canceled| unknown()),
        None => Err(unknown()),
    }
}

/// The body of a call. JSON may need two bytes for one of the body, and room for the other fields; a call may carry
/// several.
async fn read(shell: &Shell, request: &Request) -> std::result::Result<Vec<u8>, Problem> {
    let max_bytes = 2 * shell.max_request_body_bytes() + MAX_FRAME_BYTES;
    let body = glue::read_body(request.inner().as_ref(), max_bytes as f64);
    match JsFuture::from(body).await {
        Ok(body) if body.is_undefined() => {
            Err(Problem::new(413, "too_large", format!("the call is larger than {max_bytes} bytes")))
        }
        Ok(body) => Ok(Uint8Array::new(&body).to_vec()),
        Err(error) => Err(Problem::new(400, "unreadable", format!("the body cannot be read: {}", text(&error)))),
    }
}

/// Room in a call for everything but bodies, in bytes.
const MAX_FRAME_BYTES: usize = 4 * 1_024 * 1_024;

/// A name for a request whose caller gave none, fixed before the machine sees it (law S19).
pub(crate) fn fresh_id() -> String {
    let mut random = [0; 16];
    if let Err(error) = getrandom::fill(&mut random) {
        panic!("the runtime has no randomness: {error}");
    }
    let ms = (js_sys::Date::now() as u64).min(Timestamp::MAX.0);
    Ulid::from_parts(ms, u128::from_ne_bytes(random)).to_string()
}

/// The id in a path: percent-encoded, since ids may hold any visible character.
fn request_id(rest: &str) -> std::result::Result<String, Problem> {
    let malformed = || Problem::malformed("the path does not end with a request id").of_field("request_id");
    let encoded = rest.strip_prefix('/').ok_or_else(malformed)?;
    js_sys::decode_uri_component(encoded).map(String::from).map_err(|_| malformed())
}

fn stats_json(stats: Stats) -> Vec<u8> {
    let Stats { epoch, live, in_flight, fetching, alarm } = stats;
    let alarm = alarm.map_or_else(|| "null".to_owned(), |at| format!("\"{at}\""));
    format!(r#"{{"epoch":{epoch},"live":{live},"in_flight":{in_flight},"fetching":{fetching},"alarm":{alarm}}}"#)
        .into_bytes()
}

fn answer(answer: Answer) -> Result<Response> {
    let (status, bytes, media_type) = match answer {
        Ok((status, bytes)) => (status, bytes, "application/json"),
        Err(problem) => (problem.status, problem.to_json(), PROBLEM_TYPE),
    };
    let builder = ResponseBuilder::new().with_status(status).with_header("content-type", media_type)?;
    Ok(builder.fixed(bytes))
}
