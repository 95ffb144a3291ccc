//! The digest of a state: when two states count as one.
//!
//! **Exact** (`--exact`): everything that determines what can follow and what the laws will say of it. Left out is only
//! what follows from the rest. A payload row follows from the number of its request. What the ledger says is stored is
//! what the rows say, and the machine in memory follows from the rows and the clock: law S25 compares them at every
//! step. (Of the machine's indexes the next wake-up and the counts are taken in nevertheless.) The times at which
//! fetches and callbacks left are read by no law, and of restarts the laws only ask whether there were any.
//!
//! **Merged** (the default) also counts two states as one if they differ in no more than this:
//!
//! - When they are. All times are taken relative to the clock, and a ULID by its place in the order of acceptance. The
//!   machine uses a ULID's time for the expiry (see below) and its number for the jitter of its retries; the space
//!   chooses the randomness of each so that there is no jitter (see `space.rs`).
//! - How far away a deadline is that cannot come while anything is under way: an expiry, or the end of a window of
//!   remembering, farther away than all that is left to do in the scope may take ([`Scope::busy_ms`]). The order of
//!   such windows is kept, since an alarm that ends the last one ends those before it; and the distances between
//!   expiries, as long as an alarm may come as late as the first.
//! - How a finished request ended, after how many attempts, and what was sent for it. The machine reads that of
//!   a finished row only to answer `status`, which is no part of a scope, and `cancel` (then it is kept); the laws look
//!   at the fetches and callbacks of live requests only. Those that may be reported once more are kept.
//! - Which status or which failure an outcome has: all that machine and laws do with it is to hand it on and to compare
//!   it, and each step compares the true ones.
//! - How the earlier attempts of a live request ended, unless it must be sent at most once.

use super::{
    scope::{Kind, Scope},
    state::{Incarnation, State},
};
use crate::history::ledger::{Entry, Stored};
use proxy_fetch::{Failure, Outcome, Phase, Timestamp, expires_at, limits};
use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::xxh3_128;

/// Times lie from here on, ms since the Unix epoch; counts and epochs lie below.
const TIMES_FROM: u64 = super::START.0 - 1_000_000;

/// Gathers what is hashed, to hash it at once. Times become relative and ULIDs places, if that is wanted.
struct Bytes<'a> {
    bytes: &'a mut Vec<u8>,
    /// The clock and the accepted requests, if states are merged.
    relative: Option<(Timestamp, &'a [Entry])>,
}

impl Hasher for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        let value = match self.relative {
            // Two's complement: before and after are told apart, and from counts too, which are small.
            Some((now, _)) if value >= TIMES_FROM => value.wrapping_sub(now.0) ^ (1 << 62),
            Some(_) | None => value,
        };
        self.write(&value.to_le_bytes());
    }

    fn write_u128(&mut self, value: u128) {
        let place = self.relative.and_then(|(_, entries)| entries.iter().position(|entry| entry.id.0 == value));
        match place {
            Some(place) => self.write(&[place as u8]),
            None => self.write(&value.to_le_bytes()),
        }
    }

    /// Nobody asks: see [`State::digest`].
    fn finish(&self) -> u64 {
        0
    }
}

/// An outcome, or one that stands for all like it.
const fn of_class(outcome: Outcome, merged: bool) -> Outcome {
    match outcome {
        Outcome::Response { .. } if merged => Outcome::Response { status: 0 },
        Outcome::Failed(_) if merged => Outcome::Failed(Failure::TimedOut),
        Outcome::Response { .. }
        | Outcome::Failed(_)
        | Outcome::Expired
        | Outcome::Cancelled
        | Outcome::Interrupted
        | Outcome::Unknown
        | Outcome::Unreadable => outcome,
    }
}

impl State {
    /// Whether a fault of this kind may still come.
    fn may(&self, scope: &Scope, kind: Kind) -> bool {
        self.budget.faults > 0 && scope.kinds.has(kind)
    }

