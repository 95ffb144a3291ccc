//! One process put together: the shell on its own thread, the network on others, and an orderly end.

use crate::{
    adapters::{StoreError, Tokio},
    api,
    shell::{GaveUp, Mailbox, Shell, StartError},
};
use futures_util::future::{self, Either};
use proxy_fetch::Config;
use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
    thread,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
};
use tracing::{info, warn};

/// What is left after the grace period: closing the data file and the connections.
const CLOSING_TIME: Duration = Duration::from_secs(5);

/// What a server is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The data file; it is made if there is none.
    pub data: PathBuf,
    /// Bounds and allow-lists.
    pub config: Config,
    /// How long it waits at its end for what is under way, in ms.
    pub grace_ms: u64,
}

/// Why a server did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data file cannot be taken up; it was not changed.
    #[error("{0}")]
    Start(#[from] StartError<StoreError>),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The data file failed while the server ran. What was accepted is stored.
    #[error("{0}; what was accepted is stored, and the next start goes on with it")]
    GaveUp(#[from] GaveUp),
    /// The system refused threads or signals.
    #[error("{0}")]
    System(#[from] io::Error),
    /// A bug: the thread that owns the machine has panicked.
    #[error("the machine's thread has ended; what was accepted is stored, and the next start goes on with it")]
    Panicked,
    /// It did not end in time; what was accepted is stored.
    #[error("the machine's thread did not end within its time")]
    Stuck,
}

type ShellEnd = oneshot::Receiver<Result<(), GaveUp>>;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// [`ServeError`].
pub fn serve(settings: &Settings) -> Result<(), ServeError> {
    let runtime = Builder::new_multi_thread().enable_all().thread_name("network").build()?;
    let platform = Tokio::new(settings.data.clone(), runtime.handle().clone(), &settings.config);
    let (shell, mailbox) = Shell::open(platform, settings.config.clone())?;
    let waiting = shell.live_len();
    let result = runtime.block_on(async {
        // The signals first: whoever reads that we listen may stop us.
        let signals = Signals::listen()?;
        let address = settings.listen;
        let listen_error = |error| ServeError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let ended = start(shell)?;
        announce(settings, address, waiting);
        run(settings, listener, mailbox, ended, signals).await
    });
    shut_down(runtime);
    result
}

/// Runs the shell on a thread of its own: it waits for the disk, and the network should not wait with it.
fn start(shell: Shell<Tokio>) -> io::Result<ShellEnd> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let (end, ended) = oneshot::channel();
    thread::Builder::new().name("machine".to_owned()).spawn(move || {
        let result = runtime.block_on(shell.run());
        if end.send(result).is_err() {
            warn!("the server ended before the machine");
        }
    })?;
    Ok(ended)
}

async fn run(
    settings: &Settings,
    listener: TcpListener,
    mailbox: Mailbox,
    mut ended: ShellEnd,
    mut signals: Signals,
) -> Result<(), ServeError> {
    let (stop, stopped) = oneshot::channel::<()>();
    let router = api::router(mailbox.clone(), settings.config.max_request_body_bytes);
    let http = tokio::spawn(async move {
        // Its only answer is the end of `stop`.
        let stopped = async { drop(stopped.await) };
        axum::serve(listener, router).with_graceful_shutdown(stopped).await
    });
    match future::select(pin!(signals.next()), &mut ended).await {
        Either::Left((name, _)) => info!("{name}: stopping, within {} s", settings.grace_ms.div_ceil(1_000)),
        Either::Right((end, _)) => return Ok(end.map_err(|_| ServeError::Panicked)??),
    }
    drop(stop);
    mailbox.close(settings.grace_ms).await;
    let end = async {
        match future::select(pin!(signals.next()), &mut ended).await {
            Either::Left((name, _)) => {
                info!("{name} again: stopping at once");
                mailbox.close(0).await;
                ended.await
            }
            Either::Right((end, _)) => end,
        }
    };
    let grace = Duration::from_millis(settings.grace_ms);
    match tokio::time::timeout(grace + CLOSING_TIME, end).await {
        Ok(end) => end.map_err(|_| ServeError::Panicked)??,
        Err(_) => return Err(ServeError::Stuck),
    }
    close(http).await;
    info!("stopped");
    Ok(())
}

/// Gives connections a moment to end; their callers have their answers.
async fn close(http: JoinHandle<io::Result<()>>) {
    match tokio::time::timeout(Duration::from_secs(1), http).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => warn!("the listener failed: {error}"),
        Ok(Err(error)) => warn!("the listener ended badly: {error}"),
        Err(_) => info!("some connections were still open"),
    }
}

fn shut_down(runtime: Runtime) {
    // A name that is just being resolved cannot be interrupted.
    runtime.shutdown_timeout(Duration::from_millis(100));
}

/// What asks a process to end.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one's name.
    async fn next(&mut self) -> &'static str {
        match future::select(pin!(self.terminate.recv()), pin!(self.interrupt.recv())).await {
            Either::Left(_) => "SIGTERM",
            Either::Right(_) => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            // Without a way to be told, it runs on.
            Err(error) => {
                warn!("Ctrl-C cannot be heard: {error}");
                future::pending().await
            }
        }
    }
}

/// Tells on standard output where it listens and what to try.
fn announce(settings: &Settings, address: SocketAddr, waiting: usize) {
    let data = settings.data.display();
    let mut text = format!("proxy-fetch listens on http://{address} (data: {data})\n");
    if waiting > 0 {
        text += &format!(
            "Taken up from before: {waiting} accepted {}\n",
            if waiting == 1 { "request" } else { "requests" }
        );
    }
    text += &format!(
        "Try:\n  curl --json '{{\"url\": \"https://example.com/\", \"request_id\": \"first\"}}' http://{address}/v1/fetches\n  \
         curl http://{address}/v1/fetches/first\n"
    );
    if !address.ip().is_loopback() {
        warn!("{address} can be reached from other machines, and there is no authentication");
    }
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        warn!("standard output is gone ({error}); listening on http://{address}");
    }
}
