//! What cargo builds for whom: no host, nor anything that people build by default, links madsim, which replaces the clock.
#![allow(missing_docs, reason = "a test")]

use std::{env, path::Path, process::Command};

/// What cargo builds with these arguments: each package, and its features.
fn packages(arguments: &[&str]) -> Vec<(String, Vec<String>)> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let plain = "tree --locked --offline --edges normal --target all --prefix none --format";
    let arguments = plain.split(' ').chain(["{p} features={f}"]).chain(arguments.iter().copied());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = match Command::new(cargo).current_dir(root).args(arguments).output() {
        Ok(output) => output,
        Err(error) => panic!("cargo tree does not run: {error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let (package, features) = line.split_once(" features=")?;
        let features = features.trim_end_matches(" (*)").split(',').map(str::to_owned).collect();
        Some((package.split(' ').next()?.to_owned(), features))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn only_the_simulator_with_all_lenses_links_madsim() {
    let has = |packages: &[(String, Vec<String>)], name: &str, feature: &str| {
        packages.iter().any(|(package, features)| package == name && features.iter().any(|each| each == feature))
    };
    let madsim = |packages: &[(String, Vec<String>)]| packages.iter().any(|(package, _)| package.starts_with("madsim"));
    // What people build: each host alone, what plain `cargo build` builds, and everything.
    let builds: [&[&str]; 4] = [&["-p", "proxy-fetch-native"], &["-p", "proxy-fetch-worker"], &[], &["--workspace"]];
    for build in builds {
        let packages = packages(build);
        assert!(has(&packages, "proxy-fetch", "json"), "cargo build {build:?}: {packages:?}");
        assert!(!madsim(&packages), "cargo build {build:?} links madsim");
    }
    // And the same question finds it where it must be, with no more of the host than its shell.
    let packages = packages(&["-p", "proxy-fetch-sim", "--features", "lenses"]);
    assert!(madsim(&packages) && !has(&packages, "proxy-fetch-native", "server"), "{packages:?}");
}
