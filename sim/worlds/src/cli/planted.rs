//! `--bug NAME`: the same command in the planted copy, where the bug can be on.

use proxy_fetch_sim::bugs::{self, Bug};
use std::{env, process::ExitCode};

/// Builds the copy, and runs there what this process was asked to run. Its end is ours.
pub(super) fn run(bug: &Bug) -> ExitCode {
    let status = bugs::build("--bin", "proxy-fetch-sim", "release").and_then(|copy| {
        let mut command = copy.command(Some(&bug.name));
        command.args(env::args_os().skip(1)).status().map_err(|error| format!("the planted copy: {error}"))
    });
    match status {
        Ok(status) => match status.code().map(u8::try_from) {
            Some(Ok(code)) => ExitCode::from(code),
            Some(Err(_)) | None => {
                eprintln!("error: the planted copy ended with {status}");
                ExitCode::from(2)
            }
        },
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
