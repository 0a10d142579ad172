//! The engine over RocksDB.
//!
//! Fail-stop: after a failed write or sync nobody knows what the log holds, so nothing is acknowledged again
//! until the store is opened anew and the log replayed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use rocksdb::statistics::{StatsLevel, Ticker};
use rocksdb::{
    BlockBasedOptions, BottommostLevelCompaction, Cache, ColumnFamily, ColumnFamilyDescriptor, CompactOptions, DB,
    DBCompressionType, DBRawIterator, DBRecoveryMode, DEFAULT_COLUMN_FAMILY_NAME, ErrorKind, FlushOptions,
    MergeOperands, Options, ReadOptions, WriteBatch, WriteOptions, properties,
};

use super::{
    Batch, Cursor, Direction, Durability, Engine, EngineError, EngineFigures, EngineSize, Operation, Snapshot, Space,
};

/// Settings of the RocksDB engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RocksSettings {
    /// Cache of uncompressed blocks, with indexes and filters, in bytes, shared by all spaces. It is filled by
    /// reads alone. 8 MiB to half of the memory.
    pub block_cache_bytes: usize,
    /// Memtable of the rows, in bytes; up to three exist at once. Larger ones merge more fragments before they
    /// reach a file; the replay after a crash takes longer. 4 to 256 MiB.
    pub write_buffer_bytes: usize,
    /// The log is bounded to about this many bytes: a space that is seldom written is flushed when its old
    /// data holds more of the log. At least four write buffers.
    pub wal_bytes_max: u64,
    /// Threads that flush and compact, at least 2. More keep up with more writes and take CPU from requests.
    pub background_jobs: i32,
    /// Files kept open; each costs a descriptor and some memory for its reader. At least 64.
    pub open_files_max: i32,
    /// Fragments on one key in the memtable after which the next write merges them; 0 for never. It costs every write
    /// a lookup, and almost every write of a hot key a merge; the store folds keys that gather fragments without it.
    pub successive_merges_max: usize,
}

impl Default for RocksSettings {
    fn default() -> Self {
        RocksSettings {
            block_cache_bytes: 64 << 20,
            write_buffer_bytes: 32 << 20,
            wal_bytes_max: 256 << 20,
            background_jobs: 2,
            open_files_max: 512,
            successive_merges_max: 0,
        }
    }
}

/// Bits of Bloom filter per key: one lookup of an absent key in a hundred reads a block in vain.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Memtable of the spaces that hold little.
const SMALL_WRITE_BUFFER_BYTES: usize = 4 << 20;
/// Levels of files that RocksDB has unless told otherwise.
const LEVELS: usize = 7;
/// RocksDB's own information logs: how many, and how large each.
const INFO_LOGS_KEPT: usize = 4;
const INFO_LOG_BYTES_MAX: usize = 1 << 20;

/// RocksDB behind the engine seam.
pub struct RocksEngine {
    db: DB,
    path: PathBuf,
    synced: WriteOptions,
    unsynced: WriteOptions,
    reads: ReadOptions,
    /// Kept for its statistics.
    options: Options,
    failure: OnceLock<EngineError>,
}

