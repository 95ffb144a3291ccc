//! `cargo sim verify`.

use super::{VerifyArgs, replay::reader_is_gone};
use proxy_fetch_sim::verify::{LogError, Verified, verify};
use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::Path,
    process::ExitCode,
};

pub(super) fn run(args: &VerifyArgs) -> ExitCode {
    let mut is_identical = true;
    for log in &args.logs {
        let name = if log == Path::new("-") { "standard input".into() } else { log.display().to_string() };
        let found = match read(log) {
            Ok(found) => found,
            Err(error) => {
                eprintln!("error: {name}: {error}");
                return ExitCode::from(2);
            }
        };
        is_identical &= found.is_identical();
        if let Err(error) = write!(io::stdout().lock(), "{name}:\n{found}")
            && !reader_is_gone(&error)
        {
            eprintln!("error: cannot write what was found: {error}");
        }
    }
    if is_identical { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(log: &Path) -> Result<Verified, LogError> {
    if log == Path::new("-") {
        return verify(io::stdin().lock());
    }
    verify(BufReader::new(File::open(log).map_err(LogError::Unreadable)?))
}
