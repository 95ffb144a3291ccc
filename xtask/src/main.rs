//! Tasks that need more than cargo: building the worker's wasm, and checking it on Cloudflare's runtime.
//!
//! Installs what is missing into `target/tools` and `worker/node_modules`, in the versions that the lock files name.

mod tools;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};
use tools::Tools;

const USAGE: &str = "cargo xtask worker-build | worker-test | worker-bench";

/// The suites on the real runtime, each a script of worker/package.json.
const SUITES: [&str; 5] = ["types", "suite", "queue", "do", "deploy:check"];
/// Where the answers of this machine's runtime are written, beside those that were reviewed.
const OBSERVED: &str = "worker/target/observed.json";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["worker-build"] => build().map(drop),
        ["worker-test"] => build().and_then(|tools| test(&tools)),
        ["worker-bench"] => build().and_then(|tools| tools.npm_run("bench")),
        _ => Err(format!("usage: {USAGE}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Builds `worker/build/index.js` and its wasm.
fn build() -> Result<Tools, String> {
    let tools = Tools::install()?;
    let worker = root().join("worker");
    // wasm-opt is left out: no package registry that the gate may use carries it.
    run(Command::new(&tools.worker_build)
        .args(["--profile", "wasm", "--no-opt", "."])
        .current_dir(&worker)
        .env("WASM_BINDGEN_BIN", &tools.wasm_bindgen)
        .env("ESBUILD_BIN", worker.join("node_modules/.bin/esbuild"))
        .env_remove("RUSTFLAGS"))?;
    Ok(tools)
}

/// All that is checked on the real runtime.
fn test(tools: &Tools) -> Result<(), String> {
    for suite in SUITES {
        tools.npm_run(suite)?;
    }
    experiments(tools)
}

/// Asks the runtime anew, and compares with what the simulator answers and with the snapshots that were reviewed.
fn experiments(tools: &Tools) -> Result<(), String> {
    let observed = root().join(OBSERVED);
    fs::create_dir_all(root().join("worker/target")).map_err(|error| format!("worker/target: {error}"))?;
    tools.npm_run_with("experiments", &[observed.as_os_str()])?;
    let observed = observed.canonicalize().map_err(|error| format!("{}: {error}", observed.display()))?;
    run(Command::new("cargo")
        // As `cargo test` without a package: with another choice of packages the simulator would be built once more.
        .args(["test", "--locked", "--quiet", "--test", "experiments"])
        .current_dir(root())
        .env("PROXY_FETCH_OBSERVED", observed))
}

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}
