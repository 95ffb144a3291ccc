//! What is live, by what it waits for: kept once for all laws, from committed rows alone.
//!
//! Rows of a version that the program does not know stay in the ledger as they were, but nothing can happen to them:
//! they leave this index when the next incarnation of the object begins, and come back with the first incarnation that
//! can read them.

use super::promised::{self as limits, expires_at, has_response};
use crate::history::ledger::{Commit, Entry, Ledger, Note, Stored};
use proxy_fetch::{Phase, Timestamp, Ulid};
use std::collections::{BTreeSet, VecDeque};

/// Where an entry stands in the index.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    Gone,
    Live(Phase),
    Remembered,
}

/// Live requests by what they wait for, and the finished ones that are remembered.
#[derive(Clone, Debug, Default)]
pub struct Live {
    places: Vec<Place>,
    waiting: BTreeSet<(Timestamp, usize)>,
    eligible: BTreeSet<(Ulid, usize)>,
    in_flight: Vec<(Timestamp, usize)>,
    calling: BTreeSet<(Timestamp, usize)>,
    remembered: VecDeque<(Timestamp, usize)>,
    remembered_len: usize,
    len: usize,
    held: usize,
    time: Timestamp,
    due: Option<Timestamp>,
    due_before: Option<Timestamp>,
    epoch: u64,
    is_first_of_incarnation: bool,
    /// The object's own bound on requests in flight.
    slots: usize,
}

impl Live {
    /// Takes a durable commit in. The ledger has it already.
    pub(super) fn apply(&mut self, ledger: &Ledger, commit: &Commit<'_>) {
        // A damaged object row may lead to an epoch that was there before.
        self.slots = slots(ledger);
        self.is_first_of_incarnation = ledger.meta.epoch != self.epoch || commit.notes.first() == Some(&Note::Start);
        self.epoch = ledger.meta.epoch;
        if self.is_first_of_incarnation {
            self.drop_unknown_versions(ledger);
            self.take_up(ledger, commit);
        }
        self.due_before = self.due;
        let time = ledger.meta.mark.max(commit.now);
        while let Some(&(not_before, at)) = self.waiting.first()
            && not_before <= time
        {
            self.waiting.pop_first();
            self.eligible.insert((ledger.entries[at].id, at));
        }
        if time < self.time {
            self.wait_again(time);
        }
        self.time = time;
        for change in commit.changes {
            let entry = &ledger.entries[change.entry];
            self.remove(change.entry, entry.id);
            self.add(change.entry, entry);
        }
        while let Some(&(_, at)) = self.remembered.front()
            && !matches!(self.places[at], Place::Remembered)
        {
            self.remembered.pop_front();
        }
        self.due = self.next_due(ledger.meta.mark);
    }

    fn add(&mut self, at: usize, entry: &Entry) {
        if self.places.len() <= at {
            self.places.resize(at + 1, Place::Gone);
        }
        self.places[at] = match &entry.stored {
            Stored::Forgotten => Place::Gone,
            Stored::Finished(row) => {
                self.remembered.push_back((row.finished_at, at));
                self.remembered_len += 1;
                Place::Remembered
            }
            Stored::Live(row) => {
                self.len += 1;
                match row.phase {
                    Phase::Queued { not_before } if not_before > self.time => {
                        self.waiting.insert((not_before, at));
                    }
                    Phase::Queued { .. } => {
                        self.eligible.insert((entry.id, at));
                    }
                    Phase::InFlight { lease_until, .. } => {
                        self.in_flight.push((lease_until.min(expires_at(entry.id)), at));
                    }
                    Phase::Delivering { outcome, until } => {
                        self.held += usize::from(has_response(outcome));
                        if let Some(until) = until {
                            self.calling.insert((until, at));
                        }
                    }
                }
                Place::Live(row.phase)
            }
        };
    }

