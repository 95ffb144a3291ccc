//! The tables of bugs: each bug can be planted into the sources as they are, and what was found of all is told right.
//! That every bug is found, `cargo sim mutants` shows: it builds the planted copy first, which no test here needs.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use durable_sim::plan::Simulation;
use proxy_fetch_sim::{
    bugs::MUTANTS,
    mutants::{
        LENSES,
        generic::{self, Survivor},
    },
    proxy::ProxyRuns,
    queue::QueueRuns,
};
use std::{path::Path, process::Command};

/// Each mistake is of a world, or of something else that there is a way to look at; and so is each way.
#[test]
fn each_mistake_can_be_looked_for() {
    let worlds = [ProxyRuns::NAME, QueueRuns::NAME];
    let mutants = MUTANTS.planter().mutants().unwrap();
    for mutant in &mutants {
        let is_seen = worlds.contains(&mutant.world.as_str()) || LENSES.iter().any(|lens| lens.world == mutant.world);
        assert!(is_seen, "{} is of {}", mutant.name, mutant.world);
    }
    for lens in &LENSES {
        assert!(mutants.iter().any(|mutant| mutant.world == lens.world), "{} has nothing to find", lens.name);
        assert!(lens.soon <= lens.budget, "{}", lens.name);
    }
}

/// What `cargo sim` prints, says, and ends with.
fn command(arguments: &[&str], variable: Option<&str>) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-fetch-sim"));
    let output = command.args(arguments).envs(variable.map(|name| ("SIM_MUTANT", name))).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn the_command_lists_and_checks_without_a_build() {
    let (list, _, code) = command(&["mutants", "--list"], None);
    assert_eq!((list.lines().count(), code), (MUTANTS.planter().mutants().unwrap().len(), Some(0)));
    assert!(list.contains("SixthSlot                    object     six requests may be in flight\n"), "{list}");
    let (out, _, code) = command(&["mutants", "--check"], None);
    assert_eq!(code, Some(0), "{out}");
    assert_eq!(out, format!("{} mistakes can be planted\n", list.lines().count()));
}

/// What cannot be meant is said before anything is built.
#[test]
fn a_bug_that_cannot_be_meant_is_refused() {
    let refused = |arguments: &[&str], variable, error: &str| {
        assert_eq!(
            command(arguments, variable),
            (String::new(), format!("error: {error}\n"), Some(2)),
            "{arguments:?}"
        );
    };
    let nearest = "there is no mistake \"SixtSlot\"; is `SixthSlot` meant?";
    refused(&["replay", "7", "--bug", "SixtSlot"], None, nearest);
    refused(&["mutants", "SixtSlot"], None, nearest);
    let of_queue = "the bug SixthMessage is of `queue`; this runs `object`";
    refused(&["run", "--world", "object", "--bug", "SixthMessage"], None, of_queue);
    refused(&["story", "x.json", "--bug", "SixthMessage"], None, of_queue);
    let of_object = "the bug SixthSlot is of `object`; this runs `shell`";
    refused(&["shell", "7", "--bug", "SixthSlot"], None, of_object);
    let of_shell = "the bug EndsBeforeStop is of `shell`, which this does not run";
    refused(&["run", "--bug", "EndsBeforeStop"], None, of_shell);
    // It would be without effect.
    let stray = "SIM_MUTANT is for planted copies; here `--bug NAME` says which mistake is meant";
    refused(&["replay", "7"], Some("SixthSlot"), stray);
}

/// A list of cargo-mutants is read before anything is built.
#[test]
fn a_list_that_is_none_is_refused() {
    let refused = |arguments: &[&str]| {
        let (out, error, code) = command(&[&["survey"], arguments].concat(), None);
        assert_eq!((out.as_str(), code, error.lines().count()), ("", Some(2), 1), "{error}");
        error
    };
    assert!(refused(&["Cargo.toml"]).contains("Cargo.toml: it is no list of `cargo mutants --list --json`: "));
    assert!(refused(&["gone.json"]).starts_with("error: gone.json: "));
    // The standard input is empty here.
    assert!(refused(&["-"]).starts_with("error: -: it is no list of "));
    assert_eq!(refused(&["-", "--bug", "SixthSlot"]), "error: `survey` takes no --bug\n");
}

/// What is explained is there: whether it still survives, `cargo sim survey` sees.
#[test]
fn each_explained_survivor_is_of_a_function_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let all = generic::explained().unwrap();
    for Survivor { file, function, code, .. } in &all {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let name = function.rsplit("::").next().unwrap_or_default();
        let is_there = [format!("fn {name}("), format!("fn {name}<")].iter().any(|head| text.contains(head));
        assert!(is_there, "{file} has no function {function}");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(code.as_str()), "{file} has no `{code}` any more");
    }
    let twice = all.iter().enumerate().find(|(at, survivor)| {
        all[..*at].iter().any(|other| {
            let key = |of: &Survivor| [&of.file, &of.function, &of.code, &of.replacement].map(Clone::clone);
            key(other) == key(survivor)
        })
    });
    assert_eq!(twice, None, "explained twice");
}

/// No source that ships holds a bug or the switch of one.
#[test]
fn no_source_has_a_bug_in_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders: Vec<_> =
        ["src", "native/src", "worker/src", "sim/src/engine"].iter().map(|folder| root.join(folder)).collect();
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                for word in ["planted", "__mutants", "SIM_MUTANT"] {
                    assert!(!text.contains(word), "{} has {word}", path.display());
                }
                files += 1;
            }
        }
    }
    assert!(files > 0);
}
