//! The fetch adapter against upstreams written by hand: each way to misbehave has its name, and its end.

use crate::support::soon;
use futures_util::future::BoxFuture;
use proxy_fetch::{Config, Failure, Payload, RequestId, Ulid};
use proxy_fetch_native::{
    adapters::{Clients, Fetcher, Lookup},
    shell::{Fetch, Response},
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const MAX_BODY_BYTES: usize = 1_000;

/// An upstream that reads each request's head and then does as it likes with the connection.
async fn upstream<F>(answer: F) -> SocketAddr
where
    F: Fn(TcpStream, String) -> BoxFuture<'static, std::io::Result<()>> + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await? > 0 {}
                answer(stream, String::from_utf8_lossy(&head).into_owned()).await
            });
        }
    });
    address
}

/// One that says these bytes and closes.
async fn says(text: impl Into<Vec<u8>>) -> SocketAddr {
    let text = text.into();
    upstream(move |mut stream, _| {
        let text = text.clone();
        Box::pin(async move { stream.write_all(&text).await })
    })
    .await
}

/// One that says these bytes and then nothing more.
async fn hangs_after(text: &'static str) -> SocketAddr {
    upstream(move |mut stream, _| {
        Box::pin(async move {
            stream.write_all(text.as_bytes()).await?;
            std::future::pending().await
        })
    })
    .await
}

fn config(allow_private_addresses: bool) -> Arc<Config> {
    Arc::new(Config { allow_private_addresses, max_response_body_bytes: MAX_BODY_BYTES, ..Config::default() })
}

async fn fetch_with(fetcher: &Fetcher, url: &str, timeout_ms: u32) -> Result<Response, Failure> {
    let payload = Payload {
        request_id: RequestId::new("test").unwrap(),
        method: "GET".into(),
        url: url.into(),
        headers: vec![("x-test".into(), "grün".into())],
        body: Vec::new(),
        callback: None,
    };
    soon("a fetch", fetcher.fetch(Fetch { id: Ulid(7), payload, timeout_ms })).await
}

async fn fetch(address: SocketAddr, timeout_ms: u32) -> Result<Response, Failure> {
    let fetcher = Fetcher::new(&Clients::new(true), config(true));
    fetch_with(&fetcher, &format!("http://{address}/path"), timeout_ms).await
}

/// Time enough, and not reached.
const LONG: u32 = 20_000;
/// Reached.
const SHORT: u32 = 150;

#[tokio::test]
async fn a_whole_response() {
    let address = upstream(|mut stream, head| {
        Box::pin(async move {
            assert!(head.starts_with("GET /path HTTP/1.1\r\n"), "{head}");
            assert!(head.contains("x-test: grün\r\n"), "{head}");
            assert!(head.contains(&format!("idempotency-key: {}\r\n", Ulid(7))), "{head}");
            stream
                .write_all(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nhi")
                .await
        })
    })
    .await;
    let response = fetch(address, LONG).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (429, &b"hi"[..]));
    let header = |name: &str| response.headers.iter().filter(|h| h.0 == name).map(|h| h.1.as_str()).collect::<Vec<_>>();
    assert_eq!((header("retry-after"), header("x-a")), (vec!["7"], vec!["1", "2"]));
}

