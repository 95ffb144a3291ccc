//! What the tests of the core share: a host in memory, generated operations, and the laws that are checked after each
//! turn. It is a second opinion: of the simulator it uses only how calls and answers are generated.

// Each test binary uses its own part.
#![allow(dead_code, clippy::unwrap_used, missing_docs)]

pub mod any;
pub mod bytes;
pub mod calls;
pub mod drain;
pub mod host;
pub mod laws;
pub mod ledger;
pub mod ops;
pub mod rig;
pub mod world;

#[path = "../../../tests/settings/mod.rs"]
pub mod settings;

use proptest::test_runner::{Config, FileFailurePersistence};

/// The configuration of a property: `PROPTEST_CASES`, else `default_cases`; failing seeds go to `file`.
pub fn config(file: &'static str, default_cases: u32) -> Config {
    // Read here too: what proptest cannot read it passes over.
    let cases = settings::number("PROPTEST_CASES", default_cases.into());
    let cases = u32::try_from(cases).unwrap_or_else(|_| panic!("PROPTEST_CASES={cases} is over {}", u32::MAX));
    let base = Config::default();
    // None if PROPTEST_DISABLE_FAILURE_PERSISTENCE says so.
    let failure_persistence =
        base.failure_persistence.as_ref().map(|_| Box::new(FileFailurePersistence::Direct(file)) as _);
    Config { cases, failure_persistence, max_shrink_iters: 4_000, ..base }
}

/// The regression file of a test binary, wherever the test is started.
#[macro_export]
macro_rules! regressions {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../proptest-regressions/", $name, ".txt")
    };
}
