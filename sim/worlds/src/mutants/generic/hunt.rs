//! Looks for one of these mutants until something finds it: shortly in a process of its own, then by the tests of the
//! core, then for as long as the bugs of the tables are looked for. A mutant may also run for ever, or take all memory
//! there is; that is seen too.

use super::tests_of_core::Tests;
use crate::mutants;
use durable_sim::{
    cli::{Kill, each},
    planter::PlantedCopy,
};
use serde::{Deserialize, Serialize};
use std::{
    fs, process,
    process::{ExitStatus, Output, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How a mutant was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catch {
    /// Through which lens; by which test of the core; or `time`, `memory` or `end`, if its process did not come to an
    /// end, needed more than a process may, or ended by itself.
    pub lens: String,
    /// What was found.
    pub kill: Kill,
}

/// A mutant that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunted {
    /// Its name in the copy.
    pub name: String,
    /// How it was found, if it was.
    pub catch: Option<Catch>,
}

/// A lens, its budget, and how many seconds that may take. It takes a fraction of that without a mutant.
type Look = (&'static str, u64, u64);

/// What is looked through first, in this order. Then come the tests of the core.
const SHORT: [Look; 5] =
    [("swarm", 60, 60), ("reference", 20, 60), ("calm", 10, 60), ("swarm", 500, 120), ("soak", 2, 120)];

/// And last, of what still survives.
const LONG: [Look; 4] = [("reference", 500, 240), ("calm", 100, 240), ("swarm", 3_000, 600), ("search", 60_000, 600)];

/// The memory that a process may take, in bytes.
pub(super) const MEMORY: u64 = 2 << 30;

/// A mutant that changes nothing: whatever finds it would find any.
pub const NO_MUTANT: &str = "cargo_mutants_none";

/// How often time and memory are looked at.
const INTERVAL: Duration = Duration::from_millis(50);

#[expect(
    clippy::disallowed_methods,
    reason = "a mutant that runs for ever is seen by the wall clock; nothing simulated"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// What is looked through now, and until when it may be.
struct Stage {
    lens: &'static str,
    until: Instant,
}

/// In a process of the copy: looks for the mutant that is on in it, and says what was found through `report`. The
/// process may end in it: then `report` was called, and what it returns is the exit code.
pub fn look(is_short: bool, report: impl Fn(Option<Catch>) -> i32 + Send + Sync + 'static) -> i32 {
    let report = std::sync::Arc::new(report);
    let stage = std::sync::Arc::new(Mutex::new(None::<Stage>));
    let watched = (std::sync::Arc::clone(&stage), std::sync::Arc::clone(&report));
    thread::spawn(move || {
        let (stage, report) = watched;
        loop {
            pause();
            let stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(Stage { lens, until }) = &*stage else { continue };
            let over = if now() >= *until {
                Some(("time", "it does not come to an end"))
            } else if memory("self").is_some_and(|bytes| bytes > MEMORY) {
                Some(("memory", "it takes more memory than a run may"))
            } else {
                None
            };
            if let Some((why, what)) = over {
                process::exit(report(Some(Catch::other(why, format!("{what} ({lens})")))));
            }
        }
    });
    let looks = if is_short { &SHORT[..] } else { &LONG[..] };
    let found = looks.iter().find_map(|(name, budget, seconds)| {
        let until = now() + Duration::from_secs(*seconds);
        *stage.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stage { lens: name, until });
        mutants::look(name, *budget).map(|kill| Catch { lens: (*name).to_owned(), kill })
    });
    // What comes now takes no time.
    *stage.lock().unwrap_or_else(PoisonError::into_inner) = None;
    report(found)
}

#[expect(clippy::disallowed_methods, reason = "whoever watches a mutant waits; nothing simulated")]
pub(super) fn pause() {
    thread::sleep(INTERVAL);
}

/// The memory of a process, in bytes, where the system tells it as Linux does.
pub(super) fn memory(process: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(4_096)
}

impl Catch {
    pub(super) fn other(lens: &str, what: String) -> Self {
        Self {
            lens: lens.into(),
            kill: Kill { law: "-".into(), what, cost: 0, repeat: String::new(), items: Vec::new() },
        }
    }
}

/// Looks for each of these mutants, `jobs` at a time: in a process of the copy, then by the tests of the core, and at
/// last in a process that looks longer. `progress` is told of each that is done.
///
/// # Errors
/// In one line: a process that cannot be started, or does not say what it found; or a lens or a test that finds
/// something without a mutant.
pub fn hunt(
    copy: &PlantedCopy,
    names: &[String],
    jobs: usize,
    progress: impl Fn() + Sync,
) -> Result<Vec<Hunted>, String> {
    let tests = Tests::of(copy)?;
    let lenses = |name: &str, is_short: bool| {
        let mut command = copy.command(Some(name));
        command.args(["survey", "--look", if is_short { "short" } else { "long" }]).stdin(Stdio::null());
        let output = command.output().map_err(|error| format!("{name}: {error}"))?;
        told(&output).map_err(|error| format!("{name}: its process does not say what it found: {error}"))
    };
    for is_short in [true, false] {
        if let Some(Catch { lens, kill }) = lenses(NO_MUTANT, is_short)? {
            return Err(format!("{lens} finds something without a mutant: {}", kill.what));
        }
    }
    let look = |name: &String| {
        let catch = match lenses(name, true)? {
            Some(catch) => Some(catch),
            None => match tests.look(Some(name))? {
                Some(catch) => Some(catch),
                None => lenses(name, false)?,
            },
        };
        progress();
        Ok(Hunted { name: name.clone(), catch })
    };
    each(names, jobs, look).into_iter().collect()
}

/// What the process of a mutant says. One that ends by itself, as by a panic outside of the machine or a stack that is
/// full, has found it.
fn told(output: &Output) -> Result<Option<Catch>, String> {
    if output.status.success() {
        return serde_json::from_slice(&output.stdout).map_err(|error| error.to_string());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let what = format!("its process ended with {}: {}", output.status, text.trim().replace('\n', "; "));
    if is_of_the_mutant(output.status) { Ok(Some(Catch::other("end", what))) } else { Err(what) }
}

/// Whether a process ended so by what it did: a panic, or a full stack. Anything else is no finding: the command line
/// was wrong, or somebody killed it for want of memory.
pub(super) fn is_of_the_mutant(status: ExitStatus) -> bool {
    const PANIC: i32 = 101;
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    const ABORT_AND_SEGMENTATION_FAULT: [i32; 2] = [6, 11];
    status.code() == Some(PANIC) || signal.is_some_and(|signal| ABORT_AND_SEGMENTATION_FAULT.contains(&signal))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_process_that_was_killed_has_found_nothing() {
        let ended = |raw| is_of_the_mutant(ExitStatus::from_raw(raw));
        assert!(ended(101 << 8) && ended(6) && ended(11));
        assert!(!ended(2 << 8) && !ended(9) && !ended(0));
    }
}
