//! The filter in memory that says which partitions may have a header, so that point reads need no second lookup.

use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64;

/// Bits set per partition. With 10 bits of filter each, one lookup in a hundred is in vain.
const PROBES: u64 = 4;

/// A Bloom filter of fixed size. When it fills up reads look more headers up in vain; they stay right.
#[derive(Debug)]
pub(crate) struct HeaderFilter {
    words: Vec<AtomicU64>,
}

impl HeaderFilter {
    pub(crate) fn new(size_bytes: usize) -> Self {
        let words = (size_bytes / 8).max(1);
        HeaderFilter { words: (0..words).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(crate) fn insert(&self, partition_prefix: &[u8]) {
        for (word, mask) in self.probes(partition_prefix) {
            if let Some(word) = self.words.get(word) {
                word.fetch_or(mask, Ordering::Release);
            }
        }
    }

    pub(crate) fn may_contain(&self, partition_prefix: &[u8]) -> bool {
        self.probes(partition_prefix)
            .all(|(word, mask)| self.words.get(word).is_some_and(|w| w.load(Ordering::Acquire) & mask != 0))
    }

    fn probes(&self, partition_prefix: &[u8]) -> impl Iterator<Item = (usize, u64)> + use<> {
        let hash = xxh3_64(partition_prefix);
        let step = (hash >> 32) | 1;
        let bits = self.words.len() as u64 * 64;
        (0..PROBES).map(move |probe| {
            let bit = hash.wrapping_add(step.wrapping_mul(probe)) % bits;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }
}
