//! A slot is freed in time, whatever the host reports: an attempt is given up soon after its time, or as its request
//! expires, and a callback soon after its own. The consumer asks to be woken for it.

use super::{
    Law, Who, ensure,
    promised::{CALLBACK_TIMEOUT_MS, GRACE_MS, expires_at},
};
use crate::queue::ledger::{Callback, Ledger, Observation};
use proxy_fetch::{Timestamp, queue::Handle};

pub(super) const LAW: Law =
    Law { is: &durable_sim::Law::new("L5", "a fetch or callback that does not end is given up in time"), check };

/// When this message's work must be over.
fn due(ledger: &Ledger, at: Handle) -> Option<Timestamp> {
    let message = ledger.message(at);
    if message.decided.is_some() {
        return None;
    }
    if message.callback == Some(Callback::Runs) {
        return Some(message.since.plus_ms(CALLBACK_TIMEOUT_MS + GRACE_MS));
    }
    let entry = ledger.entry(at);
    let lease = message.since.plus_ms(entry.options.timeout_ms.unsigned_abs() + GRACE_MS);
    matches!(message.fetch, Some((_, None))).then(|| lease.min(expires_at(entry.id)))
}

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    let Observation::Rests { batch, wake, .. } = seen else { return Ok(()) };
    for index in 0..ledger.batches[*batch as usize].messages.len() as u32 {
        let at = Handle { batch: *batch, index };
        let Some(due) = due(ledger, at) else { continue };
        ensure!(ledger.now < due, "{} still has its slot; it was due at {due}", Who(ledger, at));
        ensure!(wake.is_some_and(|wake| wake <= due), "{} is due at {due}, and nobody is woken", Who(ledger, at));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::{
        laws::testing::{Story, at},
        ledger::Observation,
    };
    use proxy_fetch::Timestamp;

    fn rests(story: &Story, wake_after_ms: u64) -> Observation {
        Observation::Rests { batch: 0, open: true, wake: Some(story.ledger.now.plus_ms(wake_after_ms)) }
    }

    #[test]
    fn an_attempt_and_a_callback() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.breaks("L5", |_| Observation::Rests { batch: 0, open: true, wake: None });
        story.breaks("L5", |story| rests(story, 35_001));
        story.passes(|story| rests(story, 35_000));
        story.after(35_000);
        story.breaks("L5", |story| rests(story, 0));
        story.fetched(at(0, 0), 404);
        story.delivers(at(0, 0), 1, 404);
        story.breaks("L5", |story| rests(story, 35_001));
        story.passes(|story| rests(story, 35_000));
        story.after(35_000);
        story.breaks("L5", |story| rests(story, 0));
    }

    #[test]
    fn at_the_latest_as_it_expires() {
        let mut story = Story::new(1);
        story.after(1_800_000 - 10_000);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.breaks("L5", |story| rests(story, 10_001));
        story.passes(|_| Observation::Rests { batch: 0, open: true, wake: Some(Timestamp(0)) });
        story.after(10_000);
        story.breaks("L5", |story| rests(story, 0));
    }
}