    fn remove(&mut self, at: usize, id: Ulid) {
        let Some(place) = self.places.get_mut(at) else { return };
        match std::mem::take(place) {
            Place::Gone => {}
            Place::Remembered => self.remembered_len -= 1,
            Place::Live(phase) => {
                self.len -= 1;
                match phase {
                    Phase::Queued { not_before } if not_before > self.time => {
                        self.waiting.remove(&(not_before, at));
                    }
                    Phase::Queued { .. } => {
                        self.eligible.remove(&(id, at));
                    }
                    Phase::InFlight { .. } => self.in_flight.retain(|(_, other)| *other != at),
                    Phase::Delivering { outcome, until } => {
                        self.held -= usize::from(has_response(outcome));
                        if let Some(until) = until {
                            self.calling.remove(&(until, at));
                        }
                    }
                }
            }
        }
    }

    /// Only when an incarnation begins: tampering is not observed, and the running machine does not notice it either.
    fn drop_unknown_versions(&mut self, ledger: &Ledger) {
        for (at, entry) in ledger.entries.iter().enumerate() {
            let is_replaced = entry.row().is_some_and(|row| row.request_id.as_str().is_empty());
            if entry.tampered && !entry.state_readable && !is_replaced {
                self.remove(at, entry.id);
            }
        }
    }

    /// Time goes back only when the object's own row was damaged: then delays that were over are not.
    fn wait_again(&mut self, time: Timestamp) {
        let Self { places, eligible, waiting, .. } = self;
        eligible.retain(|(_, at)| match places[*at] {
            Place::Live(Phase::Queued { not_before }) if not_before > time => {
                waiting.insert((not_before, *at));
                false
            }
            Place::Live(_) | Place::Gone | Place::Remembered => true,
        });
    }

    /// Requests whose rows can be read again.
    fn take_up(&mut self, ledger: &Ledger, commit: &Commit<'_>) {
        for (at, entry) in ledger.entries.iter().enumerate() {
            let is_changed = commit.changes.iter().any(|change| change.entry == at);
            let is_gone = matches!(self.places.get(at), Some(Place::Gone));
            let can_be_read = !entry.tampered || entry.state_readable;
            if is_gone && !is_changed && can_be_read && !matches!(entry.stored, Stored::Forgotten) {
                self.add(at, entry);
            }
        }
        self.remembered.make_contiguous().sort_unstable();
    }

    fn next_due(&self, mark: Timestamp) -> Option<Timestamp> {
        let delay = self.waiting.first().map(|(at, _)| *at);
        let callback = self.calling.first().map(|(at, _)| *at);
        let attempt = self.in_flight.iter().map(|(at, _)| *at).min();
        let heartbeat = attempt.map(|_| mark.plus_ms(limits::HEARTBEAT_MS));
        let expiry = self.eligible.first().map(|(id, _)| expires_at(*id));
        let poll = expiry.map(|_| mark.plus_ms(limits::CAPACITY_POLL_MS));
        [delay, callback, attempt, heartbeat, expiry, poll].into_iter().flatten().min()
    }

    /// Machine time of the last commit.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// Whether the last commit was the first of an incarnation of the object.
    #[must_use]
    pub const fn is_first_of_incarnation(&self) -> bool {
        self.is_first_of_incarnation
    }

    /// When the object must be woken at the latest, as of the last commit: the next deadline or poll.
    #[must_use]
    pub const fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// The same as of the commit before the last one.
    #[must_use]
    pub const fn due_before(&self) -> Option<Timestamp> {
        self.due_before
    }

    /// Live requests.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is live.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Queued requests whose delay is over, by ULID, with their place in the ledger.
    #[must_use]
    pub const fn eligible(&self) -> &BTreeSet<(Ulid, usize)> {
        &self.eligible
    }

    /// When each request in flight loses its slot, with its place in the ledger.
    #[must_use]
    pub fn in_flight(&self) -> &[(Timestamp, usize)] {
        &self.in_flight
    }

    /// Callbacks under way by their deadlines, with their place in the ledger.
    #[must_use]
    pub const fn calling(&self) -> &BTreeSet<(Timestamp, usize)> {
        &self.calling
    }

    /// Outcomes whose callback has not been started.
    #[must_use]
    pub fn outbox_len(&self) -> usize {
        self.len - self.waiting.len() - self.eligible.len() - self.in_flight.len() - self.calling.len()
    }

    /// Responses that the host holds for a callback.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// Whether another fetch may start.
    #[must_use]
    pub fn has_free_slot(&self) -> bool {
        let in_flight = self.in_flight.len();
        in_flight < self.slots && in_flight + self.held < limits::MAX_HELD_RESPONSES
    }

