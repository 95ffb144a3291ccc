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
    /// Its name.
    pub id: &'static str,
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

/// The names of all laws, in the order in which they report.
pub fn ids() -> impl Iterator<Item = &'static str> {
    LAWS.iter().map(|law| law.id)
}

/// What the law of this id promises, in a line.
#[must_use]
pub fn law_says(id: &str) -> Option<&'static str> {
    Some(match id {
        "S3" => "at most 5 messages of a batch are worked on at once",
        "S6" => {
            "a repeat of a request that an incarnation works on, or has ended within the window, starts nothing there"
        }
        "S7" => "after a failure the next attempt waits for the backoff and for Retry-After, and not much longer",
        "S8" => "attempts are counted as they start, and are at most the retries asked for and one more",
        "S9" => "a request expires 30 minutes after it was accepted: nothing starts after that, and it ends as expired",
        "S11" => "a request has one outcome, the right one; it is acked only after its callback has ended",
        "S12" => "of the messages of a batch that wait for a slot the smallest ULID starts first",
        "S13" => "nothing makes the consumer panic, and a message that cannot be read is given back and reported",
        "S16" => "each attempt has the same Idempotency-Key; an at-most-once request never enters a queue",
        "S24" => "a message of an unknown version is given back, not acked",
        "Q1" => "nothing is started that cannot end in its batch",
        "Q2" => "what follows from an event of a batch belongs to that batch, and each message is decided once",
        "Q3" => "a message is given back only for a reason, within the platform's delays",
        "Q4" => "a dead letter gets its outcome and nothing else",
        "L2" => "each accepted request ends, unless the platform deleted it",
        "L5" => "a fetch or callback that does not end is given up in time",
        "L8" => "no slot of a batch is idle while a message of it waits",
        _ => return None,
    })
}

/// Looks at an observation with every law.
///
/// # Errors
/// The first broken law of the list.
pub fn check(ledger: &Ledger, seen: &Observation) -> Result<(), Violation> {
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
