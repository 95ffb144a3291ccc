//! What is printed. A reader that is gone (`| head`) has seen enough; any other failure to write is one of the command,
//! since what it found is lost.

use indicatif::HumanCount;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

/// Prints what was found; the exit code is that of what was found, or 2 if it cannot be written.
#[must_use]
pub fn print(text: &str, is_broken: bool) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => code(is_broken),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code(is_broken),
        Err(error) => {
            say(&format!("error: cannot write what was found: {error}"));
            ExitCode::from(2)
        }
    }
}

/// So many of them: `1 seed`, `2,000 seeds`.
pub(super) fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", HumanCount(number), if number == 1 { "" } else { "s" })
}

/// Whether something can be written to this file, before it takes long to know what.
pub(super) fn can_be_written(output: Option<&Path>) -> Result<(), String> {
    let Some(path) = output else { return Ok(()) };
    let is_new = !path.exists();
    let opened = OpenOptions::new().append(true).create(true).open(path);
    let done = opened.and_then(|_| if is_new { fs::remove_file(path) } else { Ok(()) });
    done.map_err(|error| format!("--output {}: {error}", path.display()))
}

/// Says it on stderr, at once; nobody may listen.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// 1 if a law is broken or something differs, 0 otherwise.
#[must_use]
pub const fn code(is_broken: bool) -> ExitCode {
    if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
