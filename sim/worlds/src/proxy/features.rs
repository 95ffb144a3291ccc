//! Features (the word of libFuzzer): small facts of a run, by which a campaign that steers tells a new kind of run from
//! one more of the same.
//!
//! Each commit leaves some: which states its requests came from and went to, what the turn had taken in, and how far
//! that was from each deadline. They are collected only where [`super::ProxyRuns::features`] asks for it, and no law reads
//! them.

use super::{coverage::State, seen::Seen};
use crate::history::ledger::{Ask, Change, Commit, Entry, Ledger, Note, Stored};
use durable_sim::{Micros, plan::Moment};
use hashbrown::HashTable;
use proxy_fetch::{Attempt, FetchResult, Outcome, Phase, RequestRow, Timestamp, limits};

/// Farther than so many binary digits of ms is all the same.
const FARTHEST: u8 = 17;

/// What a feature is about; the first byte of the 6 of its number.
#[repr(u8)]
enum About {
    /// A request's way from one state to another, and what the turn took in.
    Way,
    /// Two ways of one request, one after the other.
    TwoWays,
    /// Ways of two requests in one commit.
    Together,
    /// How far a deadline was when its request took a way.
    WayFrom,
    /// How far a deadline of a request was when something reached it.
    EventFrom,
    /// How far the time of the stored alarm was when an alarm came.
    AlarmFrom,
    /// How a report of an attempt differs from the attempt that the row names.
    Report,
    /// How many of one way there were in one commit.
    Many,
}

/// A feature, and where in its run it was left first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its number, below 2^48.
    pub number: u64,
    /// When, in simulated µs.
    pub at: Micros,
    /// How many ms after the deadline that it is about that was; 0 if it is about none.
    pub late_ms: i64,
    /// What a caller asked then, if it is about that.
    pub ask: Option<Ask>,
}

impl Feature {
    /// As the framework has it.
    pub(super) const fn to_framework(self) -> durable_sim::plan::Feature {
        let item = match self.ask {
            None => None,
            Some(Ask::Enqueue { planned, .. }) => Some((("requests", planned), "at_ms")),
            Some(Ask::Conflicting { planned }) => Some((("requests", planned), "conflict_at_ms")),
            Some(Ask::Cancel { planned }) => Some((("requests", planned), "cancel_at_ms")),
            Some(Ask::Status { planned }) => Some((("requests", planned), "status_at_ms")),
        };
        let moment = Moment { at: self.at, late_ms: self.late_ms, item };
        durable_sim::plan::Feature { kind: (self.number >> 40) as u8, number: self.number, moment }
    }

    /// From which state to which a commit brought a request, if it is about that: [`State::Idle`] before a request is
    /// accepted and after it is forgotten.
    #[must_use]
    pub const fn transition(&self) -> Option<(State, State)> {
        let [_, _, about, from, to, ..] = self.number.to_be_bytes();
        if about == About::Way as u8 { Some((state_of(from), state_of(to))) } else { None }
    }
}

/// The features of a run that is under way.
#[derive(Debug, Default)]
pub(super) struct Features {
    left: HashTable<Feature>,
    /// The time of the present step.
    at: Micros,
    /// The alarm that the last commit left.
    alarm: Option<Timestamp>,
    /// The last way of each entry of the ledger.
    ways: Vec<u16>,
    in_commit: Vec<u16>,
}

impl Features {
    /// All that were left, by number.
    pub(super) fn list(&self) -> Vec<Feature> {
        let mut features: Vec<Feature> = self.left.iter().copied().collect();
        features.sort_unstable_by_key(|feature| feature.number);
        features
    }

    fn leave(&mut self, about: About, bytes: [u8; 5]) {
        self.leave_at(about, bytes, 0, None);
    }

    fn leave_at(&mut self, about: About, [a, b, c, d, e]: [u8; 5], late_ms: i64, ask: Option<Ask>) {
        let number = u64::from_be_bytes([0, 0, about as u8, a, b, c, d, e]);
        let at = self.at;
        let entry = self.left.entry(hash(number), |feature| feature.number == number, |feature| hash(feature.number));
        entry.or_insert_with(|| Feature { number, at, late_ms, ask });
    }

