//! No slot of a batch is idle while a message of it waits: an end refills slots at once.

use super::{Law, Who, ensure, promised::MAX_SLOTS, s03_slots::is_busy, s12_order::waits};
use crate::queue::ledger::{Ledger, Observation};
use proxy_fetch::queue::Handle;

pub(super) const LAW: Law =
    Law { is: &durable_sim::Law::new("L8", "no slot of a batch is idle while a message of it waits"), check };

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    let Observation::Rests { batch, .. } = seen else { return Ok(()) };
    let messages = &ledger.batches[*batch as usize].messages;
    let places = || (0..messages.len() as u32).map(|index| Handle { batch: *batch, index });
    if let Some(idle) = places().find(|at| waits(ledger, *at)) {
        let busy = messages.iter().filter(|message| is_busy(message)).count();
        ensure!(busy >= MAX_SLOTS, "{} waits while {busy} slots are taken", Who(ledger, idle));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::{
        laws::testing::{Story, at},
        ledger::Observation,
    };

    #[test]
    fn an_end_refills_a_slot() {
        let mut story = Story::new(6);
        let wake = Some(story.ledger.now.plus_ms(35_000));
        story.queue(&[0, 1, 2, 3, 4, 5]);
        for index in 0..4 {
            story.fetches(at(0, index), 1);
        }
        story.breaks("L8", |_| Observation::Rests { batch: 0, open: true, wake });
        story.fetches(at(0, 4), 1);
        story.sees(Observation::Rests { batch: 0, open: true, wake });
        story.fetched(at(0, 2), 503);
        story.retries(at(0, 2), 2);
        story.breaks("L8", |_| Observation::Rests { batch: 0, open: true, wake });
        story.fetches(at(0, 5), 1);
        story.sees(Observation::Rests { batch: 0, open: true, wake });
    }
}
