//! `cargo sim shell`: the native host's shell on madsim.

use durable_sim::cli::{clap, print};
use proxy_fetch_sim::shell::run_seed;
use std::process::ExitCode;

/// Run the native host's shell on madsim under a nemesis, as the seed says, and print what its host recorded.
#[derive(Debug, clap::Args)]
pub(super) struct ShellArgs {
    /// The seed.
    seed: u64,
}

pub(super) fn run(args: &ShellArgs) -> ExitCode {
    let seed = args.seed;
    match run_seed(seed) {
        Ok((totals, lines)) => {
            let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
            print(&format!("{lines}no law is broken with seed {seed}: {totals}\n"), false)
        }
        Err(violation) => print(&format!("VIOLATION with seed {seed}: {violation}\n"), true),
    }
}