impl RocksEngine {
    /// Opens or creates the store in the folder `path`, replaying its log.
    pub fn open(path: &Path, settings: &RocksSettings) -> Result<Self, EngineError> {
        super::records::check(path)?;
        let cache = Cache::new_lru_cache(settings.block_cache_bytes);
        let spaces =
            Space::ALL.map(|space| ColumnFamilyDescriptor::new(space.name(), space_options(space, settings, &cache)));
        let options = database_options(settings);
        // RocksDB has one that nothing is kept in. Its buffer counts where it waits for space on a full disk.
        let mut unused = Options::default();
        unused.set_write_buffer_size(SMALL_WRITE_BUFFER_BYTES);
        let families = spaces.into_iter().chain([ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, unused)]);
        let db = DB::open_cf_descriptors(&options, path, families).map_err(|e| open_error(path, &e))?;
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        let mut unsynced = WriteOptions::default();
        unsynced.set_sync(false);
        let (path, reads) = (path.to_owned(), ReadOptions::default());
        Ok(RocksEngine { db, path, synced, unsynced, reads, options, failure: OnceLock::new() })
    }

    /// The folder it is in.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn family(&self, space: Space) -> Result<&ColumnFamily, EngineError> {
        let missing = || EngineError::Open(format!("{}: no column family {}", self.path.display(), space.name()));
        self.db.cf_handle(space.name()).ok_or_else(missing)
    }

    fn check(&self) -> Result<(), EngineError> {
        match self.failure.get() {
            Some(failure) => Err(EngineError::Stopped(failure.to_string())),
            None => Ok(()),
        }
    }

    /// Records the first failure of a write or sync. A full disk is none: RocksDB itself takes no writes until there is
    /// space for a memtable again, looks every 5 seconds, and then begins with a new log and what its memtables hold.
    fn stop_on<T>(&self, outcome: Result<T, rocksdb::Error>) -> Result<T, EngineError> {
        outcome.map_err(|error| match engine_error(&error) {
            EngineError::Full(message) => EngineError::Full(message),
            error => self.stop(error),
        })
    }

    fn stop(&self, error: EngineError) -> EngineError {
        let _ = self.failure.set(error.clone());
        error
    }

    fn native_batch(&self, batch: &Batch) -> Result<WriteBatch, EngineError> {
        let families = [self.family(Space::ALL[0])?, self.family(Space::ALL[1])?, self.family(Space::ALL[2])?];
        let family = |space: &Space| families[space.index()];
        let mut native = WriteBatch::with_capacity_bytes(batch.size_bytes() + 24 * batch.operations().len() + 16);
        for operation in batch.operations() {
            match operation {
                Operation::Put(space, key, value) => native.put_cf(family(space), key, value),
                Operation::Merge(space, key, value) => native.merge_cf(family(space), key, value),
                Operation::Delete(space, key) => native.delete_cf(family(space), key),
                Operation::DeleteRange(space, start, end) if start < end => {
                    native.delete_range_cf(family(space), start, end);
                }
                Operation::DeleteRange(..) => {}
            }
        }
        Ok(native)
    }

    fn values_of(&self, property: &properties::PropName) -> impl Iterator<Item = u64> {
        let value = move |space: Space| self.db.property_int_value_cf(self.family(space).ok()?, property).ok()?;
        Space::ALL.into_iter().filter_map(value)
    }

    /// A property that each space has its own of.
    fn sum_of(&self, property: &properties::PropName) -> u64 {
        self.values_of(property).sum()
    }

    /// A property of the whole database, which every space answers.
    fn shared(&self, property: &properties::PropName) -> u64 {
        self.values_of(property).max().unwrap_or(0)
    }

    /// Bytes of the log on disk. Files that are gone by the time they are looked at count nothing.
    fn wal_bytes(&self) -> u64 {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let logs = entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"));
        logs.filter_map(|log| log.metadata().ok()).map(|log| log.len()).sum()
    }
}

fn database_options(settings: &RocksSettings) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_paranoid_checks(true);
    // A record torn by a crash at the log's very end was never acknowledged; any other damage is an error.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_max_total_wal_size(settings.wal_bytes_max);
    options.set_max_background_jobs(settings.background_jobs.max(2));
    options.set_max_open_files(settings.open_files_max.max(64));
    // Writes dirty pages out steadily: an fsync of the log never waits for a whole table file.
    options.set_bytes_per_sync(1 << 20);
    options.set_keep_log_file_num(INFO_LOGS_KEPT);
    options.set_max_log_file_size(INFO_LOG_BYTES_MAX);
    options.set_stats_dump_period_sec(0);
    // Counters alone, per core: durations would ask for the time at every operation.
    options.enable_statistics();
    options.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);
    options
}

fn space_options(space: Space, settings: &RocksSettings, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    // Indexes and filters within the cache's bound; those of the newest files stay in.
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(match space {
        Space::Rows => settings.write_buffer_bytes,
        Space::Headers | Space::Meta => SMALL_WRITE_BUFFER_BYTES,
    });
    options.set_max_write_buffer_number(3);
    options.set_max_successive_merges(settings.successive_merges_max);
    if space != Space::Meta {
        let merge = move |_: &[u8], existing: Option<&[u8]>, operands: &MergeOperands| {
            Some(space.combine(existing.into_iter().chain(operands)))
        };
        options.set_merge_operator_associative(&format!("starling.{}.1", space.name()), merge);
    }
    options
}

