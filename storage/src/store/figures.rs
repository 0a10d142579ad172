//! What the store counts of its own upkeep.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Store;
use super::purge::PurgeProgress;

/// Counters of a store since it was opened.
#[derive(Debug, Default)]
pub struct StoreFigures {
    /// Keys whose fragments were written back as one value.
    pub folded: AtomicU64,
    /// Keys that were not queued for folding because the queue was full.
    pub folds_forgotten: AtomicU64,
    /// Partitions that a purge visited.
    pub purge_visited: AtomicU64,
    /// Keys that a purge removed or rewrote.
    pub purge_keys: AtomicU64,
    /// Partitions that a purge left for the next time because something was committed meanwhile.
    pub purge_postponed: AtomicU64,
    /// Partitions that a purge left because a stored value does not decode.
    pub purge_damaged: AtomicU64,
    /// Tables or incarnations whose data was removed.
    pub tables_dropped: AtomicU64,
}

impl StoreFigures {
    pub(super) fn purged(&self, progress: &PurgeProgress) {
        let counts = [
            (&self.purge_visited, progress.partitions),
            (&self.purge_keys, progress.keys),
            (&self.purge_postponed, progress.postponed),
            (&self.purge_damaged, progress.damaged),
        ];
        for (counter, count) in counts {
            counter.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
}

impl Store {
    /// Counters.
    pub fn figures(&self) -> &StoreFigures {
        &self.figures
    }

    /// Keys that wait to be folded, in all shards, and how many may.
    pub fn fold_queue(&self) -> (usize, usize) {
        let waiting = self.shards.iter().map(|shard| shard.folds.lock().len()).sum();
        (waiting, self.shards.len() * self.settings.fold_queue_max)
    }
}
