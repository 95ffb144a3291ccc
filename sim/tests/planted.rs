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

/// The features of the core in what cargo builds with these arguments.
fn features_of_the_core(arguments: &[&str]) -> Vec<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let plain = "tree --locked --offline --edges normal --target all --prefix none --format";
    let arguments = plain.split(' ').chain(["{p} features={f}"]).chain(arguments.iter().copied());
    let output = match Command::new(cargo).current_dir(root()).args(arguments).output() {
        Ok(output) => output,
        Err(error) => panic!("cargo tree does not run: {error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter(|line| line.starts_with("proxy-fetch v"));
    let features = lines.filter_map(|line| line.split("features=").nth(1));
    features.flat_map(|list| list.trim_end_matches(" (*)").split(',')).map(str::to_owned).collect()
}

#[test]
fn the_hosts_are_built_without_it() {
    // What people build: each host alone, what plain `cargo build` builds, and everything.
    let builds: [&[&str]; 4] = [&["-p", "proxy-fetch-native"], &["-p", "proxy-fetch-worker"], &[], &["--workspace"]];
    for build in builds {
        let features = features_of_the_core(build);
        assert!(features.contains(&"json".to_owned()), "cargo build {build:?}: {features:?}");
        assert!(!features.contains(&"planted".to_owned()), "cargo build {build:?} has planted bugs: {features:?}");
    }
    // And the same question finds it where it must be.
    let features = features_of_the_core(&["-p", "proxy-fetch-sim", "--features", "planted"]);
    assert!(features.contains(&"planted".to_owned()), "{features:?}");
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
