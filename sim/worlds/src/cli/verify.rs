//! `cargo sim verify`.

use durable_sim::cli::{clap, print};
use proxy_fetch_sim::verify::{LogError, Verified, verify};
use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Take the turns again that a worker recorded, and compare effects, alarms and rows.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// Logs of workers that ran with PROXY_FETCH_RECORD=true; `-` is the standard input.
    #[arg(required = true, value_name = "FILE")]
    logs: Vec<PathBuf>,
}

pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode, String> {
    let (mut is_identical, mut text) = (true, String::new());
    for log in &args.logs {
        let name = if log == Path::new("-") { "standard input".into() } else { log.display().to_string() };
        let found = read(log).map_err(|error| format!("{name}: {error}"))?;
        is_identical &= found.is_identical();
        text.push_str(&format!("{name}:\n{found}"));
    }
    Ok(print(&text, !is_identical))
}

fn read(log: &Path) -> Result<Verified, LogError> {
    if log == Path::new("-") {
        return verify(io::stdin().lock());
    }
    verify(BufReader::new(File::open(log).map_err(LogError::Unreadable)?))
}
