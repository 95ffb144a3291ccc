//! An at-most-once request is never sent twice; any other carries an `Idempotency-Key` that never changes.

use super::{Law, Move, Reached, Turn, Verdict, ensure, view::Who};
use crate::history::ledger::{Entry, Fetch, Ledger, Note};
use proxy_fetch::{Failure, FetchResult, Outcome, Phase};
use std::hash::{Hash, Hasher};

/// S16.
#[derive(Clone, Debug, Default, Hash)]
pub struct AtMostOnce {
    entries: Vec<Seen>,
}

/// What was seen of an entry.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    at_most_once: bool,
    /// A hash of the key, 0: none yet. Copies of keys would cost an allocation per request.
    key: u64,
}

impl Hash for Seen {
    /// Which key it is does not tell two pasts apart: another one for the same request breaks the law in both.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.at_most_once, self.key == 0).hash(state);
    }
}

impl Law for AtMostOnce {
    const LAW: &'static durable_sim::Law = &durable_sim::Law::new(
        "S16",
        "an at-most-once request is never sent twice; any other keeps its Idempotency-Key",
    );

    fn moved(&mut self, turn: &Turn<'_>, step: &Move<'_>) -> Verdict {
        let Some(row) = step.row_before().or(step.entry.row()) else { return Ok(()) };
        if !row.policy.at_most_once() {
            ensure!(
                step.chosen() != Some(Outcome::Unknown),
                "{} ended as unknown, though it may be sent again",
                Who(step.entry)
            );
            return Ok(());
        }
        let was_sent = match step.phase_before() {
            Some(Phase::InFlight { .. }) => !turn.commit.notes.iter().any(|note| {
                matches!(note, Note::Fetched(attempt, FetchResult::Failed(Failure::NotSent))
                    if attempt.id == step.entry.id && attempt.number == row.attempts)
            }),
            Some(Phase::Delivering { .. }) => true,
            Some(Phase::Queued { .. }) | None => false,
        };
        ensure!(
            !was_sent || !matches!(step.phase(), Some(Phase::Queued { .. })),
            "{} must be sent at most once, and it waits for another attempt after {}",
            Who(step.entry),
            row.attempts
        );
        Ok(())
    }

    fn fetch_left(&mut self, ledger: &Ledger, entry: &Entry, fetch: &Fetch) -> Verdict {
        if !entry.row().is_some_and(|row| row.policy.at_most_once()) {
            return Ok(());
        }
        if let Some(at) = ledger.entry_of(entry.id) {
            self.seen(at).at_most_once = true;
        }
        let (_, earlier) = entry.fetches.split_last().unwrap_or((fetch, &[]));
        let unsent = Some(FetchResult::Failed(Failure::NotSent));
        if let Some(sent) = earlier.iter().find(|fetch| fetch.result != unsent) {
            let how = sent.result.as_ref().map_or_else(|| "is not known".into(), ToString::to_string);
            ensure!(
                false,
                "{} must be sent at most once; attempt {} leaves, though the end of attempt {}: {how}",
                Who(entry),
                fetch.attempt.number,
                sent.attempt.number
            );
        }
        Ok(())
    }

    fn executed(&mut self, entry: &Entry, reached: &Reached<'_>) -> Verdict {
        let seen = self.seen(reached.at);
        if seen.at_most_once {
            let executed: u32 = entry.fetches.iter().map(|fetch| fetch.executed).sum();
            ensure!(executed <= 1, "{} must be sent at most once; it was executed {executed} times", Who(entry));
        }
        let Some(key) = reached.header("idempotency-key") else {
            ensure!(false, "attempt {} of {} reached {} without a key", reached.number, Who(entry), reached.host);
            return Ok(());
        };
        let hash = hash_of(key);
        let is_first = seen.key == 0;
        if is_first {
            seen.key = hash;
        }
        ensure!(
            seen.key == hash,
            "attempt {} of {} reached {} with another key than before: {key}",
            reached.number,
            Who(entry),
            reached.host
        );
        Ok(())
    }
}

impl AtMostOnce {
    fn seen(&mut self, at: usize) -> &mut Seen {
        if self.entries.len() <= at {
            self.entries.resize(at + 1, Seen::default());
        }
        &mut self.entries[at]
    }
}

/// FNV-1a, never 0.
fn hash_of(key: &str) -> u64 {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    key.bytes().fold(0xcbf2_9ce4_8422_2325, hash).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::testing::{OK, Story, assert_broken, response};

    fn once() -> Story<AtMostOnce> {
        let mut story = Story::new();
        story.options.at_most_once = true;
        story.in_flight(1, 1).commits();
        assert_eq!(story.fetch_leaves(1, 1), Ok(()));
        story
    }

    #[test]
    fn only_what_was_not_sent_leaves_again() {
        let mut story = once();
        story.fetch_ends(1, FetchResult::Failed(Failure::NotSent)).in_flight(1, 2).commits();
        assert_eq!(story.fetch_leaves(1, 2), Ok(()));
        assert_eq!(story.executes(1, "a.test", &[("idempotency-key", "k")]), Ok(()));
        let mut story = once();
        story.fetch_ends(1, OK);
        assert_broken(story.fetch_leaves(1, 2), "the end of attempt 1: 200");
        assert_broken(once().fetch_leaves(1, 2), "the end of attempt 1: is not known");
    }

    #[test]
    fn only_what_was_not_sent_waits_again() {
        once().fetched(1, 1, FetchResult::Failed(Failure::NotSent)).queued(1, 1, 9).commits();
        let text = "waits for another attempt after 1";
        assert_broken(once().fetched(1, 1, FetchResult::Failed(Failure::Broken)).queued(1, 1, 9).commit(), text);
        assert_broken(once().lose().queued(1, 1, 9).commit(), text);
        let mut story = once();
        story.delivering(1, response(200)).commits();
        assert_broken(story.lose().queued(1, 1, 9).commit(), text);
        once().lose().delivering(1, Outcome::Unknown).commits();
        let mut story = Story::<AtMostOnce>::new();
        story.in_flight(1, 1).commits();
        assert_broken(story.delivering(1, Outcome::Unknown).commit(), "though it may be sent again");
    }

    #[test]
    fn others_may() {
        let mut story = Story::<AtMostOnce>::new();
        story.in_flight(1, 1).commits();
        for number in 1..=2 {
            assert_eq!(story.fetch_leaves(1, number), Ok(()));
            assert_eq!(story.executes(1, "a.test", &[("idempotency-key", "k")]), Ok(()));
        }
    }

    #[test]
    fn executed_once() {
        let mut story = once();
        assert_eq!(story.executes(1, "a.test", &[("idempotency-key", "k")]), Ok(()));
        assert_broken(story.executes(1, "a.test", &[("idempotency-key", "k")]), "executed 2 times");
    }

    #[test]
    fn the_key_never_changes() {
        let mut story = Story::<AtMostOnce>::new();
        story.in_flight(1, 1).in_flight(2, 1).commits();
        assert_eq!(story.fetch_leaves(1, 1), Ok(()));
        assert_eq!(story.fetch_leaves(2, 1), Ok(()));
        assert_broken(story.executes(1, "a.test", &[("accept", "k")]), "without a key");
        assert_eq!(story.executes(1, "a.test", &[("Idempotency-Key", "k")]), Ok(()));
        assert_eq!(story.executes(2, "a.test", &[("idempotency-key", "j")]), Ok(()));
        assert_eq!(story.executes(1, "a.test", &[("idempotency-key", "k")]), Ok(()));
        assert_broken(story.executes(1, "a.test", &[("idempotency-key", "j")]), "another key");
    }
}
