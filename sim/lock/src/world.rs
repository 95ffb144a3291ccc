//! The world around the lock: it takes the clients' asks to it, and looks at what must hold. The laws see commits,
//! replies and what is stored; they ask the object nothing, except that its memory is what is stored.

use crate::{
    object::{Event, LeaseLock, Lock, Reply, time},
    plan::{Ask, What},
};
use durable_sim::{Commit, DAY, Fault, Grid, InstanceId, ObjectId, Sim, World, laws, marks};
use std::{collections::BTreeMap, mem::replace};

laws! {
    /// What must hold of the lock, whatever the platform does.
    pub LAWS = [
        /// A lock is taken from its client only when the lease is over, or given up.
        EXCLUSION = "mutual exclusion",
        /// A lock goes to whoever has waited longest.
        ORDER = "first come, first served",
        /// A lease is as long as was asked for, counted from its grant.
        WHOLE = "a lease is whole",
        /// A grant's token is greater than all that were granted before.
        TOKENS = "tokens grow",
        /// A lock that is free has nobody who waits for it.
        IDLE = "nobody waits for a free lock",
        /// The stored alarm comes no later than the end of the lease.
        ALARM = "the alarm is in time",
        /// Whoever is told of a grant has it, even if the object is lost in that moment.
        DURABLE = "what was granted is durable",
        /// When nothing is being written, the object's memory is what is stored.
        SHADOW = "memory is storage",
        /// A lease ends though nobody asks for the lock any more.
        ENDS = "leases end by themselves",
    ];
}

marks! {
    /// What it should come to.
    pub MARKS = [
        WAITED = "the lock goes from one client to another who waits",
        LEFT = "a client gives up a place in the line",
    ];
}

pub static FAULTS: Grid = Grid::of_faults("faults, by what they hit", &["free", "held", "waited for"]);

#[derive(Default)]
pub struct LockWorld {
    /// The lock as the commits have left it.
    lock: Lock,
    /// What was durably granted: to whom and until when, by token.
    grants: BTreeMap<u64, (u64, u64)>,
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
        // It may have been renewed in the same turn.
        let granted = |(token, until)| self.grants.get(&token).is_some_and(|has| has.0 == reply.0 && until <= has.1);
        sim.always(&DURABLE, reply.1.is_none_or(granted), || format!("no commit says what was told {reply}"));
    }

    fn committed(&mut self, sim: &mut Sim<Self>, _: ObjectId, commit: &Commit<LeaseLock>) {
        for new in &commit.writes {
            let (now, old) = (commit.now_ms, replace(&mut self.lock, new.clone()));
            let saw = || format!("at {} it was: {old}; and became: {new}", time(now));
            let client = |lock: &Lock| lock.held.map(|(claim, _)| claim.client);
            let gave_up = |who: u64| {
                let is_it = |ask: &Ask| (ask.client, ask.what) == (who, What::Release);
                commit.notes.iter().any(|note| matches!(note, Event::Asked(ask) if is_it(ask)))
            };
            let is_grant = new.held.is_some() && (new.token != old.token || client(new) != client(&old));
            if let Some((claim, until)) = old.held.filter(|_| is_grant || new.held.is_none()) {
                sim.always(&EXCLUSION, gave_up(claim.client) || until <= now, saw);
            }
            let stay = old.line.iter().filter(|claim| new.line.contains(claim));
            let in_order = stay.zip(&new.line).all(|(before, after)| before == after);
            let is_first = !is_grant || old.line.front().is_none_or(|first| Some(first.client) == client(new));
            sim.always(&ORDER, in_order && is_first, saw);
            sim.sometimes(&LEFT, old.line.iter().any(|claim| gave_up(claim.client)));
            sim.sometimes(&WAITED, is_grant && old.held.is_some());
            sim.always(&IDLE, new.held.is_some() || new.line.is_empty(), saw);
            let later = self.grants.range(new.token..).next_back();
            sim.always(&TOKENS, !is_grant || later.is_none(), || format!("granted already: {later:?}; {}", saw()));
            if let Some((claim, until)) = new.held.filter(|_| new.held != old.held) {
                sim.always(&WHOLE, until == now + claim.lease_ms, || format!("{} ms; {}", claim.lease_ms, saw()));
                self.grants.insert(new.token, (claim.client, until));
                // The next host's clock may be up to a day ahead, the one after it a day behind.
                sim.eventually(&ENDS, 0, claim.lease_ms * 1_000 + 3 * DAY);
            } else if new.held.is_none() {
                sim.kept(&ENDS, 0);
            }
        }
        if let Some((_, end)) = self.lock.held {
            let saw = || format!("the lease ends at {}, the alarm is {:?}", time(end), commit.alarm.map(time));
            sim.always(&ALARM, commit.alarm.is_some_and(|at| at <= end), saw);
        }
    }

    fn settled(&mut self, sim: &mut Sim<Self>, object: ObjectId) {
        let (memory, stored) = (sim.machine(object).map(|machine| machine.lock.clone()), sim.storage(object).clone());
        let saw = || format!("in memory {memory:?}, in storage {stored:?}");
        sim.always(&SHADOW, memory.as_ref().is_none_or(|memory| *memory == stored), saw);
    }

    fn fault(&mut self, sim: &mut Sim<Self>, _: ObjectId, fault: Fault) {
        let state = match &self.lock {
            Lock { held: None, .. } => "free",
            Lock { line, .. } => {
                if line.is_empty() {
                    "held"
                } else {
                    "waited for"
                }
            }
        };
        sim.count(&FAULTS, fault.name, state);
    }
}
