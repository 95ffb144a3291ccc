//! The stage: what each part of the world is handed to act on.
//!
//! The parts (callers, host, rows) keep their own state and know nothing of each other's. The engine, the plan and what
//! is seen are the same to all of them. Where the engine needs the whole world, the world itself acts.

use super::{plan::Plan, seen::Seen, world::ProxyWorld};
use crate::history::ledger::Observation;
use crate::laws::Violation;
use durable_sim::{Decision, Micros, Sim, Time};

/// What the parts act on.
pub(super) struct Stage<'a> {
    pub sim: &'a mut Sim<ProxyWorld>,
    pub plan: &'a mut Plan,
    pub seen: &'a mut Seen,
    /// The world's faults have ceased, or there never are any.
    pub healthy: bool,
}

impl Stage<'_> {
    /// Shows the laws what was seen.
    pub fn observe(&mut self, seen: &Observation<'_>) {
        self.seen.observe(self.sim, seen);
    }

    /// A law is broken.
    pub fn violated(&mut self, violation: Violation) {
        Seen::violated(self.sim, violation);
    }

    /// One-way time of a message.
    pub fn network(&self, decide: &mut Decision, time: &Time) -> Micros {
        decide.time(time, self.plan.network_us / 4, self.plan.network_us)
    }
}
