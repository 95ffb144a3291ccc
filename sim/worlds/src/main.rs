//! `cargo sim`: runs campaigns, replays seeds.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    durable_sim::cli::main(&cli::TOOL)
}
