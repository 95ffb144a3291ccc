//! A command that runs worlds does so in a process that this one watches: whatever happens to that, what it was busy with is
//! told. `unsafe` would be needed to survive an overflow of the stack, or an abort.
//!
//! - *Why locks of files and not a pipe:* a lock is released however its process ends, and the standard input is the
//!   command's own.
//! - *Why the parent looks every few milliseconds:* it waits for a process and for signals, and nothing in `std` waits for
//!   both.

mod child;
mod noted;

use super::output::say;
use crate::campaign::left_running;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    env,
    fs::File,
    io,
    path::PathBuf,
    process::{self, ExitCode, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// The environment variable that tells a process that its parent watches it, and the folder that both know.
pub(super) const VARIABLE: &str = "DURABLE_SIM_WATCHED";

/// The exit code of what was interrupted and had found nothing: 128 and SIGINT.
pub(super) const INTERRUPTED: u8 = 130;

/// The file that is there once a law is broken.
const FOUND: &str = "found";

/// How often the parent looks.
const EVERY: Duration = Duration::from_millis(5);

/// What a command runs.
pub(super) struct Runs<'a> {
    /// If it is a campaign: how a seed is repeated. It keeps its own notes, and its own watch; the others are for what comes
    /// after it.
    pub seeds: Option<&'a dyn Fn(u64) -> Result<String, String>>,
    pub noted: Noted,
    /// A run that takes longer has no end.
    pub slow: Duration,
}

/// What is noted of what runs.
#[derive(Clone, Debug)]
pub(super) enum Noted {
    /// Its step. It is one run, which this command repeats, and `--at STEP` a part of it.
    Step { repeat: String },
    /// Its document. One run follows the other.
    Document {
        /// The head of its scenario.
        head: String,
        /// What the name of its file begins with.
        file: String,
        /// How it is run, up to the name of the file.
        scenario: String,
    },
    /// Nothing: it is a command of the program's own.
    Nothing {
        /// Whether it ends by itself when it is interrupted, with what it has found so far.
        stops: bool,
    },
}

impl Runs<'_> {
    /// Whether it ends by itself when it is interrupted, with what it has found so far.
    const fn stops(&self) -> bool {
        match self.noted {
            Noted::Document { .. } | Noted::Nothing { stops: true } => true,
            Noted::Step { .. } | Noted::Nothing { stops: false } => false,
        }
    }

    /// From now on each run of this process is noted, and seen if it has no end.
    pub(super) fn note(&self) -> Result<(), String> {
        folder().map_or(Ok(()), |folder| child::note(&folder, self))
    }
}

/// Does it in a process that this one watches.
pub(super) fn watched(runs: &Runs<'_>, task: impl FnOnce() -> Result<ExitCode, String>) -> Result<ExitCode, String> {
    if let Some(folder) = folder() {
        child::watched_by_parent(&folder, runs)?;
        return task();
    }
    let cannot = |error: io::Error| format!("this program cannot be watched: {error}");
    let folder = tempfile::Builder::new().prefix("durable-sim-").tempdir().map_err(cannot)?;
    let locked = |name: &str| {
        let file = File::create(folder.path().join(name))?;
        file.lock()?;
        Ok(file)
    };
    let (lives, goes_on) = (locked(child::LIVES).map_err(cannot)?, locked(child::GOES_ON).map_err(cannot)?);
    let signal = Arc::new(AtomicBool::new(false));
    for number in [SIGINT, SIGTERM] {
        flag::register(number, signal.clone()).map_err(cannot)?;
    }
    let program = env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
    let child = process::Command::new(program).args(env::args_os().skip(1)).env(VARIABLE, folder.path()).spawn();
    let mut child = child.map_err(|error| format!("this program cannot be started: {error}"))?;
    let (mut signals, mut goes_on) = (0, Some(goes_on));
    let status = loop {
        if let Some(status) = child.try_wait().map_err(cannot)? {
            break status;
        }
        if signal.swap(false, Ordering::Relaxed) {
            signals += 1;
            if signals == 1 && runs.stops() {
                say("interrupted: it ends after the runs that are under way, or at once if it is interrupted again");
                goes_on = None;
            } else {
                // It may have ended this moment.
                let _ = child.kill();
            }
        }
        #[expect(clippy::disallowed_methods, reason = "it waits for a process")]
        thread::sleep(EVERY);
    };
    drop((lives, goes_on));
    let is_interrupted = signals > 0 || signal.load(Ordering::Relaxed) || by_signal_of_people(status);
    if let Some(code) = status.code().and_then(|code| u8::try_from(code).ok()) {
        return Ok(ExitCode::from(code));
    }
    let exit = if is_interrupted {
        let has_found = folder.path().join(FOUND).exists();
        if has_found { ExitCode::FAILURE } else { ExitCode::from(INTERRUPTED) }
    } else {
        say(&format!("the process ended with {status}"));
        ExitCode::FAILURE
    };
    let seeds = if runs.seeds.is_some() { left_running(folder.path()).seeds } else { Vec::new() };
    for seed in &seeds {
        say(&format!("it was running seed {seed}"));
        if let Some(repeat) = runs.seeds {
            say(&format!("  repeat it with: {}", repeat(*seed)?));
        }
    }
    if let Some(noted) = runs.noted.left_in(folder.path()).filter(|_| seeds.is_empty()) {
        say(&noted);
    }
    Ok(exit)
}

/// Whether somebody has ended it, by Ctrl-C or as one ends processes.
#[cfg(unix)]
fn by_signal_of_people(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal().is_some_and(|signal| [SIGINT, SIGTERM].contains(&signal))
}

#[cfg(not(unix))]
const fn by_signal_of_people(_: ExitStatus) -> bool {
    false
}

/// Notes that a law is broken, for the process that watches this one.
pub(super) fn note_found() {
    if let Some(folder) = folder() {
        // It is told on stderr in any case.
        let _ = File::create(folder.join(FOUND));
    }
}

/// The folder that this process and the one that watches it know, if one does.
pub(super) fn folder() -> Option<PathBuf> {
    env::var_os(VARIABLE).map(PathBuf::from)
}