#[tokio::test]
async fn an_upstream_that_hangs_is_left_in_time() {
    let heads = ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbeg"];
    for head in heads {
        let started = Instant::now();
        assert_eq!(fetch(hangs_after(head).await, SHORT).await, Err(Failure::TimedOut), "{head}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_trickle_is_left_in_time() {
    let address = upstream(|mut stream, _| {
        Box::pin(async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n").await?;
            loop {
                stream.write_all(b".").await?;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    })
    .await;
    assert_eq!(fetch(address, SHORT).await, Err(Failure::TimedOut));
}

#[tokio::test]
async fn what_was_never_sent_is_known() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(fetch(free, LONG).await, Err(Failure::NotSent), "nobody listens");

    let no_names: Lookup = Arc::new(|_| Box::pin(async { Err(std::io::Error::other("no such name")) }));
    let fetcher = Fetcher::new(&Clients::with_lookup(true, no_names), config(true));
    let unknown = fetch_with(&fetcher, "http://nobody.example/", LONG).await;
    assert_eq!(unknown, Err(Failure::NotSent), "the name does not resolve");

    // Connected, but TLS never gets through: nothing of the request has left.
    let silent = hangs_after("").await;
    assert_eq!(fetch_with(&fetcher, &format!("https://{silent}/"), SHORT).await, Err(Failure::NotSent));
    let no_tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", no_tls.local_addr().unwrap());
    tokio::spawn(async move { no_tls.accept().await.unwrap().0.write_all(b"HTTP/1.1 400 No\r\n\r\n").await });
    assert_eq!(fetch_with(&fetcher, &url, LONG).await, Err(Failure::NotSent));
}

#[tokio::test]
async fn broken_responses() {
    let long_head = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(100_000));
    let cases: [(String, Failure); 6] = [
        (String::new(), Failure::Broken),
        ("HTTP/1.1 200".to_owned(), Failure::Broken),
        ("SSH-2.0-server\r\n\r\n".to_owned(), Failure::BadHead),
        (long_head, Failure::BadHead),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_owned(), Failure::BodyBroken),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(), Failure::BodyBroken),
    ];
    for (text, failure) in cases {
        let start: String = text.chars().take(60).collect();
        let found = fetch(says(text).await, LONG).await.map(|response| response.status);
        assert_eq!(found, Err(failure), "{start}");
    }
}

#[tokio::test]
async fn bodies_up_to_the_bound_and_no_further() {
    let with_length = |bytes: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n{}", "x".repeat(bytes.min(2 * MAX_BODY_BYTES)))
    };
    let whole = fetch(says(with_length(MAX_BODY_BYTES)).await, LONG).await.unwrap();
    assert_eq!(whole.body.len(), MAX_BODY_BYTES);
    assert_eq!(fetch(says(with_length(MAX_BODY_BYTES + 1)).await, LONG).await, Err(Failure::BodyTooLarge));
    // Told in advance, it is not even waited for.
    let endless = hangs_after("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n").await;
    assert_eq!(fetch(endless, LONG).await, Err(Failure::BodyTooLarge));
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n", "x".repeat(1_001));
    assert_eq!(fetch(says(chunked).await, LONG).await, Err(Failure::BodyTooLarge));
    let compressed = says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi").await;
    assert_eq!(fetch(compressed, LONG).await.unwrap().body, b"hi", "bodies are handed on as they came");
}

#[tokio::test]
async fn redirects_end() {
    let hops = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hops);
    let address = upstream(move |mut stream, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            stream.write_all(b"HTTP/1.1 307 Again\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n").await
        })
    })
    .await;
    assert_eq!(fetch(address, LONG).await, Err(Failure::BadRedirect));
    assert_eq!(hops.load(Ordering::SeqCst), 21, "the first and 20 redirects");

    let target = says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let to_target = says(format!("HTTP/1.1 302 Found\r\nLocation: http://{target}/\r\n\r\n")).await;
    assert_eq!(fetch(to_target, LONG).await.unwrap().body, b"hi");

    // The first hop was sent, so it is not known what was done.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let to_nobody = says(format!("HTTP/1.1 302 Found\r\nLocation: http://{free}/\r\n\r\n")).await;
    assert_eq!(fetch(to_nobody, LONG).await, Err(Failure::Broken));
}

/// A world in which every name leads to this machine.
fn all_names_are_local() -> Lookup {
    Arc::new(|_| Box::pin(async { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]) }))
}

#[tokio::test]
async fn private_addresses_are_refused_at_every_hop() {
    let counted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&counted);
    let address = upstream(move |mut stream, _| {
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            stream
                .write_all(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
                .await
        })
    })
    .await;
    let public_only = Fetcher::new(&Clients::with_lookup(false, all_names_are_local()), config(false));
    let by_address = fetch_with(&public_only, &format!("http://{address}/"), LONG).await;
    assert_eq!(by_address, Err(Failure::AddressRefused));
    let by_name = format!("http://public.example:{}/", address.port());
    assert_eq!(fetch_with(&public_only, &by_name, LONG).await, Err(Failure::AddressRefused), "where the name leads");
    assert_eq!(counted.load(Ordering::SeqCst), 0, "nobody was called");

    // The first hop stands for a public one; the second is checked like it.
    let first_allowed = Fetcher::new(&Clients::with_lookup(true, all_names_are_local()), config(false));
    assert_eq!(fetch_with(&first_allowed, &by_name, LONG).await, Err(Failure::AddressRefused));
    assert_eq!(counted.load(Ordering::SeqCst), 1);
}
