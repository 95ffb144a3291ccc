//! What follows from an event of a batch belongs to that batch: no work crosses from one invocation to another. Each
//! message of it is decided once, and the invocation goes on exactly until all are.

use super::{Fate, Law, Who, ensure};
use crate::queue::ledger::{Ledger, Observation};

pub(super) const LAW: Law = Law {
    is: &durable_sim::Law::new(
        "Q2",
        "what follows from an event of a batch belongs to that batch, and each message is decided once",
    ),
    check,
};

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    if let Observation::Step { event, effect } = seen {
        ensure!(event == effect, "an event of batch {event} leads to an effect in batch {effect}");
    }
    if let Observation::Rests { batch, open, .. } = seen {
        let messages = &ledger.batches[*batch as usize].messages;
        let undecided = messages.iter().filter(|message| message.decided.is_none()).count();
        ensure!(*open == (undecided > 0), "batch {batch} goes on: {open}; {undecided} messages are undecided");
    }
    if let Observation::Ack { at } | Observation::Retry { at, .. } = seen {
        ensure!(ledger.has(*at), "there is no message {at}");
        let message = ledger.message(*at);
        ensure!(message.decided.is_none(), "{} is decided again: {}", Who(ledger, *at), Fate(message));
    }
    if let Observation::Fetch { at, .. }
    | Observation::Deliver { at, .. }
    | Observation::Abort { at }
    | Observation::Unreadable { at } = seen
    {
        ensure!(ledger.has(*at), "there is no message {at}");
        let message = ledger.message(*at);
        ensure!(message.decided.is_none(), "{} is still worked on: {}", Who(ledger, *at), Fate(message));
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
    fn in_its_own_batch() {
        let mut story = Story::new(1);
        story.sees(Observation::Step { event: 3, effect: 3 });
        story.breaks("Q2", |_| Observation::Step { event: 3, effect: 4 });
    }

    #[test]
    fn until_all_is_decided() {
        let mut story = Story::new(2);
        let wake = Some(story.ledger.now.plus_ms(35_000));
        story.queue(&[0, 1]);
        story.uncheck_retry(at(0, 0), 1);
        story.breaks("Q2", |_| Observation::Rests { batch: 0, open: false, wake });
        story.fetches(at(0, 1), 1);
        story.sees(Observation::Rests { batch: 0, open: true, wake });
        story.uncheck_retry(at(0, 1), 1);
        story.breaks("Q2", |_| Observation::Rests { batch: 0, open: true, wake });
        story.sees(Observation::Rests { batch: 0, open: false, wake });
    }

    #[test]
    fn each_message_is_decided_once() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.breaks("Q2", |_| Observation::Ack { at: at(0, 1) });
        story.breaks("Q2", |_| Observation::Ack { at: at(1, 0) });
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 503);
        story.retries(at(0, 0), 2);
        story.breaks("Q2", |story| story.retry(at(0, 0), 2));
        story.breaks("Q2", |story| story.ack(at(0, 0)));
        story.breaks("Q2", |story| story.deliver(at(0, 0), 1, 503));
    }
}
