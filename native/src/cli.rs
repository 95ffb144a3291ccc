//! The command line. Wrong input is one line on standard error and exit code 2; a server that fails ends with 1.

use crate::serve::{Settings, serve};
use clap::{Parser, Subcommand, error::ErrorKind};
use proxy_fetch::{AllowedCallback, Config, Refusal, limits};
use std::{
    io::{self, IsTerminal},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};
use tracing::Level;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// Fetches for others, off their clock: queues, fetches, retries, and calls back.
#[derive(Debug, Parser)]
#[command(name = "proxy-fetch", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API until SIGTERM or SIGINT.
    Serve(Serve),
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// Where to listen; port 0 takes a free one. There is no authentication: keep it on loopback or behind a proxy.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,

    /// The data file; it is made if there is none. One file serves one process.
    #[arg(long, value_name = "FILE", default_value = "proxy-fetch.db")]
    data: PathBuf,

    /// Where callbacks may go: https://host, http://host:8080, or http://127.0.0.1:* for every port. May be repeated;
    /// the first use replaces the defaults.
    #[arg(
        long,
        value_name = "ORIGIN",
        value_parser = origin,
        default_values = ["http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*"]
    )]
    allow_callback: Vec<AllowedCallback>,

    /// Fetch from private, loopback and other non-public addresses too.
    #[arg(long)]
    allow_private_addresses: bool,

    /// Requests that may wait or be under way; beyond it callers are refused.
    #[arg(long, value_name = "COUNT", default_value_t = limits::DEFAULT_MAX_LIVE, value_parser = positive)]
    max_live: usize,

    /// Request ids that may be known: of requests that wait or are under way, and of those that ended in the last five
    /// minutes; beyond it callers are refused, and told when there is room.
    #[arg(long, value_name = "COUNT", default_value_t = limits::DEFAULT_MAX_KNOWN, value_parser = positive)]
    max_known: usize,

    /// Largest body of a request, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = limits::DEFAULT_BODY_BYTES, value_parser = body_bytes)]
    max_request_body: usize,

    /// Largest body of a response, in bytes; a larger one ends the request as failed.
    #[arg(long, value_name = "BYTES", default_value_t = limits::DEFAULT_BODY_BYTES, value_parser = body_bytes)]
    max_response_body: usize,

    /// How long to wait at the end for what is under way, in seconds. What has not ended by then goes on at the next
    /// start.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=3_600))]
    shutdown_grace: u64,

    /// What to log on standard error: error, warn, info, debug (each event and each effect) or trace.
    #[arg(long, value_name = "LEVEL", default_value_t = Level::INFO)]
    log: Level,
}

/// The largest body that fits a row of SQLite with room to spare, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1_024 * 1_024;

fn origin(text: &str) -> Result<AllowedCallback, Refusal> {
    AllowedCallback::origin(text)
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

fn body_bytes(text: &str) -> Result<usize, String> {
    let bytes = positive(text)?;
    if bytes > MAX_BODY_BYTES { Err(format!("must be at most {MAX_BODY_BYTES}")) } else { Ok(bytes) }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(problem) => return refuse(&problem),
    };
    let Command::Serve(args) = cli.command;
    log_to_stderr(args.log);
    match serve(&args.settings()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("proxy-fetch: {problem}");
            ExitCode::FAILURE
        }
    }
}

impl Serve {
    fn settings(self) -> Settings {
        let config = Config {
            max_live: self.max_live,
            max_known: self.max_known,
            max_request_body_bytes: self.max_request_body,
            max_response_body_bytes: self.max_response_body,
            allow_private_addresses: self.allow_private_addresses,
            callbacks: self.allow_callback,
            ..Config::default()
        };
        Settings { listen: self.listen, data: self.data, config, grace_ms: self.shutdown_grace * 1_000 }
    }
}

/// Our own lines at the level asked for; of libraries only what is wrong.
fn log_to_stderr(level: Level) {
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level).with_default(level.min(Level::WARN));
    tracing_subscriber::registry().with(lines).with(ours).init();
}

/// Help and version go to standard output; a mistake is one line.
fn refuse(problem: &clap::Error) -> ExitCode {
    let is_help = matches!(problem.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_help || problem.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        if let Err(error) = problem.print() {
            eprintln!("proxy-fetch: {error}");
        }
        return if is_help { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    let text = problem.render().to_string();
    let line = text.lines().next().unwrap_or("error: wrong arguments");
    eprintln!("proxy-fetch: {}; try --help", line.strip_prefix("error: ").unwrap_or(line));
    ExitCode::from(2)
}
