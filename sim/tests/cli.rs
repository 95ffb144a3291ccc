//! The command line, with a world that goes wrong as it is told: whatever happens, the seed is known.
#![allow(missing_docs, reason = "tests")]

use std::{
    env,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Output, Stdio},
};

/// The example, which `cargo test` builds.
fn broken(how: &str) -> Command {
    let Ok(test) = env::current_exe() else { panic!("a test has a program") };
    let folder: PathBuf = test.ancestors().skip(2).take(1).map(|folder| folder.join("examples")).collect();
    let program = folder.join(format!("broken{}", env::consts::EXE_SUFFIX));
    assert!(program.exists(), "build it with: cargo build -p durable-sim --example broken");
    let mut command = Command::new(program);
    command.env("BROKEN", how).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command
}

fn output(how: &str, arguments: &str) -> (Option<i32>, String, String) {
    let output = broken(how).args(arguments.split(' ')).output();
    let Output { status, stdout, stderr } = output.unwrap_or_else(|error| panic!("{error}"));
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), text(&stdout), text(&stderr))
}

/// What is said on stderr has this in it.
#[track_caller]
fn says(stderr: &str, what: &str) {
    assert!(stderr.contains(what), "{what:?} is not in\n{stderr}");
}

#[test]
fn a_sound_campaign_says_what_it_proves() {
    let (code, stdout, stderr) = output("", "run --seeds 3000");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout.ends_with("none: with 95 % confidence, fewer than one seed in 1000 breaks a law\n"), "{stdout}");
}

#[test]
fn a_finding_is_told_and_made_small() {
    let (code, stdout, stderr) = output("law", "run --seeds 3000");
    assert_eq!(code, Some(1));
    for seed in [1, 1001, 2001] {
        says(
            &stderr,
            &format!(
                "seed {seed} breaks \"all is right\" at step 1: it went wrong\n  repeat it with: broken replay {seed}\n"
            ),
        );
    }
    assert!(stdout.contains("violations   3 seeds: all is right\n"), "{stdout}");
    assert!(stdout.contains("\"all is right\" promises: Nothing goes wrong.\n"), "{stdout}");
    assert!(stdout.contains("\nmishap0 = {}\n"), "{stdout}");
    let (code, _, stderr) = output("law", "run --seeds 3000 --steer --fail-fast --start 1");
    assert_eq!(code, Some(1));
    says(&stderr, "  repeat it with: broken run --steer --seeds 1 --start 1\n");
    let (code, stdout, _) = output("law", "run --seeds 3000 --fail-fast --jobs 1 --json");
    assert_eq!(code, Some(1));
    assert!(stdout.contains(r#""repeat":"broken replay 1","seed":1,"#) && stdout.contains(r#""seeds":2,"#), "{stdout}");
}

/// Begins it, with pauses, and waits for this many lines on stderr.
fn begun(how: &str, arguments: &str, lines: usize) -> (Child, Vec<String>, BufReader<ChildStderr>) {
    let mut command = broken(how);
    command.args(arguments.split(' ')).env("PAUSE", "yes").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{error}"));
    let Some(stderr) = child.stderr.take() else { panic!("it has a stderr") };
    let mut stderr = BufReader::new(stderr);
    let told = stderr.by_ref().lines().map_while(Result::ok).take(lines).collect();
    assert!(child.try_wait().is_ok_and(|ended| ended.is_none()), "it is over already");
    (child, told, stderr)
}

#[test]
fn a_killed_campaign_has_told_what_it_found() {
    let (mut child, told, _) = begun("law", "run --seeds 100000 --jobs 1", 2);
    let killed = child.kill().and_then(|()| child.wait());
    assert!(killed.is_ok(), "{killed:?}");
    assert_eq!(told, ["seed 1 breaks \"all is right\" at step 1: it went wrong", "  repeat it with: broken replay 1"]);
}

#[cfg(unix)]
#[test]
fn what_is_interrupted_says_what_it_has_found() {
    let interrupt = |child: &Child| {
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
    };
    let ends = |child: Child, mut stderr: BufReader<ChildStderr>| {
        let mut text = String::new();
        assert!(stderr.read_to_string(&mut text).is_ok());
        let output = child.wait_with_output().unwrap_or_else(|error| panic!("{error}"));
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), text)
    };
    let (child, _, stderr) = begun("law", "run --seeds 100000 --jobs 1", 2);
    interrupt(&child);
    let (code, stdout, _) = ends(child, stderr);
    assert_eq!(code, Some(1));
    assert!(
        stdout.contains("ended        because it was interrupted\nviolations   1 seed: all is right\n"),
        "{stdout}"
    );
    assert!(stdout.ends_with("repeat the first with: broken replay 1\n"), "{stdout}");
    // Nothing is found, and one run has no end.
    let (child, _, mut stderr) = begun("endless", "run --jobs 1", 1);
    interrupt(&child);
    let mut line = String::new();
    assert!(stderr.read_line(&mut line).is_ok() && line.starts_with("interrupted: it ends after the runs"), "{line}");
    interrupt(&child);
    let (code, stdout, stderr) = ends(child, stderr);
    assert_eq!((code, stdout.as_str()), (Some(130), ""));
    says(&stderr, "it was running seed 1\n  repeat it with: broken replay 1\n");
    let (child, _, stderr) = begun("endless", "replay 1", 1);
    interrupt(&child);
    let (code, _, stderr) = ends(child, stderr);
    assert_eq!(code, Some(130));
    says(&stderr, "it was in step 1\n  what comes before: broken replay 1 --at 0\n");
}

