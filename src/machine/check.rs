//! The machine's own invariants, asserted in prose order; tests and simulations call this after every step.

use super::{Machine, index::Index};
use crate::{accepted_at, expires_at, limits, row::Phase};
use ulid::Ulid;

impl Machine {
    /// Asserts every invariant. Its cost is that of rebuilding the indexes, so production does not call it.
    ///
    /// # Panics
    /// If an invariant does not hold: a bug of ours.
    pub fn check(&self) {
        // Nothing is in two states: a request is live or remembered, never both (S1).
        assert!(self.finished.keys().all(|id| !self.live.contains_key(id)), "S1: a finished request is still live");
        // The slots (S3).
        assert!(!self.recovered || self.index.in_flight() <= self.config.max_in_flight, "S3: too many in flight");
        assert!(self.index.callbacks() <= limits::MAX_CALLBACKS, "S15: too many callbacks");
        // Identifiers (S17).
        let last = Ulid(self.meta.last_id);
        assert!(self.live.keys().all(|id| *id <= last || !self.recovered), "S17: a ULID above the last one");
        for (id, row) in &self.live {
            // Attempts are counted when they start, and bounded (S8).
            assert!(row.attempts.saturating_sub(1) <= row.policy.max_retries, "S8: {id} has started too often");
            match row.phase {
                Phase::Queued { not_before } => {
                    assert!(row.attempts <= row.policy.max_retries, "S8: {id} waits for an attempt it may not make");
                    assert!(not_before < expires_at(*id), "S9: {id} waits beyond its expiry");
                }
                Phase::InFlight { epoch, lease_until } => {
                    assert!(
                        !self.recovered || epoch == self.meta.epoch,
                        "S10: {id} is in flight in another incarnation"
                    );
                    assert!(lease_until >= accepted_at(*id), "L5: {id} has no lease");
                    assert!(row.attempts > 0, "S8: {id} is in flight without an attempt");
                }
                Phase::Delivering { .. } => assert!(row.has_callback, "S11: {id} has nobody to call"),
            }
        }
        // Names lead to requests that exist (S6).
        assert!(
            self.names.values().all(|id| self.live.contains_key(id) || self.finished.contains_key(id)),
            "S6: a name leads nowhere"
        );
        // The indexes are what the rows say.
        let mut derived = Index::default();
        for (id, row) in &self.live {
            derived.add(*id, row.phase);
        }
        for (id, row) in &self.finished {
            derived.add_finished(row.finished_at, *id);
        }
        let mut without_ready = self.clone();
        without_ready.begin_delays_again();
        assert_eq!(derived, without_ready.index, "the indexes are not what the rows say");
        assert!(self.touched.is_empty() && self.forgotten.is_empty(), "S25: a change is not written");
    }
}