fn open_error(path: &Path, error: &rocksdb::Error) -> EngineError {
    let message = format!("{}: {error}", path.display());
    match error.kind() {
        ErrorKind::Corruption => EngineError::Corrupt(message + &suspects(path, error)),
        _ if is_full(error) => EngineError::Full(message),
        _ => EngineError::Open(message),
    }
}

/// RocksDB does not say which file a damaged log record was in: the logs that it was replaying.
fn suspects(path: &Path, error: &rocksdb::Error) -> String {
    let message: &str = error.as_ref();
    if [".sst", ".log", "MANIFEST", "CURRENT"].iter().any(|name| message.contains(name)) {
        return String::new();
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut logs: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".log"))
        .collect();
    logs.sort_unstable();
    format!(" (while replaying the log, in one of: {})", logs.join(", "))
}

fn engine_error(error: &rocksdb::Error) -> EngineError {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::Corruption => EngineError::Corrupt(message),
        _ if is_full(error) => EngineError::Full(message),
        _ => EngineError::Io(message),
    }
}

fn is_full(error: &rocksdb::Error) -> bool {
    let message: &str = error.as_ref();
    message.contains("No space left") || message.contains("Disk quota exceeded")
}

impl Engine for RocksEngine {
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), EngineError> {
        self.check()?;
        let native = self.native_batch(&batch)?;
        let options = match durability {
            Durability::Sync => &self.synced,
            Durability::NoSync => &self.unsynced,
        };
        self.stop_on(self.db.write_opt(native, options))?;
        // Another thread's failure may have come first: then the log's order is unknown for this write too.
        self.check()
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let found = self.db.get_pinned_cf_opt(self.family(space)?, key, &self.reads);
        Ok(found.map_err(|error| engine_error(&error))?.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        Ok(Box::new(RocksSnapshot { engine: self, snapshot: self.db.snapshot() }))
    }

    fn sync(&self) -> Result<(), EngineError> {
        self.check()?;
        // Whatever an fsync did not do is not done by the next one either: also if it was for want of space.
        self.db.flush_wal(true).map_err(|error| self.stop(engine_error(&error)))
    }

    fn flush(&self) -> Result<(), EngineError> {
        self.check()?;
        for space in Space::ALL {
            self.stop_on(self.db.flush_cf_opt(self.family(space)?, &FlushOptions::default()))?;
        }
        Ok(())
    }

    fn compact(&self) -> Result<(), EngineError> {
        self.flush()?;
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for space in Space::ALL {
            let family = self.family(space)?;
            self.db.compact_range_cf_opt(family, None::<&[u8]>, None::<&[u8]>, &options);
        }
        Ok(())
    }

    fn size(&self) -> EngineSize {
        EngineSize {
            live_bytes: self.sum_of(properties::ESTIMATE_LIVE_DATA_SIZE),
            disk_bytes: self.sum_of(properties::TOTAL_SST_FILES_SIZE),
            unflushed_bytes: self.sum_of(properties::CUR_SIZE_ALL_MEM_TABLES),
        }
    }

    fn figures(&self) -> Option<EngineFigures> {
        let ticker = |ticker| self.options.get_ticker_count(ticker);
        let files_at = |level| {
            let property = properties::num_files_at_level(level);
            let files = |space: Space| self.db.property_int_value_cf(self.family(space).ok()?, &property).ok()?;
            Space::ALL.into_iter().filter_map(files).sum()
        };
        Some(EngineFigures {
            memtable_bytes: self.sum_of(properties::CUR_SIZE_ALL_MEM_TABLES),
            memtables_waiting: self.sum_of(properties::NUM_IMMUTABLE_MEM_TABLE),
            flushes_running: self.shared(properties::NUM_RUNNING_FLUSHES),
            compactions_running: self.shared(properties::NUM_RUNNING_COMPACTIONS),
            compaction_pending_bytes: self.sum_of(properties::ESTIMATE_PENDING_COMPACTION_BYTES),
            is_write_stopped: self.shared(properties::IS_WRITE_STOPPED) > 0,
            delayed_write_rate_bytes: self.shared(properties::ACTUAL_DELAYED_WRITE_RATE),
            stalled_us: ticker(Ticker::StallMicros),
            background_errors: self.shared(properties::BACKGROUND_ERRORS),
            block_cache_bytes: self.shared(properties::BLOCK_CACHE_USAGE),
            block_cache_limit_bytes: self.shared(properties::BLOCK_CACHE_CAPACITY),
            block_cache_pinned_bytes: self.shared(properties::BLOCK_CACHE_PINNED_USAGE),
            block_cache_hits: ticker(Ticker::BlockCacheHit),
            block_cache_misses: ticker(Ticker::BlockCacheMiss),
            table_reader_bytes: self.sum_of(properties::ESTIMATE_TABLE_READERS_MEM),
            sst_bytes: self.sum_of(properties::TOTAL_SST_FILES_SIZE),
            level_files: (0..LEVELS).map(files_at).collect(),
            wal_bytes: self.wal_bytes(),
            wal_written_bytes: ticker(Ticker::WalFileBytes),
            flush_written_bytes: ticker(Ticker::FlushWriteBytes),
            compaction_read_bytes: ticker(Ticker::CompactReadBytes),
            compaction_written_bytes: ticker(Ticker::CompactWriteBytes),
            snapshots: self.shared(properties::NUM_SNAPSHOTS),
        })
    }

    fn failure(&self) -> Option<EngineError> {
        self.failure.get().cloned()
    }
}

