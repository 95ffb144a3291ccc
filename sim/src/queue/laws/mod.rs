//! The laws of the Queue variant, each in a file of its own.
//!
//! Those of the durable object under their own names, as far as a consumer without storage can keep them: what one life
//! of an isolate knows, it keeps; what no life can know is excused, precisely, in the law's file. And four of its own:
//! Q1 (nothing is started that cannot end in its batch), Q2 (what follows from an event of a batch belongs to that
//! batch), Q3 (a message is given back only for a reason), Q4 (a dead letter gets its outcome and nothing else).
//!
//! A law looks at what is seen with the [`Ledger`] as it was before that.

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

use super::ledger::{Ledger, Seen};
use crate::laws::Violation;
use proxy_fetch::queue::Handle;
use std::fmt;

/// A law.
pub struct Law {
    /// Its name.
    pub id: &'static str,
    /// Says what breaks it.
    check: fn(&Ledger, &Seen) -> Result<(), String>,
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

/// The names of all laws, in the order in which they report.
pub fn ids() -> impl Iterator<Item = &'static str> {
    LAWS.iter().map(|law| law.id)
}

/// Looks at an observation with every law.
///
/// # Errors
/// The first broken law of the list.
pub fn check(ledger: &Ledger, seen: &Seen) -> Result<(), Violation> {
    LAWS.iter().try_for_each(|law| (law.check)(ledger, seen).map_err(|what| Violation { law: law.id, what }))
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

/// A message by the name of its request.
struct Who<'a>(&'a Ledger, Handle);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(ledger, at) = self;
        let message = ledger.message(*at);
        write!(f, "r{} ({at}, delivery {} to life {})", message.is.request, message.is.delivery, ledger.batch(*at).life)
    }
}
