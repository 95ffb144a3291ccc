//! In test binaries: one report in full, and what merely follows from it in a line.

use crate::{proxy::ProxyRuns, queue::QueueRuns};
use durable_sim::{
    campaign::{Campaign, run},
    finding::shortened,
    plan::Simulation,
};
use std::{
    panic,
    sync::{Mutex, OnceLock, PoisonError},
};

/// Seeds that are looked at to know whether a law is broken.
const SEEDS: u64 = 300;
/// Lines that a report has at the most.
pub const MAX_LINES: usize = 150;

/// Fails the test with this report, if it is the first of this process; otherwise with its headline, and that of the first.
///
/// # Panics
/// Always.
#[track_caller]
pub fn tell_once(headline: &str, report: &str) -> ! {
    static FIRST: Mutex<Option<String>> = Mutex::new(None);
    let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    let text = match &*first {
        Some(first) => format!("{headline}\n(the report of these tests is of the first that failed: {first})"),
        None => {
            *first = Some(headline.to_owned());
            shortened(report, MAX_LINES)
        }
    };
    drop(first);
    fail(&text)
}

/// Fails the test with a text that says all: without the place in the code and the stack, which would say nothing more.
fn fail(text: &str) -> ! {
    eprintln!("{text}");
    panic::resume_unwind(Box::new(()))
}

/// A law that a few hundred seeds break, in a line with the command that shows it; `None`: they keep all.
#[must_use]
pub fn broken_law() -> Option<&'static str> {
    static BROKEN: OnceLock<Option<String>> = OnceLock::new();
    BROKEN.get_or_init(look).as_deref()
}

fn look() -> Option<String> {
    look_at(&ProxyRuns::SWARM, "campaign").or_else(|| look_at(&QueueRuns::SWARM, "queue"))
}

/// In one line: what happened is said there.
fn look_at<S: Simulation + Clone + Sync>(runs: &S, test: &str) -> Option<String> {
    let found = run(runs, &Campaign { seeds: SEEDS, fail_fast: true, ..Campaign::default() }, &());
    let law = found.ok()?.findings.first()?.breaks.law;
    Some(format!("law {law} is broken; `cargo test --test {test}` shows how"))
}

/// For a test that has found something wrong: if a law is broken, it fails with one line that says that it follows.
///
/// # Panics
/// If a law is broken.
pub fn follows_from_a_broken_law() {
    if let Some(law) = broken_law() {
        fail(&format!("this follows from something else: {law}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_broken_law_nothing_follows_from_one() {
        follows_from_a_broken_law();
        assert_eq!(broken_law(), None);
    }

    #[test]
    fn each_report_fails_its_test() {
        assert!(panic::catch_unwind(|| tell_once("the first", "all of it")).is_err());
        assert!(panic::catch_unwind(|| tell_once("the second", "all of it")).is_err());
    }
}
