//! The laws, each in a file of its own, checked at everything that can be seen from outside the machine.
//!
//! A law sees observations and reads the [`Ledger`]; it never asks the machine for its state, except for S25, which is
//! about the machine's memory. No law scans what did not change.

mod calm;
mod l01_alarm;
mod l02_ends;
mod l03_alarm_ahead;
mod l04_no_starvation;
mod l05_leases;
mod l06_next_alarm;
mod l07_crash_loops;
mod l08_no_idle_slot;
mod list;
mod live;
pub(crate) mod promised;
mod s01_one_state;
mod s02_atomic;
mod s03_slots;
mod s04_durable_start;
mod s05_acknowledged;
mod s06_idempotent;
mod s07_not_before;
mod s08_attempts;
mod s09_expiry;
mod s10_completions;
mod s11_one_outcome;
mod s12_order;
mod s13_quarantine;
mod s14_idle_tick;
mod s15_bounded;
mod s16_at_most_once;
mod s17_time;
mod s18_callback_target;
mod s19_fixed_name;
mod s20_no_spinning;
mod s21_bounded_response;
mod s22_addresses;
mod s23_rest;
mod s24_unknown_versions;
mod s25_shadow;
#[cfg(test)]
mod testing;
mod view;

use crate::history::ledger::{Ask, Callback, Change, Commit, Entry, Fetch, Ledger, Observation};
pub use list::{All, LAWS, Laws};
pub use live::Live;
use proxy_fetch::{Key, Reply, Timestamp};
use std::{
    fmt,
    hash::{Hash, Hasher},
};
pub use view::{End, Move, Reached, Settled, Turn, outcome_of};

/// What a law says of one observation.
pub type Verdict = Result<(), Violation>;

/// A broken law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The law's name.
    pub law: &'static str,
    /// What broke it, in words, with the request and the numbers.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.what)
    }
}

/// Reports a violation of `Self` unless the condition holds. The text is made only then.
macro_rules! ensure {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err($crate::laws::Violation { law: Self::LAW.name, what: format!($($what)+) });
        }
    };
}
use ensure;

/// A law that can be broken. Each method looks at one kind of observation; those that a law leaves out cost nothing.
#[expect(unused_variables, reason = "an implementation names what it uses")]
pub trait Law {
    /// Its name in the list of laws, `S3`, and what it promises.
    const LAW: &'static durable_sim::Law;

    /// A commit changed the row of one request; called for each of them, before [`Law::committed`].
    ///
    /// # Errors
    /// Like every method: what broke the law.
    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        Ok(())
    }

    /// A commit became durable.
    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        Ok(())
    }

    /// An instance is gone.
    fn lost(&mut self, ledger: &Ledger) -> Verdict {
        Ok(())
    }

    /// A fault has changed a stored row; these are its bytes now.
    fn tampered(&mut self, key: Key, bytes: &[u8]) -> Verdict {
        Ok(())
    }

    /// This fetch left the object.
    fn fetch_left(&mut self, ledger: &Ledger, entry: &Entry, fetch: &Fetch) -> Verdict {
        Ok(())
    }

    /// An upstream was reached, and acted.
    fn executed(&mut self, entry: &Entry, reached: &Reached<'_>) -> Verdict {
        Ok(())
    }

    /// This callback left the object.
    fn callback_left(&mut self, ledger: &Ledger, entry: &Entry, callback: &Callback) -> Verdict {
        Ok(())
    }

    /// An origin was called back, and acted.
    fn told(&mut self, entry: &Entry) -> Verdict {
        Ok(())
    }

    /// A reply left the object.
    fn replied(&mut self, ledger: &Ledger, ask: Ask, reply: &Reply) -> Verdict {
        Ok(())
    }

    /// The object rests: what it holds in memory, and what is stored.
    fn settled(&mut self, ledger: &Ledger, settled: &Settled<'_>) -> Verdict {
        Ok(())
    }

    /// From now on there are no faults; what failed before is retried within `recovery_ms`.
    fn healed(&mut self, now: Timestamp, recovery_ms: u64) -> Verdict {
        Ok(())
    }

    /// The run is over.
    fn ended(&mut self, ledger: &Ledger, end: &End<'_>) -> Verdict {
        Ok(())
    }
}

/// Laws that watch one run. The first law of the list that sees a violation reports it; a commit is looked at request
/// by request, then as a whole.
#[derive(Clone, Debug, Default)]
pub struct Watch<L> {
    live: Live,
    law: L,
}

impl<L: Hash> Hash for Watch<L> {
    /// What the laws remember, so that two runs can be told apart by it. What is live follows from the ledger and from
    /// the time of the last commit.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.live.time(), self.live.due()).hash(state);
        self.law.hash(state);
    }
}

impl<L: Law + Default> Watch<L> {
    /// Laws that have seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at one observation. The ledger has it already.
    ///
    /// # Errors
    /// The first violated law.
    #[inline]
    pub fn observe(&mut self, ledger: &Ledger, seen: &Observation<'_>) -> Verdict {
        match *seen {
            Observation::Started | Observation::FetchEnded { .. } => Ok(()),
            Observation::Lost => self.law.lost(ledger),
            Observation::Tampered { key, bytes } => self.law.tampered(key, bytes),
            Observation::Committed(commit) => self.observe_commit(ledger, commit),
            Observation::FetchLeft { entry } => {
                let entry = &ledger.entries[entry];
                entry.fetches.last().map_or(Ok(()), |fetch| self.law.fetch_left(ledger, entry, fetch))
            }
            Observation::Executed { entry: at, number, host, headers } => {
                self.law.executed(&ledger.entries[at], &Reached { at, number, host, headers })
            }
            Observation::CallbackLeft { entry } => {
                let entry = &ledger.entries[entry];
                entry.callbacks.last().map_or(Ok(()), |callback| self.law.callback_left(ledger, entry, callback))
            }
            Observation::Told { entry } => self.law.told(&ledger.entries[entry]),
            Observation::Replied { ask, reply } => self.law.replied(ledger, ask, reply),
            Observation::Settled { machine, rows } => self.law.settled(ledger, &Settled { machine, rows }),
            Observation::Healed { now, recovery_ms } => self.law.healed(now, recovery_ms),
            Observation::Ended { now, rows, alarm } => {
                self.law.ended(ledger, &End { now, rows, alarm, live: &self.live })
            }
        }
    }

    fn observe_commit(&mut self, ledger: &Ledger, commit: &Commit<'_>) -> Verdict {
        self.live.apply(ledger, commit);
        let turn = Turn { commit, ledger, live: &self.live, time: self.live.time() };
        for Change { entry: at, before } in commit.changes {
            self.law.moved(&turn, &Move { at: *at, entry: &ledger.entries[*at], was: before.as_ref() })?;
        }
        self.law.committed(&turn)
    }
}
