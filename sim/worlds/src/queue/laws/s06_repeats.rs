//! A repeat of a request that an incarnation works on, or has ended within the window, starts nothing in that
//! incarnation; and it is not acked before the request has ended there.
//!
//! Other incarnations know nothing of it: there it is executed again, with the same `Idempotency-Key` (S16).

use super::{Law, Who, ensure};
use crate::queue::ledger::{Ledger, Observation};

pub(super) const LAW: Law = Law {
    is: &durable_sim::Law::new(
        "S6",
        "a repeat of a request that an incarnation works on, or has ended within the window, starts nothing there",
    ),
    check,
};

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    if let Observation::Fetch { at, .. } | Observation::Deliver { at, .. } = seen {
        let known = ledger.known(*at);
        let other = known.under_way.filter(|other| other != at);
        if let Some(other) = other {
            return Err(format!("{} is begun; its request is under way as {other}", Who(ledger, *at)));
        }
        let over = known.finished && ledger.must_be_remembered(*at);
        ensure!(!over, "{} is begun; its request is over", Who(ledger, *at));
    }
    if let Observation::Ack { at } = seen {
        let known = ledger.known(*at);
        let other = known.under_way.filter(|other| other != at);
        if let Some(other) = other {
            return Err(format!("{} is acked; its request is under way as {other}", Who(ledger, *at)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::laws::testing::{Story, at};

    #[test]
    fn a_repeat_waits_for_the_first() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.queue(&[0]);
        story.breaks("S6", |story| story.fetch(at(1, 0), 2));
        story.breaks("S6", |story| story.ack(at(1, 0)));
        story.fetched(at(0, 0), 200);
        story.breaks("S6", |story| story.ack(at(1, 0)));
        story.delivers(at(0, 0), 1, 200);
        story.delivered(at(0, 0));
        story.acks(at(0, 0));
        story.breaks("S6", |story| story.fetch(at(1, 0), 2));
        story.breaks("S6", |story| story.deliver(at(1, 0), 1, 200));
        story.acks(at(1, 0));
    }

    #[test]
    fn another_incarnation_knows_nothing_of_it() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.incarnation = 2;
        story.queue_at(&[0], 2);
        story.fetches(at(1, 0), 2);
    }
}
