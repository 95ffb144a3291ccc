//! The mistakes of the tables in `sim/worlds/mutants`, and how a copy with them is built.

use durable_sim::{
    cli::Mutants,
    planter::{Build, PlantedCopy},
};
#[cfg(feature = "lenses")]
use std::path::Path;

/// The program of this package.
const PROGRAM: &str = "proxy-fetch-sim";

/// As in `.cargo/config.toml`.
pub(crate) const RUSTFLAGS: [&str; 2] = ["--cfg", "madsim"];

/// The mistakes of this workspace. `cargo sim mutants` has more ways to look for them, and checks besides.
pub const MUTANTS: Mutants<'static> = Mutants {
    cargo: &["--package", PROGRAM, "--features", "lenses", "--bin", PROGRAM, "--profile", "release"],
    rustflags: &RUSTFLAGS,
    scenarios: &["sim/worlds/scenarios", "sim/worlds/scenarios/queue"],
    // Most are found in far fewer seeds: if not, some law sees less than it did. The tables say which are rarer.
    soon: 60,
    // A quick look: `cargo sim explore` goes through all.
    explored: 2_000,
    soon_explored: 0,
    ..Mutants::new(
        concat!(env!("CARGO_MANIFEST_DIR"), "/../.."),
        &[
            "sim/worlds/mutants/object.toml",
            "sim/worlds/mutants/platform.toml",
            "sim/worlds/mutants/consumer.toml",
            "sim/worlds/mutants/shell.toml",
        ],
        PROGRAM,
    )
};

/// The root of the workspace that this is built in.
#[cfg(feature = "lenses")]
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// Builds a program of the planted copy: what of the simulator's package, as `--bench` and its name, and in which profile.
///
/// # Errors
/// In one line: what cannot be planted or built.
pub fn build(kind: &str, program: &str, profile: &str) -> Result<PlantedCopy, String> {
    let cargo = ["--package", PROGRAM, "--features", "lenses", kind, program, "--profile", profile];
    MUTANTS.planter().build(&Build { program, cargo: &cargo, rustflags: &RUSTFLAGS })
}

/// The mistake that is on in this process as an option of `cargo sim`, with a space before it.
#[cfg(feature = "lenses")]
pub(crate) fn bug_option() -> String {
    durable_sim::planter::planted_name().map_or(String::new(), |bug| format!(" --bug {bug}"))
}

#[cfg(test)]
mod tests {
    /// The tests are no planted copy, whatever the environment says.
    #[test]
    fn nothing_is_planted_here() {
        assert_eq!(durable_sim::planter::planted_name(), None);
    }
}
