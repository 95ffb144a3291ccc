//! A message is given back only for a reason, within the platform's delays: its attempt is to be made again; it came too
//! early; it repeats a request that is under way, or that was given back too; the time left in its batch is too short;
//! or it cannot be read.

use super::{
    Fate, Law, Who, ensure,
    promised::{BATCH_LIMIT_MS, CALLBACK_TIMEOUT_MS, GRACE_MS, MAX_DELAY_S, expires_at},
    verdict::{Next, next},
};
use crate::queue::ledger::{Ledger, Observation};
use proxy_fetch::queue::{Handle, Source};

pub(super) const LAW: Law = Law {
    is: &durable_sim::Law::new("Q3", "a message is given back only for a reason, within the platform's delays"),
    check,
};

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    let Observation::Retry { at, delay_s } = seen else { return Ok(()) };
    ensure!((1..=MAX_DELAY_S).contains(delay_s), "{} is given back for {delay_s} s", Who(ledger, *at));
    let message = ledger.message(*at);
    if message.is.unread.is_some() {
        return Ok(());
    }
    let is_right = match (&message.fetch, message.callback) {
        (_, Some(_)) | (Some((_, None)), None) => false,
        (Some((number, Some(ended))), None) => next(ledger, *at, ledger.entry(*at), *number, ended) != Next::Outcome,
        (None, None) => is_early(ledger, *at) || is_repeat(ledger, *at) || is_late(ledger, *at),
    };
    ensure!(is_right, "{} is given back for {delay_s} s without a reason: {}", Who(ledger, *at), Fate(message));
    Ok(())
}

fn is_early(ledger: &Ledger, at: Handle) -> bool {
    let known = ledger.known(at);
    // A repeat in the batch of the first waits with it.
    let follows = known.under_way.is_some_and(|other| other != at && other.batch == at.batch);
    let (_, latest) = known.not_before;
    !follows && ledger.batch(at).source == Source::Queue && ledger.now < latest.min(expires_at(ledger.entry(at).id))
}

fn is_repeat(ledger: &Ledger, at: Handle) -> bool {
    let request = ledger.message(at).is.request;
    let first = ledger.batch(at).messages.iter().take(at.index as usize);
    let mut first = first.filter(|message| message.is.request == request && message.is.unread.is_none());
    let given_back = first.any(|message| matches!(message.decided, Some(Some(_))));
    given_back || ledger.known(at).under_way.is_some_and(|other| other.batch != at.batch)
}

fn is_late(ledger: &Ledger, at: Handle) -> bool {
    let entry = ledger.entry(at);
    let callback = if entry.callback { CALLBACK_TIMEOUT_MS } else { 0 };
    let longest = entry.options.timeout_ms.unsigned_abs() + callback + 2 * GRACE_MS;
    ledger.now.plus_ms(longest) > ledger.batch(at).begun.plus_ms(BATCH_LIMIT_MS)
}

#[cfg(test)]
mod tests {
    use crate::queue::laws::testing::{Story, at};

    #[test]
    fn a_fresh_message_is_worked_on() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.breaks("Q3", |story| story.retry(at(0, 0), 1));
        story.after(900_000 - 70_000);
        story.breaks("Q3", |story| story.retry(at(0, 0), 1));
        story.after(1);
        story.breaks("Q3", |story| story.retry(at(0, 0), 0));
        story.breaks("Q3", |story| story.retry(at(0, 0), 43_201));
        story.retries(at(0, 0), 1);
    }

    #[test]
    fn what_has_ended_is_not_tried_again() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.breaks("Q3", |story| story.retry(at(0, 0), 1));
        story.fetched(at(0, 0), 404);
        story.breaks("Q3", |story| story.retry(at(0, 0), 1));
        story.delivers(at(0, 0), 1, 404);
        story.breaks("Q3", |story| story.retry(at(0, 0), 1));
    }

    #[test]
    fn repeats_go_together() {
        let mut story = Story::new(1);
        story.queue(&[0, 0]);
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 503);
        story.breaks("Q3", |story| story.retry(at(0, 1), 60));
        story.retries(at(0, 0), 2);
        story.retries(at(0, 1), 2);
    }

    #[test]
    fn a_repeat_of_one_under_way_waits() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.queue(&[0]);
        story.retries(at(1, 0), 60);
    }

    /// Ended, and then forgotten: for want of room, or because the window is over.
    #[test]
    fn of_one_that_may_be_forgotten_a_copy_waits_for_another_or_is_acked() {
        let forget: [fn(&mut Story); 2] =
            [|story| story.ledger.max_remembered = 0, |story| story.after(1_800_000 + 300_000)];
        for forget in forget {
            let mut story = Story::new(1);
            story.queue(&[0]);
            story.fetches(at(0, 0), 1);
            story.fetched(at(0, 0), 200);
            story.delivers(at(0, 0), 1, 200);
            story.delivered(at(0, 0));
            story.acks(at(0, 0));
            story.after(10_000);
            // While it must be remembered, nothing is under way, and no copy is put off.
            story.queue(&[0]);
            story.breaks("Q3", |story| story.retry(at(1, 0), 60));
            story.acks(at(1, 0));
            forget(&mut story);
            story.queue(&[0]);
            story.passes(|story| story.ack(at(2, 0)));
            story.queue(&[0]);
            story.breaks("Q3", |story| story.retry(at(2, 0), 60));
            story.breaks("S6", |story| story.ack(at(3, 0)));
            story.retries(at(3, 0), 60);
        }
    }

    #[test]
    fn one_that_comes_too_early_waits() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 503);
        story.retries(at(0, 0), 2);
        story.after(500);
        story.queue_at(&[0], 2);
        story.retries(at(1, 0), 1);
        story.after(3_000);
        story.queue_at(&[0], 3);
        story.breaks("Q3", |story| story.retry(at(2, 0), 1));
    }
}
