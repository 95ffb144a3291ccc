//! The queue of what will happen, by time; what is due at one time happens in the order it was asked for.
//!
//! Most of what is asked for is due now or, like a timer of a fixed length, after everything else. Such items wait in
//! line; a heap is kept for the rest.

use super::Micros;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

/// Time, then the number of the asking, then room for a slot's number: one comparison orders them.
type Rank = u128;
const ASKED_BITS: u32 = 40;
const SLOT_BITS: u32 = 24;

#[derive(Debug)]
pub(super) struct Queue<T> {
    /// When the last that was taken was due.
    now: Micros,
    /// Due now.
    present: VecDeque<(Rank, T)>,
    /// Each due no sooner than the one before it.
    later: VecDeque<(Rank, T)>,
    /// The rest: ranks with the numbers of their slots.
    heap: BinaryHeap<Reverse<Rank>>,
    /// What of the heap happens, apart from it: it moves small items only.
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    asked: u64,
}

impl<T> Queue<T> {
    pub fn new() -> Self {
        Self {
            now: 0,
            present: VecDeque::new(),
            later: VecDeque::new(),
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            asked: 0,
        }
    }

    /// # Panics
    /// In a run that asked 2^40 times, or with 2^24 that wait.
    pub fn push(&mut self, at: Micros, what: T) {
        assert!(self.asked >> ASKED_BITS == 0, "a run of over 2^{ASKED_BITS} events");
        let rank = Rank::from(at) << 64 | Rank::from(self.asked << SLOT_BITS);
        self.asked += 1;
        if at == self.now {
            self.present.push_back((rank, what));
        } else if self.later.back().is_none_or(|(other, _)| *other < rank) {
            self.later.push_back((rank, what));
        } else {
            let slot = self.slot_for(what);
            self.heap.push(Reverse(rank | Rank::from(slot)));
        }
    }

    fn slot_for(&mut self, what: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(what);
            return slot;
        }
        assert!(self.slots.len() >> SLOT_BITS == 0, "over 2^{SLOT_BITS} events wait");
        self.slots.push(Some(what));
        (self.slots.len() - 1) as u32
    }

    pub fn len(&self) -> usize {
        self.present.len() + self.later.len() + self.heap.len()
    }

    pub fn pop(&mut self) -> Option<(Micros, T)> {
        let in_line = |line: &VecDeque<(Rank, T)>| line.front().map_or(Rank::MAX, |(rank, _)| *rank);
        let (present, later) = (in_line(&self.present), in_line(&self.later));
        let in_heap = self.heap.peek().map_or(Rank::MAX, |Reverse(rank)| *rank);
        let (rank, what) = if in_heap < present.min(later) {
            self.heap.pop();
            let slot = in_heap as u32 & ((1 << SLOT_BITS) - 1);
            self.free.push(slot);
            (in_heap, self.slots[slot as usize].take()?)
        } else if present < later {
            self.present.pop_front()?
        } else {
            self.later.pop_front()?
        };
        self.now = (rank >> 64) as Micros;
        Some((self.now, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_time_then_in_order() {
        let mut queue = Queue::new();
        for (at, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (3, 'b')] {
            queue.push(at, what);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [(1, 'a'), (3, 'b'), (5, 'c'), (5, 'd')]);
    }

    /// Against the obvious queue: a list, of which the least is taken.
    #[test]
    fn wherever_an_event_waits_the_order_is_the_same() {
        let draws = crate::Draws::new(1);
        for run in 0..50 {
            let (mut queue, mut list, mut now) = (Queue::new(), Vec::new(), 0);
            for asked in 0..400_u64 {
                let mut draw = draws.at("", run * 1_000 + asked);
                let delay = [0, 0, draw.below(5), 30, draw.below(100)][draw.below(5) as usize];
                queue.push(now + delay, asked);
                list.push((now + delay, asked));
                while draw.below(2) == 0 {
                    list.sort_unstable();
                    let expected = (!list.is_empty()).then(|| list.remove(0));
                    let popped = queue.pop();
                    assert_eq!(popped, expected, "in run {run}");
                    now = popped.map_or(now, |(at, _)| at);
                }
            }
        }
    }
}
