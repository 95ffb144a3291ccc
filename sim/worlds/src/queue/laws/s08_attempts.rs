//! A request is started at most `max_retries` + 1 times. Attempts are counted when they start: those that an
//! incarnation started itself, and one for each delivery that it did not see, so that a crash uses one up. The
//! platform's count of deliveries is what survives it.
//!
//! Over all incarnations the bound holds for a request of which there was one copy only: two copies in two incarnations
//! are counted apart, and nobody can know.

use super::{Law, Who, ensure, promised::most};
use crate::queue::ledger::{Ledger, Observation};
use proxy_fetch::{
    Outcome,
    queue::{Handle, Source},
};

pub(super) const LAW: Law = Law {
    is: &durable_sim::Law::new(
        "S8",
        "attempts are counted as they start, and are at most the retries asked for and one more",
    ),
    check,
};

/// Attempts that may have been started before this delivery.
fn spent(ledger: &Ledger, at: Handle) -> u32 {
    let known = ledger.known(at);
    let earlier = ledger.message(at).is.delivery - 1;
    let seen = known.seen.range(..=earlier).count() as u32;
    known.starts + earlier - seen
}

/// Whether no attempt is left.
pub(super) fn is_spent(ledger: &Ledger, at: Handle) -> bool {
    let dead = ledger.batch(at).source == Source::DeadLetters;
    dead || !ledger.all_remembered() || spent(ledger, at) >= most(&ledger.entry(at).options)
}

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    if let Observation::Fetch { at, attempt, .. } = seen {
        let (spent, entry) = (spent(ledger, *at), ledger.entry(*at));
        let most = most(&entry.options);
        ensure!(ledger.message(*at).fetch.is_none(), "{} is started twice", Who(ledger, *at));
        ensure!((1..=most).contains(&u32::from(*attempt)), "{} makes attempt {attempt} of {most}", Who(ledger, *at));
        let is_right = u32::from(*attempt) == spent + 1 || !ledger.all_remembered();
        ensure!(is_right, "{} makes attempt {attempt} after {spent}", Who(ledger, *at));
        let single = entry.copies == 1;
        ensure!(!single || entry.starts < most, "{} is started {} times", Who(ledger, *at), entry.starts + 1);
    }
    if let Observation::Deliver { at, outcome, attempts, .. } = seen {
        let most = most(&ledger.entry(*at).options);
        let dead = ledger.batch(*at).source == Source::DeadLetters;
        let spent = if dead { most } else { spent(ledger, *at).min(most) };
        if !ledger.must_be_remembered(*at) {
            return Ok(());
        }
        let early = *outcome == Outcome::Interrupted && spent < most;
        ensure!(!early, "{} is given up after {spent} attempts of {most}", Who(ledger, *at));
        let right = match ledger.message(*at).fetch {
            Some((number, _)) => u32::from(number),
            None => spent,
        };
        ensure!(u32::from(*attempts) == right, "{} tells of {attempts} attempts, not {right}", Who(ledger, *at));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::laws::testing::{Story, at};
    use proxy_fetch::Outcome;

    #[test]
    fn one_by_one_up_to_the_bound() {
        let mut story = Story::new(1);
        story.ledger.entries[0].options.max_retries = 1;
        story.queue(&[0]);
        story.breaks("S8", |story| story.fetch(at(0, 0), 2));
        story.breaks("S8", |story| story.fetch(at(0, 0), 0));
        story.fetches(at(0, 0), 1);
        story.breaks("S8", |story| story.fetch(at(0, 0), 2));
        story.fetched(at(0, 0), 503);
        story.retries(at(0, 0), 2);
        story.after(2_000);
        story.queue_at(&[0], 2);
        story.breaks("S8", |story| story.fetch(at(1, 0), 1));
        story.breaks("S8", |story| story.outcome(at(1, 0), 1, Outcome::Interrupted));
        story.fetches(at(1, 0), 2);
        story.fetched(at(1, 0), 503);
        story.breaks("S8", |story| story.deliver(at(1, 0), 1, 503));
        story.delivers(at(1, 0), 2, 503);
    }

    #[test]
    fn a_delivery_that_an_incarnation_did_not_see_counts() {
        let mut story = Story::new(1);
        story.ledger.entries[0].options.max_retries = 1;
        story.queue_at(&[0], 2);
        story.breaks("S8", |story| story.fetch(at(0, 0), 1));
        story.closed(0);
        story.incarnation = 2;
        story.queue_at(&[0], 3);
        story.breaks("S8", |story| story.fetch(at(1, 0), 3));
        story.breaks("S8", |story| story.outcome(at(1, 0), 3, Outcome::Interrupted));
        story.outcomes(at(1, 0), 2, Outcome::Interrupted);
    }

    #[test]
    fn a_single_copy_is_bounded_over_all_incarnations() {
        let mut story = Story::new(1);
        story.ledger.entries[0].options.max_retries = 0;
        story.stored(0);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.incarnation = 2;
        // The platform would count to 2.
        story.queue(&[0]);
        story.breaks("S8", |story| story.fetch(at(1, 0), 1));
    }
}
