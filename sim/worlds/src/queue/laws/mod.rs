//! The laws of the Queue variant, each in a file of its own.
//!
//! Those of the durable object under their own names, as far as a consumer without storage can keep them: what one
//! incarnation of an isolate knows, it keeps; what no incarnation can know is excused, precisely, in the law's file.
//! And four of its own: Q1 (nothing is started that cannot end in its batch), Q2 (what follows from an event of a batch
//! belongs to that batch), Q3 (a message is given back only for a reason), Q4 (a dead letter gets its outcome and
//! nothing else).
//!
//! A law looks at what is seen, together with the [`Ledger`] as it was before.

mod l02_ends;
mod l05_leases;
mod l08_no_idle_slot;
pub mod promised;
mod q01_batch_deadline;
mod q02_own_batch;
mod q03_given_back;
mod q04_dead_letters;
mod s03_slots;
mod s06_repeats;
mod s07_not_before;
mod s08_attempts;
mod s09_expiry;
mod s11_one_outcome;
mod s12_order;
mod s13_unreadable;
mod s16_idempotency_key;
mod s24_unknown_versions;
#[cfg(test)]
mod testing;
mod verdict;

use super::ledger::{Callback, Ledger, Message, Observation};
use crate::laws::Violation;
use proxy_fetch::queue::Handle;
use std::fmt;

/// A law.
pub struct Law {
    /// Its name, and what it promises.
    is: &'static durable_sim::Law,
    /// Says what breaks it.
    check: fn(&Ledger, &Observation) -> Result<(), String>,
}

/// All laws, in the order in which they report. S13 holds of panics too.
pub const LAWS: [Law; 17] = [
    q02_own_batch::LAW,
    s13_unreadable::LAW,
    s24_unknown_versions::LAW,
    q04_dead_letters::LAW,
    s03_slots::LAW,
    s06_repeats::LAW,
    s07_not_before::LAW,
    s08_attempts::LAW,
    s09_expiry::LAW,
    s11_one_outcome::LAW,
    s12_order::LAW,
    s16_idempotency_key::LAW,
    q01_batch_deadline::LAW,
    q03_given_back::LAW,
    l05_leases::LAW,
    l08_no_idle_slot::LAW,
    l02_ends::LAW,
];

/// The same as the framework knows them.
pub static PROMISES: [&durable_sim::Law; LAWS.len()] = {
    let mut promises = [LAWS[0].is; LAWS.len()];
    let mut at = 0;
    while at < promises.len() {
        promises[at] = LAWS[at].is;
        at += 1;
    }
    promises
};

/// Looks at an observation with every law.
///
/// # Errors
/// The first broken law of the list.
pub fn check(ledger: &Ledger, seen: &Observation) -> Result<(), Violation> {
    LAWS.iter().try_for_each(|law| (law.check)(ledger, seen).map_err(|what| Violation { law: law.is.name, what }))
}

/// Says what broke the law unless the condition holds. The text is made only then.
macro_rules! ensure {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(format!($($what)+));
        }
    };
}
use ensure;

/// What became of a message so far, in words.
struct Fate<'a>(&'a Message);

impl fmt::Display for Fate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.fetch {
            None => f.write_str("no attempt was made")?,
            Some((number, None)) => write!(f, "attempt {number} runs")?,
            Some((number, Some(ended))) => write!(f, "attempt {number} ended with {}", ended.result)?,
        }
        f.write_str(match self.0.callback {
            None => "",
            Some(Callback::Runs) => ", its callback runs",
            Some(Callback::Answered) => ", its callback was answered",
            Some(Callback::Failed) => ", its callback failed",
            Some(Callback::Reported) => ", its callback failed and that was reported",
        })?;
        match self.0.decided {
            None => Ok(()),
            Some(None) => f.write_str("; it is acked"),
            Some(Some(delay_s)) => write!(f, "; it is given back for {delay_s} s"),
        }
    }
}

/// A message by the name of its request.
struct Who<'a>(&'a Ledger, Handle);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(ledger, at) = self;
        let message = ledger.message(*at);
        write!(
            f,
            "r{} ({at}, delivery {} to incarnation {})",
            message.is.request,
            message.is.delivery,
            ledger.batch(*at).incarnation
        )
    }
}
