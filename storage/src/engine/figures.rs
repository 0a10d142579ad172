//! What an engine tells of its own workings, for whoever runs it.

/// Figures of an engine with files, a log and caches. Sizes in bytes; counters since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineFigures {
    /// Memtables, those that are being flushed included.
    pub memtable_bytes: u64,
    /// Memtables that wait to be flushed.
    pub memtables_waiting: u64,
    /// Flushes that run.
    pub flushes_running: u64,
    /// Compactions that run.
    pub compactions_running: u64,
    /// What compactions have to rewrite until the files are in their desired shape; an estimate.
    pub compaction_pending_bytes: u64,
    /// Writes wait because flushes or compactions are behind.
    pub is_write_stopped: bool,
    /// Writes are slowed down to so many bytes a second; 0: they are not.
    pub delayed_write_rate_bytes: u64,
    /// Microseconds that writes were held up by the two above, in all.
    pub stalled_us: u64,
    /// Background errors.
    pub background_errors: u64,
    /// The block cache: what it holds.
    pub block_cache_bytes: u64,
    /// What it may hold.
    pub block_cache_limit_bytes: u64,
    /// What of it is in use and cannot be dropped.
    pub block_cache_pinned_bytes: u64,
    /// Lookups that found a block.
    pub block_cache_hits: u64,
    /// Lookups after which a block was read from a file.
    pub block_cache_misses: u64,
    /// Readers of open files, outside the block cache.
    pub table_reader_bytes: u64,
    /// Sorted files on disk.
    pub sst_bytes: u64,
    /// How many of them there are at each level.
    pub level_files: Vec<u64>,
    /// The log on disk.
    pub wal_bytes: u64,
    /// Written to the log, in all.
    pub wal_written_bytes: u64,
    /// Written by flushes, in all.
    pub flush_written_bytes: u64,
    /// Read by compactions, in all.
    pub compaction_read_bytes: u64,
    /// Written by compactions, in all.
    pub compaction_written_bytes: u64,
    /// Snapshots that are held.
    pub snapshots: u64,
}
