//! A repeated enqueue gets the same answer and starts nothing; a different request under a known id is refused.

use super::promised as limits;
use super::{
    Law, Move, Turn, Verdict, ensure,
    view::{Shown, Who},
};
use crate::history::ledger::{Ask, Ledger, Planned, Stored};
use proxy_fetch::{RefusalKind, Reply, Timestamp};
use std::collections::BTreeMap;

/// S6.
#[derive(Clone, Debug, Default, Hash)]
pub struct Idempotent {
    /// The clock of the last commit.
    now: Timestamp,
    /// The latest entry of each planned request.
    latest: BTreeMap<Planned, usize>,
    /// Whether an entry is the request of the plan; `None`: nobody was told.
    is_planned: Vec<Option<bool>>,
}

impl Law for Idempotent {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S6",
        "a repeated request gets the same answer and starts nothing; another one under its id is refused",
    );

    fn committed(&mut self, turn: &Turn<'_>) -> Verdict {
        self.now = turn.commit.now;
        let Some(first) = turn.live.first_remembered() else { return Ok(()) };
        let end = first.plus_ms(limits::DEDUPE_WINDOW_MS);
        // One step forgets so many; more go with the next.
        ensure!(
            turn.time < end || turn.is_over_budget() || turn.ledger.entries.iter().any(|entry| entry.tampered),
            "a request that ended at {first} is remembered still at {}, though its window ended at {end}",
            turn.time
        );
        Ok(())
    }

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        if step.was.is_some() {
            return Ok(());
        }
        let Some(earlier) = self.latest.insert(step.entry.planned, step.at) else { return Ok(()) };
        let Some(earlier) = turn.ledger.entries.get(earlier) else { return Ok(()) };
        let is_known = match &earlier.stored {
            Stored::Live(_) => true,
            Stored::Finished(row) => turn.time < row.finished_at.plus_ms(limits::DEDUPE_WINDOW_MS),
            // S2 looks at when it was forgotten.
            Stored::Forgotten => false,
        };
        ensure!(
            !is_known || earlier.tampered,
            "{} was accepted again as {} while it is {}",
            Who(earlier),
            step.entry.id,
            Shown(Some(&earlier.stored))
        );
        Ok(())
    }

    fn replied(&mut self, ledger: &Ledger, ask: Ask, reply: &Reply) -> Verdict {
        let (planned, is_planned) = match ask {
            Ask::Enqueue { planned, valid: true } => (planned, true),
            Ask::Conflicting { planned } => (planned, false),
            Ask::Enqueue { valid: false, .. } | Ask::Cancel { .. } | Ask::Status { .. } => return Ok(()),
        };
        let Some(&at) = self.latest.get(&planned) else { return Ok(()) };
        let Some(entry) = ledger.entries.get(at) else { return Ok(()) };
        if self.is_planned.len() < ledger.entries.len() {
            self.is_planned.resize(ledger.entries.len(), None);
        }
        match reply {
            Reply::Accepted { id } => {
                // While its row could not be read, its name was given to another; then it could be read again. Or it
                // was answered, forgotten and accepted anew by one commit.
                let other = ledger.entry_of(*id).map(|at| &ledger.entries[at]);
                let is_other = other
                    .is_some_and(|other| other.planned == planned && (other.tampered || entry.accepted == self.now));
                if *id != entry.id && is_other {
                    return Ok(());
                }
                ensure!(*id == entry.id, "r{planned} was accepted as {id}, though it is known as {}", entry.id);
                let known = *self.is_planned[at].get_or_insert(is_planned);
                ensure!(
                    known == is_planned,
                    "{} stands for {} request, and {} one was accepted under its id",
                    Who(entry),
                    if known { "the planned" } else { "another" },
                    if is_planned { "the planned" } else { "a different" }
                );
            }
            Reply::Refused(refusal) => {
                let is_known = entry.row().is_some() && !entry.tampered;
                let is_same = self.is_planned[at] == Some(is_planned);
                ensure!(
                    !(is_known && is_same),
                    "{} is live, and a repeat was refused as {}",
                    Who(entry),
                    refusal.kind.name()
                );
                ensure!(
                    !is_known || self.is_planned[at].is_none() || refusal.kind == RefusalKind::Conflict,
                    "{} is live, and a different request under its id was refused as {}",
                    Who(entry),
                    refusal.kind.name()
                );
            }
            Reply::Cancelled { .. } | Reply::Status(_) => {
                ensure!(false, "the enqueue of {} was answered with: {reply}", Who(entry));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{Story, assert_broken, response};
    use proxy_fetch::Refusal;

    fn refused(kind: RefusalKind) -> Reply {
        let mut refusal = Refusal::missing("request_id");
        refusal.kind = kind;
        Reply::Refused(refusal)
    }

    const CONFLICTING: Ask = Ask::Conflicting { planned: 1 };

    #[test]
    fn nobody_is_remembered_beyond_the_window() {
        let mut story = Story::<Idempotent>::new();
        story.in_flight(1, 1).commits().finished(1, response(200)).commits();
        story.at(299_999).mark(299_999).commits();
        assert_broken(story.at(300_000).mark(300_000).commit(), "is remembered still at");
        story.forgotten(1).commits();
    }

    #[test]
    fn a_repeat_gets_the_same_answer() {
        let mut story = Story::<Idempotent>::new();
        let id = story.id(1);
        story.in_flight(1, 1).commits();
        assert_eq!(story.accept(1, id), Ok(()));
        assert_eq!(story.accept(1, id), Ok(()));
        let other = story.id(2);
        assert_broken(story.accept(1, other), "though it is known as");
        let full = refused(RefusalKind::QueueFull);
        assert_broken(
            story.reply(Ask::Enqueue { planned: 1, valid: true }, &full),
            "a repeat was refused as queue_full",
        );
        let cancelled = Reply::Cancelled { id };
        assert_broken(story.reply(Ask::Enqueue { planned: 1, valid: true }, &cancelled), "was answered with");
    }

    #[test]
    fn a_different_request_is_refused() {
        let mut story = Story::<Idempotent>::new();
        let id = story.id(1);
        story.in_flight(1, 1).commits();
        assert_eq!(story.accept(1, id), Ok(()));
        assert_eq!(story.reply(CONFLICTING, &refused(RefusalKind::Conflict)), Ok(()));
        assert_broken(story.reply(CONFLICTING, &refused(RefusalKind::QueueFull)), "was refused as queue_full");
        assert_broken(story.reply(CONFLICTING, &Reply::Accepted { id }), "a different one was accepted");
    }

    #[test]
    fn a_different_request_that_came_first_keeps_the_id() {
        let mut story = Story::<Idempotent>::new();
        let id = story.id(1);
        story.in_flight(1, 1).commits();
        assert_eq!(story.reply(CONFLICTING, &Reply::Accepted { id }), Ok(()));
        let ask = Ask::Enqueue { planned: 1, valid: true };
        assert_eq!(story.reply(ask, &refused(RefusalKind::Conflict)), Ok(()));
        assert_broken(story.accept(1, id), "another request, and the planned one");
    }

    #[test]
    fn one_entry_for_one_request() {
        let mut story = Story::<Idempotent>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.at(5).renew(1).in_flight(1, 1).commit(), "was accepted again");
        let mut story = Story::<Idempotent>::new();
        story.in_flight(1, 1).commits().finished(1, response(200)).commits();
        let window = limits::DEDUPE_WINDOW_MS;
        assert_broken(story.at(window - 1).renew(1).in_flight(1, 1).commit(), "was accepted again");
    }

    #[test]
    fn after_the_window_it_is_a_new_request() {
        let mut story = Story::<Idempotent>::new();
        story.in_flight(1, 1).commits().finished(1, response(200)).commits();
        story.at(limits::DEDUPE_WINDOW_MS).forgotten(1).renew(1).in_flight(1, 1).commits();
        let id = story.id(1);
        assert_eq!(story.accept(1, id), Ok(()));
    }
}
