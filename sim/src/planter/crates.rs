//! Which crate a file belongs to: there the condition of its mistakes must be known.

use super::about;
use serde::Deserialize;
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The crates of a workspace.
#[derive(Clone, Debug)]
pub(super) struct Crates {
    /// The root file of each, from the workspace's root.
    roots: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

/// The cargo that runs us, or that of the path.
pub(super) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

impl Crates {
    /// Those that cargo names.
    pub(super) fn of(root: &Path) -> Result<Self, String> {
        let mut command = cargo();
        command.current_dir(root).args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
        let output = command.output().map_err(|error| format!("cargo metadata: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("cargo metadata: {}", text.trim().replace('\n', "; ")));
        }
        let root = root.canonicalize().map_err(|error| about(root, &error))?;
        Self::parse(&output.stdout, &root)
    }

    fn parse(metadata: &[u8], root: &Path) -> Result<Self, String> {
        let Metadata { packages } =
            serde_json::from_slice(metadata).map_err(|error| format!("cargo metadata: {error}"))?;
        let targets = packages.into_iter().flat_map(|package| package.targets);
        // A build script lies beside the manifest, so that it would seem to own whatever no other crate does.
        let targets = targets.filter(|target| target.kind != ["custom-build"]);
        let roots = targets.filter_map(|target| target.src_path.strip_prefix(root).ok().map(Path::to_owned));
        Ok(Self { roots: roots.collect() })
    }

    /// The root files of the crates that this file may belong to: those that lie nearest above it. A library and a
    /// program side by side may both have it, so both are named.
    pub(super) fn roots_of(&self, file: &Path) -> Vec<&Path> {
        if let Some(root) = self.roots.iter().find(|root| *root == file) {
            return vec![root];
        }
        let above = |root: &&PathBuf| root.parent().is_some_and(|folder| file.starts_with(folder));
        let depth = |root: &Path| root.components().count();
        let nearest = self.roots.iter().filter(above).map(|root| depth(root)).max();
        let is_nearest = |root: &&PathBuf| above(root) && Some(depth(root)) == nearest;
        self.roots.iter().filter(is_nearest).map(PathBuf::as_path).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A workspace with these crates.
    pub(in crate::planter) fn crates(roots: &[&str]) -> Crates {
        Crates { roots: roots.iter().map(PathBuf::from).collect() }
    }

    #[test]
    fn a_file_belongs_to_the_crate_nearest_above() {
        let crates =
            crates(&["src/lib.rs", "src/main.rs", "src/bin/tool.rs", "sim/src/lib.rs", "sim/examples/lock/main.rs"]);
        let roots =
            |file| crates.roots_of(Path::new(file)).into_iter().map(|root| root.to_string_lossy()).collect::<Vec<_>>();
        assert_eq!(roots("src/lib.rs"), ["src/lib.rs"]);
        assert_eq!(roots("src/machine/lifecycle.rs"), ["src/lib.rs", "src/main.rs"]);
        assert_eq!(roots("src/bin/tool.rs"), ["src/bin/tool.rs"]);
        assert_eq!(roots("sim/src/engine/run.rs"), ["sim/src/lib.rs"]);
        assert_eq!(roots("sim/examples/lock/object.rs"), ["sim/examples/lock/main.rs"]);
        assert_eq!(roots("sim/GUIDE.md"), [""; 0]);
    }

    #[test]
    fn cargo_names_them() {
        let metadata = br#"{"packages": [{"name": "a", "targets": [
            {"kind": ["lib"], "src_path": "/w/a/src/lib.rs", "name": "a"},
            {"kind": ["custom-build"], "src_path": "/w/a/build.rs"}]},
            {"targets": [{"kind": ["bin"], "src_path": "/elsewhere/main.rs"}]}]}"#;
        let Ok(crates) = Crates::parse(metadata, Path::new("/w")) else { panic!("it is right") };
        assert_eq!(crates.roots, [Path::new("a/src/lib.rs")]);
        assert!(Crates::parse(b"{}", Path::new("/w")).is_err_and(|error| error.starts_with("cargo metadata: ")));
    }
}
