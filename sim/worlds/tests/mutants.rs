//! The tables of bugs: each bug can be planted into the sources as they are, and what was found of all is told right.
//! That every bug is found, `cargo sim mutants` shows: it builds the planted copy first, which no test here needs.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use proxy_fetch_sim::{
    bugs::{self, Bug, Machine},
    mutants::{
        self, Board, Found, Kill, LENSES,
        generic::{self, Survivor},
        lenses,
    },
};
use std::{path::Path, process::Command};

/// Each text is found, and exactly once.
#[test]
fn each_bug_can_be_planted() {
    match bugs::planter().plant() {
        Ok(planted) => assert_eq!(planted.mutants, bugs::bugs().unwrap().len()),
        Err(problems) => panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

#[test]
fn each_machine_has_bugs_laws_and_a_lens() {
    let bugs = bugs::bugs().unwrap();
    for machine in Machine::ALL {
        assert!(lenses(machine).next().is_some());
        assert!(bugs.iter().any(|bug| bug.machine == machine));
        assert!(!mutants::law_ids(machine).is_empty());
    }
    let seen: usize = Machine::ALL.into_iter().map(|machine| lenses(machine).count()).sum();
    assert_eq!(seen, LENSES.len(), "a lens is for one machine");
}

/// What a lens found: the law and the cost.
fn kill(law: &str, cost: u64) -> Kill {
    Kill { law: law.into(), what: "so it was".into(), cost, repeat: "cargo sim".into() }
}

/// A bug of which one lens alone found something.
fn found(name: &str, lens: &str, kill: &Kill) -> Found {
    let bug: &'static Bug = bugs::bug(name).unwrap();
    Found { bug, kills: lenses(bug.machine).map(|each| (each.name == lens).then(|| kill.clone())).collect() }
}

#[test]
fn a_board_says_what_survives_and_which_laws_find_nothing() {
    let found = vec![
        found("RetryEarly", "swarm", &kill("S7", 3)),
        found("SixthSlot", "explore", &kill("S3", 1)),
        found("UnreadPayloadDeleted", "reference", &kill("model", 2)),
        found("DeadLetterFetched", "queue", &kill("Q4", 5)),
        found("RetriesBeforeCommit", "shell", &kill("S4", 1)),
        found("DueOneLate", "no lens", &kill("S3", 1)),
    ];
    let board = Board { found };
    let names = |bugs: Vec<&'static Bug>| bugs.into_iter().map(|bug| bug.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names(board.survivors()), ["DueOneLate"]);
    let of = |machine| {
        let laws = board.laws(machine).into_iter().filter(|(_, bugs)| !bugs.is_empty());
        laws.map(|(law, bugs)| (law, names(bugs))).collect::<Vec<_>>()
    };
    // What the reference model alone sees is a verdict, and of no law.
    let of_object = [("S3", vec!["SixthSlot"]), ("S7", vec!["RetryEarly"]), ("model", vec!["UnreadPayloadDeleted"])];
    assert_eq!(of(Machine::Object), of_object);
    assert_eq!(of(Machine::Queue), [("Q4", vec!["DeadLetterFetched"])]);
    assert_eq!(of(Machine::Shell), [("S4", vec!["RetriesBeforeCommit"])]);
    assert_eq!(board.idle_laws(Machine::Object).len(), mutants::law_ids(Machine::Object).len() - 2);
    assert_eq!(board.idle_laws(Machine::Queue).len(), mutants::law_ids(Machine::Queue).len() - 1);
    assert_eq!(board.idle_laws(Machine::Shell), [""; 0], "its laws are the object's");
}

/// A law that sees less than it did finds its bugs later.
#[test]
fn what_is_found_late_is_told_apart() {
    let found = vec![
        found("RetryEarly", "swarm", &kill("S7", 60)),
        found("SixthSlot", "swarm", &kill("S3", 61)),
        // One that is rare may take longer.
        found("StartsAtExpiry", "swarm", &kill("S9", 800)),
        // What a slow lens finds, however soon, some quick one must find too.
        found("SlotLostAtCancel", "explore", &kill("L8", 1)),
    ];
    let soon = Board { found }.soon();
    assert_eq!(soon.survivors(), [bugs::bug("SixthSlot").unwrap(), bugs::bug("SlotLostAtCancel").unwrap()]);
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
    assert_eq!((list.lines().count(), code), (bugs::bugs().unwrap().len(), Some(0)));
    assert!(list.contains("SixthSlot                   object  six requests may be in flight\n"), "{list}");
    let (out, _, code) = command(&["mutants", "--check"], None);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with(&format!("each of {} bugs can be planted, in ", list.lines().count())), "{out}");
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
    let nearest = "invalid value 'SixtSlot' for '--bug <NAME>': there is no bug \"SixtSlot\"; is `SixthSlot` meant?";
    refused(&["replay", "7", "--bug", "SixtSlot"], None, nearest);
    let of_queue = "the bug SixthMessage is in the machine `queue`; this runs `object`";
    refused(&["run", "--bug", "SixthMessage"], None, of_queue);
    let of_shell = "the bug SixthSlot is in the machine `object`; this runs `shell`";
    refused(&["shell", "7", "--bug", "SixthSlot"], None, of_shell);
    // It would be without effect.
    let stray = "SIM_MUTANT is for planted copies; here `--bug NAME` says which bug is meant";
    refused(&["replay", "7"], Some("SixthSlot"), stray);
}

/// A list of cargo-mutants is read before anything is built.
#[test]
fn a_list_that_is_none_is_refused() {
    let refused = |arguments: &[&str]| {
        let (out, error, code) = command(&[&["mutants", "--cargo-mutants"], arguments].concat(), None);
        assert_eq!((out.as_str(), code, error.lines().count()), ("", Some(2), 1), "{error}");
        error
    };
    assert!(refused(&["Cargo.toml"]).contains("Cargo.toml: it is no list of `cargo mutants --list --json`: "));
    assert!(refused(&["gone.json"]).starts_with("error: gone.json: "));
    // The standard input is empty here.
    assert!(refused(&["-"]).starts_with("error: -: it is no list of "));
    assert!(refused(&["-", "--bug", "SixthSlot"]).contains("names one of a table"));
}

/// What is explained is there: whether it still survives, `cargo sim mutants --cargo-mutants` sees.
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
