//! A lease lock, simulated. `object.rs` is the object, `world.rs` who calls it and what must hold, `plan.rs` what a run is
//! made of.

mod object;
mod plan;
mod world;

use durable_sim::cli::{Mutants, Tool, main as run};
use std::process::ExitCode;

const MUTANTS: Mutants<'static> =
    Mutants::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."), &["sim/lock/mutants.toml"], "lock");

const TOOL: Tool<'static> = Tool::new("cargo run --release -p lock --", &[&plan::LockRuns]).with_mutants(MUTANTS);

fn main() -> ExitCode {
    run(&TOOL)
}

#[cfg(test)]
mod tests {
    durable_sim::tests! { crate::plan::LockRuns, seeds: 10_000, command: crate::TOOL.command, mutants: crate::MUTANTS }
}