    /// What a turn took in, and how far it was from the deadlines that it found; before the ledger learns what it
    /// wrote.
    fn events(&mut self, now: Timestamp, ledger: &Ledger, notes: &[Note], asked: impl Fn(u64) -> Ask) {
        for note in notes {
            let (entry, kind, ask) = match note {
                Note::Start => continue,
                Note::Tick => {
                    if let Some(alarm) = self.alarm {
                        let late_ms = late_ms(now, alarm);
                        self.leave_at(About::AlarmFrom, [distance(late_ms), 0, 0, 0, 0], late_ms, None);
                    }
                    continue;
                }
                Note::Call(call) => {
                    let ask = asked(*call);
                    let (kind, planned) = match ask {
                        Ask::Enqueue { planned, .. } => (0, planned),
                        Ask::Conflicting { planned } => (1, planned),
                        Ask::Cancel { planned } => (2, planned),
                        Ask::Status { planned } => (3, planned),
                    };
                    (ledger.entries.iter().rfind(|entry| entry.planned == planned), kind, Some(ask))
                }
                Note::Fetched(attempt, result) => {
                    let entry = ledger.entry_of(attempt.id).and_then(|at| ledger.entries.get(at));
                    let result = match result {
                        FetchResult::Response { status, .. } => (status / 100) as u8,
                        FetchResult::Failed(failure) => 16 + *failure as u8,
                    };
                    if let Some(entry) = entry {
                        self.leave(About::Report, [state(&entry.stored), against(*attempt, entry), result, 0, 0]);
                    }
                    (entry, 4 + u8::from(result >= 16), None)
                }
                Note::Delivered(attempt, _) => {
                    (ledger.entry_of(attempt.id).and_then(|at| ledger.entries.get(at)), 6, None)
                }
            };
            let Some(entry) = entry else { continue };
            for (which, deadline) in deadlines(&entry.stored, entry.accepted) {
                let late_ms = late_ms(now, deadline);
                let bytes = [kind, state(&entry.stored), which, distance(late_ms), 0];
                self.leave_at(About::EventFrom, bytes, late_ms, ask);
            }
        }
    }

    /// What a commit changed; after the ledger has learnt it.
    fn changes(&mut self, ledger: &Ledger, commit: &Commit<'_>, is_unconfirmed: bool) {
        let cause = cause(commit.notes) | u8::from(is_unconfirmed) << 7;
        self.in_commit.clear();
        for Change { entry: at, before } in commit.changes {
            let entry = &ledger.entries[*at];
            let (from, to) = (before.as_ref().map_or(0, state), state(&entry.stored));
            let way = u16::from_be_bytes([from, to]);
            self.leave(About::Way, [from, to, cause, 0, 0]);
            self.in_commit.push(way);
            if self.ways.len() <= *at {
                self.ways.resize(ledger.entries.len(), 0);
            }
            let [earlier, _] = std::mem::replace(&mut self.ways[*at], way).to_be_bytes();
            self.leave(About::TwoWays, [earlier, from, to, entry.restarts.min(2) as u8, 0]);
            if let Some(before) = before {
                for (which, deadline) in deadlines(before, entry.accepted) {
                    let late_ms = late_ms(commit.now, deadline);
                    self.leave_at(About::WayFrom, [from, to, which, distance(late_ms), 0], late_ms, None);
                }
            }
        }
        self.together();
        self.alarm = commit.alarm;
    }

    fn together(&mut self) {
        let mut ways = std::mem::take(&mut self.in_commit);
        ways.sort_unstable();
        let mut kinds: Vec<u16> = Vec::new();
        for same in ways.chunk_by(|one, other| one == other) {
            let [from, to] = same[0].to_be_bytes();
            let digits = usize::BITS - same.len().leading_zeros();
            self.leave(About::Many, [from, to, digits as u8, 0, 0]);
            for other in &kinds {
                let [other_from, other_to] = other.to_be_bytes();
                self.leave(About::Together, [other_from, other_to, from, to, 0]);
            }
            kinds.push(same[0]);
        }
        self.in_commit = ways;
    }
}

impl Seen {
    /// Before the ledger learns what a turn wrote.
    pub fn note_events(&mut self, at: Micros, now: Timestamp, notes: &[Note], asked: impl Fn(u64) -> Ask) {
        if let Some(features) = &mut self.features {
            features.at = at;
            features.events(now, &self.ledger, notes, asked);
        }
    }

    /// After the ledger has learnt what a commit wrote.
    pub fn note_changes(&mut self, commit: &Commit<'_>, is_unconfirmed: bool) {
        if let Some(features) = &mut self.features {
            features.changes(&self.ledger, commit, is_unconfirmed);
        }
    }
}

/// The kinds of events of a turn, as bits.
fn cause(notes: &[Note]) -> u8 {
    notes.iter().fold(0, |bits, note| {
        bits | match note {
            Note::Start => 1,
            Note::Tick => 2,
            Note::Call(_) => 4,
            Note::Fetched(..) => 8,
            Note::Delivered(..) => 16,
        }
    })
}

