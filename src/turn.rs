//! The one order of step, commit and effects, for every host.
//!
//! - *Why one function, and not a rule that each host keeps:* a host that lets one effect out before its commit works,
//!   and passes its tests, until it dies at that very moment. Then a fetch has left that nobody knows about.
//! - *Why the alarm is in the same commit:* a crash between the two would leave live requests that nothing ever wakes.
//! - *Why a failed commit has no way back:* memory has changed by then, and undoing a step would be a second machine,
//!   the inverse of the first. Storage is right, so memory is made anew from it (law S25).
//! - *Why all events of a turn share one time:* they share a commit, and its time mark says when it was.
//!
//! Keeps S2, S4, S5 (effects after the commit), S20 and L3 (the alarm, in the same commit).

use crate::{
    Machine, Timestamp,
    event::{Event, Output},
    row::Write,
};
use core::mem;

/// Where a host keeps rows and its one alarm. Synchronous: a map, SQLite and a Durable Object's SQL all are.
pub trait Store {
    /// Why a commit failed.
    type Error;

    /// Commits the writes in order, and the alarm if there is one, all or nothing.
    ///
    /// # Errors
    /// Nothing of it was kept, or nobody can tell. The host must drop the machine and restore it from the store.
    fn commit(&mut self, writes: &[Write], alarm: Option<Timestamp>) -> Result<(), Self::Error>;
}

/// What is known of the stored alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm(Option<Timestamp>);

impl Alarm {
    /// The stored alarm is not known, or there is none: the next turn sets it if one is needed.
    pub const UNKNOWN: Self = Self(None);

    /// An alarm is stored for this time.
    #[must_use]
    pub const fn stored(at: Timestamp) -> Self {
        Self(Some(at))
    }

    /// The time it is stored for, if that is known.
    #[must_use]
    pub const fn at(self) -> Option<Timestamp> {
        self.0
    }

    /// The alarm to store now, if any. An early alarm is harmless and a late one is not, and storing one costs as
    /// much as a commit: so it moves earlier at once, is repaired if it lies in the past, and is left alone otherwise.
    ///
    /// `fired` is the alarm whose handler this turn is. A Durable Object loses an alarm that its handler sets to the
    /// time of the one that runs. So it is never set to the present millisecond, nor to the time of an alarm that has
    /// come early (by the clock of a host that the object has moved to).
    fn to_store(self, now: Timestamp, wake: Option<Timestamp>, fired: Option<Self>) -> Option<Timestamp> {
        let next = now.plus_ms(1);
        let mut wanted = wake?.max(next);
        if fired == Some(Self(Some(wanted))) {
            wanted = if wanted > next { Timestamp(wanted.0 - 1) } else { wanted.plus_ms(1) };
        }
        // Not later than it is stored, though the work that it was for may be done: an alarm that comes too early is
        // one turn that finds nothing due, and setting each anew would be a write for every request.
        match self.0 {
            Some(stored) if stored > now && stored <= wanted => None,
            Some(_) | None => Some(wanted),
        }
    }
}

/// One turn: takes in `events` at the clock `now`, commits what they write together with the alarm, and leaves in
/// `out` the effects that may now be performed.
///
/// `alarm` is what the host knows of its stored alarm; a [`Event::Tick`] among the events says that it has fired. A
/// host that is told which one it was sets `alarm` to that first.
///
/// # Errors
/// The store's. `out` is empty: no effect may leave. Drop the machine and restore it from the store.
pub fn turn<S: Store>(
    machine: &mut Machine,
    alarm: &mut Alarm,
    store: &mut S,
    now: Timestamp,
    events: impl IntoIterator<Item = Event>,
    out: &mut Output,
) -> Result<(), S::Error> {
    out.clear();
    // An alarm that has fired is not stored any more: whatever is next must be stored anew, even for the same time.
    let mut fired = None;
    for event in events {
        if event == Event::Tick {
            let _ = fired.get_or_insert(mem::take(alarm));
        }
        machine.step(now, event, out);
    }
    let to_store = alarm.to_store(now, machine.next_wake().map(|(at, _)| at), fired);
    // A turn that changed nothing costs nothing: no commit, and its effects (answers) need not wait for one.
    if (!out.writes().is_empty() || to_store.is_some())
        && let Err(error) = store.commit(out.writes(), to_store)
    {
        out.clear();
        return Err(error);
    }
    if to_store.is_some() {
        *alarm = Alarm(to_store);
    }
    out.clear_writes();
    Ok(())
}
