//! A slot is freed by the end of its lease, and a callback is given up by its own, whatever the remote does.

use super::promised as limits;
use super::{Law, Move, Turn, Verdict, ensure, view::Who};
use proxy_fetch::Phase;

/// L5.
#[derive(Clone, Debug, Default, Hash)]
pub struct Leases;

impl Law for Leases {
    const LAW: &'static durable_sim::Law =
        &durable_sim::Law::new("L5", "a slot is free by the end of its lease, whatever the remote does");

    /// The ends themselves are what they should be: the host's time and the grace.
    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let Some(row) = step.entry.row() else { return Ok(()) };
        let (end, host_ms) = match row.phase {
            Phase::InFlight { lease_until, .. } => (lease_until, u64::from(row.policy.timeout_ms())),
            Phase::Delivering { until: Some(until), .. } => (until, limits::CALLBACK_TIMEOUT_MS),
            Phase::Queued { .. } | Phase::Delivering { until: None, .. } => return Ok(()),
        };
        let latest = turn.time.plus_ms(host_ms + limits::LEASE_GRACE_MS);
        ensure!(end <= latest, "{} has until {end}, longer than {latest}", Who(step.entry));
        Ok(())
    }

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        let callback = turn.live.calling().first();
        let overdue = turn.live.in_flight().iter().chain(callback).find(|(end, _)| *end <= turn.time);
        // What a step over its budget leaves is due in the next.
        if let Some((end, at)) = overdue.filter(|_| !turn.is_over_budget()) {
            let entry = &turn.ledger.entries[*at];
            ensure!(
                false,
                "{} is {} at {}, beyond its end at {end}",
                Who(entry),
                super::view::Shown(Some(&entry.stored)),
                turn.time
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, at, response};
    use proxy_fetch::Phase;

    #[test]
    fn slots_and_callbacks_are_freed() {
        let story = || {
            let mut story = Story::<Leases>::new();
            story.in_flight(1, 1).delivering(2, response(200)).commits().at(34_999).mark(34_999).commits().at(35_000);
            story
        };
        story().queued(1, 1, 50_000).finished(2, response(200)).commits();
        assert_broken(story().queued(1, 1, 50_000).commit(), "r2");
        assert_broken(story().finished(2, response(200)).commit(), "r1");
    }

    #[test]
    fn an_expired_request_holds_no_slot() {
        let mut story = Story::<Leases>::new();
        let end = crate::laws::promised::MAX_REQUEST_AGE_MS;
        story.queued(1, 0, 0).commits();
        story.at(end - 9).put(1, 1, Phase::InFlight { epoch: 1, lease_until: at(end + 9) }).commits();
        assert_broken(story.at(end).mark(end).commit(), "beyond its end");
    }

    #[test]
    fn over_budget_it_is_due_in_the_next_step() {
        let mut story = Story::<Leases>::new();
        story.in_flight(100, 1).commits().at(35_000);
        for planned in 0..64 {
            story.finished(planned, response(200));
        }
        story.commits();
    }

    #[test]
    fn a_lease_is_the_time_of_the_attempt_and_the_grace() {
        let until = |ms| {
            let mut story = Story::<Leases>::new();
            let phase = Phase::InFlight { epoch: 1, lease_until: at(ms) };
            story.put(1, 1, phase);
            story.commit()
        };
        assert_eq!(until(35_000), Ok(()));
        assert_broken(until(35_001), "longer than");
    }
}
