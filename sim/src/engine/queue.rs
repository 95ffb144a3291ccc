//! The queue of what will happen, by time; what is due at one time happens in the order in which it was asked for.

use super::Micros;
use std::{cmp::Ordering, collections::BinaryHeap};

#[derive(Debug)]
pub(super) struct Queue<T> {
    heap: BinaryHeap<Item>,
    /// What happens, apart from the heap, which then moves small items only.
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    asked: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Item {
    at: Micros,
    asked: u64,
    slot: u32,
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        // A BinaryHeap gives the greatest first.
        (other.at, other.asked).cmp(&(self.at, self.asked))
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Queue<T> {
    pub fn new() -> Self {
        Self { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), asked: 0 }
    }

    pub fn push(&mut self, at: Micros, what: T) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(what);
                slot
            }
            None => {
                self.slots.push(Some(what));
                (self.slots.len() - 1) as u32
            }
        };
        self.heap.push(Item { at, asked: self.asked, slot });
        self.asked += 1;
    }

    pub fn pop(&mut self) -> Option<(Micros, T)> {
        let item = self.heap.pop()?;
        self.free.push(item.slot);
        let what = self.slots[item.slot as usize].take()?;
        Some((item.at, what))
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
}
