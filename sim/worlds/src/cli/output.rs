//! What is printed. A reader that is gone (`| head`) has seen enough; any other failure to write is one of the command,
//! since what it found is lost.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

/// Prints what was found; the exit code is that of what was found, or 2 if it cannot be written.
pub(super) fn print(text: &str, found: ExitCode) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => found,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => found,
        Err(error) => {
            eprintln!("error: cannot write what was found: {error}");
            ExitCode::from(2)
        }
    }
}

/// Writes what a broken law leaves to the file of `--output`, and prints what was found, and how the file is run.
pub(super) fn print_and_keep(mut found: String, file: &Path, kept: &str) -> ExitCode {
    let written = fs::write(file, kept);
    if written.is_ok() {
        found.push_str(&format!("run it with: cargo sim scenario {}\n", file.display()));
    }
    let exit = print(&found, code(true));
    match written {
        Ok(()) => exit,
        Err(error) => {
            eprintln!("error: --output {}: {error}", file.display());
            ExitCode::from(2)
        }
    }
}

/// 1 if a law is broken or something differs, 0 otherwise.
pub(super) const fn code(is_broken: bool) -> ExitCode {
    if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
