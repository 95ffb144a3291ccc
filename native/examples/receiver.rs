//! A small server to try proxy-fetch with: it is the slow upstream and the origin that is called back.
//!
//! `cargo run -p proxy-fetch-native --example receiver [PORT]`, by default on 127.0.0.1:9000:
//!
//! - `GET /hello` answers;
//! - `GET /slow?ms=1500` waits, then answers;
//! - `GET /flaky` answers 503 twice, then 200, and so on;
//! - `POST /done` prints the callback that it gets.

use axum::{
    Router,
    body::Bytes,
    extract::RawQuery,
    http::StatusCode,
    routing::{get, post},
};
use std::{
    error::Error,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

static FLAKY_CALLS: AtomicU32 = AtomicU32::new(0);

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(9_000), |text| text.parse())?;
    let router = Router::new()
        .route("/hello", get(async || "hello\n"))
        .route("/slow", get(slow))
        .route("/flaky", get(flaky))
        .route("/done", post(done));
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        println!("receiver listens on http://{}", listener.local_addr()?);
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn slow(RawQuery(query): RawQuery) -> (StatusCode, String) {
    let ms = query.as_deref().and_then(|query| query.strip_prefix("ms=")).map_or(Ok(1_500), str::parse);
    match ms {
        Ok(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            (StatusCode::OK, format!("here you are, after {ms} ms\n"))
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("ms: {error}\n")),
    }
}

async fn flaky() -> (StatusCode, &'static str) {
    if FLAKY_CALLS.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
        (StatusCode::OK, "at last\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not now\n")
    }
}

async fn done(body: Bytes) -> StatusCode {
    match serde_json::from_slice::<serde_json::Value>(&body) {
        Ok(json) => {
            println!("called back: {json:#}");
            StatusCode::NO_CONTENT
        }
        Err(error) => {
            println!("called back with what is no JSON: {error}");
            StatusCode::BAD_REQUEST
        }
    }
}
