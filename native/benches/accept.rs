//! What acceptance and a restart cost, side by side in one run: `cargo bench -p proxy-fetch-native`.
//!
//! - one commit after the other, each with its own fsync: the floor that group commit is measured against;
//! - requests accepted per second, in the process and over HTTP, by 1 and by 32 callers, while five fetches hang and
//!   the rest queues up;
//! - with 100,000 requests queued: from the start of the shell to the first fetch, and the memory that holds them.

use axum::Router;
use http_body_util::{BodyExt, Full};
use hyper::{Request as HttpRequest, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use proxy_fetch::{Alarm, Caller, Config, Event, Machine, Output, Request, RestoreError, Timestamp, turn};
use proxy_fetch_native::{
    adapters::{Sqlite, Tokio},
    api,
    shell::{Database, Mailbox, Shell},
};
use std::{
    error::Error,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};
use tokio::{net::TcpListener, runtime::Runtime};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const MEASURED: Duration = Duration::from_secs(3);
const QUEUED: usize = 100_000;
const FILL: &str = "fill";

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().collect();
    if let [_, command, path] = args.as_slice()
        && command == FILL
    {
        return fill(Path::new(path));
    }
    let folder = tempfile::tempdir()?;
    let runtime = Runtime::new()?;
    let floor = commits_per_second(&folder.path().join("floor.db"))?;
    println!("one commit after the other     {floor:>9.0} /s");
    for (callers, way) in [(1, Way::Mailbox), (32, Way::Mailbox), (1, Way::Http), (32, Way::Http)] {
        let path = folder.path().join(format!("accept-{callers}-{}.db", way.name()));
        let rate = accepted_per_second(&runtime, &path, callers, way)?;
        println!("accepted, {callers:>2} callers by {:<8}{rate:>9.0} /s   {:>6.1} x", way.name(), rate / floor);
    }
    let path = folder.path().join("queue.db");
    // In a process of its own, so that its memory does not count.
    let filled = Command::new(std::env::current_exe()?).arg(FILL).arg(&path).status()?;
    assert!(filled.success(), "the file could not be filled");
    let before = resident_kib();
    let (to_first_fetch, after) = restart(&runtime, &path)?;
    println!("restart with {QUEUED} queued     {:>9.0} ms to the first fetch", to_first_fetch.as_secs_f64() * 1e3);
    if let (Some(before), Some(after)) = (before, after) {
        println!("memory for them                {:>9.0} bytes each", (after - before) * 1_024.0 / QUEUED as f64);
    }
    Ok(())
}

/// How callers reach the shell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// In the process: what group commit alone gives.
    Mailbox,
    /// Over loopback: with all that HTTP costs, the callers' side too.
    Http,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Mailbox => "mailbox",
            Self::Http => "HTTP",
        }
    }
}

fn config() -> Config {
    Config { allow_private_addresses: true, max_live: 1_000_000, ..Config::default() }
}

fn request(number: usize, url: &str) -> Request {
    Request {
        request_id: format!("request-{number}"),
        method: "GET".into(),
        url: url.into(),
        headers: vec![("accept".into(), "application/json".into())],
        ..Request::default()
    }
}

/// The same writes as an acceptance, each in a commit of its own.
fn commits_per_second(path: &Path) -> Outcome<f64> {
    let mut database = Sqlite::open(path)?;
    let mut machine = restored(&mut database)?;
    let (mut alarm, mut out) = (Alarm::UNKNOWN, Output::default());
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < MEASURED {
        let event = enqueue(count, "http://127.0.0.1:1/");
        turn(&mut machine, &mut alarm, &mut database, now(), [event], &mut out)?;
        count += 1;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

fn restored(database: &mut Sqlite) -> Outcome<Machine> {
    let rows = database.rows()?;
    Machine::restore(config(), rows).map_err(|error: RestoreError| error.to_string().into())
}

fn enqueue(number: usize, url: &str) -> Event {
    let entropy = number as u128;
    Event::Enqueue { caller: Caller(number as u64), request: Box::new(request(number, url)), entropy }
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(since_1970.as_millis() as u64)
}

/// An upstream that never answers, so that nothing but acceptance is measured.
async fn hanging_upstream() -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(std::future::pending::<()>)).await });
    Ok(url)
}