#[test]
fn a_panic_is_a_finding_with_its_place() {
    let (code, _, stderr) = output("panic", "run --seeds 10");
    assert_eq!(code, Some(1));
    says(&stderr, "seed 1 breaks \"nothing panics\" at step 1: panic: no way (sim/examples/broken.rs:");
    says(&stderr, "repeat it with: broken replay 1\n");
    assert!(!stderr.contains("panicked at"), "{stderr}");
}

#[test]
fn a_run_without_end_is_named() {
    let (code, _, stderr) = output("endless", "run --seeds 10 --slow 1");
    assert_eq!(code, Some(1));
    says(
        &stderr,
        "seed 1 takes too long, and may have no end: it is in step 1\n  what comes before: broken replay 1 --at 0\n",
    );
    for arguments in ["replay 1 --slow 1", "shrink 1 --slow 1", "explore --slow 1"] {
        let (code, _, stderr) = output("endless", arguments);
        assert_eq!(code, Some(1));
        says(&stderr, "a run takes longer than 1 s, and may have no end\nit was ");
    }
    let (code, stdout, _) = output("endless", "replay 1 --at 0");
    assert_eq!(code, Some(0), "{stdout}");
}

#[test]
fn what_ends_the_process_is_named() {
    for how in ["abort", "overflow"] {
        let (code, _, stderr) = output(how, "run --seeds 10 --jobs 1");
        assert_eq!(code, Some(1), "{stderr}");
        says(&stderr, "it was running seed 1\n  repeat it with: broken replay 1\n");
        let (code, _, stderr) = output(how, "replay 1");
        assert_eq!(code, Some(1), "{stderr}");
        says(&stderr, "it was in step 1\n  what comes before: broken replay 1 --at 0\n");
        // The first run that is tried when it is made small is the seed's own.
        for arguments in ["shrink 1", "explore"] {
            let (code, _, stderr) = output(how, arguments);
            assert_eq!(code, Some(1), "{stderr}");
            let Some((_, scenario)) = stderr.split_once("run it with: broken ") else { panic!("{stderr}") };
            let (code, _, stderr) = output(how, scenario.trim());
            assert_eq!(code, Some(1), "{stderr}");
            says(&stderr, "it was in step 1\n  what comes before: broken scenario ");
        }
    }
}

