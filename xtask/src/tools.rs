//! The tools that build and test the worker, each in the version that a lock file or this file names.

use crate::{root, run};
use std::{
    env,
    ffi::OsStr,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

const TARGET: &str = "wasm32-unknown-unknown";
/// The release of workers-rs that `worker/Cargo.toml` uses.
const WORKER_BUILD_VERSION: &str = "0.8.7";

/// Where the tools are.
pub struct Tools {
    pub wasm_bindgen: PathBuf,
    pub worker_build: PathBuf,
}

impl Tools {
    /// Installs what is missing.
    pub fn install() -> Result<Self, String> {
        add_target()?;
        // The program must be of the very version of the library.
        let wasm_bindgen = locked_version("wasm-bindgen")?;
        let wasm_bindgen = cargo_tool("wasm-bindgen-cli", "wasm-bindgen", &wasm_bindgen)?;
        let tools = Self {
            wasm_bindgen: without_names(&wasm_bindgen)?,
            worker_build: cargo_tool("worker-build", "worker-build", WORKER_BUILD_VERSION)?,
        };
        npm_packages()?;
        Ok(tools)
    }

    /// Runs a script of `worker/package.json`, under the Node that is one of its packages.
    pub fn npm_run(&self, script: &str) -> Result<(), String> {
        self.npm_run_with(script, &[])
    }

    /// The same, with arguments.
    pub fn npm_run_with(&self, script: &str, arguments: &[&OsStr]) -> Result<(), String> {
        println!("\n== worker: {script}");
        let mut command = Command::new("npm");
        command.args(["run", "--silent", script, "--"]).args(arguments).current_dir(root().join("worker"));
        run(&mut command)
    }
}

fn add_target() -> Result<(), String> {
    let output = Command::new("rustup").args(["target", "list", "--installed"]).output();
    match output {
        Ok(output) if String::from_utf8_lossy(&output.stdout).lines().any(|line| line == TARGET) => Ok(()),
        Ok(_) => run(Command::new("rustup").args(["target", "add", TARGET])),
        // A toolchain without rustup brings its targets along, or the build says what is missing.
        Err(_) => Ok(()),
    }
}

fn locked_version(package: &str) -> Result<String, String> {
    let path = root().join("Cargo.lock");
    let lock = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let section = lock.split("[[package]]").find(|section| section.contains(&format!("\nname = \"{package}\"\n")));
    let version = section.and_then(|section| section.lines().find_map(|line| line.strip_prefix("version = ")));
    match version {
        Some(version) => Ok(version.trim_matches('"').to_owned()),
        None => Err(format!("{}: no package {package}", path.display())),
    }
}

/// A program of this version: the one on the path, or one installed into `target/tools`.
fn cargo_tool(package: &str, program: &str, version: &str) -> Result<PathBuf, String> {
    let own = root().join("target/tools");
    let candidates = [PathBuf::from(program), own.join("bin").join(program)];
    if let Some(found) = candidates.into_iter().find(|path| has_version(path, version)) {
        return Ok(found);
    }
    println!("installing {package} {version}");
    fs::create_dir_all(&own).map_err(|error| format!("{}: {error}", own.display()))?;
    let own = own.canonicalize().map_err(|error| format!("{}: {error}", own.display()))?;
    // Elsewhere, so that the flags of this repository's .cargo/config.toml do not apply.
    run(Command::new("cargo")
        .args(["install", package, "--version", version, "--locked", "--quiet", "--root"])
        .arg(&own)
        .current_dir(env::temp_dir())
        .env("CARGO_TARGET_DIR", own.join("build"))
        // A tool runs for seconds: it is built to be there soon rather than to be fast.
        .envs(
            [("OPT_LEVEL", "1"), ("LTO", "off"), ("CODEGEN_UNITS", "16")]
                .map(|(key, value)| (format!("CARGO_PROFILE_RELEASE_{key}"), value)),
        )
        .env_remove("RUSTFLAGS"))?;
    Ok(own.join("bin").join(program))
}

/// A program that runs wasm-bindgen so that it leaves the functions' names out: they are a fifth of what a cold start
/// loads. worker-build passes no option for it on.
fn without_names(wasm_bindgen: &Path) -> Result<PathBuf, String> {
    let script = root().join("target/tools/wasm-bindgen-without-names");
    let problem = |error: io::Error| format!("{}: {error}", script.display());
    if let Some(folder) = script.parent() {
        fs::create_dir_all(folder).map_err(problem)?;
    }
    let text = format!("#!/bin/sh\nexec '{}' --remove-name-section \"$@\"\n", wasm_bindgen.display());
    fs::write(&script, text).map_err(problem)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).map_err(problem)?;
    Ok(script)
}

fn has_version(program: &Path, version: &str) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).split_whitespace().next_back() == Some(version))
}

/// `npm ci`, unless what the lock file names is there.
fn npm_packages() -> Result<(), String> {
    let worker = root().join("worker");
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let installed = modified(&worker.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= modified(&worker.join("package-lock.json")) {
        return Ok(());
    }
    println!("installing the npm packages of worker/");
    run(Command::new("npm").args(["ci", "--loglevel=error"]).current_dir(&worker))
}
