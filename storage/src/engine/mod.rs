//! The ordered key-value engine: the seam below which RocksDB or the simulation's engine sits.

mod figures;
pub mod memory;
#[cfg(feature = "rocksdb")]
mod records;
#[cfg(feature = "rocksdb")]
pub mod rocks;

use bytes::Bytes;
pub use figures::EngineFigures;
use thiserror::Error;

use crate::format;
use crate::header::Header;
use crate::model::Row;

/// A key space: a column family in RocksDB. A handful for the whole store; tables are key prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// Rows; values merge as rows.
    Rows,
    /// Partition headers; values merge as headers.
    Headers,
    /// Small metadata; values do not merge, the last write stays.
    Meta,
}

impl Space {
    /// All spaces.
    pub const ALL: [Space; 3] = [Space::Rows, Space::Headers, Space::Meta];

    /// Its name on disk.
    pub fn name(self) -> &'static str {
        match self {
            Space::Rows => "rows",
            Space::Headers => "headers",
            Space::Meta => "meta",
        }
    }

    /// Position within [`Space::ALL`].
    #[cfg(feature = "rocksdb")]
    pub(crate) fn index(self) -> usize {
        match self {
            Space::Rows => 0,
            Space::Headers => 1,
            Space::Meta => 2,
        }
    }

    /// Merges values of this space, oldest first. Total; associative over any grouping.
    pub(crate) fn combine<'a>(self, parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        match self {
            Space::Rows => format::combine::<Row>(parts),
            Space::Headers => format::combine::<Header>(parts),
            Space::Meta => parts.last().unwrap_or_default().to_vec(),
        }
    }
}

/// One operation of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Replaces what is under the key.
    Put(Space, Bytes, Bytes),
    /// Merges a fragment into what is under the key.
    Merge(Space, Bytes, Bytes),
    /// Removes the key.
    Delete(Space, Bytes),
    /// Removes the keys from the first to before the second.
    DeleteRange(Space, Bytes, Bytes),
}

/// Operations that are applied together, in order, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    operations: Vec<Operation>,
    size_bytes: usize,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces what is under `key`.
    pub fn put(&mut self, space: Space, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        let (key, value) = (key.into(), value.into());
        self.size_bytes += key.len() + value.len();
        self.operations.push(Operation::Put(space, key, value));
    }

    /// Merges a fragment into what is under `key`.
    pub fn merge(&mut self, space: Space, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        let (key, value) = (key.into(), value.into());
        self.size_bytes += key.len() + value.len();
        self.operations.push(Operation::Merge(space, key, value));
    }

    /// Removes `key`.
    pub fn delete(&mut self, space: Space, key: impl Into<Bytes>) {
        let key = key.into();
        self.size_bytes += key.len();
        self.operations.push(Operation::Delete(space, key));
    }

    /// Removes the keys `start..end`.
    pub fn delete_range(&mut self, space: Space, start: impl Into<Bytes>, end: impl Into<Bytes>) {
        let (start, end) = (start.into(), end.into());
        self.size_bytes += start.len() + end.len();
        self.operations.push(Operation::DeleteRange(space, start, end));
    }

    /// Its operations, in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Takes the operations out.
    pub fn into_operations(self) -> Vec<Operation> {
        self.operations
    }

    /// Keys and values, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

/// When a write returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After the log was synced: the write survives a power cut.
    Sync,
    /// After the log was written: the write survives the process.
    NoSync,
}

/// In which order a cursor walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Reverse,
}

/// Why an engine did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EngineError {
    /// The disk failed.
    #[error("storage I/O error: {0}")]
    Io(String),
    /// What is on disk is damaged.
    #[error("storage is corrupt: {0}")]
    Corrupt(String),
    /// The disk is full. Nothing of the write was acknowledged.
    #[error("storage is full: {0}")]
    Full(String),
    /// An earlier write or sync failed, so nothing is acknowledged until the store is opened again.
    #[error("storage stopped after a failed write: {0}")]
    Stopped(String),
    /// It cannot be opened as asked.
    #[error("storage cannot be opened: {0}")]
    Open(String),
}

/// Sizes of an engine in bytes; estimates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineSize {
    /// Data that is alive.
    pub live_bytes: u64,
    /// Files on disk.
    pub disk_bytes: u64,
    /// Memory held for writes that are not flushed.
    pub unflushed_bytes: u64,
}

/// An ordered key-value store with merge, snapshots and a synced log.
pub trait Engine: Send + Sync {
    /// Applies a batch atomically.
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), EngineError>;

    /// The newest value under a key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// A view that later writes do not change.
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError>;

    /// Syncs all that was written.
    fn sync(&self) -> Result<(), EngineError>;

    /// Writes memory out to sorted files.
    fn flush(&self) -> Result<(), EngineError>;

    /// Compacts everything; superseded data leaves the disk.
    fn compact(&self) -> Result<(), EngineError>;

    /// Sizes, estimated.
    fn size(&self) -> EngineSize;

    /// What it knows of its own workings; `None` for an engine without files and caches.
    fn figures(&self) -> Option<EngineFigures> {
        None
    }

    /// The failure after which nothing is acknowledged any more.
    fn failure(&self) -> Option<EngineError>;
}

/// A consistent view of an engine.
pub trait Snapshot {
    /// The value under a key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// A cursor over the keys `start..end`, before its first entry in that direction.
    fn cursor(
        &self,
        space: Space,
        start: &[u8],
        end: &[u8],
        direction: Direction,
    ) -> Result<Box<dyn Cursor + '_>, EngineError>;
}

/// Walks a range of keys in one direction.
pub trait Cursor {
    /// Moves to the next entry; false at the end of the range.
    fn advance(&mut self) -> Result<bool, EngineError>;

    /// Makes the next `advance` move to the first entry at or after `key`; in reverse, to the last before `key`.
    /// The key lies within the cursor's range.
    fn seek(&mut self, key: &[u8]);

    /// Key of the current entry; empty before the first `advance` and past the end.
    fn key(&self) -> &[u8];

    /// Value of the current entry; empty before the first `advance` and past the end.
    fn value(&self) -> &[u8];
}
