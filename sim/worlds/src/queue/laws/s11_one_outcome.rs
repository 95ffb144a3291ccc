//! One outcome is chosen, the right one, and told: a request is acked only after its callback has ended. An attempt
//! that is to be made again is no outcome while a retry and time for it are left.
//!
//! Within one incarnation the callback is sent once, unless its invocation was cut off; over all, once more for each
//! extra copy and for each decision that the platform lost. Such a second callback may say something else than the
//! first.

use super::{
    Fate, Law, Who, ensure,
    verdict::{Next, next},
};
use crate::queue::ledger::{Callback, Ledger, Observation};
use proxy_fetch::{FetchResult, Outcome, queue::Handle};

pub(super) const LAW: Law = Law {
    is: &durable_sim::Law::new(
        "S11",
        "a request has one outcome, the right one; it is acked only after its callback has ended",
    ),
    check,
};

fn check(ledger: &Ledger, seen: &Observation) -> Result<(), String> {
    if let Observation::Deliver { at, id, outcome, .. } = seen {
        ensure!(*id == ledger.entry(*at).id, "{} is called back as {id}", Who(ledger, *at));
        ensure!(ledger.entry(*at).callback, "{} has nobody to call back", Who(ledger, *at));
        is_the_outcome(ledger, *at, *outcome)?;
        return is_the_first(ledger, *at);
    }
    if let Observation::Ack { at } = seen {
        return may_be_acked(ledger, *at);
    }
    Ok(())
}

fn is_the_outcome(ledger: &Ledger, at: Handle, outcome: Outcome) -> Result<(), String> {
    let fetch = ledger.message(at).fetch.as_ref();
    let ended = fetch.and_then(|(number, ended)| Some((*number, ended.as_ref()?)));
    let is_right = match (outcome, ended) {
        (Outcome::Expired, _) => fetch.is_none() || ended.is_some(),
        (Outcome::Interrupted, _) => fetch.is_none(),
        (Outcome::Response { status }, Some((_, attempt))) => {
            matches!(attempt.result, FetchResult::Response { status: got, .. } if got == status)
        }
        (Outcome::Failed(failure), Some((_, attempt))) => attempt.result == FetchResult::Failed(failure),
        (Outcome::Response { .. } | Outcome::Failed(_), None)
        | (Outcome::Cancelled | Outcome::Unknown | Outcome::Unreadable, _) => false,
    };
    let fate = Fate(ledger.message(at));
    ensure!(is_right, "{} ends as \"{outcome}\", but {fate}", Who(ledger, at));
    if let Some((number, attempt)) = ended {
        let next = next(ledger, at, ledger.entry(at), number, attempt);
        ensure!(next != Next::Retry, "{} ends as {outcome}; it is to be tried again", Who(ledger, at));
    }
    Ok(())
}

fn is_the_first(ledger: &Ledger, at: Handle) -> Result<(), String> {
    let (known, entry) = (ledger.known(at), ledger.entry(at));
    let twice = ledger.message(at).callback.is_some();
    ensure!(!twice, "{} is called back twice", Who(ledger, at));
    // One that it had acked it may have forgotten; S6 has the window.
    let once = known.finished || known.callbacks <= known.cut;
    ensure!(once, "{} is called back {} times in one incarnation", Who(ledger, at), known.callbacks + 1);
    let excused = entry.lost + entry.copies.saturating_sub(1);
    let calls = entry.callbacks;
    ensure!(calls <= excused, "{} is called back {} times for {excused} losses", Who(ledger, at), calls + 1);
    Ok(())
}

