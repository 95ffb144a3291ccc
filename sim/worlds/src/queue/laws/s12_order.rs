//! Of the messages of a batch that wait for a slot, the one with the smallest ULID starts first.

use super::{Law, Who, ensure};
use crate::queue::ledger::{Ledger, Observation};
use proxy_fetch::queue::Handle;

pub(super) const LAW: Law = Law {
    is: &durable_sim::Law::new("S12", "of the messages of a batch that wait for a slot the smallest ULID starts first"),
    check,
};

/// Whether a message waits for a slot: nothing was done for it, and it stands for its request.
pub(super) fn waits(ledger: &Ledger, at: Handle) -> bool {
    let message = ledger.message(at);
    message.decided.is_none()
        && message.fetch.is_none()
        && message.callback.is_none()
        && message.is.unread.is_none()
        && ledger.known(at).under_way == Some(at)
}

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    let Observation::Fetch { at, id, .. } = seen else { return Ok(()) };
    ensure!(*id == ledger.entry(*at).id, "{} is fetched as {id}", Who(ledger, *at));
    for index in 0..ledger.batch(*at).messages.len() as u32 {
        let other = Handle { batch: at.batch, index };
        let earlier = waits(ledger, other) && ledger.entry(other).id < *id;
        ensure!(!earlier, "{} starts before {}", Who(ledger, *at), Who(ledger, other));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::laws::testing::{Story, at};
    use proxy_fetch::{Ulid, queue::Handle};

    #[test]
    fn the_smallest_first() {
        let mut story = Story::new(3);
        story.queue(&[2, 0, 1]);
        story.breaks("S12", |story| story.fetch(at(0, 0), 1));
        story.breaks("S12", |story| story.fetch(at(0, 2), 1));
        story.fetches(at(0, 1), 1);
        story.fetches(at(0, 2), 1);
        story.fetches(at(0, 0), 1);
    }

    #[test]
    fn under_its_own_ulid() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        let at = Handle { batch: 0, index: 0 };
        story.breaks("S12", |_| crate::queue::ledger::Observation::Fetch {
            at,
            id: Ulid::nil(),
            attempt: 1,
            timeout_ms: 100,
        });
    }
}
