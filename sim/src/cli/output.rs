//! What is printed. A reader that is gone (`| head`) has seen enough; any other failure to write is one of the command,
//! since what it found is lost.

use std::{
    io::{self, Write},
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

/// Says it on stderr, at once; nobody may listen.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// 1 if a law is broken or something differs, 0 otherwise.
#[must_use]
pub const fn code(is_broken: bool) -> ExitCode {
    if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
