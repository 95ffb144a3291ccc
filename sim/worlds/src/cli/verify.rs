//! `cargo sim verify`.

use super::{
    VerifyArgs,
    output::{code, print},
};
use proxy_fetch_sim::verify::{LogError, Verified, verify};
use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
    process::ExitCode,
};

pub(super) fn run(args: &VerifyArgs) -> ExitCode {
    let (mut is_identical, mut text) = (true, String::new());
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
        text.push_str(&format!("{name}:\n{found}"));
    }
    print(&text, code(!is_identical))
}

fn read(log: &Path) -> Result<Verified, LogError> {
    if log == Path::new("-") {
        return verify(io::stdin().lock());
    }
    verify(BufReader::new(File::open(log).map_err(LogError::Unreadable)?))
}