struct RocksSnapshot<'a> {
    engine: &'a RocksEngine,
    snapshot: rocksdb::Snapshot<'a>,
}

impl Snapshot for RocksSnapshot<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let found = self.snapshot.get_pinned_cf(self.engine.family(space)?, key);
        Ok(found.map_err(|error| engine_error(&error))?.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn cursor(
        &self,
        space: Space,
        start: &[u8],
        end: &[u8],
        direction: Direction,
    ) -> Result<Box<dyn Cursor + '_>, EngineError> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(start);
        options.set_iterate_upper_bound(end);
        let iterator = self.snapshot.raw_iterator_cf_opt(self.engine.family(space)?, options);
        let next = if start < end { Next::First } else { Next::End };
        Ok(Box::new(RocksCursor { iterator, direction, next }))
    }
}

/// What the next `advance` does.
enum Next {
    First,
    Seek(Vec<u8>),
    Step,
    End,
}

struct RocksCursor<'a> {
    iterator: DBRawIterator<'a>,
    direction: Direction,
    next: Next,
}

impl Cursor for RocksCursor<'_> {
    fn advance(&mut self) -> Result<bool, EngineError> {
        match (std::mem::replace(&mut self.next, Next::Step), self.direction) {
            (Next::First, Direction::Forward) => self.iterator.seek_to_first(),
            (Next::First, Direction::Reverse) => self.iterator.seek_to_last(),
            (Next::Seek(key), Direction::Forward) => self.iterator.seek(key),
            (Next::Seek(key), Direction::Reverse) => {
                self.iterator.seek_for_prev(&key);
                if self.iterator.key() == Some(&key) {
                    self.iterator.prev();
                }
            }
            (Next::Step, Direction::Forward) => self.iterator.next(),
            (Next::Step, Direction::Reverse) => self.iterator.prev(),
            (Next::End, _) => {
                self.next = Next::End;
                return Ok(false);
            }
        }
        if self.iterator.valid() {
            return Ok(true);
        }
        self.next = Next::End;
        self.iterator.status().map_err(|error| engine_error(&error))?;
        Ok(false)
    }

    fn seek(&mut self, key: &[u8]) {
        self.next = Next::Seek(key.to_vec());
    }

    fn key(&self) -> &[u8] {
        self.iterator.key().unwrap_or_default()
    }

    fn value(&self) -> &[u8] {
        self.iterator.value().unwrap_or_default()
    }
}
