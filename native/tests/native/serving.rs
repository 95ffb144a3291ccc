//! The binary while it runs: what callers, upstreams and origins see.

use crate::support::{Server, Upstream, call};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

const PRIVATE: &[&str] = &["--allow-private-addresses"];

async fn start() -> (tempfile::TempDir, Server, Upstream) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data.db"), PRIVATE).await;
    (folder, server, Upstream::start().await)
}

#[tokio::test]
async fn a_request_is_fetched_and_called_back() {
    let (_folder, server, mut upstream) = start().await;
    let request = json!({
        "url": upstream.at("/echo"),
        "method": "POST",
        "headers": {"x-one": "1", "x-two": ["a", "b"], "connection": "x-one, close"},
        "body": {"base64": "/wA="},
        "callback_url": upstream.at("/done"),
        "request_id": "order/7",
    });
    assert_eq!(server.post(&request).await, (202, json!({"request_id": "order/7"})));
    let callback = upstream.callback().await;
    assert_eq!(callback["request_id"], "order/7");
    assert_eq!(callback["outcome"], "response");
    assert_eq!(callback["attempts"], 1);
    assert_eq!(callback["response"]["status"], 200);
    assert_eq!(callback["response"]["body"], json!({"base64": "/wA="}));
    assert!(callback["duration_ms"].as_u64().is_some_and(|ms| ms < 10_000), "{callback}");
    let seen = &upstream.seen()[0];
    assert_eq!(&seen.body[..], [255, 0]);
    assert_eq!(seen.headers.get_all("x-two").iter().collect::<Vec<_>>(), ["a", "b"]);
    assert!(!seen.headers.contains_key("x-one"), "a field that Connection names is not sent on");
    assert!(seen.headers.contains_key("idempotency-key"));

    // The id may need quoting in a path.
    let (status, view) = server.get("/v1/fetches/order%2F7").await;
    assert_eq!((status, &view["outcome"], &view["response"]["status"]), (200, &json!("response"), &json!(200)));

    // The same again gets the same answer and starts nothing; another request under its name is refused.
    assert_eq!(server.post(&request).await, (202, json!({"request_id": "order/7"})));
    let mut other = request;
    other["method"] = json!("PUT");
    let (status, problem) = server.post(&other).await;
    assert_eq!((status, &problem["code"], &problem["field"]), (409, &json!("conflict"), &json!("request_id")));
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn failures_are_retried_and_retry_after_is_honoured() {
    let (_folder, server, mut upstream) = start().await;
    for path in ["/flaky", "/later"] {
        let request = json!({
            "url": upstream.at(path),
            "callback_url": upstream.at("/done"),
            "request_id": path,
            "options": {"retry_delay_ms": 100},
        });
        assert_eq!(server.post(&request).await.0, 202);
    }
    for _ in 0..2 {
        let callback = upstream.callback().await;
        assert_eq!((&callback["attempts"], &callback["response"]["status"]), (&json!(2), &json!(200)), "{callback}");
    }
    let seen = upstream.seen();
    let wait = |path: &str| {
        let at: Vec<_> = seen.iter().filter(|seen| seen.path == path).map(|seen| seen.at).collect();
        at[1] - at[0]
    };
    assert!(wait("/flaky") >= Duration::from_millis(100));
    assert!(wait("/later") >= Duration::from_secs(1));
    let keys: BTreeSet<_> = seen.iter().map(|seen| seen.headers["idempotency-key"].as_bytes()).collect();
    assert_eq!(keys.len(), 2, "a retry keeps its key");
}

#[tokio::test]
async fn at_most_five_at_once() {
    let (_folder, server, mut upstream) = start().await;
    let mut waiting = BTreeSet::new();
    for number in 0..40 {
        let request = json!({
            "url": upstream.at("/busy"),
            "callback_url": upstream.at("/done"),
            "request_id": number.to_string(),
        });
        assert_eq!(server.post(&request).await.0, 202);
        waiting.insert(number.to_string());
    }
    while !waiting.is_empty() {
        let callback = upstream.callback().await;
        assert!(waiting.remove(callback["request_id"].as_str().unwrap()), "called back twice: {callback}");
    }
    assert_eq!(upstream.seen().len(), 40);
    assert!(upstream.most_running() <= 5, "{} at once", upstream.most_running());
}

/// However many others come, an id is known until the end of its window: they are refused, and told when there is room.
#[tokio::test]
async fn a_known_id_is_not_forgotten_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--allow-private-addresses", "--max-known", "3"];
    let server = Server::start(&folder.path().join("data.db"), &flags).await;
    let mut upstream = Upstream::start().await;
    let request = |id: &str| {
        json!({
            "url": upstream.at("/echo"),
            "callback_url": upstream.at("/done"),
            "request_id": id,
            "options": {"at_most_once": true},
        })
    };
    let (first, others) = (request("first"), [request("b"), request("c")]);
    let more: Vec<Value> = (0..20).map(|number| request(&format!("more-{number}"))).collect();
    for one in [&first].into_iter().chain(&others) {
        assert_eq!(server.post(one).await.0, 202);
        upstream.callback().await;
    }
    for one in &more {
        let (status, problem) = server.post(one).await;
        assert_eq!((status, &problem["code"]), (503, &json!("queue_full")));
        let after = problem["retry_after_ms"].as_u64().unwrap();
        assert!((200_000..=300_000).contains(&after), "{problem}");
    }
    assert_eq!(server.post(&first).await, (202, json!({"request_id": "first"})), "a repeat");
    assert_eq!(server.get("/v1/fetches/first").await.1["outcome"], "response");
    assert_eq!(upstream.seen().len(), 3, "it is not sent again");
}