fn may_be_acked(ledger: &Ledger, at: Handle) -> Result<(), String> {
    let (message, known) = (ledger.message(at), ledger.known(at));
    // S13 and S24 look at those.
    if known.finished || message.is.unread.is_some() {
        return Ok(());
    }
    if ledger.entry(at).callback {
        let ended = matches!(message.callback, Some(Callback::Answered | Callback::Failed | Callback::Reported));
        ensure!(ended, "{} is acked before its callback has ended", Who(ledger, at));
        let said = message.callback != Some(Callback::Failed);
        ensure!(said, "{} is acked; that its callback failed was not reported", Who(ledger, at));
        return Ok(());
    }
    // Nobody hears how it ended, but it must have.
    if let Some((number, ended)) = &message.fetch {
        let Some(ended) = ended else { return Err(format!("{} is acked in flight", Who(ledger, at))) };
        let next = next(ledger, at, ledger.entry(at), *number, ended);
        ensure!(next != Next::Retry, "{} is acked; it is to be tried again", Who(ledger, at));
        return Ok(());
    }
    let expired = ledger.now >= super::promised::expires_at(ledger.entry(at).id);
    let spent = super::s08_attempts::is_spent(ledger, at);
    ensure!(expired || spent, "{} is acked without an attempt", Who(ledger, at));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::queue::{
        laws::testing::{Story, at},
        ledger::Observation,
    };
    use proxy_fetch::{Failure, Outcome};

    #[test]
    fn acked_when_its_callback_has_ended() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.breaks("S11", |story| story.ack(at(0, 0)));
        story.fetches(at(0, 0), 1);
        story.breaks("S11", |story| story.ack(at(0, 0)));
        story.fetched(at(0, 0), 200);
        story.breaks("S11", |story| story.ack(at(0, 0)));
        story.breaks("S11", |story| story.deliver(at(0, 0), 1, 201));
        story.breaks("S11", |story| story.outcome(at(0, 0), 1, Outcome::Failed(Failure::Broken)));
        story.breaks("S11", |story| story.outcome(at(0, 0), 1, Outcome::Cancelled));
        story.delivers(at(0, 0), 1, 200);
        story.breaks("S11", |story| story.ack(at(0, 0)));
        story.breaks("S11", |story| story.deliver(at(0, 0), 1, 200));
        story.delivered(at(0, 0));
        story.breaks("S11", |story| story.deliver(at(0, 0), 1, 200));
        story.acks(at(0, 0));
    }

    #[test]
    fn not_while_it_is_to_be_tried_again() {
        let mut story = Story::new(2);
        story.ledger.entries[1].callback = false;
        story.queue(&[0, 1]);
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 503);
        story.breaks("S11", |story| story.deliver(at(0, 0), 1, 503));
        story.breaks("S11", |story| story.ack(at(0, 1)));
        story.fetches(at(0, 1), 1);
        story.breaks("S11", |story| story.ack(at(0, 1)));
        story.fetched(at(0, 1), 503);
        story.breaks("S11", |story| story.ack(at(0, 1)));
    }

    #[test]
    fn a_failed_callback_is_reported() {
        let mut story = Story::new(1);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 404);
        story.delivers(at(0, 0), 1, 404);
        story.sees(Observation::Delivered { at: at(0, 0), answered: false });
        story.breaks("S11", |story| story.ack(at(0, 0)));
        let (id, outcome) = (story.ledger.entries[0].id, Outcome::Response { status: 404 });
        story.sees(Observation::CallbackFailed { at: at(0, 0), id, outcome });
        story.acks(at(0, 0));
    }

    #[test]
    fn without_a_callback_the_answer_ends_it() {
        let mut story = Story::new(1);
        story.ledger.entries[0].callback = false;
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 404);
        story.breaks("S11", |story| story.deliver(at(0, 0), 1, 404));
        story.acks(at(0, 0));
    }

    #[test]
    fn one_callback_more_for_each_loss() {
        let mut story = Story::new(1);
        story.stored(0);
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 404);
        story.delivers(at(0, 0), 1, 404);
        story.incarnation = 2;
        story.queue_at(&[0], 2);
        story.fetches(at(1, 0), 2);
        story.fetched(at(1, 0), 200);
        story.breaks("S11", |story| story.deliver(at(1, 0), 2, 200));
        story.lost(0, 0);
        story.delivers(at(1, 0), 2, 200);
    }

    #[test]
    fn once_in_one_incarnation_unless_it_was_cut_off() {
        let mut story = Story::new(1);
        story.ledger.entries[0].copies = 9;
        story.queue(&[0]);
        story.fetches(at(0, 0), 1);
        story.fetched(at(0, 0), 404);
        story.delivers(at(0, 0), 1, 404);
        story.lost(0, 0);
        story.closed(0);
        story.after(1_000);
        story.queue_at(&[0], 2);
        story.fetches(at(1, 0), 2);
        story.fetched(at(1, 0), 200);
        story.delivers(at(1, 0), 2, 200);
        story.delivered(at(1, 0));
        // As if it had been given back, without a reason.
        story.uncheck_retry(at(1, 0), 9);
        story.after(9_000);
        story.queue_at(&[0], 3);
        story.fetches(at(2, 0), 3);
        story.fetched(at(2, 0), 200);
        story.breaks("S11", |story| story.deliver(at(2, 0), 3, 200));
    }
}