    /// How many finished requests are remembered.
    #[must_use]
    pub const fn remembered_len(&self) -> usize {
        self.remembered_len
    }

    /// When the first remembered request ended.
    #[must_use]
    pub fn first_remembered(&self) -> Option<Timestamp> {
        self.remembered.front().map(|(at, _)| *at)
    }

    /// Whether this entry is live and the object can do something about it: its row is readable.
    #[must_use]
    pub fn knows(&self, at: usize) -> bool {
        matches!(self.places.get(at), Some(Place::Live(_)))
    }
}

/// How many requests may be in flight: the promised bound, or the lower one that the object was configured with.
pub(super) const fn slots(ledger: &Ledger) -> usize {
    match ledger.max_in_flight {
        0 => limits::MAX_IN_FLIGHT,
        lower if lower < limits::MAX_IN_FLIGHT => lower,
        _ => limits::MAX_IN_FLIGHT,
    }
}

#[cfg(test)]
mod tests {
    use crate::laws::{
        Law,
        testing::{START, Story, at, response},
    };
    use proxy_fetch::Meta;

    /// A law that nothing breaks: only the index is looked at.
    #[derive(Default)]
    struct Nothing;

    impl Law for Nothing {
        const LAW: &'static durable_sim::Law = &durable_sim::Law::new("nothing", "nothing is promised");
    }

    fn story() -> Story<Nothing> {
        Story::new()
    }

    #[test]
    fn what_is_due_is_the_first_of_all() {
        let mut story = story();
        assert_eq!(story.watch.live.due(), None);
        story.delivering(1, response(200)).commits();
        assert_eq!((story.watch.live.due(), story.watch.live.held()), (Some(at(35_000)), 1));
        story.in_flight(2, 1).commits();
        assert_eq!(story.watch.live.due(), Some(at(30_000)));
        story.queued(3, 0, 7_000).commits();
        assert_eq!((story.watch.live.due(), story.watch.live.due_before()), (Some(at(7_000)), Some(at(30_000))));
        story.queued(4, 0, 0).commits();
        assert_eq!((story.watch.live.due(), story.watch.live.len()), (Some(at(500)), 4));
        story.at(7_000).gone(4).finished(2, response(200)).finished(1, response(200)).commits();
        assert_eq!(story.watch.live.due(), Some(at(7_500)), "its delay is over, and it waits for a slot");
        assert_eq!((story.watch.live.remembered_len(), story.watch.live.first_remembered()), (2, Some(at(7_000))));
        story.forgotten(1).forgotten(2).finished(3, response(200)).commits().forgotten(3).commits();
        assert_eq!((story.watch.live.due(), story.watch.live.first_remembered()), (None, None));
        assert!(story.watch.live.is_empty());
    }

    #[test]
    fn rows_of_an_unknown_version_leave_it_with_the_next_incarnation() {
        let mut story = story();
        story.in_flight(1, 1).queued(2, 0, 9).commits();
        story.ledger.entries.iter_mut().for_each(|entry| entry.tampered = true);
        story.mark(0).commits();
        assert!(story.watch.live.knows(0) && story.watch.live.knows(1));
        story.lose().replaced(1).commits();
        assert!(story.watch.live.knows(0) && !story.watch.live.knows(1));
        assert!(story.watch.live.in_flight().is_empty());
        story.lose().mark(0).commits();
        assert!(story.watch.live.knows(0), "the row in its place can be read");
    }

    #[test]
    fn a_delay_begins_again_when_time_is_lost() {
        let mut story = story();
        story.queued(1, 0, 9).commits().at(10).mark(10).commits();
        assert_eq!(story.watch.live.eligible().len(), 1);
        story.at(5).lose().commits();
        let row = proxy_fetch::Record::Meta(Meta { epoch: 2, mark: START, last_id: 0 });
        story.write(proxy_fetch::Write::Put(row)).commits();
        assert!(story.watch.live.eligible().is_empty());
        story.at(9).mark(9).commits();
        assert_eq!(story.watch.live.eligible().len(), 1);
    }
}
