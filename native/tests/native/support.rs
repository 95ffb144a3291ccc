//! What the tests share: the binary under test, an HTTP client, and an upstream that is also called back.

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use std::{
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::{mpsc, watch},
};

/// Far more than anything here takes: a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for the future, but not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited too long for {what}"),
    }
}

/// The command that serves the data file `data` on a free port.
pub fn serve_command(data: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-fetch"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(flags);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

/// A running server.
pub struct Server {
    pub process: Child,
    pub url: String,
}

impl Server {
    /// Starts the binary and waits until it says where it listens.
    pub async fn start(data: &Path, flags: &[&str]) -> Self {
        let mut process = serve_command(data, flags).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = soon("the first line", lines.next_line()).await.unwrap().expect("the server did not start");
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Self { process, url }
    }

    pub async fn post(&self, json: &Value) -> (u16, Value) {
        call("POST", &format!("{}/v1/fetches", self.url), Some(json)).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        call("GET", &format!("{}{path}", self.url), None).await
    }

    pub async fn delete(&self, request_id: &str) -> (u16, Value) {
        call("DELETE", &format!("{}/v1/fetches/{request_id}", self.url), None).await
    }

    pub fn signal(&self, name: &str) {
        let id = self.process.id().expect("the server has ended").to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// The exit code, once it has ended.
    pub async fn end(&mut self) -> Option<i32> {
        soon("the server's end", self.process.wait()).await.unwrap().code()
    }
}

/// One call with JSON, answered with JSON.
pub async fn call(method: &str, url: &str, json: Option<&Value>) -> (u16, Value) {
    let body = json.map_or_else(Bytes::new, |json| serde_json::to_vec(json).unwrap().into());
    let request = hyper::Request::builder()
        .method(method)
        .uri(url)
        .header("content-type", "application/json")
        .body(Full::new(body))
        .unwrap();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = soon("an answer", client.request(request)).await.unwrap();
    let status = response.status().as_u16();
    let body = soon("an answer's body", response.into_body().collect()).await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).expect("an answer that is no JSON"))
}

/// A request that the upstream has seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

struct World {
    seen: Mutex<Vec<Seen>>,
    seen_count: watch::Sender<usize>,
    running: AtomicUsize,
    most_running: AtomicUsize,
    gate: watch::Sender<bool>,
    callbacks: mpsc::UnboundedSender<Value>,
}

/// An upstream on loopback, and the origin that is called back at `/done`.
///
/// `/echo` answers with the body it gets; `/gate` once the gate is open; `/flaky` with 503 on odd calls; `/later` too,
/// and asks for a second of patience; `/bytes` with two bytes that are no text; `/busy` after a moment.
pub struct Upstream {
    pub url: String,
    world: Arc<World>,
    callbacks: mpsc::UnboundedReceiver<Value>,
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, callbacks) = mpsc::unbounded_channel();
        let world = Arc::new(World {
            seen: Mutex::default(),
            seen_count: watch::Sender::new(0),
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
            gate: watch::Sender::new(false),
            callbacks: sender,
        });
        let router =
            Router::new().route("/done", post(done)).route("/{*path}", any(answer)).with_state(Arc::clone(&world));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, world, callbacks }
    }

    /// The address of a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub fn open_gate(&self) {
        self.world.gate.send_replace(true);
    }

    /// Waits until so many requests have come.
    pub async fn wait_for(&self, count: usize) {
        let mut counted = self.world.seen_count.subscribe();
        soon("requests at the upstream", counted.wait_for(|seen| *seen >= count)).await.unwrap();
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.world.seen.lock().unwrap().clone()
    }

    pub fn most_running(&self) -> usize {
        self.world.most_running.load(Ordering::SeqCst)
    }

    /// The next callback.
    pub async fn callback(&mut self) -> Value {
        soon("a callback", self.callbacks.recv()).await.unwrap()
    }
}

async fn done(State(world): State<Arc<World>>, body: Bytes) -> StatusCode {
    world.callbacks.send(serde_json::from_slice(&body).unwrap()).unwrap();
    StatusCode::NO_CONTENT
}

async fn answer(
    State(world): State<Arc<World>>,
    uri: axum::http::Uri,
    RawQuery(_): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let running = world.running.fetch_add(1, Ordering::SeqCst) + 1;
    world.most_running.fetch_max(running, Ordering::SeqCst);
    let call = {
        let mut seen = world.seen.lock().unwrap();
        seen.push(Seen { at: Instant::now(), path: uri.path().to_owned(), headers, body: body.clone() });
        world.seen_count.send_replace(seen.len());
        seen.iter().filter(|seen| seen.path == uri.path()).count()
    };
    // An aborted request ends here: its place is given back when the future is dropped.
    let _place = Place(&world);
    match uri.path() {
        "/gate" => {
            world.gate.subscribe().wait_for(|open| *open).await.unwrap();
            "through".into_response()
        }
        "/flaky" if call % 2 == 1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "/later" if call % 2 == 1 => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response(),
        "/bytes" => vec![255_u8, 0].into_response(),
        "/busy" => {
            tokio::time::sleep(Duration::from_millis(10)).await;
            "done".into_response()
        }
        _ => body.into_response(),
    }
}

struct Place<'a>(&'a World);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
