//! The binary at its end: signals, kills, restarts, and starts that must fail.

use crate::support::{Server, Upstream, serve_command, soon};
use serde_json::json;
use std::{collections::BTreeSet, path::Path, process::Stdio};

const PRIVATE: &[&str] = &["--allow-private-addresses"];

/// What a start that fails says, and its exit code.
async fn refused(data: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let output = serve_command(data, flags).stderr(Stdio::piped()).output();
    let output = soon("a start that fails", output).await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn after_a_kill_every_accepted_request_still_ends() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let mut upstream = Upstream::start().await;
    let mut server = Server::start(&data, PRIVATE).await;
    let mut waiting = BTreeSet::new();
    for number in 0..20 {
        let request = json!({
            "url": upstream.at("/gate"),
            "callback_url": upstream.at("/done"),
            "request_id": number.to_string(),
            "options": {"retry_delay_ms": 100},
        });
        assert_eq!(server.post(&request).await.0, 202);
        waiting.insert(number.to_string());
    }
    upstream.wait_for(5).await;
    server.process.start_kill().unwrap();
    assert_eq!(server.end().await, None, "killed by a signal");

    let server = Server::start(&data, PRIVATE).await;
    let (_, health) = server.get("/healthz").await;
    assert_eq!((&health["epoch"], &health["live"]), (&json!(2), &json!(20)));
    upstream.open_gate();
    while !waiting.is_empty() {
        let callback = upstream.callback().await;
        assert_eq!(callback["outcome"], "response", "{callback}");
        assert!(waiting.remove(callback["request_id"].as_str().unwrap()), "called back twice: {callback}");
    }
    assert!(upstream.most_running() <= 5, "{} at once", upstream.most_running());
}

#[tokio::test]
async fn sigterm_lets_what_is_under_way_end() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let mut upstream = Upstream::start().await;
    let mut server = Server::start(&data, PRIVATE).await;
    let request = json!({"url": upstream.at("/gate"), "callback_url": upstream.at("/done"), "request_id": "a"});
    assert_eq!(server.post(&request).await.0, 202);
    upstream.wait_for(1).await;
    server.signal("TERM");
    upstream.open_gate();
    assert_eq!(upstream.callback().await["outcome"], "response");
    assert_eq!(server.end().await, Some(0));

    // The callback's answer was stored: the next start has nothing to do.
    let server = Server::start(&data, PRIVATE).await;
    assert_eq!(server.get("/v1/fetches/a").await.1["state"], "finished");
}

#[tokio::test]
async fn what_has_no_time_to_end_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let mut upstream = Upstream::start().await;
    let mut server = Server::start(&data, &["--allow-private-addresses", "--shutdown-grace", "3600"]).await;
    let request = json!({
        "url": upstream.at("/gate"),
        "callback_url": upstream.at("/done"),
        "request_id": "a",
        "options": {"retry_delay_ms": 100},
    });
    assert_eq!(server.post(&request).await.0, 202);
    upstream.wait_for(1).await;
    // The second signal ends its patience.
    server.signal("INT");
    server.signal("TERM");
    assert_eq!(server.end().await, Some(0));

    upstream.open_gate();
    let _server = Server::start(&data, PRIVATE).await;
    let callback = upstream.callback().await;
    assert_eq!((&callback["request_id"], &callback["attempts"]), (&json!("a"), &json!(2)), "{callback}");
}

#[tokio::test]
async fn one_file_serves_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let server = Server::start(&data, &[]).await;
    let (code, said) = refused(&data, &[]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("data.db is in use by another process"), "{said}");
    assert_eq!(server.get("/healthz").await.0, 200, "the first one goes on");
}

/// Whatever it acknowledged then would be lost.
#[cfg(unix)]
#[tokio::test]
async fn a_data_file_that_is_removed_ends_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let upstream = Upstream::start().await;
    let mut server = Server::start(&data, PRIVATE).await;
    // Nothing is committed while this one hangs.
    let request = json!({"url": upstream.at("/gate")});
    assert_eq!(server.post(&request).await.0, 202);
    upstream.wait_for(1).await;
    std::fs::remove_file(&data).unwrap();
    // Whether the answer leaves before the process ends is not certain; that nothing is taken is.
    let calls = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let body = http_body_util::Full::new(axum::body::Bytes::from(request.to_string()));
    let post = hyper::Request::post(format!("{}/v1/fetches", server.url)).header("content-type", "application/json");
    if let Ok(answer) = calls.request(post.body(body).unwrap()).await {
        assert_eq!(answer.status(), 503);
    }
    assert_eq!(server.end().await, Some(1));
    assert!(!data.exists(), "no other file took its place");
}

#[tokio::test]
async fn wrong_flags_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for flags in [["--max-live", "0"], ["--allow-callback", "ftp://host"], ["--listen", "here"], ["--no-such", "flag"]]
    {
        let (code, said) = refused(&folder.path().join("data.db"), &flags).await;
        assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(flags[0]), "{said}");
    }
}
