//! What a run leaves behind: a digest per step always, and readable lines if asked for.

use super::Micros;
use crate::watch::Steps;
use rustc_hash::FxHasher;
use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Shows these types as their `Debug` does: events, effects and messages need a [`Display`](fmt::Display) for the trace.
///
/// ```
/// #[derive(Debug)]
/// enum Event {
///     Call { credits: u64 },
/// }
/// durable_sim::show_as_debug!(Event);
/// assert_eq!(Event::Call { credits: 5 }.to_string(), "Call { credits: 5 }");
/// ```
#[macro_export]
macro_rules! show_as_debug {
    ($($shown:ty),+ $(,)?) => {
        $(
            impl ::core::fmt::Display for $shown {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::core::fmt::Debug::fmt(self, f)
                }
            }
        )+
    };
}

/// A line of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The step that it belongs to, from 1.
    pub step: u64,
    /// True time, in µs since the run began.
    pub at: Micros,
    /// Who did it; empty if nothing was seen to happen in this step, and `what` says which step it was.
    pub who: String,
    /// What was done.
    pub what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, at, who, what } = self;
        let (seconds, millis, micros) = (at / 1_000_000, at / 1_000 % 1_000, at % 1_000);
        write!(f, "{step:>5} {seconds:>5}.{millis:03}_{micros:03}s  {who:<10} {what}")
    }
}

/// Records the digests and the lines of a run. By default it keeps the digest of the whole alone; what it keeps changes
/// nothing in the run.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// Steps so far.
    pub steps: u64,
    digest: u64,
    digests: Option<Vec<u64>>,
    lines: Option<Vec<Line>>,
    watched_by: Option<Arc<dyn Steps>>,
}

impl Recorder {
    /// Keeps the digest of each step.
    #[must_use]
    pub fn with_digests(mut self) -> Self {
        self.digests = Some(Vec::new());
        self
    }

    /// Keeps the lines.
    #[must_use]
    pub fn with_lines(mut self) -> Self {
        self.lines = Some(Vec::new());
        self
    }

    /// Tells this one of each step.
    #[cfg(feature = "plans")]
    pub(crate) fn watched_by(mut self, steps: Option<Arc<dyn Steps>>) -> Self {
        self.watched_by = self.watched_by.or(steps);
        self
    }

    pub(super) fn begin_step(&mut self) {
        self.steps += 1;
        if let Some(watcher) = &self.watched_by {
            watcher.step(self.steps);
        }
    }

    /// The digest of everything so far.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// The digests of all steps, if they were kept.
    #[must_use]
    pub fn digests(&self) -> &[u64] {
        self.digests.as_deref().unwrap_or_default()
    }

    /// The lines, if they were kept.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// Takes a number into the digest.
    pub const fn mix(&mut self, number: u64) {
        // A multiply and a rotation suffice: it must tell runs apart, not resist anybody.
        self.digest = (self.digest ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    /// Whether lines are wanted: what is costly to say is said only then.
    pub(super) const fn wants_lines(&self) -> bool {
        self.lines.is_some()
    }

    pub(super) fn end_step(&mut self) {
        let digest = self.digest;
        if let Some(digests) = &mut self.digests {
            digests.push(digest);
        }
    }

    /// A line of an object's, which is named by its number where there are several.
    pub(super) fn object_line(&mut self, at: Micros, object: Option<u32>, what: impl FnOnce() -> String) {
        if self.wants_lines() {
            let who = object.map_or_else(|| "object".to_owned(), |number| format!("object {number}"));
            self.line(at, who, what());
        }
    }

    pub(super) fn line(&mut self, at: Micros, who: impl Into<String>, what: impl Into<String>) {
        let step = self.steps;
        if let Some(lines) = &mut self.lines {
            lines.push(Line { step, at, who: who.into(), what: what.into() });
        }
    }
}

/// What a digest takes in of this.
pub(super) fn digest_of<T: Hash + ?Sized>(what: &T) -> u64 {
    let mut hasher = FxHasher::default();
    what.hash(&mut hasher);
    hasher.finish()
}
