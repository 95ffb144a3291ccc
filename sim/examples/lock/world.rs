//! The world around the locks: it takes the clients' asks to the object, and shows the laws what is seen.

use super::laws::{Laws, Verdict};
use super::object::{Event, LeaseLock, Reply};
use durable_sim::{Commit, Fault, InstanceId, ObjectId, Sim, World};
use std::collections::BTreeMap;

#[derive(Default)]
pub struct LockWorld {
    pub laws: Laws,
    /// How often each fault hit.
    pub hits: BTreeMap<Fault, u64>,
}

impl LockWorld {
    fn check(sim: &mut Sim<Self>, verdict: Verdict) {
        if let Err((law, what)) = verdict {
            sim.break_law(law, what);
        }
    }

    /// The last look, when the run is over.
    pub fn ended(&self, sim: &mut Sim<Self>, at_rest: bool) {
        Self::check(sim, self.laws.ended(at_rest));
    }
}

impl World for LockWorld {
    type Object = LeaseLock;
    type Message = Event;

    fn receive(&mut self, sim: &mut Sim<Self>, event: Event) {
        if let Err(error) = sim.call(self, 0, event) {
            sim.say("client", || format!("{event}: {error}"));
        }
    }

    fn perform(&mut self, sim: &mut Sim<Self>, _: InstanceId, reply: Reply) {
        Self::check(sim, self.laws.replied(&reply));
    }

    fn committed(&mut self, sim: &mut Sim<Self>, _: ObjectId, commit: &Commit<LeaseLock>) {
        let verdict = self.laws.committed(commit);
        Self::check(sim, verdict);
    }

    fn settled(&mut self, sim: &mut Sim<Self>, object: ObjectId) {
        if let Some(machine) = sim.machine(object) {
            let verdict = Laws::settled(&machine.locks, sim.storage(object));
            Self::check(sim, verdict);
        }
    }

    fn fault(&mut self, _: &mut Sim<Self>, _: ObjectId, fault: Fault) {
        *self.hits.entry(fault).or_default() += 1;
    }
}
