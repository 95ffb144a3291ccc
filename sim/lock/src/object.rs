//! The object: a lock, held by one client for a lease, with a line of those who wait and a fencing token that grows with
//! each grant. An alarm ends the lease when it has run out, and grants the lock to the next in line.

use crate::plan::{Ask, What};
use durable_sim::{Object, START_MS, Turn, Words};
use std::collections::VecDeque;
use std::fmt::{Display, Formatter, Result as Shown};

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub struct Claim {
    pub client: u64,
    pub lease_ms: u64,
}

/// What is stored.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Lock {
    pub token: u64,
    /// Who holds it, and until when by the object's clock.
    pub held: Option<(Claim, u64)>,
    pub line: VecDeque<Claim>,
}

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum Event {
    Start,
    Alarm,
    Asked(Ask),
}

/// To a client: the token and the end of its lease, if the lock is its own.
#[derive(Hash)]
pub struct Reply(pub u64, pub Option<(u64, u64)>);

pub struct LeaseLock {
    pub lock: Lock,
    written: Lock,
    /// The stored alarm, if this instance has set it.
    alarm: Option<u64>,
}

impl LeaseLock {
    /// Ends a lease that is over, grants what is free to the first in line, and writes what is new.
    fn hand_on(&mut self, now: u64, turn: &mut Turn<Self>) {
        self.lock.held.take_if(|(_, until)| *until <= now);
        let is_free = self.lock.held.is_none();
        if let Some(claim) = self.lock.line.pop_front_if(|_| is_free) {
            self.lock.token += 1;
            let until = now + claim.lease_ms;
            self.lock.held = Some((claim, until));
            turn.effects.push(Reply(claim.client, Some((self.lock.token, until))));
        }
        if self.lock != self.written {
            self.written = self.lock.clone();
            turn.writes.push(self.lock.clone());
        }
    }

    fn asked(&mut self, now: u64, Ask { client, what, lease_ms, .. }: Ask, turn: &mut Turn<Self>) {
        let lock = &mut self.lock;
        let mine = |lock: &Lock| lock.held.filter(|(claim, _)| claim.client == client);
        let is_mine = mine(lock).is_some();
        let waits = lock.line.iter().any(|claim| claim.client == client);
        match what {
            What::Acquire if !is_mine && !waits => lock.line.push_back(Claim { client, lease_ms }),
            What::Acquire => {}
            What::Renew => lock.held = mine(lock).map(|(claim, _)| (claim, now + claim.lease_ms)).or(lock.held),
            What::Release => {
                lock.held.take_if(|_| is_mine);
                lock.line.retain(|claim| claim.client != client);
            }
        }
        // Who acquires a free lock is told when it is granted, at once.
        if lock.held.is_some() || what != What::Acquire {
            turn.effects.push(Reply(client, mine(lock).map(|(_, until)| (lock.token, until))));
        }
    }

    /// Stores the alarm for the end of the lease, unless it is stored.
    fn set_alarm(&mut self, turn: &mut Turn<Self>) {
        self.alarm.take_if(|_| turn.fired.is_some());
        let Some((_, end)) = self.lock.held else { return };
        // A host whose clock is behind runs the alarm early, and drops one that is set to the same time again.
        let at = if turn.fired == Some(end) { end - 1 } else { end };
        if self.alarm != Some(at) {
            (turn.alarm, self.alarm) = (Some(at), Some(at));
        }
    }
}

impl Object for LeaseLock {
    type Settings = ();
    type Storage = Lock;
    type Write = Lock;
    type Event = Event;
    type Effect = Reply;
    type Note = Event;

    const START: Event = Event::Start;
    const ALARM: Event = Event::Alarm;

    fn construct((): &(), lock: &Lock) -> Result<Self, String> {
        Ok(Self { lock: lock.clone(), written: lock.clone(), alarm: None })
    }

    fn apply(stored: &mut Lock, lock: &Lock) {
        *stored = lock.clone();
    }

    fn turn(&mut self, now: u64, events: &mut Vec<Event>, turn: &mut Turn<Self>) {
        for event in events.drain(..) {
            self.hand_on(now, turn);
            if let Event::Asked(ask) = event {
                self.asked(now, ask, turn);
                self.hand_on(now, turn);
            }
        }
        self.set_alarm(turn);
        turn.failed = turn.commit_fails;
        if turn.failed {
            turn.effects.clear();
        }
    }

    fn note(event: &Event) -> Event {
        *event
    }
}

/// Seconds since the run began, of a clock in ms.
pub fn time(ms: u64) -> String {
    format!("{:.3}s", (ms as f64 - START_MS as f64) / 1_000.0)
}

impl Display for Lock {
    fn fmt(&self, f: &mut Formatter<'_>) -> Shown {
        let held = |(claim, until): (Claim, u64)| format!("client {} until {}", claim.client, time(until));
        write!(f, "{}, token {}", self.held.map_or("free".into(), held), self.token)?;
        self.line.iter().try_for_each(|claim| write!(f, ", then client {}", claim.client))
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> Shown {
        let Self::Asked(Ask { client, what, lease_ms, .. }) = self else { return write!(f, "{self:?}") };
        write!(f, "client {client}: {}, {lease_ms} ms", what.word())
    }
}

impl Display for Reply {
    fn fmt(&self, f: &mut Formatter<'_>) -> Shown {
        let yours = |(token, until)| format!("yours until {}, token {token}", time(until));
        write!(f, "client {}: {}", self.0, self.1.map_or("not yours".into(), yours))
    }
}
