//! `cargo sim shell`: the native host's shell on madsim.

use super::{
    ShellArgs,
    output::{code, print},
};
use proxy_fetch_sim::shell::run_seed;
use std::process::ExitCode;

pub(super) fn run(args: &ShellArgs) -> ExitCode {
    let seed = args.seed;
    match run_seed(seed) {
        Ok((totals, lines)) => {
            let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
            print(&format!("{lines}no law is broken with seed {seed}: {totals}\n"), code(false))
        }
        Err(violation) => print(&format!("VIOLATION with seed {seed}: {violation}\n"), code(true)),
    }
}
