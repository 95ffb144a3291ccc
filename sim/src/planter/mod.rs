//! Plants mistakes into a copy of a workspace, to see which of them its checks find. No shipped source contains one.
//!
//! The mistakes are data: a [`table`] says which text of which file a mistake replaces. All of them are planted into
//! one copy of the workspace's files, which is built once; the environment of a process says which mistake is on in it.
//! A workspace needs only its tables: no feature, no macro, no build script.
//!
//! ```no_run
//! use durable_sim::planter::{Build, Planter};
//! use std::path::Path;
//!
//! let root = Path::new(".");
//! let planter = Planter::new(root, [root.join("mutants").with_extension("toml")], root.join("target/mutants"));
//! let copy = planter.build(&Build { program: "counter", cargo: &["--release"], rustflags: &[] })?;
//! let status = copy.command(Some("CountsTwice")).status();
//! # Ok::<(), String>(())
//! ```

mod build;
mod copy;
mod crates;
#[cfg(feature = "cargo-mutants")]
pub mod import;
mod manifest;
mod module;
mod plant;
pub mod table;

pub use build::{Build, PlantedCopy};
pub use plant::{Planted, Problem};

use build::Failed;
use crates::Crates;
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};
use table::Mutant;

/// The environment variable that says by its name which mistake is on in a process of the planted copy.
pub const VARIABLE: &str = "SIM_MUTANT";

/// The mistake that is on in this process, by its name; never one where this crate was not built in a planted copy.
#[must_use]
pub fn planted_name() -> Option<String> {
    // `build` sets it for the compiler. The compiler tells cargo, which so knows the two builds apart.
    option_env!("SIM_PLANTED_COPY")?;
    env::var(VARIABLE).ok()
}

/// The root of the workspace that this crate was built in; of that which a planted copy was made of, in one.
#[must_use]
pub fn original(root: &'static Path) -> &'static Path {
    option_env!("SIM_PLANTED_COPY").map_or(root, Path::new)
}

/// A workspace, the tables of its mistakes, and where its copy is.
#[derive(Clone, Debug)]
pub struct Planter {
    root: PathBuf,
    source: Source,
    folder: PathBuf,
}

/// Where the mistakes come from.
#[derive(Clone, Debug)]
enum Source {
    Tables(Vec<PathBuf>),
    Given(Vec<Mutant>),
}

impl Planter {
    /// For the workspace with this root: tables, and the folder for the copy and what is built of it. The folder should be
    /// one that git ignores; its content is the planter's alone.
    pub fn new(
        root: impl Into<PathBuf>,
        tables: impl IntoIterator<Item = PathBuf>,
        folder: impl Into<PathBuf>,
    ) -> Self {
        Self { root: root.into(), source: Source::Tables(tables.into_iter().collect()), folder: folder.into() }
    }

    /// The same with mistakes that a program made, such as those of [`import`](self).
    pub fn given(root: impl Into<PathBuf>, mutants: Vec<Mutant>, folder: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), source: Source::Given(mutants), folder: folder.into() }
    }

    /// All mistakes of the tables, in their order.
    ///
    /// # Errors
    /// A table that cannot be read or is wrong, in one line.
    pub fn mutants(&self) -> Result<Vec<Mutant>, String> {
        match &self.source {
            Source::Tables(tables) => table::read(&self.root, tables),
            Source::Given(mutants) => Ok(mutants.clone()),
        }
    }

    /// Plants all mistakes into the texts of their files, without writing anything.
    ///
    /// # Errors
    /// Everything that is wrong: each entry whose text is gone or found twice, each two that overlap.
    pub fn plant(&self) -> Result<Planted, Vec<Problem>> {
        let one = |what| vec![Problem::general(what)];
        let mutants = self.mutants().map_err(one)?;
        let crates = Crates::of(&self.root).map_err(one)?;
        let read = |file: &str| fs::read_to_string(self.root.join(file)).map_err(|error| error.to_string());
        plant::plant(&mutants, &crates, read)
    }

    /// Plants all mistakes into the copy, and builds it.
    ///
    /// # Errors
    /// In one line: what is wrong with the tables (the first of it), or with the copy. What does not compile was shown
    /// before.
    pub fn build(&self, build: &Build<'_>) -> Result<PlantedCopy, String> {
        let planted = self.plant().map_err(first)?;
        build::build(&self.root, &self.folder, &planted, build).map_err(|failed| failed.told(&self.folder))
    }

    /// The same without those mistakes that do not compile: each of them by its name, with what the compiler said of it.
    ///
    /// # Errors
    /// As [`Planter::build`]; an error of the compiler that is about no mistake in particular is one.
    pub fn build_what_compiles(&self, build: &Build<'_>) -> Result<(PlantedCopy, BTreeMap<String, String>), String> {
        let mut planter = Self { source: Source::Given(self.mutants()?), ..self.clone() };
        let mut refused = BTreeMap::new();
        loop {
            let mutants = planter.mutants()?;
            let planted = planter.plant().map_err(first)?;
            let errors = match build::build(&self.root, &self.folder, &planted, build) {
                Ok(copy) => return Ok((copy, refused)),
                Err(Failed::Compile(errors)) => errors,
                Err(failed @ Failed::Other(_)) => return Err(failed.told(&self.folder)),
            };
            // The compiler goes on to the next kind of error only when there is none of the kinds before.
            let before = refused.len();
            for error in &errors {
                for mutant in error.blames(&planted).into_iter().filter_map(|number| mutants.get(number)) {
                    refused.entry(mutant.name.clone()).or_insert_with(|| error.message.clone());
                }
            }
            if refused.len() == before {
                return Err(Failed::Compile(errors).told(&self.folder));
            }
            let left = mutants.into_iter().filter(|mutant| !refused.contains_key(&mutant.name)).collect();
            planter.source = Source::Given(left);
        }
    }
}

/// The first of what is wrong, in one line.
fn first(problems: Vec<Problem>) -> String {
    match problems.as_slice() {
        [first, rest @ ..] if !rest.is_empty() => format!("{first} (and {} more)", rest.len()),
        problems => problems.iter().map(Problem::to_string).collect(),
    }
}

/// An error of the file system, with the file that it is about.
fn about(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
