//! No attempt starts at or after `expires_at`, which follows from the ULID alone; what ends then has the outcome
//! "expired", and nothing has it earlier.

use super::{Law, Who, ensure, promised::expires_at};
use crate::queue::ledger::{Ledger, Observation};
use proxy_fetch::Outcome;

pub(super) const LAW: Law = Law {
    is: &durable_sim::Law::new(
        "S9",
        "a request expires 30 minutes after it was accepted: nothing starts after that, and it ends as expired",
    ),
    check,
};

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    if let Observation::Fetch { at, .. } = seen {
        let expires = expires_at(ledger.entry(*at).id);
        ensure!(ledger.now < expires, "{} starts at {}; it expired at {expires}", Who(ledger, *at), ledger.now);
    }
    if let Observation::Deliver { at, outcome, .. } = seen {
        let expires = expires_at(ledger.entry(*at).id);
        let is_right = (ledger.now >= expires) == (*outcome == Outcome::Expired);
        ensure!(is_right, "{} ends at {} as {outcome}; it expires at {expires}", Who(ledger, *at), ledger.now);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::laws::testing::{Story, at};
    use proxy_fetch::Outcome;

    #[test]
    fn at_thirty_minutes_and_not_earlier() {
        let mut story = Story::new(2);
        story.after(1_799_999 - 850_000);
        story.queue(&[0, 1]);
        story.fetches(at(0, 0), 1);
        story.after(850_000);
        story.breaks("S9", |story| story.outcome(at(0, 1), 0, Outcome::Expired));
        story.fetched(at(0, 0), 200);
        story.after(1);
        story.breaks("S9", |story| story.fetch(at(0, 1), 1));
        story.breaks("S9", |story| story.deliver(at(0, 0), 1, 200));
        story.outcomes(at(0, 0), 1, Outcome::Expired);
        story.outcomes(at(0, 1), 0, Outcome::Expired);
    }
}
