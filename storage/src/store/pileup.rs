//! Which keys gather fragments faster than reads fold them. A read of a key costs time in proportion to the fragments
//! above its last whole value, so a key that is written again and again without being read must be folded too.
//!
//! Two tables of majority counters (Boyer and Moore's vote, one per slot): a key that makes up more than half of the
//! writes of one of its slots is noticed; keys that are written seldom never are, and cost no lookup. Bounded.

use xxhash_rust::xxh3::xxh3_64;

/// Fragments of one key after which it is to be folded.
const FRAGMENTS_MAX: u32 = 64;
/// Slots of each table: a memtable holds few more entries, so what stays below a slot's majority gathers little.
const SLOTS: usize = 1 << 15;
/// A slot's lower bits count, the others tell its key.
const COUNT_BITS: u32 = 8;
const COUNT_MASK: u32 = (1 << COUNT_BITS) - 1;

/// Counts the fragments that a shard's commits add.
#[derive(Debug)]
pub(crate) struct PileUp {
    tables: [Vec<u32>; 2],
}

impl PileUp {
    pub(crate) fn new() -> Self {
        PileUp { tables: [vec![0; SLOTS], vec![0; SLOTS]] }
    }

    /// Counts a fragment; whether its key is to be folded now.
    pub(crate) fn add(&mut self, key: &[u8]) -> bool {
        let hash = xxh3_64(key);
        let mut is_piled = false;
        // Slots and tags from different bits: keys that meet in one table seldom meet in the other.
        for (table, (slot, tag)) in self.tables.iter_mut().zip([(hash >> 49, hash), (hash >> 34, hash >> 10)]) {
            if let Some(slot) = table.get_mut(slot as usize % SLOTS) {
                is_piled |= vote(slot, tag as u32 & !COUNT_MASK);
            }
        }
        is_piled
    }
}

fn vote(slot: &mut u32, tag: u32) -> bool {
    match *slot & COUNT_MASK {
        0 => *slot = tag | 1,
        _ if *slot & !COUNT_MASK != tag => *slot -= 1,
        count if count + 1 >= FRAGMENTS_MAX => {
            *slot = 0;
            return true;
        }
        _ => *slot += 1,
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_written_again_and_again_is_noticed_each_time() {
        let mut pile = PileUp::new();
        let noticed = (0..FRAGMENTS_MAX * 10).filter(|_| pile.add(b"hot")).count();
        assert_eq!(noticed, 10);
    }

    #[test]
    fn a_hot_key_is_noticed_among_others_and_they_are_not() {
        let mut pile = PileUp::new();
        let mut noticed = 0;
        for number in 0u32..100_000 {
            noticed += u32::from(number % 10 == 0 && pile.add(b"hot"));
            assert!(!pile.add(&number.to_be_bytes()), "{number} was written once");
        }
        assert!(noticed >= 10_000 / FRAGMENTS_MAX / 2, "{noticed}");
    }
}
