//! No build that people ship has planted bugs: only the simulator asks for the feature, and cargo agrees.
#![allow(missing_docs, reason = "a test")]

use proxy_fetch::planted::{Bug, NoSuchBug, plant, planted};
use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What cargo builds with these arguments: each package, and its features.
fn packages(arguments: &[&str]) -> Vec<(String, Vec<String>)> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let plain = "tree --locked --offline --edges normal --target all --prefix none --format";
    let arguments = plain.split(' ').chain(["{p} features={f}"]).chain(arguments.iter().copied());
    let output = match Command::new(cargo).current_dir(root()).args(arguments).output() {
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
fn the_hosts_are_built_without_it() {
    let has = |packages: &[(String, Vec<String>)], name: &str, feature: &str| {
        packages.iter().any(|(package, features)| package == name && features.iter().any(|each| each == feature))
    };
    // What people build: each host alone, what plain `cargo build` builds, and everything.
    let builds: [&[&str]; 4] = [&["-p", "proxy-fetch-native"], &["-p", "proxy-fetch-worker"], &[], &["--workspace"]];
    for build in builds {
        let packages = packages(build);
        assert!(has(&packages, "proxy-fetch", "json"), "cargo build {build:?}: {packages:?}");
        let planted: Vec<_> = packages.iter().filter(|(_, features)| features.contains(&"planted".into())).collect();
        assert!(planted.is_empty(), "cargo build {build:?} has planted bugs: {planted:?}");
        let madsim = packages.iter().find(|(package, _)| package.starts_with("madsim"));
        assert_eq!(madsim, None, "cargo build {build:?} links madsim, which replaces the clock");
    }
    // And the same question finds both where they must be.
    let packages = packages(&["-p", "proxy-fetch-sim", "--features", "planted"]);
    for package in ["proxy-fetch", "proxy-fetch-native"] {
        assert!(has(&packages, package, "planted"), "{packages:?}");
    }
    assert!(!has(&packages, "proxy-fetch-native", "server"), "{packages:?}");
    assert!(packages.iter().any(|(package, _)| package == "madsim"), "{packages:?}");
}

#[test]
fn a_bug_has_a_name_and_is_planted_in_one_thread() {
    let names: BTreeSet<_> = Bug::ALL.iter().map(|bug| bug.name()).collect();
    assert_eq!(names.len(), Bug::ALL.len());
    assert!(Bug::ALL.len() >= 40);
    for bug in Bug::ALL {
        assert_eq!(bug.name().parse(), Ok(*bug));
        assert!(!bug.what().is_empty());
    }
    assert_eq!("no bug".parse::<Bug>(), Err(NoSuchBug));
    plant(Some(Bug::SixthSlot));
    assert_eq!(planted(), Some(Bug::SixthSlot));
    let elsewhere = thread::spawn(planted).join();
    assert_eq!(elsewhere.ok(), Some(None));
    assert!(proxy_fetch::planted!(SixthSlot) && !proxy_fetch::planted!(RetryEarly));
    plant(None);
    assert_eq!(planted(), None);
}
