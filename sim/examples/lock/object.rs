//! The object: named locks, each held by one client for a lease, with a line of those who wait and a fencing token that
//! grows with each grant. An alarm ends the leases that have run out and grants to the next in line.

use super::Bug;
use durable_sim::{Object, Turn};
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub struct Claim {
    pub client: u8,
    pub lease_ms: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Lock {
    pub token: u64,
    /// Who holds it, and until when by the object's clock.
    pub held: Option<(Claim, u64)>,
    pub line: VecDeque<Claim>,
}

pub type Locks = BTreeMap<char, Lock>;
#[derive(Hash)]
pub struct Put(pub char, pub Lock);

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum Ask {
    Acquire { lease_ms: u64 },
    Renew,
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub enum Event {
    Start,
    Alarm,
    Asked(char, u8, Ask),
}

/// To a client, of a lock: the token and the end of its lease, if the lock is its own.
#[derive(Hash)]
pub struct Reply(pub char, pub u8, pub Option<(u64, u64)>);

pub struct LeaseLock {
    bug: Option<Bug>,
    pub locks: Locks,
    /// The stored alarm, if this instance has set it.
    alarm: Option<u64>,
}

impl LeaseLock {
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn put(&mut self, turn: &mut Turn<Self>, name: char, mut lock: Lock) {
        if self.has(Bug::TokenForgotten) && lock.held.is_none() && lock.line.is_empty() {
            lock = Lock::default();
        }
        self.locks.insert(name, lock.clone());
        turn.writes.push(Put(name, lock));
    }

    /// Ends the leases that end by `over`, and grants what is free to the first in line.
    fn hand_on(&mut self, now: u64, over: u64, turn: &mut Turn<Self>) {
        for (name, mut lock) in self.locks.clone() {
            let ended = lock.held.take_if(|(_, until)| *until <= over);
            let free = lock.held.is_none();
            let last = self.has(Bug::LastFirst);
            let next = if last { lock.line.pop_back_if(|_| free) } else { lock.line.pop_front_if(|_| free) };
            if let Some(claim) = next {
                let from = ended.filter(|_| self.has(Bug::LeaseFromLast)).map_or(now, |(_, until)| until);
                let until = from + claim.lease_ms;
                (lock.token, lock.held) = (lock.token + 1, Some((claim, until)));
                turn.effects.push(Reply(name, claim.client, Some((lock.token, until))));
            }
            if ended.is_some() || next.is_some() {
                self.put(turn, name, lock);
            }
        }
    }

    fn asked(&mut self, now: u64, name: char, client: u8, ask: Ask, turn: &mut Turn<Self>) {
        let before = self.locks.get(&name).cloned().unwrap_or_default();
        let mut lock = before.clone();
        let mine = lock.held.filter(|(claim, _)| claim.client == client);
        let waits = lock.line.iter().any(|claim| claim.client == client);
        match ask {
            Ask::Acquire { lease_ms } if mine.is_none() && !waits => lock.line.push_back(Claim { client, lease_ms }),
            Ask::Acquire { .. } => {}
            Ask::Renew => lock.held = mine.map(|(claim, _)| (claim, now + claim.lease_ms)).or(lock.held),
            Ask::Release => {
                lock.held.take_if(|_| mine.is_some());
                lock.line.retain(|claim| claim.client != client);
            }
        }
        let mine = lock.held.filter(|(claim, _)| claim.client == client);
        // Who acquires a free lock is told at once that it is granted.
        if lock.held.is_some() || lock.line == before.line {
            turn.effects.push(Reply(name, client, mine.map(|(_, until)| (lock.token, until))));
        }
        if lock != before {
            self.put(turn, name, lock);
        }
        if waits && ask == Ask::Release && self.has(Bug::LeavingUnwritten) {
            turn.writes.pop();
        }
    }

    fn first_end(&self) -> Option<u64> {
        self.locks.values().filter_map(|lock| Some(lock.held?.1)).min()
    }

    /// Stores the alarm for the first end, unless it is stored.
    fn set_alarm(&mut self, turn: &mut Turn<Self>) {
        self.alarm.take_if(|_| turn.fired.is_some());
        let Some(end) = self.first_end() else { return };
        // A host whose clock is behind runs the alarm early, and drops one that is set to the same time again.
        let at = if turn.fired == Some(end) && !self.has(Bug::AlarmAgain) { end - 1 } else { end };
        if self.alarm.is_none_or(|set| set != at && !self.has(Bug::AlarmIfNone)) {
            (turn.alarm, self.alarm) = (Some(at), Some(at));
        }
    }
}

impl Object for LeaseLock {
    type Settings = Option<Bug>;
    type Storage = Locks;
    type Write = Put;
    type Event = Event;
    type Effect = Reply;
    type Note = Event;

    const START: Event = Event::Start;
    const ALARM: Event = Event::Alarm;

    fn construct(bug: &Option<Bug>, locks: &Locks) -> Result<Self, String> {
        Ok(Self { bug: *bug, locks: locks.clone(), alarm: None })
    }

    fn apply(locks: &mut Locks, Put(name, lock): &Put) {
        locks.insert(*name, lock.clone());
    }

    fn turn(&mut self, now: u64, events: &mut Vec<Event>, turn: &mut Turn<Self>) {
        for event in events.drain(..) {
            let trusted = self.first_end().filter(|_| event == Event::Alarm && self.has(Bug::AlarmTrusted));
            self.hand_on(now, trusted.unwrap_or(now), turn);
            let Event::Asked(name, client, ask) = event else { continue };
            self.asked(now, name, client, ask, turn);
            if ask != Ask::Release || !self.has(Bug::ReleaseAlone) {
                self.hand_on(now, now, turn);
            }
        }
        self.set_alarm(turn);
        turn.failed = turn.commit_fails;
        if turn.failed && !self.has(Bug::ReplyAnyway) {
            turn.effects.clear();
        }
    }

    fn note(event: &Event) -> Event {
        *event
    }
}
