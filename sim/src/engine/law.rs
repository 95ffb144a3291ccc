//! Broken laws: what a run was found to have done wrong.

use super::{Sim, World};
use std::any::Any;

/// A broken law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaks {
    /// Its name.
    pub law: &'static str,
    /// The step of the run.
    pub step: u64,
    /// What was seen, in words.
    pub what: String,
}

impl<W: World> Sim<W> {
    /// A law is broken, in this step: the trace says so, and the run ends after it. The first one is kept.
    pub fn break_law(&mut self, law: &'static str, what: impl Into<String>) {
        let (step, what) = (self.recorder.steps, what.into());
        self.say("LAW", || format!("{law}: {what}"));
        self.stop();
        self.broken.get_or_insert(Breaks { law, step, what });
    }

    /// The first law that was broken.
    #[must_use]
    pub const fn broken(&self) -> Option<&Breaks> {
        self.broken.as_ref()
    }
}

/// What a panic says, as [`std::panic::catch_unwind`] returns it.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a message").to_owned()
}
