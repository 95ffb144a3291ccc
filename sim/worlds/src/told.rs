//! In test binaries: one report in full, and what merely follows from it in a line.

use crate::{proxy::ProxyRuns, queue::QueueRuns};
use durable_sim::{
    campaign::{Campaign, run},
    finding::shortened,
    plan::Simulation,
};
use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
    sync::{Mutex, Once, OnceLock, PoisonError},
    thread,
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
    BROKEN.get_or_init(|| without_panic_messages(look)).as_deref()
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

/// Runs a test of something that rests on the laws: a snapshot, a table, determinism. If it fails and a law is broken, it
/// fails with one line that says from what it follows, and with what it has to say itself otherwise.
///
/// # Panics
/// As the test does.
pub fn unless_a_law_is_broken(test: impl FnOnce()) {
    let Err(panic) = without_panic_messages(|| panic::catch_unwind(AssertUnwindSafe(test))) else { return };
    follows_from_a_broken_law();
    fail(&text_of(&*panic))
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

/// What a panic says, and where it was.
fn text_of(panic: &(dyn Any + Send)) -> String {
    let place = LAST.with_borrow_mut(Option::take);
    let text = durable_sim::panic_text(panic);
    place.map_or(text.clone(), |place| format!("{text}\n(at {place})"))
}

std::thread_local! {
    static QUIET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    static LAST: std::cell::RefCell<Option<String>> = const { std::cell::RefCell::new(None) };
}

/// Runs this without the message that a panic of this thread, or of one without a name, prints; only one that ends this
/// is told.
///
/// Panics of the machine are findings, and minimising asks for them again and again; the threads of a campaign have no
/// names, those of tests have.
pub fn without_panic_messages<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let aloud = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if QUIET.get() {
                LAST.set(panic.location().map(ToString::to_string));
            } else if thread::current().name().is_some() {
                aloud(panic);
            }
        }));
    });
    let before = QUIET.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    done.unwrap_or_else(|panic| {
        if !before {
            eprintln!("{}", text_of(&*panic));
        }
        panic::resume_unwind(panic)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_ends_the_work_is_passed_on() {
        let ended = panic::catch_unwind(|| without_panic_messages(|| assert_eq!(1 + 1, 3, "a sum")));
        let text = ended.err().map(|panic| durable_sim::panic_text(&*panic));
        assert!(text.is_some_and(|text| text.contains("a sum")));
        assert!(without_panic_messages(|| panic::catch_unwind(|| panic!("within")).is_err()));
    }

    #[test]
    fn without_a_broken_law_a_test_says_what_it_has_to_say() {
        unless_a_law_is_broken(|| {});
        assert!(panic::catch_unwind(|| unless_a_law_is_broken(|| panic!("a table differs"))).is_err());
        assert!(panic::catch_unwind(|| tell_once("the first", "all of it")).is_err());
        assert!(panic::catch_unwind(|| tell_once("the second", "all of it")).is_err());
    }
}
