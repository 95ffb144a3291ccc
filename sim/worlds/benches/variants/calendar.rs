//! What will happen, in a bare binary heap.

use super::{NETWORK, Rng};
use std::{cmp::Reverse, collections::BinaryHeap};

/// What happens to a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Asks,
    CallArrives,
    ReplyArrives,
    FetchReaches,
    Responds,
    FetchTimesOut,
    CallbackReaches,
    CallbackEnds,
    CallbackTimesOut,
}

pub struct Calendar {
    heap: BinaryHeap<Reverse<(u64, u64, What, u32)>>,
    asked: u64,
    pub now: u64,
    pub rng: Rng,
}

impl Calendar {
    pub fn new(seed: u64) -> Self {
        Self { heap: BinaryHeap::new(), asked: 0, now: 0, rng: Rng(seed) }
    }

    pub fn after(&mut self, delay: u64, what: What, about: u32) {
        self.heap.push(Reverse((self.now + delay, self.asked, what, about)));
        self.asked += 1;
    }

    /// After the time of a message.
    pub fn send(&mut self, what: What, about: u32) {
        let delay = self.rng.between(NETWORK);
        self.after(delay, what, about);
    }

    pub fn next(&mut self) -> Option<(What, u32)> {
        let Reverse((at, _, what, about)) = self.heap.pop()?;
        self.now = at;
        Some((what, about))
    }
}
