//! What must follow from the end of an attempt: the part that S7, S11 and Q3 share.

use super::promised::{expires_at, is_retryable, most};
use crate::queue::ledger::{Attempt, Entry, Ledger};
use proxy_fetch::queue::Handle;

/// What must follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another attempt.
    Retry,
    /// The outcome.
    Outcome,
    /// Either: the jitter decides whether there is time for another attempt.
    Either,
}

/// What must follow from an attempt that has ended, at [`Ledger::now`].
pub(super) fn next(ledger: &Ledger, at: Handle, entry: &Entry, number: u8, ended: &Attempt) -> Next {
    let expires = expires_at(entry.id);
    if ledger.now >= expires
        || !is_retryable(&entry.options, &ended.result)
        || u32::from(number) >= most(&entry.options)
    {
        return Next::Outcome;
    }
    let (low, high) = ledger.known(at).not_before;
    match (low >= expires, high >= expires) {
        (true, _) => Next::Outcome,
        (false, false) => Next::Retry,
        (false, true) => Next::Either,
    }
}
