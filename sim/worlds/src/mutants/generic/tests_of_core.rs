//! The tests of the core as one more lens: what campaigns never bring about, such as rows that no machine wrote, and
//! bounds that no run comes to.

use super::{
    FOLDER,
    hunt::{Catch, MEMORY, is_of_the_mutant, memory, now, pause},
};
use crate::bugs;
use durable_sim::planter::PlantedCopy;
use std::{
    fs::{self, File},
    process::Stdio,
    time::Duration,
};

/// The test binary that is built in the copy.
pub const BINARY: &str = "core";

/// Its modules, the short ones first. `hops` is of rules that no host of the simulator asks.
const TESTS: [&str; 7] = ["damage", "bounds", "pure", "rows", "refusals", "total", "machine"];

/// How long one of them may take. Each takes a fraction of that without a mutant.
const LIMIT: Duration = Duration::from_secs(300);

/// The tests of a copy that pass without a mutant.
pub(super) struct Tests<'a> {
    copy: &'a PlantedCopy,
}

impl<'a> Tests<'a> {
    pub(super) fn of(copy: &'a PlantedCopy) -> Result<Self, String> {
        let tests = Self { copy };
        match tests.look(None)? {
            None => Ok(tests),
            Some(Catch { lens, kill }) => Err(format!("{lens} fails without a mutant: {}", kill.what)),
        }
    }

    /// The first test that fails with this mutant.
    pub(super) fn look(&self, mutant: Option<&str>) -> Result<Option<Catch>, String> {
        for test in TESTS {
            let file = bugs::root().join(FOLDER).join(format!("{}-{test}.txt", mutant.unwrap_or("none")));
            let found = self.run(test, mutant, &file).map_err(|error| format!("{test}: {error}"))?;
            let _ = fs::remove_file(&file);
            if let Some(what) = found {
                return Ok(Some(Catch::other(test, what)));
            }
        }
        Ok(None)
    }

    /// What fails in this test; its output goes to this file.
    fn run(&self, test: &str, mutant: Option<&str>, file: &std::path::Path) -> Result<Option<String>, String> {
        let mut command = self.copy.command_of(BINARY, mutant).ok_or("it is not built")?;
        let out = File::create(file).map_err(|error| error.to_string())?;
        command
            .args([&format!("{test}::"), "--test-threads", "1"])
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::null());
        // The same cases each time, and nothing of what fails is kept in the copy, where other mutants would meet it.
        command.envs([("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true"), ("PROPTEST_RNG_SEED", "1")]);
        command.env("INSTA_UPDATE", "no");
        command.current_dir(bugs::root().join(FOLDER).join("tree/sim/worlds"));
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let until = now() + LIMIT;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                break status;
            }
            let is_too_large = memory(&child.id().to_string()).is_some_and(|bytes| bytes > MEMORY);
            if now() >= until || is_too_large {
                child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
                let what =
                    if is_too_large { "it takes more memory than a test may" } else { "it does not come to an end" };
                return Ok(Some(what.into()));
            }
            pause();
        };
        if status.success() {
            return Ok(None);
        }
        let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
        match failed(&text) {
            Some(test) => Ok(Some(test)),
            None if is_of_the_mutant(status) => Ok(Some(format!("it ended with {status}"))),
            None => Err(format!("it ended with {status}")),
        }
    }
}

/// The first test that failed, by its name.
fn failed(text: &str) -> Option<String> {
    text.lines().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED").map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_test_that_failed_is_named() {
        let text = "running 2 tests\ntest a ... ok\ntest s13_b ... FAILED\ntest c ... FAILED\n";
        assert_eq!(failed(text).as_deref(), Some("s13_b"));
        assert_eq!(failed("test a ... ok\n"), None);
    }
}
