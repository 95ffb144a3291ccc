//! A dead letter only gets its outcome, "interrupted" or "expired": it is not fetched.

use super::{Law, Who, ensure};
use crate::queue::ledger::{Ledger, Observation};
use proxy_fetch::{Outcome, queue::Source};

pub(super) const LAW: Law =
    Law { is: &durable_sim::Law::new("Q4", "a dead letter gets its outcome and nothing else"), check };

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    if let Observation::Fetch { at, .. } = seen {
        ensure!(ledger.batch(*at).source == Source::Queue, "{}, a dead letter, is fetched", Who(ledger, *at));
    }
    if let Observation::Deliver { at, outcome, .. } = seen
        && ledger.batch(*at).source == Source::DeadLetters
    {
        let is_right = matches!(outcome, Outcome::Interrupted | Outcome::Expired);
        ensure!(is_right, "{}, a dead letter, ends as {outcome}", Who(ledger, *at));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::laws::testing::{Story, at};
    use proxy_fetch::Outcome;

    #[test]
    fn it_is_told_and_acked() {
        let mut story = Story::new(1);
        story.dead_letters(&[0]);
        story.breaks("Q4", |story| story.fetch(at(0, 0), 1));
        story.breaks("Q4", |story| story.deliver(at(0, 0), 4, 200));
        story.breaks("S11", |story| story.ack(at(0, 0)));
        story.outcomes(at(0, 0), 4, Outcome::Interrupted);
        story.delivered(at(0, 0));
        story.acks(at(0, 0));
    }
}
