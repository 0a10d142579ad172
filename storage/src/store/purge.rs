//! Purging: deleted and expired data, and the deletions themselves once `gc_grace_seconds` have passed, leave
//! the store.
//!
//! A purge of a partition reads one snapshot. It first removes what is shadowed while the deletions stay, in
//! bounded batches; the last batch removes the rest of it together with the deletions. Every batch is written
//! under the shard's lock and only if nothing was committed to the partition since the snapshot: a fragment
//! that arrived meanwhile would be lost with the key, or come back without its deletion. Compaction then
//! frees the space.

use bytes::Bytes;
use starling_ring::Token;

use crate::canonical::{Horizon, reduce_row, row_is_empty};
use crate::engine::{Batch, Direction, Durability, Snapshot, Space};
use crate::format::Stored;
use crate::header::Header;
use crate::key;
use crate::model::{Position, Row, TableRef};

use super::read::Walk;
use super::{Store, StoreError};

/// Changes to one partition are written when they have grown to this many bytes.
const BATCH_BYTES_MAX: usize = 256 << 10;

/// Which part of a table to purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeCommand {
    /// The table.
    pub table: TableRef,
    /// Its `gc_grace_seconds`.
    pub gc_grace_s: u32,
    /// Seconds since 1970 against which age is judged.
    pub now_s: i64,
    /// Tokens `start < token <= end`.
    pub start: Token,
    /// See `start`.
    pub end: Token,
    /// Start after this partition.
    pub resume: Option<Position>,
    /// Visit at most this many partitions (at least 1).
    pub partitions_max: usize,
}

/// How far a purge came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PurgeProgress {
    /// Where to go on; `None`: the whole range was visited.
    pub resume: Option<Position>,
    /// Partitions visited.
    pub partitions: usize,
    /// Keys removed or rewritten.
    pub keys: usize,
    /// Partitions left for the next time because something was committed meanwhile.
    pub postponed: usize,
    /// Partitions left as they were, or in part, because a stored value does not decode.
    pub damaged: usize,
}

struct PartitionPurge<'a> {
    store: &'a Store,
    horizon: Horizon,
    shard: usize,
    sequence: u64,
    prefix: Vec<u8>,
    batch: Batch,
    keys: usize,
}

impl Store {
    /// Purges the next partitions of a table.
    pub fn purge(&self, command: &PurgeCommand) -> Result<PurgeProgress, StoreError> {
        self.check_table(command.table)?;
        let (mut from, end) = key::token_range(command.table, command.start, command.end);
        if let Some(resume) = &command.resume {
            let prefix = key::partition_prefix(command.table, resume.token, &resume.key);
            from = from.max(key::partition_end(&prefix));
        }
        let horizon = Horizon::new(command.now_s, command.gc_grace_s);
        let mut progress = PurgeProgress::default();
        while from < end {
            let Some(found) = self.next_partition(&from, &end)? else {
                break;
            };
            let parsed = key::parse_engine_key(&found)?;
            let prefix = found.get(..parsed.prefix_length).unwrap_or_default().to_vec();
            from = key::partition_end(&prefix);
            match self.purge_partition(parsed.token, prefix, horizon) {
                Ok(Some(keys)) => progress.keys += keys,
                Ok(None) => progress.postponed += 1,
                // A value that does not decode must not keep the deletions of all other partitions for ever.
                Err(StoreError::Corrupt(_)) => progress.damaged += 1,
                Err(error) => return Err(error),
            }
            progress.partitions += 1;
            if progress.partitions >= command.partitions_max.max(1) {
                let key = parsed.key;
                progress.resume = Some(Position { token: parsed.token, key, clustering: None });
                break;
            }
        }
        self.figures.purged(&progress);
        Ok(progress)
    }

    /// The first key of the next partition at or after `from`, be it a row's or a header's.
    fn next_partition(&self, from: &[u8], end: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let snapshot = self.engine.snapshot()?;
        let mut first: Option<Vec<u8>> = None;
        for space in [Space::Rows, Space::Headers] {
            let mut cursor = snapshot.cursor(space, from, end, Direction::Forward)?;
            if cursor.advance()? && first.as_deref().is_none_or(|first| cursor.key() < first) {
                first = Some(cursor.key().to_vec());
            }
        }
        Ok(first)
    }

    /// The keys removed or rewritten; `None` if a commit came in between.
    fn purge_partition(&self, token: Token, prefix: Vec<u8>, horizon: Horizon) -> Result<Option<usize>, StoreError> {
        let shard = self.shard_of(token);
        let Some(recent) = self.shards.get(shard) else {
            return Ok(Some(0));
        };
        // Before the snapshot: a commit between the two counts as one after it.
        let sequence = recent.recent.lock().sequence();
        let snapshot = self.engine.snapshot()?;
        let purge = PartitionPurge { store: self, horizon, shard, sequence, prefix, batch: Batch::new(), keys: 0 };
        purge.run(&*snapshot)
    }
}

impl PartitionPurge<'_> {
    fn run(mut self, snapshot: &dyn Snapshot) -> Result<Option<usize>, StoreError> {
        let stored_header = snapshot.get(Space::Headers, &self.prefix)?;
        let mut header = match &stored_header {
            Some(value) => Header::from_stored(value)?.0,
            None => Header::default(),
        };
        let before = header.clone();
        header.reduce(&self.horizon);
        let end = key::partition_end(&self.prefix);
        let mut rows = Walk::new(snapshot.cursor(Space::Rows, &self.prefix, &end, Direction::Forward)?)?;
        while rows.valid {
            self.row(rows.cursor.key(), rows.cursor.value(), &header)?;
            rows.advance()?;
            if self.batch.size_bytes() >= BATCH_BYTES_MAX && !self.write()? {
                return Ok(None);
            }
        }
        header.drop_purgeable(&self.horizon);
        if stored_header.is_some() && header != before {
            self.keys += 1;
            if header.is_empty() {
                self.batch.delete(Space::Headers, self.prefix.clone());
            } else {
                self.batch.put(Space::Headers, self.prefix.clone(), header.to_stored(0));
            }
        }
        Ok(if self.write()? { Some(self.keys) } else { None })
    }

    fn row(&mut self, key: &[u8], value: &[u8], header: &Header) -> Result<(), StoreError> {
        let (mut row, _) = Row::from_stored(&Bytes::copy_from_slice(value))?;
        let before = row.clone();
        let clustering = key.get(self.prefix.len()..).unwrap_or_default();
        reduce_row(&mut row, header.covering(clustering), &self.horizon);
        if row_is_empty(&row) {
            self.keys += 1;
            self.batch.delete(Space::Rows, key.to_vec());
        } else if row != before {
            self.keys += 1;
            self.batch.put(Space::Rows, key.to_vec(), row.to_stored(0));
        }
        Ok(())
    }

    /// Writes what has gathered, unless something was committed to the partition since the snapshot.
    fn write(&mut self) -> Result<bool, StoreError> {
        if self.batch.is_empty() {
            return Ok(true);
        }
        let Some(shard) = self.store.shards.get(self.shard) else {
            return Ok(false);
        };
        let recent = shard.recent.lock();
        if recent.touched_since(&self.prefix, self.sequence) {
            return Ok(false);
        }
        self.store.engine.write(std::mem::take(&mut self.batch), Durability::NoSync)?;
        drop(recent);
        Ok(true)
    }
}
