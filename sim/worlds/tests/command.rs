//! The command line from outside: exit codes and what is printed, also where it cannot be printed.
#![allow(missing_docs, reason = "a test")]

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-fetch-sim"));
    command.current_dir(root()).args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    match sim(arguments).output() {
        Ok(output) => output,
        Err(error) => panic!("cargo sim {} does not run: {error}", arguments.join(" ")),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const STORY: &str = "sim/worlds/scenarios/row_of_a_newer_version.toml";

/// Commands that print a lot, and keep all laws.
const PRINTING: [&[&str]; 6] = [
    &["replay", "7"],
    &["replay", "7", "--json"],
    &["replay", "--world", "queue", "7"],
    &["scenario", "--without-bug", STORY],
    &["run", "--seeds", "5"],
    &["search", "--requests", "1"],
];

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_is_an_error() {
    for arguments in PRINTING {
        let full = File::options().write(true).open("/dev/full").map(Stdio::from);
        let Ok(full) = full else { panic!("/dev/full is not there") };
        let output =
            sim(arguments).stdout(full).stderr(Stdio::piped()).spawn().and_then(|child| child.wait_with_output());
        let Ok(output) = output else { panic!("{arguments:?} does not run") };
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("error: cannot write what was found: "), "{arguments:?}: {said}");
    }
}

/// `| head`
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for arguments in PRINTING {
        let child = sim(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = child else { panic!("{arguments:?} does not run") };
        let mut first = [0; 1];
        let read = child.stdout.take().map(|mut out| out.read_exact(&mut first));
        assert!(matches!(read, Some(Ok(()))), "{arguments:?} prints nothing");
        let Ok(output) = child.wait_with_output() else { panic!("{arguments:?} does not end") };
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
    }
}

#[test]
fn a_seed_that_breaks_no_law_has_nothing_to_write() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nothing.toml");
    let _ = fs::remove_file(&file);
    let output = run(&["shrink", "7", "-o", &file.to_string_lossy()]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said, "seed 7: its run breaks no law\n");
    let note = format!("note: --output: there is nothing to write to {}\n", file.display());
    assert_eq!(text(&output.stderr), note);
    assert!(!file.exists());
}

#[test]
fn wrong_input_is_one_line_and_exit_code_2() {
    for (arguments, names) in [
        (&["run", "--seeds", "0"] as &[&str], "--seeds"),
        (&["run", "--seeds", "x"], "--seeds"),
        (&["run", "--profile", "wild"], "--profile"),
        (&["run", "--world", "quue"], "is `queue` meant?"),
        (&["run", "--seeds", "2", "--start", "18446744073709551615"], "2 seeds from 18446744073709551615 on"),
        (&["verify", "--world", "object", "-"], "`verify` takes no --world"),
        (&["replay"], "SEED"),
        (&["scenario", "none.toml"], "none.toml"),
        (&["scenario", "/dev/null"], "/dev/null: nothing happens in it: it has no items"),
    ] {
        let output = run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!((said.lines().count(), text(&output.stdout)), (1, String::new()), "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(names), "{arguments:?}: {said}");
    }
}

/// Every run of a small plan that differs from its plain one in a decision.
#[test]
fn a_search_of_deviations_says_whether_it_is_complete() {
    for world in ["object", "queue"] {
        let whole = run(&["explore", "--deviations", "1", "--world", world]);
        assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
        assert!(text(&whole.stdout).contains("complete: no law is broken in any such run"));
        let few = run(&["explore", "--deviations", "1", "--runs", "20", "--world", world]);
        assert_eq!(few.status.code(), Some(0));
        assert!(text(&few.stdout).contains("NOT complete: there are more runs"), "{}", text(&few.stdout));
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drawn.toml");
    assert!(fs::write(&file, "seed = 1\n").is_ok());
    let file = file.display().to_string();
    for (arguments, why) in [
        (&["--plan", &file][..], "seed: nothing is drawn in this search, so it has no meaning here"),
        (&["--plan", "no such file"], "no such file: "),
        (&["--plan", "/dev/null"], "/dev/null: nothing happens in it: it has no items"),
    ] {
        let refused = run(&[&["explore"], arguments].concat());
        assert_eq!((refused.status.code(), text(&refused.stdout).as_str()), (Some(2), ""), "{arguments:?}");
        assert!(text(&refused.stderr).contains(why), "{arguments:?}: {}", text(&refused.stderr));
    }
}
