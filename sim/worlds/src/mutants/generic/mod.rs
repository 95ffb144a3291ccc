//! A second opinion: the mutants of cargo-mutants, which nobody chose. They are planted into a copy of their own, and
//! each is looked for until something finds it. What nothing finds must be explained.

mod hunt;
mod survivors;
mod tests_of_core;

pub use hunt::{Catch, Hunted, NO_MUTANT, hunt, look};
pub use survivors::{Explained, Survivor, explained};
pub use tests_of_core::BINARY;

use crate::bugs::{self, RUSTFLAGS};
use durable_sim::planter::{
    Build, PlantedCopy, Planter,
    import::{Imported, import},
    table::Mutant,
};
use std::{collections::BTreeMap, fs, path::Path};

/// Where their copy is, from the workspace's root.
pub const FOLDER: &str = "target/mutants-generic";

/// Their names begin so; a number follows.
const GENERIC: &str = "cargo_mutants_";

/// Reads a list of `cargo mutants --list --json`.
///
/// # Errors
/// In one line: it is none, or it is not of these sources.
pub fn read(json: &str) -> Result<Vec<Imported>, String> {
    import(json, GENERIC, |file| {
        let is_inside = !Path::new(file).is_absolute() && !file.split('/').any(|part| part == "..");
        if !is_inside {
            return Err("it is no path from the workspace's root".into());
        }
        fs::read_to_string(bugs::root().join(file)).map_err(|error| error.to_string())
    })
}

/// Plants all that can be planted, and builds the copy. Those that do not compile are told with what the compiler said.
///
/// # Errors
/// In one line: what cannot be built.
pub fn build(all: &[Imported]) -> Result<(PlantedCopy, BTreeMap<String, String>), String> {
    let none = Mutant { name: NO_MUTANT.into(), what: "nothing".into(), ..Mutant::default() };
    let mutants = all.iter().filter_map(|imported| imported.mutant.as_ref().ok()).cloned().chain([none]).collect();
    let planter = Planter::given(bugs::root(), mutants, bugs::root().join(FOLDER));
    let program = "proxy-fetch-sim";
    let mut cargo = vec!["--package", program, "--features", "lenses", "--bin", program, "--profile", "release"];
    cargo.extend(["--test", BINARY]);
    planter.build_what_compiles(&Build { program, cargo: &cargo, rustflags: &RUSTFLAGS })
}
