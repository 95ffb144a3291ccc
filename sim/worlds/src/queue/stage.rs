//! The stage: what each part of the world is handed to act on.
//!
//! The parts (producers, broker, host) keep their own state and know nothing of each other's. The engine, the plan, the
//! upstreams and what is seen are the same to all of them.

use super::{
    coverage::{Fault, State},
    decisions::NTH,
    ledger::{Number, Observation},
    plan::{Plan, PlannedRequest},
    seen::Seen,
    upstream::Upstreams,
    world::QueueWorld,
};
use durable_sim::{Key, Micros, Sim};
use proxy_fetch::Timestamp;

/// What the parts act on.
pub(super) struct Stage<'a> {
    pub sim: &'a mut Sim<QueueWorld>,
    pub plan: &'a Plan,
    pub upstreams: &'a Upstreams,
    pub seen: &'a mut Seen,
    /// Faults have ceased.
    pub healthy: bool,
}

impl Stage<'_> {
    /// Shows the laws what was seen; says whether it breaks none.
    pub fn see(&mut self, seen: Observation) -> bool {
        self.seen.see(self.sim, &seen)
    }

    /// A fault hits a message in this state.
    pub fn hit(&mut self, fault: Fault, state: State, request: Number) {
        self.seen.hit(self.sim, fault, state, request);
    }

    /// What the plan says of a request that was made.
    pub fn request(&self, request: Number) -> PlannedRequest {
        self.plan.requests[&self.seen.planned(request)]
    }

    /// What is decided about this request for the nth time is keyed by this.
    pub fn key(&self, request: Number, nth: u32) -> Key {
        NTH.key2(self.seen.planned(request), nth)
    }

    /// The time after so many µs.
    pub fn in_ms(&self, after: Micros) -> Timestamp {
        Timestamp(self.sim.true_ms() + (self.sim.now() % 1_000 + after) / 1_000)
    }

    /// A number for the nth occasion of this request, as good as drawn: for [`one_of`](super::decisions::one_of).
    pub fn number_of(&self, request: Number, nth: u32) -> u64 {
        self.seen.ledger.entries[request].id.0 as u64 ^ u64::from(nth) << 56
    }
}
