//! The planted copy: written, built, and run.

use super::{Planted, VARIABLE, about, copy, crates::cargo};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    ops::Range,
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
    /// All that was built, by its name.
    programs: BTreeMap<String, PathBuf>,
    _shared: File,
}

impl PlantedCopy {
    /// The program with this mistake on, or with none.
    #[must_use]
    pub fn command(&self, mutant: Option<&str>) -> Command {
        switched(&self.program, mutant)
    }

    /// The same of another program that was built with it, such as a test.
    #[must_use]
    pub fn command_of(&self, program: &str, mutant: Option<&str>) -> Option<Command> {
        self.programs.get(program).map(|path| switched(path, mutant))
    }
}

fn switched(program: &Path, mutant: Option<&str>) -> Command {
    let mut command = Command::new(program);
    match mutant {
        Some(name) => command.env(VARIABLE, name),
        None => command.env_remove(VARIABLE),
    };
    command
}

/// A message of cargo's: what it built, or what the compiler said.
#[derive(Deserialize)]
struct Message {
    target: Target,
    executable: Option<PathBuf>,
    message: Option<CompileError>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// What the compiler said of a place in the copy.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct CompileError {
    level: String,
    /// In a line.
    pub(super) message: String,
    /// As people read it.
    rendered: Option<String>,
    spans: Vec<Place>,
}

#[derive(Clone, Debug, Deserialize)]
struct Place {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}

impl CompileError {
    /// The mistakes that it is about, by their numbers: those whose text it points to; if there is none, those whose text
    /// it mentions, as where the two sides of a condition are of different types.
    pub(super) fn blames(&self, planted: &Planted) -> BTreeSet<usize> {
        let of = |place: &Place| {
            let is_in = |(branch, _): &&(Range<usize>, usize)| {
                branch.start <= place.byte_start && place.byte_end <= branch.end && !branch.is_empty()
            };
            let branches = planted.branches.get(&place.file_name).map_or(&[][..], Vec::as_slice);
            branches.iter().filter(is_in).map(|(_, number)| *number).collect::<Vec<_>>()
        };
        let primary: BTreeSet<usize> = self.spans.iter().filter(|place| place.is_primary).flat_map(of).collect();
        if primary.is_empty() { self.spans.iter().flat_map(of).collect() } else { primary }
    }
}

/// Why there is no copy to run.
#[derive(Debug)]
pub(super) enum Failed {
    /// What the compiler said: never nothing.
    Compile(Vec<CompileError>),
    /// Anything else, in one line.
    Other(String),
}

impl Failed {
    /// In one line. What does not compile is shown to people first.
    pub(super) fn told(self, folder: &Path) -> String {
        match self {
            Self::Other(what) => what,
            Self::Compile(errors) => {
                for error in &errors {
                    eprintln!("{}", error.rendered.as_ref().unwrap_or(&error.message));
                }
                format!("the planted copy in {} does not build: the compiler has said why", folder.display())
            }
        }
    }
}

impl From<String> for Failed {
    fn from(what: String) -> Self {
        Self::Other(what)
    }
}

pub(super) fn build(root: &Path, folder: &Path, planted: &Planted, build: &Build<'_>) -> Result<PlantedCopy, Failed> {
    // Cargo is run within the copy, where another folder is meant by a relative path.
    fs::create_dir_all(folder).map_err(|error| about(folder, &error))?;
    let folder = folder.canonicalize().map_err(|error| about(folder, &error))?;
    let lock = Lock::exclusive(&folder.join("lock"))?;
    copy::write(root, &folder.join("tree"), &planted.files)?;
    let mut command = cargo();
    command
        .current_dir(folder.join("tree"))
        .args(["build", "--locked", "--message-format", "json"])
        .args(build.cargo)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        // Lints are for the code that people read.
        .env("RUSTFLAGS", ["--cap-lints", "allow"].iter().chain(build.rustflags).copied().collect::<Vec<_>>().join(" "))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("SIM_PLANTED_COPY", root.canonicalize().map_err(|error| about(root, &error))?)
        .stdin(Stdio::null())
        // What it prints there are its messages; progress goes to the user.
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("cargo build: {error}"))?;
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let messages: Vec<Message> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    if !output.status.success() {
        let said = messages.into_iter().filter_map(|message| message.message);
        let errors: Vec<CompileError> = said.filter(|said| said.level == "error").collect();
        return Err(match errors.as_slice() {
            [] => Failed::Other(format!("cargo build {} ended with {}", build.cargo.join(" "), output.status)),
            [..] => Failed::Compile(errors),
        });
    }
    let programs = messages.into_iter().filter_map(|message| Some((message.target.name, message.executable?)));
    let programs: BTreeMap<String, PathBuf> = programs.collect();
    match programs.get(build.program).cloned() {
        Some(program) => Ok(PlantedCopy { program, programs, _shared: lock.shared()? }),
        None => Err(format!("cargo build {} makes no program {}", build.cargo.join(" "), build.program).into()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn error(places: &[(&str, Range<usize>, bool)]) -> CompileError {
        let place = |(file, at, is_primary): &(&str, Range<usize>, bool)| Place {
            file_name: (*file).to_owned(),
            byte_start: at.start,
            byte_end: at.end,
            is_primary: *is_primary,
        };
        let spans = places.iter().map(place).collect();
        CompileError { level: "error".into(), message: "wrong".into(), rendered: None, spans }
    }

    #[test]
    fn an_error_is_laid_to_the_text_that_it_points_to() {
        let branches = BTreeMap::from([("src/a.rs".to_owned(), vec![(10..20, 0), (30..40, 1)])]);
        let planted = Planted { mutants: 2, files: BTreeMap::new(), branches };
        let blamed = |places: &[_]| error(places).blames(&planted).into_iter().collect::<Vec<_>>();
        assert_eq!(blamed(&[("src/a.rs", 12..20, true), ("src/a.rs", 30..31, false)]), [0]);
        // Nothing is planted in what it points to, but in what it mentions.
        assert_eq!(blamed(&[("src/a.rs", 20..30, true), ("src/a.rs", 30..31, false)]), [1]);
        assert_eq!(blamed(&[("src/a.rs", 15..35, true)]), [0; 0]);
        assert_eq!(blamed(&[("src/b.rs", 12..20, true)]), [0; 0]);
    }
}
