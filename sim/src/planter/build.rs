//! The planted copy: written, built, and run.

use super::{Planted, VARIABLE, about, copy, crates::cargo};
use serde::Deserialize;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What is built of the copy.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// The name of the program, test or benchmark that is to be run.
    pub program: &'a str,
    /// What `cargo build` is told: the package, its features, the program, the profile.
    pub cargo: &'a [&'a str],
    /// Flags of the compiler. Those of the workspace's `.cargo/config.toml` do not count here, so they must be said again.
    pub rustflags: &'a [&'a str],
}

/// A program of the copy. As long as this lives, nobody else builds the copy anew.
#[derive(Debug)]
pub struct PlantedCopy {
    program: PathBuf,
    _shared: File,
}

impl PlantedCopy {
    /// The program with this mistake on, or with none.
    #[must_use]
    pub fn command(&self, mutant: Option<&str>) -> Command {
        let mut command = Command::new(&self.program);
        match mutant {
            Some(name) => command.env(VARIABLE, name),
            None => command.env_remove(VARIABLE),
        };
        command
    }
}

/// A message of cargo's; only what it built is of interest.
#[derive(Deserialize)]
struct Message {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

pub(super) fn build(root: &Path, folder: &Path, planted: &Planted, build: &Build<'_>) -> Result<PlantedCopy, String> {
    // Cargo is run within the copy, where another folder is meant by a relative path.
    fs::create_dir_all(folder).map_err(|error| about(folder, &error))?;
    let folder = folder.canonicalize().map_err(|error| about(folder, &error))?;
    let lock = Lock::exclusive(&folder.join("lock"))?;
    copy::write(root, &folder.join("tree"), &planted.files)?;
    let mut command = cargo();
    command
        .current_dir(folder.join("tree"))
        .args(["build", "--locked", "--message-format", "json-render-diagnostics"])
        .args(build.cargo)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        // Lints are for the code that people read.
        .env("RUSTFLAGS", ["--cap-lints", "allow"].iter().chain(build.rustflags).copied().collect::<Vec<_>>().join(" "))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("SIM_PLANTED_COPY", root.canonicalize().map_err(|error| about(root, &error))?)
        .stdin(Stdio::null())
        // What it prints there are its messages; progress and errors go to the user.
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("cargo build: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "the planted copy in {} does not build: a mistake's text is no code there",
            folder.display()
        ));
    }
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let messages = messages.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let mut programs = messages.filter(|message| message.target.name == build.program);
    match programs.find_map(|message| message.executable) {
        Some(program) => Ok(PlantedCopy { program, _shared: lock.shared()? }),
        None => Err(format!("cargo build {} makes no program {}", build.cargo.join(" "), build.program)),
    }
}

/// Two that build one copy would write over each other, and whoever runs it wants it to stay as it is.
struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    fn exclusive(path: &Path) -> Result<Self, String> {
        let lock = Self { file: File::create(path).map_err(|error| about(path, &error))?, path: path.to_owned() };
        if lock.file.try_lock().is_err() {
            eprintln!("waiting until nobody else uses {}", path.display());
            lock.file.lock().map_err(|error| about(path, &error))?;
        }
        Ok(lock)
    }

    fn shared(self) -> Result<File, String> {
        let shared = self.file.unlock().and_then(|()| self.file.lock_shared());
        shared.map(|()| self.file).map_err(|error| about(&self.path, &error))
    }
}