#[test]
fn a_reader_that_is_gone_changes_nothing() {
    let child = broken("law").args(["run", "--seeds", "10"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{error}"));
    drop(child.stdout.take());
    assert_eq!(child.wait().ok().and_then(|status| status.code()), Some(1));
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_is_told_all_the_same() {
    for arguments in ["explore --output /dev/full", "shrink 1 --output /dev/full", "run --seeds 9 --output /dev/full"] {
        let (code, stdout, stderr) = output("law", arguments);
        assert_eq!(code, Some(2), "{stderr}");
        says(&stderr, "error: --output /dev/full: No space left on device");
        assert!(stdout.contains("what happened: it went wrong\n"), "{arguments}: {stdout}");
    }
    for (arguments, what) in
        [("explore", "the first of these runs breaks"), ("replay 1", "VIOLATION of \"all is right\"")]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let full = full.unwrap_or_else(|error| panic!("{error}"));
        let output = broken("law").args(arguments.split(' ')).stdout(full).output();
        let output = output.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(output.status.code(), Some(2));
        says(&String::from_utf8_lossy(&output.stderr), what);
    }
}

#[test]
fn replay_shrink_scenario_and_explore_show_the_same_run() {
    let (code, stdout, _) = output("law", "replay 1 --at 1");
    assert_eq!(code, Some(1));
    assert!(stdout.contains("VIOLATION of \"all is right\" at step 1: it went wrong\n"), "{stdout}");
    assert_eq!(output("law", "replay 2").0, Some(0));
    let file = env::temp_dir().join(format!("durable-sim-{}.toml", std::process::id()));
    let path = file.to_string_lossy();
    for arguments in [format!("shrink 1001 --output {path}"), format!("explore --deviations 1 --output {path}")] {
        let (code, stdout, stderr) = output("law", &arguments);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stdout.contains("mishap0 = {"), "{stdout}");
        says(&stdout, &format!("\nrun it with: broken scenario {path}\n"));
        assert_eq!(stderr, "");
        let (code, stdout, _) = output("law", &format!("scenario {path}"));
        assert_eq!(code, Some(1));
        assert!(stdout.starts_with("once broke all is right: it went wrong\n"), "{stdout}");
        assert_eq!(output("", &format!("scenario {path}")).0, Some(0));
    }
    assert!(std::fs::remove_file(&file).is_ok());
    let (code, stdout, _) = output("", "explore --deviations 2");
    assert_eq!(code, Some(0));
    assert!(stdout.contains("complete: no law is broken in any such run"), "{stdout}");
}

#[test]
fn what_cannot_be_done_is_said_in_a_line() {
    for (arguments, what) in [
        ("run --seeds 0", "error: invalid value '0' for '--seeds <SEEDS>': not a whole number from 1 to 2^64 - 1\n"),
        ("run --world broken -x", "error: unexpected argument '-x' found\n"),
        ("--world broken", "error: a command is missing; --help lists them\n"),
        ("rnu", "error: unrecognized subcommand 'rnu'; is `run` meant?\n"),
        (
            "run --seeds 9 --nothing-new 10",
            "error: --nothing-new 10 is not below --seeds 9, so it would have no effect\n",
        ),
        ("run --start 2 --seeds 9", "error: nothing happens in the run of any of these seeds"),
        ("run --seeds 9 --output /no/such/folder", "error: --output /no/such/folder: No such file"),
        ("run --start 18446744073709551615 --seeds 2", "error: there are no 2 seeds from 18446744073709551615 on"),
        ("run --profile calm", "error: --profile: there is no \"calm\"; there is only swarm"),
        ("run --world brocken", "error: --world: there is no world \"brocken\"; is `broken` meant?"),
        ("replay x", "error: invalid value 'x' for '<SEED>': not a whole number from 0 to 2^64 - 1"),
        ("replay 1 --slow 0", "error: invalid value '0' for '--slow <SECONDS>': not a whole number from 1 to 86400"),
        ("scenario no.toml", "error: no.toml: No such file"),
        ("mutants", "error: broken has no table of mistakes"),
        ("run --bug It", "error: broken has no table of mistakes"),
        ("run --sneer", "error: unexpected argument '--sneer' found"),
        ("laws --bug It", "error: `laws` takes no --bug"),
        ("completions bash --world broken", "error: `completions` takes no --world"),
        ("mutants --bug It", "error: say `mutants It`: --bug runs a command with that mistake"),
        ("explore --deviations 0", "error: invalid value '0' for '--deviations <K>': not a whole number from 1 to 9"),
    ] {
        let (code, stdout, stderr) = output("", arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments}");
        assert!(stderr.starts_with(what) && stderr.lines().count() == 1, "{arguments}: {stderr}");
    }
}

#[test]
fn laws_keys_and_completions_are_printed() {
    let (_, stdout, _) = output("", "laws");
    assert!(stdout.starts_with("all is right         Nothing goes wrong.\na run comes to rest  "), "{stdout}");
    assert!(output("", "keys").1.contains("| `at_ms` |"));
    let (code, stdout, _) = output("", "completions bash");
    assert!(code == Some(0) && stdout.contains("_broken()"), "{stdout}");
}
