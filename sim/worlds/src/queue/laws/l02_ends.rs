//! Every request whose send was acknowledged ends: once faults have ceased, soon after its expiry.
//!
//! Soon is: but for the time that the platform keeps it, because of the queue's own delays or because no isolate has
//! room. Excused is exactly this: the platform deleted every copy of it (after the queue's `max_retries` without a
//! dead-letter queue, after the dead-letter queue's own, or at the end of the retention), or its bytes can never be read.
//! The laws S11 and Q3 see to it that no consumer brings that about without a reason.

use super::{
    Law, ensure,
    promised::{BATCH_LIMIT_MS, CALLBACK_TIMEOUT_MS, GRACE_MS, MAX_SLOTS, REPEAT_MS, UNREAD_MS, expires_at},
};
use crate::queue::ledger::{Ledger, Observation};

pub(super) const LAW: Law =
    Law { is: &durable_sim::Law::new("L2", "each accepted request ends, unless the platform deleted it"), check };

/// Messages of a batch at the most, of which only so many at a time are called back.
const MAX_BATCH: u64 = 100;
/// An invocation that hangs since before faults ceased, a repeat's delay, and the callbacks of others in its batch.
const SLACK_MS: u64 =
    BATCH_LIMIT_MS + REPEAT_MS + MAX_BATCH.div_ceil(MAX_SLOTS as u64) * (CALLBACK_TIMEOUT_MS + GRACE_MS);

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    if let (Observation::Ack { at }, Some(healed)) = (seen, ledger.healed)
        && ledger.entry(*at).ended_at.is_none()
    {
        let entry = ledger.entry(*at);
        // One that could not be read for a while was away for longer.
        let away = if entry.was_unread { UNREAD_MS } else { 0 };
        let latest = expires_at(entry.id).max(healed).plus_ms(SLACK_MS + away + entry.kept_ms);
        let request = ledger.message(*at).is.request;
        ensure!(ledger.now <= latest, "r{request} ends at {}, later than {latest}", ledger.now);
    }
    if *seen == Observation::Over {
        for (request, entry) in ledger.entries.iter().enumerate() {
            let excused = entry.unread.is_some() || entry.copies > 0 && entry.copies == entry.deleted;
            let ended = entry.ended_at.is_some() || !entry.acknowledged || excused;
            ensure!(ended, "r{request} never ends; {} copies, {} deleted", entry.copies, entry.deleted);
            let told = entry.ended_at.is_none() || !entry.callback || entry.callbacks > 0;
            ensure!(told, "r{request} has ended, and nobody was told");
        }
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
    fn what_was_acknowledged_ends() {
        let mut story = Story::new(1);
        story.sees(Observation::Over);
        story.stored(0);
        story.sees(Observation::Acknowledged { request: 0 });
        story.breaks("L2", |_| Observation::Over);
        story.sees(Observation::Deleted { request: 0 });
        story.sees(Observation::Over);
        story.stored(0);
        story.breaks("L2", |_| Observation::Over);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 200);
        story.delivers(at(0, 0), 1, 200);
        story.delivered(at(0, 0));
        story.acks(at(0, 0));
        story.sees(Observation::Over);
        story.ledger.entries[0].callbacks = 0;
        story.breaks("L2", |_| Observation::Over);
    }

    /// The time of a request whose platform does nothing but hang once.
    const SOON_MS: u64 = 1_800_000 + 900_000 + 60_000 + 700_000;

    fn healed() -> Story {
        let mut story = Story::new(1);
        story.ledger.entries[0].callback = false;
        story.stored(0);
        story.sees(Observation::Healed);
        story
    }

    #[test]
    fn soon_after_its_expiry() {
        let mut story = healed();
        story.after(SOON_MS);
        story.queue(&[0]);
        story.passes(|story| story.ack(at(0, 0)));
        story.after(1);
        story.breaks("L2", |story| story.ack(at(0, 0)));
    }

    #[test]
    fn the_time_that_the_platform_keeps_it_does_not_count() {
        let mut story = healed();
        let begun = story.ledger.now;
        // Of this day all but the time until the expiry.
        story.after(86_400_000);
        story.queue_since(&[0], begun);
        story.after(SOON_MS - 1_800_000);
        story.passes(|story| story.ack(at(0, 0)));
        story.after(1);
        story.breaks("L2", |story| story.ack(at(0, 0)));
    }

    #[test]
    fn the_time_that_a_consumer_asks_for_counts() {
        let mut story = healed();
        story.after(43_200_000);
        story.queue(&[0]);
        story.breaks("L2", |story| story.ack(at(0, 0)));
    }
}
