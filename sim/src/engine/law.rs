//! Laws: what must hold in each run; and those that a run was found to have broken.

use super::{Micros, Sim, World};
use std::{any::Any, ptr};

/// A law: its name, and the sentence that it promises. See [`laws!`](crate::laws).
///
/// - *Why not a trait with a method that looks:* what a law needs to see is known where something happens, and the same
///   law is often looked at in several spots. So it is a name that [`Sim::always`] and [`Sim::eventually`] are given there.
#[derive(Debug)]
pub struct Law {
    /// Its name.
    pub name: &'static str,
    /// What it promises: a sentence.
    pub promises: &'static str,
}

impl Law {
    /// A law of this name, which promises this.
    #[must_use]
    pub const fn new(name: &'static str, promises: &'static str) -> Self {
        Self { name, promises: promises.trim_ascii() }
    }
}

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

/// What must happen yet.
#[derive(Debug)]
pub(super) struct Promised {
    law: &'static Law,
    of: u64,
    until: Micros,
}

impl<W: World> Sim<W> {
    /// A law is broken, in this step: the trace says so, and the run ends after it. The first one is kept.
    pub fn break_law(&mut self, law: &'static str, what: impl Into<String>) {
        let (step, what) = (self.recorder.steps, what.into());
        self.say("LAW", || format!("{law}: {what}"));
        self.stop();
        self.broken.get_or_insert(Breaks { law, step, what });
    }

    /// The law is broken unless this holds here and now; `saw` is what was seen, in words, and asked only then.
    pub fn always(&mut self, law: &'static Law, holds: bool, saw: impl FnOnce() -> String) {
        if !holds {
            self.break_law(law.name, saw());
        }
    }

    /// The law is broken unless [`Sim::kept`] says within this time, in µs, that it is kept of this one, whose number is
    /// the world's own; and if nothing is left to happen before that. Promised again, the new time counts.
    pub fn eventually(&mut self, law: &'static Law, of: u64, within: Micros) {
        self.kept(law, of);
        let until = self.now.saturating_add(within);
        self.promised.push(Promised { law, of, until });
        self.promised_until = self.promised_until.min(until);
    }

    /// What [`Sim::eventually`] has promised of this one has happened. Nothing happens if nothing was promised.
    pub fn kept(&mut self, law: &'static Law, of: u64) {
        self.promised.retain(|promised| !(ptr::eq(promised.law, law) && promised.of == of));
    }

    /// Breaks the law of a promise whose time is over at `now`, or of any if none can be kept any more.
    pub(crate) fn look_at_promises(&mut self, now: Option<Micros>) {
        let over = |promised: &&Promised| now.is_none_or(|now| promised.until < now);
        if let Some(Promised { law, of, until }) =
            self.promised.iter().filter(over).min_by_key(|promised| promised.until)
        {
            let (law, of, until) = (law.name, *of, *until as f64 / 1e6);
            let why = if now.is_some() { "it did not happen" } else { "nothing is left to happen" };
            self.break_law(law, format!("of {of}: due by {until:.3} s, and {why}"));
        }
        self.promised_until = self.promised.iter().map(|promised| promised.until).min().unwrap_or(Micros::MAX);
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

/// Declares laws, each with its name and, as a comment, the sentence that it promises; and the list of them.
///
/// ```
/// durable_sim::laws! {
///     /// What must hold of a lock.
///     pub LAWS = [
///         /// At most one client holds a lock at a time.
///         EXCLUSION = "mutual exclusion",
///     ];
/// }
/// assert_eq!((EXCLUSION.name, EXCLUSION.promises), ("mutual exclusion", "At most one client holds a lock at a time."));
/// assert_eq!(LAWS.len(), 1);
/// ```
#[macro_export]
macro_rules! laws {
    ($(#[doc = $about:literal])* $vis:vis $list:ident = [$($(#[doc = $promises:literal])+ $law:ident = $name:literal),+ $(,)?];) => {
        $(
            $(#[doc = $promises])+
            $vis static $law: $crate::engine::Law = $crate::engine::Law::new($name, concat!($($promises),+));
        )+
        $(#[doc = $about])*
        $vis static $list: [&$crate::engine::Law; [$($name),+].len()] = [$(&$law),+];
    };
    ($($other:tt)*) => {
        compile_error! {
            "laws are: `pub LAWS = [/// The sentence that it promises.\\n ONE = \"its name\"];`; each has its sentence"
        }
    };
}
