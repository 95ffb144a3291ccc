//! What a consumer remembers about requests between deliveries: bounded, and nothing that must survive.
//!
//! Serves S6 (repeats of what has ended), S7 (delays that a repeat would skip) and S8 (deliveries that start nothing).

use crate::{Timestamp, expires_at, limits};
use alloc::collections::{BTreeMap, BTreeSet};
use ulid::Ulid;

/// What is known of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Memo {
    /// It is over.
    pub finished: bool,
    /// Its next attempt may not start earlier.
    pub not_before: Timestamp,
    /// Attempts started here.
    starts: u8,
    /// The platform's numbers of the deliveries that were seen here, a bit each.
    seen: u128,
    forget_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct Memory {
    max: usize,
    memos: BTreeMap<Ulid, Memo>,
    by_age: BTreeSet<(Timestamp, Ulid)>,
}

impl Memo {
    /// Attempts that may have been started before delivery number `delivery`: those started here, and one for each
    /// delivery that was not seen here (law S8).
    pub fn spent(&self, delivery: u32) -> u32 {
        let earlier = delivery.saturating_sub(1);
        let mask = 1_u128.checked_shl(earlier).map_or(u128::MAX, |bit| bit - 1);
        let unseen = earlier.saturating_sub((self.seen & mask).count_ones());
        unseen.saturating_add(self.starts.into())
    }

    pub fn see(&mut self, delivery: u32) {
        // The platform counts to 101.
        self.seen |= delivery.checked_sub(1).and_then(|bit| 1_u128.checked_shl(bit)).unwrap_or(0);
    }

    pub const fn start(&mut self) {
        self.starts = self.starts.saturating_add(1);
    }
}

impl Memory {
    pub const fn new(max: usize) -> Self {
        Self { max, memos: BTreeMap::new(), by_age: BTreeSet::new() }
    }

    pub fn get(&self, id: Ulid) -> Memo {
        self.memos.get(&id).copied().unwrap_or_default()
    }

    /// Changes what is known; it is remembered for the dedupe window after the request's end, whose latest time is its
    /// expiry, as long as there is room.
    pub fn note(&mut self, now: Timestamp, id: Ulid, change: impl FnOnce(&mut Memo)) {
        let memo = self.memos.entry(id).or_default();
        self.by_age.remove(&(memo.forget_at, id));
        change(memo);
        memo.forget_at = now.max(expires_at(id)).plus_ms(limits::DEDUPE_WINDOW_MS);
        self.by_age.insert((memo.forget_at, id));
        if self.memos.len() > self.max {
            self.forget_first();
        }
    }

    /// Forgets what is old; bounded per step.
    pub fn forget(&mut self, now: Timestamp) {
        for _ in 0..limits::MAX_DUE_PER_STEP {
            match self.by_age.first() {
                Some((at, _)) if *at <= now => self.forget_first(),
                Some(_) | None => return,
            }
        }
    }

    pub fn len(&self) -> usize {
        self.memos.len()
    }

    fn forget_first(&mut self) {
        if let Some((_, id)) = self.by_age.pop_first() {
            self.memos.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_that_was_not_seen_counts_as_an_attempt() {
        let mut memo = Memo::default();
        let spent = |memo: &Memo| [1, 2, 4, 5].map(|delivery| memo.spent(delivery));
        let says = "attempts that are taken to be made before deliveries 1, 2, 4 and 5";
        assert_eq!(memo.spent(0), 0, "attempts that are taken to be made before the first delivery");
        assert_eq!(spent(&memo), [0, 1, 3, 4], "{says}; none was seen");
        memo.see(1);
        memo.see(3);
        assert_eq!(spent(&memo), [0, 0, 1, 2], "{says}; 1 and 3 were seen");
        memo.start();
        memo.start();
        assert_eq!(spent(&memo), [2, 2, 3, 4], "{says}; 1 and 3 were seen, and two attempts begun here");
        memo.see(0);
        memo.see(u32::MAX);
        assert_eq!(memo.spent(5), 4);
        assert_eq!(memo.spent(u32::MAX), u32::MAX - 1);
        assert_eq!(Memo { seen: u128::MAX, ..Memo::default() }.spent(129), 0);
    }

    #[test]
    fn it_is_bounded_and_forgets_what_is_over_first() {
        let id = |ms| Ulid::from_parts(ms, 0);
        let mut memory = Memory::new(2);
        for ms in [30, 10, 20] {
            memory.note(Timestamp(40), id(ms), |memo| memo.finished = true);
        }
        assert_eq!(
            (memory.len(), memory.by_age.len()),
            (2, 2),
            "of 3 requests 2 are remembered, as there is no more room"
        );
        assert!(!memory.get(id(10)).finished && memory.get(id(20)).finished && memory.get(id(30)).finished);
        let age = limits::MAX_REQUEST_AGE_MS + limits::DEDUPE_WINDOW_MS;
        memory.forget(Timestamp(20 + age - 1));
        assert_eq!(memory.len(), 2, "requests that are remembered 1 ms before the oldest one's window is over");
        memory.forget(Timestamp(20 + age));
        assert_eq!((memory.len(), memory.by_age.len()), (1, 1), "requests that are remembered as that window ends");
        // What ends later is remembered for its window.
        memory.note(Timestamp(30 + age - 1), id(30), |memo| memo.finished = true);
        memory.forget(Timestamp(30 + age));
        assert!(memory.get(id(30)).finished);
    }
}