/// Runs the shell as the server does: on a thread of its own.
fn run(shell: Shell<Tokio>) -> Outcome<thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(thread::spawn(move || {
        if let Err(error) = runtime.block_on(shell.run()) {
            panic!("{error}");
        }
    }))
}

fn stop(runtime: &Runtime, mailbox: &Mailbox, shell: thread::JoinHandle<()>) {
    runtime.block_on(mailbox.close(0));
    assert!(shell.join().is_ok(), "the shell has panicked");
}

fn accepted_per_second(runtime: &Runtime, path: &Path, callers: usize, way: Way) -> Outcome<f64> {
    let upstream = runtime.block_on(hanging_upstream())?;
    let platform = Tokio::new(path.to_owned(), runtime.handle().clone(), &config());
    let (shell, mailbox) = Shell::open(platform, config())?;
    let shell = run(shell)?;
    let router = api::router(mailbox.clone(), config().max_request_body_bytes);
    let rate = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = format!("http://{}/v1/fetches", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (stopped, numbers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let started = Instant::now();
        let calls: Vec<_> = (0..callers)
            .map(|_| {
                let (mailbox, server, upstream) = (mailbox.clone(), server.clone(), upstream.clone());
                let (stopped, numbers) = (Arc::clone(&stopped), Arc::clone(&numbers));
                tokio::spawn(async move {
                    let client: HttpClient = Client::builder(TokioExecutor::new()).build_http();
                    while !stopped.load(Ordering::Relaxed) {
                        let number = numbers.fetch_add(1, Ordering::Relaxed);
                        match way {
                            Way::Mailbox => drop(mailbox.enqueue(request(number, &upstream)).await?),
                            Way::Http => post(&client, &server, number, &upstream).await?,
                        }
                    }
                    Outcome::Ok(())
                })
            })
            .collect();
        tokio::time::sleep(MEASURED).await;
        stopped.store(true, Ordering::Relaxed);
        for call in calls {
            call.await??;
        }
        Outcome::Ok(numbers.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
    })?;
    stop(runtime, &mailbox, shell);
    Ok(rate)
}

type HttpClient = Client<HttpConnector, Full<Bytes>>;

async fn post(client: &HttpClient, server: &str, number: usize, upstream: &str) -> Outcome<()> {
    let json =
        format!(r#"{{"url":"{upstream}","request_id":"request-{number}","headers":{{"accept":"application/json"}}}}"#);
    let request = HttpRequest::post(server).header("content-type", "application/json").body(Full::from(json))?;
    let response = client.request(request).await?;
    assert_eq!(response.status(), 202);
    response.into_body().collect().await?;
    Ok(())
}

/// A file with many queued requests, as a server leaves it that was killed.
fn fill(path: &Path) -> Outcome<()> {
    let mut database = Sqlite::open(path)?;
    let mut machine = restored(&mut database)?;
    let (mut alarm, mut out) = (Alarm::UNKNOWN, Output::default());
    for batch in 0..QUEUED / 1_000 {
        let events = (0..1_000).map(|number| enqueue(batch * 1_000 + number, "http://127.0.0.1:1/"));
        turn(&mut machine, &mut alarm, &mut database, now(), events, &mut out)?;
    }
    assert_eq!(machine.live_len(), QUEUED);
    Ok(())
}

fn restart(runtime: &Runtime, path: &Path) -> Outcome<(Duration, Option<f64>)> {
    let platform = Tokio::new(path.to_owned(), runtime.handle().clone(), &config());
    let started = Instant::now();
    let (shell, mailbox) = Shell::open(platform, config())?;
    let shell = run(shell)?;
    // An answer follows the first turn, which starts the first fetches.
    let health = runtime.block_on(mailbox.health())?;
    let took = started.elapsed();
    assert_eq!((health.live, health.in_flight), (QUEUED, 5));
    let memory = resident_kib();
    stop(runtime, &mailbox, shell);
    Ok((took, memory))
}

/// The memory of this process, in KiB, where the system tells.
fn resident_kib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
