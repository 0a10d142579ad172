//! Deadlines of the operations of one shard. Operations mostly end long before theirs, so entries are removed
//! lazily, when they come to the front.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Deadlines in milliseconds, by operation.
#[derive(Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    /// Entries at the last sweep: when the heap has doubled, dead entries are swept out.
    swept_len: usize,
}

/// Below this many entries a sweep is not worth it.
const SWEEP_MIN: usize = 1_024;

impl Timers {
    /// Remembers to look at `operation` at `at_ms`.
    pub fn set(&mut self, at_ms: u64, operation: u64, is_open: impl Fn(u64) -> bool) {
        self.heap.push(Reverse((at_ms, operation)));
        if self.heap.len() > SWEEP_MIN.max(2 * self.swept_len) {
            self.heap.retain(|Reverse((_, operation))| is_open(*operation));
            self.swept_len = self.heap.len();
        }
    }

    /// Entries, those of ended operations included.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// The next operation that is due, and since when.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<(u64, u64)> {
        match self.heap.peek() {
            Some(Reverse((at_ms, _))) if *at_ms <= now_ms => self.heap.pop().map(|Reverse(due)| due),
            _ => None,
        }
    }

    /// When the first is due; entries of ended operations are dropped from the front.
    pub fn next_ms(&mut self, is_open: impl Fn(u64) -> bool) -> Option<u64> {
        while let Some(Reverse((at_ms, operation))) = self.heap.peek() {
            if is_open(*operation) {
                return Some(*at_ms);
            }
            self.heap.pop();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_in_order_and_ended_ones_are_forgotten() {
        let mut timers = Timers::default();
        for (at, op) in [(30, 3), (10, 1), (20, 2)] {
            timers.set(at, op, |_| true);
        }
        assert_eq!(timers.next_ms(|op| op != 1), Some(20));
        assert_eq!(timers.pop_due(19), None);
        assert_eq!(timers.pop_due(30), Some((20, 2)));
        assert_eq!(timers.pop_due(30), Some((30, 3)));
        assert_eq!(timers.pop_due(30), None);
    }

    #[test]
    fn memory_is_bounded_by_what_is_open() {
        let mut timers = Timers::default();
        for op in 0..1_000_000u64 {
            timers.set(1_000 + op, op, |o| o + 10 > op);
        }
        assert!(timers.len() <= 2 * SWEEP_MIN + 1, "{}", timers.heap.len());
    }
}
