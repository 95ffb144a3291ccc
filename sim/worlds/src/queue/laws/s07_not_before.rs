//! After a failure the next attempt waits: for the backoff, longer if a valid `Retry-After` says so, and not much
//! longer than that. The delay that a message is given back with is as long, so that the platform keeps it when the
//! memory of it is lost; within one incarnation no repeat jumps it.
//!
//! What no consumer can know: when an attempt failed that died with its isolate. There the queue's own `retry_delay` is
//! all the delay there is.

use super::{Law, Who, ensure};
use crate::queue::ledger::{Ledger, Observation};

pub(super) const LAW: Law = Law {
    is: &durable_sim::Law::new(
        "S7",
        "after a failure the next attempt waits for the backoff and for Retry-After, and not much longer",
    ),
    check,
};

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    if let Observation::Fetch { at, .. } = seen {
        let (low, _) = ledger.known(*at).not_before;
        let jumped = ledger.all_remembered() && ledger.now < low;
        ensure!(!jumped, "{} starts at {}, before {low}", Who(ledger, *at), ledger.now);
    }
    if let Observation::Retry { at, delay_s } = seen {
        let Some((_, Some(_))) = ledger.message(*at).fetch else { return Ok(()) };
        let (low, high) = ledger.known(*at).not_before;
        let start = ledger.now.plus_ms(u64::from(*delay_s) * 1_000);
        ensure!(start >= low, "{} comes back at {start}, before {low}", Who(ledger, *at));
        ensure!(start <= high, "{} comes back at {start}, later than {high}", Who(ledger, *at));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::laws::testing::{Story, at};

    #[test]
    fn as_long_as_the_backoff_and_not_much_longer() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 503);
        story.breaks("S7", |story| story.retry(at(0, 0), 0));
        story.breaks("S7", |story| story.retry(at(0, 0), 4));
        story.retries(at(0, 0), 1);
    }

    #[test]
    fn as_long_as_retry_after_says() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.fetched_asked(at(0, 0), 503, 60_000);
        story.breaks("S7", |story| story.retry(at(0, 0), 2));
        story.breaks("S7", |story| story.retry(at(0, 0), 70));
        story.retries(at(0, 0), 60);
    }

    #[test]
    fn no_repeat_jumps_it() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 503);
        story.retries(at(0, 0), 2);
        story.after(999);
        story.queue_at(&[0], 2);
        story.breaks("S7", |story| story.fetch(at(1, 0), 2));
        story.after(1);
        story.fetches(at(1, 0), 2);
    }

    #[test]
    fn an_attempt_that_was_cut_off_has_failed() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.closed(0);
        story.queue_at(&[0], 2);
        story.breaks("S7", |story| story.fetch(at(1, 0), 2));
        story.after(1_000);
        story.fetches(at(1, 0), 2);
    }
}