    /// The digest of this state.
    pub(super) fn digest(&self, scope: &Scope, buffer: &mut Vec<u8>) -> u128 {
        buffer.clear();
        let merged = !scope.exact;
        let relative = merged.then_some((self.now, self.ledger.entries.as_slice()));
        let mut into = Bytes { bytes: buffer, relative };
        (self.now, self.alarm, self.arrived, &self.answered, self.budget).hash(&mut into);
        (&self.calling, &self.held).hash(&mut into);
        let meta = &self.ledger.meta;
        (meta.epoch, meta.mark).hash(&mut into);
        // The next ULID is greater: that matters within one ms.
        let is_of_now = meta.last_id >> 80 >= u128::from(self.now.0);
        (is_of_now, (!merged).then_some(meta.last_id)).hash(&mut into);
        match &self.incarnation {
            Some(Incarnation { machine, alarm }) => {
                let wake = machine.next_wake().map(|(at, _)| at);
                (alarm.at(), machine.in_flight_len(), machine.live_len()).hash(&mut into);
                // At rest it is the end of a window.
                let far = merged && machine.live_len() == 0;
                wake.filter(|_| !far).hash(&mut into);
            }
            None => into.write_u8(u8::MAX),
        }
        for entry in &self.ledger.entries {
            self.hash_entry(scope, entry, &mut into);
        }
        self.laws.hash(&mut into);
        xxh3_128(into.bytes)
    }

    fn hash_entry(&self, scope: &Scope, entry: &Entry, into: &mut Bytes<'_>) {
        let merged = !scope.exact;
        (entry.planned, entry.payload).hash(into);
        if !merged {
            (entry.id.0, entry.accepted, entry.outcome).hash(into);
        }
        match &entry.stored {
            Stored::Live(row) => {
                (0_u8, row.attempts).hash(into);
                match row.phase {
                    Phase::Queued { not_before } => (0_u8, not_before).hash(into),
                    Phase::InFlight { epoch, lease_until } => (1_u8, epoch, lease_until).hash(into),
                    Phase::Delivering { outcome, until } => (2_u8, of_class(outcome, merged), until).hash(into),
                }
                let expires = expires_at(entry.id);
                // An alarm may come as late as the first expiry: then it matters how much later the others are.
                let first = self.ledger.oldest_live().map_or(expires, |oldest| expires_at(oldest.id));
                let after_first = if self.may(scope, Kind::Late) { expires.ms_since(first) } else { 0 };
                self.hash_deadline(scope, expires, after_first, into);
                (entry.restarts > 0).hash(into);
                let results = !merged || scope.at_most_once;
                for fetch in &entry.fetches {
                    (fetch.attempt, fetch.executed, fetch.running).hash(into);
                    fetch.result.as_ref().filter(|_| results).hash(into);
                }
                for callback in &entry.callbacks {
                    (callback.attempt, of_class(callback.outcome, merged)).hash(into);
                }
                entry.told.iter().for_each(|outcome| of_class(*outcome, merged).hash(into));
                (entry.fetches.len(), entry.callbacks.len(), entry.told.len()).hash(into);
                return;
            }
            Stored::Finished(row) => {
                1_u8.hash(into);
                let window_end = row.finished_at.plus_ms(limits::DEDUPE_WINDOW_MS);
                let later = self.ledger.entries.iter().filter(
                    |other| matches!(&other.stored, Stored::Finished(other) if other.finished_at > row.finished_at),
                );
                self.hash_deadline(scope, window_end, later.count() as u64, into);
                let outcome = (row.outcome, row.attempts);
                (!merged || self.may(scope, Kind::Cancel)).then_some(outcome).hash(into);
            }
            Stored::Forgotten => 2_u8.hash(into),
        }
        if merged && !self.may(scope, Kind::Stale) {
            return;
        }
        for fetch in &entry.fetches {
            (fetch.attempt, fetch.running).hash(into);
        }
        for callback in &entry.callbacks {
            callback.attempt.hash(into);
        }
        (entry.fetches.len(), entry.callbacks.len(), entry.restarts > 0).hash(into);
        if !merged {
            entry.told.hash(into);
        }
    }

    /// A deadline; if it is beyond all that is left to do, only its rank.
    fn hash_deadline(&self, scope: &Scope, at: Timestamp, rank: u64, into: &mut Bytes<'_>) {
        let to_come = self.answered.len() - usize::from(self.arrived);
        let again = usize::from(self.budget.faults);
        let requests = self.ledger.live().count() + to_come + again;
        let busy_ms = scope.busy_ms(requests, self.budget.crashes, self.budget.faults);
        let is_far = !scope.exact && at.ms_since(self.now) > busy_ms;
        if is_far { (0_u8, rank).hash(into) } else { (1_u8, at).hash(into) }
    }
}
