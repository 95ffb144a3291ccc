//! At most 5 fetches at once in a batch, its callbacks included: with them the platform's six connections suffice.

use super::{Law, ensure, promised::MAX_SLOTS};
use crate::queue::ledger::{Callback, Ledger, Message, Observation};
use proxy_fetch::queue::Handle;

pub(super) const LAW: Law =
    Law { is: &durable_sim::Law::new("S3", "at most 5 messages of a batch are worked on at once"), check };

/// Whether a message has a slot.
pub(super) fn is_busy(message: &Message) -> bool {
    let fetching = matches!(message.fetch, Some((_, None)));
    message.decided.is_none() && (fetching || message.callback == Some(Callback::Runs))
}

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    let (Observation::Fetch { at, .. } | Observation::Deliver { at, .. }) = seen else { return Ok(()) };
    let others = (0..).zip(&ledger.batch(*at).messages);
    let busy = others.filter(|(index, message)| *index != at.index && is_busy(message)).count();
    let place: &Handle = at;
    ensure!(busy < MAX_SLOTS, "batch {} has {} fetches and callbacks under way", place.batch, busy + 1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::laws::testing::{Story, at};

    #[test]
    fn five_and_no_more() {
        let mut story = Story::new(6);
        story.queue(&[0, 1, 2, 3, 4, 5]);
        for index in 0..5 {
            story.fetches(at(0, index), 1);
        }
        story.breaks("S3", |story| story.fetch(at(0, 5), 1));
        story.fetched(at(0, 0), 200);
        story.delivers(at(0, 0), 1, 200);
        story.breaks("S3", |story| story.fetch(at(0, 5), 1));
        story.delivered(at(0, 0));
        story.acks(at(0, 0));
        story.fetches(at(0, 5), 1);
    }
}