/// A state and what matters of it, as a small number.
const fn state(stored: &Stored) -> u8 {
    match stored {
        Stored::Live(row) => match row.phase {
            Phase::Queued { .. } if row.attempts == 0 => 1,
            Phase::Queued { .. } => 2,
            Phase::InFlight { .. } if row.attempts <= 1 => 3,
            Phase::InFlight { .. } => 4,
            Phase::Delivering { outcome, until: None } => 16 + outcome_kind(outcome),
            Phase::Delivering { outcome, until: Some(_) } => 32 + outcome_kind(outcome),
        },
        Stored::Finished(row) => 48 + outcome_kind(row.outcome),
        Stored::Forgotten => 5,
    }
}

/// The state that such a number stands for.
const fn state_of(number: u8) -> State {
    match number {
        1 => State::Queued,
        2 => State::Waiting,
        3 | 4 => State::InFlight,
        16..48 => State::Delivering,
        48.. => State::Finished,
        _ => State::Idle,
    }
}

const fn outcome_kind(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Response { .. } => 0,
        Outcome::Failed(_) => 1,
        Outcome::Expired => 2,
        Outcome::Cancelled => 3,
        Outcome::Interrupted => 4,
        Outcome::Unknown => 5,
        Outcome::Unreadable => 6,
    }
}

/// The deadlines of a request, numbered by kind.
fn deadlines(stored: &Stored, accepted: Timestamp) -> impl Iterator<Item = (u8, Timestamp)> + use<> {
    let expiry = accepted.plus_ms(limits::MAX_REQUEST_AGE_MS);
    let (expiry, other) = match stored {
        Stored::Live(RequestRow { phase, .. }) => match *phase {
            Phase::Queued { not_before } => (Some((0, expiry)), Some((1, not_before))),
            Phase::InFlight { lease_until, .. } => (Some((0, expiry)), Some((2, lease_until))),
            Phase::Delivering { until, .. } => (None, until.map(|until| (3, until))),
        },
        Stored::Finished(row) => (None, Some((4, row.finished_at.plus_ms(limits::DEDUPE_WINDOW_MS)))),
        Stored::Forgotten => (None, None),
    };
    expiry.into_iter().chain(other)
}

/// How a report's attempt differs from its request's last one.
fn against(attempt: Attempt, entry: &Entry) -> u8 {
    let Some(row) = entry.row() else { return 0 };
    let epoch = match row.phase {
        Phase::InFlight { epoch, .. } => 1 + u8::from(epoch != attempt.epoch),
        Phase::Queued { .. } | Phase::Delivering { .. } => 0,
    };
    epoch << 1 | u8::from(row.attempts != attempt.number)
}

/// How many ms `now` is after a deadline.
const fn late_ms(now: Timestamp, deadline: Timestamp) -> i64 {
    now.0.wrapping_sub(deadline.0).cast_signed()
}

/// How far from a deadline: exact near it, else by powers of 2; before it odd, after it even.
const fn distance(late_ms: i64) -> u8 {
    let ms = late_ms.unsigned_abs();
    let digits = (u64::BITS - ms.leading_zeros()) as u8;
    let steps = if digits > FARTHEST { FARTHEST } else { digits };
    steps << 1 | (late_ms < 0) as u8
}

/// Spreads a feature's number (Fibonacci hashing).
const fn hash(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::{ProxyRuns, run_seed};

    #[test]
    fn near_a_deadline_each_ms_counts() {
        assert_eq!([-4, -3, -1, 0, 1, 2, 3, 4].map(distance), [7, 5, 3, 0, 2, 4, 4, 6]);
        assert_eq!([1 << 17, 1 << 20, -(1 << 20)].map(distance), [34, 34, 35]);
    }

    #[test]
    fn features_are_kept_where_they_are_asked_for() {
        for seed in 0..20 {
            assert_eq!(run_seed(seed, ProxyRuns::SWARM).world.features(), []);
            let watched = run_seed(seed, ProxyRuns { features: true, ..ProxyRuns::SWARM });
            let features = watched.world.features();
            assert_eq!(features.is_empty(), watched.world.seen.ledger.entries.is_empty(), "seed {seed}");
            assert!(features.iter().all(|feature| feature.number < 1 << 48 && feature.at <= watched.sim.now()));
            assert!(features.is_sorted_by(|one, next| one.number < next.number));
        }
    }
}
