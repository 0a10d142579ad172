//! Which partitions were written recently: what folding and purging check before they replace anything.

use xxhash_rust::xxh3::xxh3_64;

use super::pileup::PileUp;

/// Slots per shard. Partitions that share one only make a purge be tried again.
const SLOTS: usize = 4096;

/// The sequence of a shard's commits and the last one that touched each slot of partitions. Bounded; it may
/// say that a partition was written when it was not, never the reverse.
#[derive(Debug)]
pub(crate) struct RecentCommits {
    sequence: u64,
    slots: Vec<u64>,
    /// Keys that these commits pile fragments on.
    pub(crate) pile_up: PileUp,
}

impl RecentCommits {
    pub(crate) fn new() -> Self {
        RecentCommits { sequence: 0, slots: vec![0; SLOTS], pile_up: PileUp::new() }
    }

    /// The sequence of the last commit: taken before a snapshot, it stands for it.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Starts a commit.
    pub(crate) fn begin(&mut self) {
        self.sequence += 1;
    }

    /// Records that the commit that was started touches a partition.
    pub(crate) fn touch(&mut self, partition_prefix: &[u8]) {
        let sequence = self.sequence;
        if let Some(slot) = self.slots.get_mut(slot_of(partition_prefix)) {
            *slot = sequence;
        }
    }

    /// Records that the commit that was started touches everything.
    pub(crate) fn touch_all(&mut self) {
        self.slots.fill(self.sequence);
    }

    /// Whether a partition may have been touched after `sequence`.
    pub(crate) fn touched_since(&self, partition_prefix: &[u8], sequence: u64) -> bool {
        self.slots.get(slot_of(partition_prefix)).is_none_or(|&touched| touched > sequence)
    }
}

fn slot_of(partition_prefix: &[u8]) -> usize {
    (xxh3_64(partition_prefix) % SLOTS as u64) as usize
}
