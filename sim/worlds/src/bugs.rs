//! The bugs of the tables in `sim/worlds/mutants`: which ones there are, and which one is on.

use durable_sim::{
    nearest,
    planter::{self, Build, PlantedCopy, Planter},
};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// What a bug is planted in, or around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    /// The durable object's machine, its host and its platform.
    Object,
    /// The consumer of the Queue variant.
    Queue,
    /// The native host's shell around the object's machine.
    Shell,
}

impl Machine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Object, Self::Queue, Self::Shell];

    /// Its name in tables and on the command line.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Queue => "queue",
            Self::Shell => "shell",
        }
    }

    /// Its name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "the durable object",
            Self::Queue => "the queue's consumer",
            Self::Shell => "the native host's shell",
        }
    }
}

/// A bug that can be planted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bug {
    /// Its name.
    pub name: String,
    /// What it is planted in.
    pub machine: Machine,
    /// What is wrong, in a line.
    pub what: String,
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The names of the mutants of cargo-mutants begin so; a number follows.
pub(crate) const GENERIC: &str = "cargo_mutants_";

/// The tables, in the order in which their bugs are told.
const TABLES: [&str; 4] = ["object.toml", "platform.toml", "consumer.toml", "shell.toml"];

/// The root of the workspace that this is built in.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// The planter of this workspace: its tables are `sim/worlds/mutants`, its copy is below `target/mutants`.
#[must_use]
pub fn planter() -> Planter {
    let tables = TABLES.map(|table| root().join("sim/worlds/mutants").join(table));
    Planter::new(root(), tables, root().join("target/mutants"))
}

/// Builds a program of the planted copy: what of the simulator's package, as `--bin` and its name, and in which profile.
///
/// # Errors
/// In one line: what cannot be planted or built.
pub fn build(kind: &str, program: &str, profile: &str) -> Result<PlantedCopy, String> {
    let cargo = ["--package", "proxy-fetch-sim", "--features", "lenses", kind, program, "--profile", profile];
    // As in `.cargo/config.toml`.
    planter().build(&Build { program, cargo: &cargo, rustflags: &["--cfg", "madsim"] })
}

/// All bugs, in the order of the tables.
///
/// # Errors
/// In one line, if a table cannot be read.
pub fn bugs() -> Result<&'static [Bug], String> {
    static BUGS: OnceLock<Result<Vec<Bug>, String>> = OnceLock::new();
    let read = || {
        let bug = |mutant: planter::table::Mutant| {
            let machine = Machine::ALL.into_iter().find(|machine| machine.key() == mutant.machine);
            let machine = machine.ok_or_else(|| format!("{}: {:?} is no machine", mutant.name, mutant.machine))?;
            Ok(Bug { name: mutant.name, machine, what: mutant.what })
        };
        planter().mutants()?.into_iter().map(bug).collect()
    };
    BUGS.get_or_init(read).as_deref().map_err(Clone::clone)
}

/// The bug of this name, in whatever case it is typed.
///
/// # Errors
/// In one line: there is none, and which one may be meant; or the tables cannot be read.
pub fn bug(name: &str) -> Result<&'static Bug, String> {
    let bugs = bugs()?;
    let found = bugs.iter().find(|bug| bug.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("there is no bug {name:?}{}", nearest(name, bugs.iter().map(|bug| bug.name.as_str()))))
}

/// The bug that is on in this process. One is on only in the planted copy, and for a process's whole life.
///
/// # Panics
/// If the process was told to have one that there is not; the copy's own code would end it a moment later.
#[must_use]
pub fn planted() -> Option<&'static Bug> {
    static PLANTED: OnceLock<Option<&'static Bug>> = OnceLock::new();
    *PLANTED.get_or_init(|| {
        let name = planter::planted_name()?;
        // They are in no table. All of them are planted in the object's machine.
        if name.starts_with(GENERIC) {
            let what = "a mutant of cargo-mutants".to_owned();
            return Some(&*Box::leak(Box::new(Bug { name, machine: Machine::Object, what })));
        }
        Some(bug(&name).unwrap_or_else(|error| panic!("{}: {error}", planter::VARIABLE)))
    })
}

/// A file beside the planted copy, for what a run of it writes; and how it is named from the workspace's root.
///
/// # Errors
/// In one line, if its folder cannot be made.
pub fn scratch(name: &str) -> Result<(PathBuf, String), String> {
    let typed = format!("target/mutants/{name}");
    let path = root().join(&typed);
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.map(|()| (path, typed.clone())).map_err(|error| format!("{typed}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_known_by_its_name_or_the_nearest_is_named() {
        let known = |name| bug(name).map(|bug| (bug.name.as_str(), bug.machine));
        assert_eq!(known("SixthSlot"), Ok(("SixthSlot", Machine::Object)));
        assert_eq!(known("sixthmessage"), Ok(("SixthMessage", Machine::Queue)));
        assert_eq!(known("SixtSlot"), Err("there is no bug \"SixtSlot\"; is `SixthSlot` meant?".into()));
        assert_eq!(known("zzz"), Err("there is no bug \"zzz\"".into()));
    }

    /// The tests are no planted copy, whatever the environment says.
    #[test]
    fn nothing_is_planted_here() {
        assert_eq!(planted(), None);
    }
}