#[tokio::test]
async fn a_cancelled_fetch_is_stopped() {
    let (_folder, server, mut upstream) = start().await;
    let request = json!({"url": upstream.at("/gate"), "callback_url": upstream.at("/done"), "request_id": "a"});
    assert_eq!(server.post(&request).await.0, 202);
    upstream.wait_for(1).await;
    let (_, view) = server.get("/v1/fetches/a").await;
    assert_eq!((&view["state"], &view["attempts"]), (&json!("in_flight"), &json!(1)));
    assert_eq!(server.delete("a").await, (200, json!({"request_id": "a", "outcome": "cancelled"})));
    let callback = upstream.callback().await;
    assert_eq!(callback["outcome"], "cancelled");
    assert!(callback.get("response").is_none());
    let (status, problem) = server.delete("b").await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn wrong_calls_are_told_what_is_wrong() {
    let (_folder, server, upstream) = start().await;
    let url = upstream.at("/echo");
    let cases: [(Value, u16, &str, Option<&str>); 9] = [
        (json!({}), 422, "invalid", Some("url")),
        (json!({"url": "/relative"}), 422, "invalid", Some("url")),
        (json!({"url": url, "method": 7}), 400, "malformed", Some("method")),
        (json!({"url": url, "retries": 1}), 400, "malformed", Some("retries")),
        (json!({"url": url, "options": {"max_retries": 99}}), 422, "invalid", Some("options.max_retries")),
        (json!({"url": url, "headers": {"a b": "c"}}), 422, "invalid", Some("headers")),
        (json!({"url": url, "callback_url": "https://example.com/"}), 403, "not_allowed", Some("callback_url")),
        (json!({"url": url, "method": "POST", "body": "x".repeat(1_100_000)}), 422, "invalid", Some("body")),
        (json!({"url": url, "method": "POST", "body": "x".repeat(2_400_000)}), 413, "too_large", None),
    ];
    for (request, status, code, field) in cases {
        let (answered, problem) = server.post(&request).await;
        let found = (answered, problem["code"].as_str(), problem.get("field").and_then(Value::as_str));
        assert_eq!(found, (status, Some(code), field), "{problem}");
        assert_eq!(problem["status"], status);
    }
    assert_eq!(server.get("/nothing").await.1["code"], "unknown_path");
    assert_eq!(call("PUT", &server.url, None).await.1["code"], "unknown_path");
    assert_eq!(call("PUT", &format!("{}/healthz", server.url), None).await.0, 405);
    let (status, health) = server.get("/healthz").await;
    assert_eq!((status, health), (200, json!({"status": "ok", "epoch": 1, "live": 0, "in_flight": 0})));
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data.db"), &[]).await;
    for url in ["http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://169.254.169.254/"] {
        let (status, problem) = server.post(&json!({"url": url})).await;
        assert_eq!((status, &problem["code"], &problem["field"]), (403, &json!("not_allowed"), &json!("url")));
    }
}
