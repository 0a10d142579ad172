//! Group commit: mutations gather in a bounded queue, and a committer takes them in batches. Pure.

use std::collections::VecDeque;

use crate::model::{Mutation, Partition, Row};

/// Bounds of a committer's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitterLimits {
    /// Mutations queued or being written, at most.
    pub count_max: usize,
    /// Their size in bytes, at most. One mutation is always let in when nothing else waits.
    pub bytes_max: usize,
    /// Mutations of one batch, at most. Throughput with a sync per batch stops growing at about 1,000.
    pub batch_count_max: usize,
    /// Bytes of one batch, at most; a larger mutation goes alone.
    pub batch_bytes_max: usize,
}

impl Default for CommitterLimits {
    fn default() -> Self {
        CommitterLimits { count_max: 16 << 10, bytes_max: 64 << 20, batch_count_max: 1024, batch_bytes_max: 4 << 20 }
    }
}

/// A mutation that waits, with the ticket that its outcome is told to.
#[derive(Debug)]
pub struct Pending<T> {
    /// What to apply.
    pub mutation: Mutation,
    /// Who wants to know.
    pub ticket: T,
    size_bytes: usize,
}

/// The queue of one shard's committer.
#[derive(Debug)]
pub struct Committer<T> {
    limits: CommitterLimits,
    queue: VecDeque<Pending<T>>,
    /// Queued or taken and not complete.
    count: usize,
    bytes: usize,
}

impl<T> Committer<T> {
    /// An empty queue.
    pub fn new(limits: CommitterLimits) -> Self {
        Committer { limits, queue: VecDeque::new(), count: 0, bytes: 0 }
    }

    /// Queues a mutation, or gives the ticket back because the queue is full.
    pub fn enqueue(&mut self, mutation: Mutation, ticket: T) -> Result<(), T> {
        let size_bytes = size_bytes(&mutation);
        let is_full = self.count >= self.limits.count_max || self.bytes + size_bytes > self.limits.bytes_max;
        if self.count > 0 && is_full {
            return Err(ticket);
        }
        self.count += 1;
        self.bytes += size_bytes;
        self.queue.push_back(Pending { mutation, ticket, size_bytes });
        Ok(())
    }

    /// Moves the next batch into `batch`, oldest first; it stays empty if nothing waits. What is taken counts
    /// against the limits until [`Committer::complete`].
    pub fn take_batch(&mut self, batch: &mut Vec<Pending<T>>) {
        let mut bytes = 0;
        while let Some(next) = self.queue.front() {
            let is_full =
                batch.len() >= self.limits.batch_count_max || bytes + next.size_bytes > self.limits.batch_bytes_max;
            if !batch.is_empty() && is_full {
                return;
            }
            bytes += next.size_bytes;
            batch.extend(self.queue.pop_front());
        }
    }

    /// A batch was written, or failed: its room is free again.
    pub fn complete(&mut self, batch: &[Pending<T>]) {
        self.count -= batch.len();
        self.bytes -= batch.iter().map(|pending| pending.size_bytes).sum::<usize>();
    }

    /// Mutations that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Mutations queued or being written.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes queued or being written.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// About what a mutation takes in memory.
fn size_bytes(mutation: &Mutation) -> usize {
    let Partition { key, range_tombstones, static_row, rows, .. } = &mutation.partition;
    let row = |row: &Row| -> usize {
        let cells = row.columns.iter().flat_map(|column| &column.cells);
        let cell = |cell: &crate::model::Cell| {
            let content = match &cell.content {
                crate::model::CellContent::Live { value, .. } => value.len(),
                crate::model::CellContent::Counter { shards } => shards.len(),
                crate::model::CellContent::Tombstone { .. } => 0,
            };
            96 + content + cell.path.as_ref().map_or(0, bytes::Bytes::len)
        };
        128 + row.columns.len() * 80 + cells.map(cell).sum::<usize>()
    };
    let tombstones: usize = range_tombstones.iter().map(|t| 96 + t.start.len() + t.end.len()).sum();
    let rows: usize = rows.iter().map(|(clustering, fragment)| 32 + clustering.len() + row(fragment)).sum();
    256 + key.len() + tombstones + static_row.as_ref().map_or(0, row) + rows
}
