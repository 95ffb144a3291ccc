//! One callback over the real network: tried once, any 2xx is an answer, redirects are not followed.
//!
//! Keeps S11 (once per call) and L5 (its own time).

use super::{
    client::{Clients, HttpClient},
    fetch::chain,
};
use crate::shell::Delivery;
use http_body_util::Full;
use hyper::{
    Method, Request,
    header::{CONTENT_TYPE, USER_AGENT},
};
use proxy_fetch::{CallbackResult, limits};
use std::time::Duration;
use tracing::info;

/// Makes callbacks.
#[derive(Clone, Debug)]
pub struct Deliverer {
    client: HttpClient,
}

impl Deliverer {
    /// Calls back with these clients.
    #[must_use]
    pub fn new(clients: &Clients) -> Self {
        Self { client: clients.callbacks.clone() }
    }

    /// POSTs once.
    pub async fn deliver(&self, delivery: Delivery) -> CallbackResult {
        let Delivery { url, json } = delivery;
        let time = Duration::from_millis(limits::CALLBACK_TIMEOUT_MS);
        let problem = match tokio::time::timeout(time, self.post(&url, json)).await {
            Ok(Ok(())) => return CallbackResult::Answered,
            Ok(Err(problem)) => problem,
            Err(_) => format!("no answer within {} ms", limits::CALLBACK_TIMEOUT_MS),
        };
        info!("callback to {url}: {problem}");
        CallbackResult::Failed
    }

    async fn post(&self, url: &str, json: Vec<u8>) -> Result<(), String> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("proxy-fetch/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(json))
            .map_err(|error| error.to_string())?;
        let response = self.client.request(request).await.map_err(|error| chain(&error))?;
        if response.status().is_success() { Ok(()) } else { Err(format!("the origin answered {}", response.status())) }
    }
}
