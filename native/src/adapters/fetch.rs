//! One attempt over the real network: redirects, head and body, all within one time and their bounds.
//!
//! Keeps S16 (what may have been sent is never called "not sent"), S21 (head, body and time are bounded) and S22 (each
//! hop is checked).

use super::client::{Clients, HttpClient, NoPublicAddress};
use crate::shell::{Fetch, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Request,
    body::{Body, Bytes, Incoming},
    header::{HeaderName, HeaderValue, LOCATION},
};
use hyper_util::client::legacy::{
    self,
    connect::{CaptureConnection, capture_connection},
};
use proxy_fetch::{AfterHead, Config, Failure, Hop, limits};
use std::{error::Error, sync::Arc, time::Duration};
use tracing::debug;

/// Makes fetches.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: HttpClient,
    config: Arc<Config>,
}

/// How far an attempt got.
#[derive(Default)]
struct Progress {
    connection: Option<CaptureConnection>,
    redirects: u8,
}

impl Progress {
    /// Whether anything may have left this machine. A request is not sent before it has a connection.
    fn may_have_sent(&self) -> bool {
        let connected = self.connection.as_ref().is_some_and(|captured| captured.connection_metadata().is_some());
        self.redirects > 0 || connected
    }
}

impl Fetcher {
    /// Fetches with these clients, within the bounds of the configuration.
    #[must_use]
    pub fn new(clients: &Clients, config: Arc<Config>) -> Self {
        Self { client: clients.fetches.clone(), config }
    }

    /// Makes one attempt.
    ///
    /// # Errors
    /// The [`Failure`], if there is no whole response.
    pub async fn fetch(&self, fetch: Fetch) -> Result<Response, Failure> {
        let mut progress = Progress::default();
        let time = Duration::from_millis(u64::from(fetch.timeout_ms));
        match tokio::time::timeout(time, self.attempt(fetch, &mut progress)).await {
            Ok(ended) => ended,
            Err(_) if progress.may_have_sent() => Err(Failure::TimedOut),
            Err(_) => Err(Failure::NotSent),
        }
    }

    async fn attempt(&self, fetch: Fetch, progress: &mut Progress) -> Result<Response, Failure> {
        let mut hop = Hop::first(&self.config, fetch.id, &fetch.payload)?;
        let body = Bytes::from(fetch.payload.body);
        loop {
            let mut request = request(&hop, if hop.with_body { body.clone() } else { Bytes::new() })?;
            progress.connection = Some(capture_connection(&mut request));
            progress.redirects = hop.redirects;
            let response = match self.client.request(request).await {
                Ok(response) => response,
                Err(error) => {
                    debug!("{} {}: {}", fetch.id, hop.url, chain(&error));
                    return Err(judge(&error, progress));
                }
            };
            // The client's own bound is a rough one.
            if head_bytes(&response) > limits::MAX_RESPONSE_HEAD_BYTES {
                return Err(Failure::BadHead);
            }
            let status = response.status().as_u16();
            let location = response.headers().get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
            match hop.after_head(&self.config, status, location.as_deref()) {
                AfterHead::Read => return read(response, self.config.max_response_body_bytes).await,
                AfterHead::Follow(next) => hop = next,
                AfterHead::Fail(failure) => return Err(failure),
            }
        }
    }
}

fn request(hop: &Hop, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
    let unusable = if hop.redirects == 0 { Failure::Unreadable } else { Failure::BadRedirect };
    let mut request = Request::builder().method(hop.method.as_str()).uri(hop.url.as_str());
    for (name, value) in &hop.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) else {
            return Err(unusable);
        };
        request = request.header(name, value);
    }
    request.body(Full::new(body)).map_err(|error| {
        debug!("{}: {error}", hop.url);
        unusable
    })
}

fn head_bytes(response: &hyper::Response<Incoming>) -> usize {
    response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Reads the body to its end, or to the bound and no further.
async fn read(response: hyper::Response<Incoming>, max_bytes: usize) -> Result<Response, Failure> {
    let (head, body) = response.into_parts();
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(Failure::BodyTooLarge);
    }
    let body = Limited::new(body, max_bytes).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return Failure::BodyTooLarge;
        }
        debug!("the body ended early: {}", chain(error.as_ref()));
        Failure::BodyBroken
    })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Response {
        status: head.status.as_u16(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
        body: body.to_bytes().into(),
    })
}

fn judge(error: &legacy::Error, progress: &Progress) -> Failure {
    if causes(error).any(|cause| cause.is::<NoPublicAddress>()) {
        return Failure::AddressRefused;
    }
    if error.is_connect() {
        // After a redirect the first hop was sent and answered.
        return if progress.redirects == 0 { Failure::NotSent } else { Failure::Broken };
    }
    let bad_head = causes(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse);
    if bad_head { Failure::BadHead } else { Failure::Broken }
}

/// The error and what led to it. An I/O error shows the error it was made of only to who asks for it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source())
    })
}

pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
