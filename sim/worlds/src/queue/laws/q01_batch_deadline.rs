//! Nothing is started that could not end within its batch: an attempt and its callback at their longest end before the
//! platform kills the invocation.

use super::{
    Law, Who, ensure,
    promised::{BATCH_LIMIT_MS, CALLBACK_TIMEOUT_MS},
};
use crate::queue::ledger::{Ledger, Observation};

pub(super) const LAW: Law =
    Law { is: &durable_sim::Law::new("Q1", "nothing is started that cannot end in its batch"), check };

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    let Observation::Fetch { at, timeout_ms, .. } = seen else { return Ok(()) };
    let entry = ledger.entry(*at);
    let timeout = entry.options.timeout_ms.unsigned_abs();
    ensure!(u64::from(*timeout_ms) == timeout, "{} gets {timeout_ms} ms, not {timeout}", Who(ledger, *at));
    let callback = if entry.callback { CALLBACK_TIMEOUT_MS } else { 0 };
    let ends = ledger.now.plus_ms(timeout + callback);
    let deadline = ledger.batch(*at).begun.plus_ms(BATCH_LIMIT_MS);
    ensure!(ends <= deadline, "{} may take until {ends}; its batch is killed at {deadline}", Who(ledger, *at));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::{
        laws::testing::{Story, at},
        ledger::Observation,
    };

    #[test]
    fn with_its_callback_it_fits() {
        let mut story = Story::new(2);
        story.queue(&[0, 1]);
        story.after(900_000 - 60_000);
        story.fetches(at(0, 0), 1);
        story.after(1);
        story.breaks("Q1", |story| story.fetch(at(0, 1), 1));
    }

    #[test]
    fn the_time_that_was_asked_for() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        let id = story.ledger.entries[0].id;
        story.breaks("Q1", |_| Observation::Fetch { at: at(0, 0), id, attempt: 1, timeout_ms: 29_999 });
    }
}
