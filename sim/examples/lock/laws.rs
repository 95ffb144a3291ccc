//! What must hold of the locks, whatever the platform does. The laws see commits, replies and the stored rows; they ask
//! the object nothing, except that its memory is what is stored.

use super::object::{Ask, Event, LeaseLock, Lock, Locks, Put, Reply};
use super::text::{all, time};
use durable_sim::Commit;
use std::collections::BTreeMap;

/// The broken law, and what it saw.
pub type Verdict = Result<(), (&'static str, String)>;

fn law(name: &'static str, holds: bool, saw: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err((name, saw())) }
}

#[derive(Default)]
pub struct Laws {
    /// The locks as the commits have left them.
    locks: Locks,
    /// What was durably granted: to whom and until when, by lock and token.
    pub grants: BTreeMap<(char, u64), (u8, u64)>,
}

impl Laws {
    pub fn committed(&mut self, commit: &Commit<LeaseLock>) -> Verdict {
        commit.writes.iter().try_for_each(|put| self.written(commit, put))?;
        let is_idle = self.locks.values().any(|lock| lock.held.is_none() && !lock.line.is_empty());
        law("nobody waits for a free lock", !is_idle, || all(&self.locks))?;
        let Some(end) = self.locks.values().filter_map(|lock| Some(lock.held?.1)).min() else { return Ok(()) };
        law("the alarm is in time", commit.alarm.is_some_and(|at| at <= end), || {
            let alarm = commit.alarm.map_or("not set".into(), |at| format!("set to {}", time(at)));
            format!("a lease ends at {}, the alarm is {alarm}", time(end))
        })
    }

    /// What was a lock, and what is it now?
    fn written(&mut self, commit: &Commit<LeaseLock>, put @ Put(name, new): &Put) -> Verdict {
        let old = self.locks.insert(*name, new.clone()).unwrap_or_default();
        let now = commit.now_ms;
        let saw = || format!("at {} it was {old}, and became {put}", time(now));
        let client = |lock: &Lock| lock.held.map(|(claim, _)| claim.client);
        let is_grant = new.held.is_some() && (new.token != old.token || client(new) != client(&old));
        if let Some((claim, until)) = old.held.filter(|_| is_grant || new.held.is_none()) {
            let gave_up = commit.notes.contains(&Event::Asked(*name, claim.client, Ask::Release));
            law("mutual exclusion", gave_up || until <= now, saw)?;
        }
        let stay = old.line.iter().filter(|claim| new.line.contains(claim));
        let in_order = stay.zip(&new.line).all(|(before, after)| before == after);
        let is_first = !is_grant || old.line.front().copied() == new.held.map(|(claim, _)| claim);
        law("first come, first served", in_order && is_first, saw)?;
        let Some((claim, until)) = new.held.filter(|_| new.held != old.held) else { return Ok(()) };
        law("a lease is whole", until == now + claim.lease_ms, || format!("for {} ms; {}", claim.lease_ms, saw()))?;
        let last = self.grants.range((*name, 0)..=(*name, u64::MAX)).next_back().map_or(0, |((_, token), _)| *token);
        law("tokens grow", !is_grant || new.token > last, || format!("token {last} was granted before; {}", saw()))?;
        self.grants.insert((*name, new.token), (claim.client, until));
        Ok(())
    }

    pub fn replied(&self, reply @ Reply(name, client, lease): &Reply) -> Verdict {
        let durable = lease.is_none_or(|(token, until)| self.grants.get(&(*name, token)) == Some(&(*client, until)));
        law("what was granted is durable", durable, || format!("no commit says what was told {reply}"))
    }

    pub fn settled(memory: &Locks, storage: &Locks) -> Verdict {
        law("memory is storage", memory == storage, || {
            format!("in memory {}, in storage {}", all(memory), all(storage))
        })
    }

    /// Nobody calls any more; `at_rest`: and nothing is left to happen.
    pub fn ended(&self, at_rest: bool) -> Verdict {
        let is_over = at_rest && self.locks.values().all(|lock| lock.held.is_none());
        law("leases end by themselves", is_over, || format!("at rest: {at_rest}; {}", all(&self.locks)))
    }
}
