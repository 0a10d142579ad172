//! The store: mutations in, answers out, over an engine.

mod collect;
mod error;
mod figures;
mod filter;
mod fold;
mod memory_read;
mod meta;
mod pileup;
mod purge;
mod read;
mod recent;
mod tables;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard, RwLock};
use starling_planted::{Bug, is_planted};
use starling_ring::Token;

use crate::engine::{Batch, Direction, Durability, Engine, EngineError, EngineSize, Space};
use crate::format::fragment;
use crate::header::Header;
use crate::key;
use crate::model::{Mutation, ReadCommand, ReadResult, TableId, TableRef};

pub use error::{Refusal, StoreError};
pub use figures::StoreFigures;
pub use memory_read::read_partitions;
pub use purge::{PurgeCommand, PurgeProgress};

use filter::HeaderFilter;
use fold::FoldHint;
use recent::RecentCommits;
use tables::Tables;

/// Settings of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// Committers, 1 to 64: each has the partitions of an equal part of the tokens' hash. More of them let
    /// more cores write; each costs 32 KiB of records and its batches are smaller.
    pub shards: usize,
    /// Size of the filter that spares point reads the lookup of a partition header, in bytes. 10 bits for
    /// each partition with a static row or a deletion of its own keep lookups in vain at 1 in 100.
    pub header_filter_bytes: usize,
    /// A key read with this many unfolded fragments or more (at least 2) is folded. Lower makes reads of hot
    /// rows cheaper and writes more.
    pub fold_threshold: u8,
    /// Keys per shard that may wait to be folded; more are forgotten until they are read again.
    pub fold_queue_max: usize,
}

impl Default for StoreSettings {
    fn default() -> Self {
        StoreSettings { shards: 1, header_filter_bytes: 4 << 20, fold_threshold: 4, fold_queue_max: 1024 }
    }
}

/// What became of a batch of mutations: all not named here were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Indexes of refused mutations, ascending, each with the reason.
    pub refused: Vec<(usize, Refusal)>,
}

/// What this node holds, over an engine.
pub struct Store {
    engine: Arc<dyn Engine>,
    settings: StoreSettings,
    filter: HeaderFilter,
    tables: RwLock<Tables>,
    shards: Vec<Shard>,
    figures: StoreFigures,
}

struct Shard {
    /// Held while a batch is written, and while a fold or purge checks and writes.
    recent: Mutex<RecentCommits>,
    folds: Mutex<VecDeque<FoldHint>>,
}

impl Store {
    /// Opens the store and finds out which partitions have headers. Until [`Store::set_tables`] is called
    /// every table is admitted.
    pub fn open(engine: Arc<dyn Engine>, settings: StoreSettings) -> Result<Store, StoreError> {
        let filter = HeaderFilter::new(settings.header_filter_bytes);
        {
            let snapshot = engine.snapshot()?;
            let mut headers = snapshot.cursor(Space::Headers, &[], &[0xFF; 32], Direction::Forward)?;
            while headers.advance()? {
                filter.insert(headers.key());
            }
        }
        let shard = |_| Shard { recent: Mutex::new(RecentCommits::new()), folds: Mutex::default() };
        let shards = (0..settings.shards.clamp(1, 64)).map(shard).collect();
        let figures = StoreFigures::default();
        Ok(Store { engine, settings, filter, tables: RwLock::default(), shards, figures })
    }

    /// Says which tables and incarnations are current. Ids below `next_table_id` that are not among them were
    /// dropped; those from it on are not known yet.
    pub fn set_tables(&self, tables: &[TableRef], next_table_id: u32) {
        *self.tables.write() = Tables::new(tables, next_table_id);
    }

    /// Whether a mutation or read of this table is admitted now.
    pub fn check_table(&self, table: TableRef) -> Result<(), Refusal> {
        self.tables.read().check(table)
    }

    /// How many shards it has.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// The shard of a partition.
    pub fn shard_of(&self, token: Token) -> usize {
        // The token's low bits are as good as random.
        (token.0 as u64 % self.shards.len() as u64) as usize
    }

    /// The engine below.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Sizes, estimated.
    pub fn size(&self) -> EngineSize {
        self.engine.size()
    }

    /// Applies mutations in one batch, without reading: fragments are merged by the engine. Mutations of tables
    /// or incarnations that are not current are refused, the others applied.
    pub fn commit(&self, mutations: &[Mutation], durability: Durability) -> Result<Committed, StoreError> {
        self.commit_each(mutations.iter(), durability)
    }

    /// [`Store::commit`] for mutations that do not lie side by side.
    pub fn commit_each<'m>(
        &self,
        mutations: impl Iterator<Item = &'m Mutation> + Clone,
        durability: Durability,
    ) -> Result<Committed, StoreError> {
        let mut committed = Committed::default();
        let mut guards = self.lock_shards_of(mutations.clone().map(|mutation| mutation.partition.token));
        let mut batch = Batch::new();
        let mut piled = Vec::new();
        {
            let tables = self.tables.read();
            for (index, mutation) in mutations.enumerate() {
                match tables.check(mutation.table) {
                    Err(Refusal::Gone) if is_planted(Bug::LateWriteAfterTruncate) => {
                        let Some(table) = tables.current(mutation.table.id) else { continue };
                        self.add(&Mutation { table, ..mutation.clone() }, None, &mut batch, &mut piled);
                    }
                    Ok(()) => {
                        let shard = self.shard_of(mutation.partition.token);
                        let recent = guards.iter_mut().find(|(number, _)| *number == shard);
                        self.add(mutation, recent.map(|(_, recent)| &mut **recent), &mut batch, &mut piled);
                    }
                    Err(refusal) => committed.refused.push((index, refusal)),
                }
            }
        }
        if !batch.is_empty() {
            let is_synced = !is_planted(Bug::LoseUnsyncedTail);
            match self.engine.write(batch, if is_synced { durability } else { Durability::NoSync }) {
                Err(EngineError::Io(_)) if is_planted(Bug::IgnoreDiskError) => {}
                Err(EngineError::Full(_)) if is_planted(Bug::IgnoreFullDisk) => {}
                written => written?,
            }
        }
        drop(guards);
        self.remember_folds(piled);
        Ok(committed)
    }

    /// Adds a mutation's fragments to the batch, and to `piled` the keys that have gathered too many.
    fn add(
        &self,
        mutation: &Mutation,
        mut recent: Option<&mut RecentCommits>,
        batch: &mut Batch,
        piled: &mut Vec<(Space, Bytes)>,
    ) {
        let mut merge = |recent: Option<&mut &mut RecentCommits>, space: Space, key: Vec<u8>, value: Vec<u8>| {
            let is_piled = recent.is_some_and(|recent| recent.pile_up.add(&key));
            let key = Bytes::from(key);
            if is_piled {
                piled.push((space, key.clone()));
            }
            batch.merge(space, key, value);
        };
        let partition = &mutation.partition;
        let prefix = key::partition_prefix(mutation.table, partition.token, &partition.key);
        if let Some(recent) = recent.as_mut() {
            recent.touch(&prefix);
        }
        if let Some(header) = Header::of(partition) {
            // Before the write: who reads after it must look the header up.
            self.filter.insert(&prefix);
            merge(recent.as_mut(), Space::Headers, prefix.clone(), fragment(&header));
        }
        for (clustering, row) in &partition.rows {
            let key = if clustering.is_empty() { prefix.clone() } else { [&prefix, clustering.as_ref()].concat() };
            merge(recent.as_mut(), Space::Rows, key, fragment(row));
        }
    }

    /// Locks the shards of these tokens, in order, and starts a commit in each.
    fn lock_shards_of(&self, tokens: impl Iterator<Item = Token>) -> Vec<(usize, MutexGuard<'_, RecentCommits>)> {
        let wanted = tokens.fold(0u64, |wanted, token| wanted | 1 << self.shard_of(token));
        self.lock_shards(wanted)
    }

    fn lock_shards(&self, wanted: u64) -> Vec<(usize, MutexGuard<'_, RecentCommits>)> {
        let shards = self.shards.iter().enumerate().filter(|(number, _)| wanted & (1 << number) != 0);
        shards
            .map(|(number, shard)| {
                let mut recent = shard.recent.lock();
                recent.begin();
                (number, recent)
            })
            .collect()
    }

    /// Reads: live rows and the deletions among them, in canonical form.
    pub fn read(&self, command: &ReadCommand) -> Result<ReadResult, StoreError> {
        self.check_table(command.table)?;
        self.read_engine(command, None).map(|(result, _)| result)
    }

    /// The same, but `None` if more than `rows_max` slices or rows have to be walked for it: who has not the time for
    /// that leaves the read to somebody else.
    pub fn read_within(&self, command: &ReadCommand, rows_max: u32) -> Result<Option<ReadResult>, StoreError> {
        self.check_table(command.table)?;
        if command.slices.len() > rows_max as usize {
            return Ok(None);
        }
        let (result, is_whole) = self.read_engine(command, Some(rows_max))?;
        Ok(is_whole.then_some(result))
    }

    fn read_engine(&self, command: &ReadCommand, rows_max: Option<u32>) -> Result<(ReadResult, bool), StoreError> {
        let mut read = read::EngineRead {
            engine: &*self.engine,
            filter: &self.filter,
            command,
            rows_max,
            fold_threshold: self.settings.fold_threshold.max(2),
            fold_hints: Vec::new(),
        };
        let answer = read.run()?;
        self.remember_folds(read.fold_hints);
        Ok(answer)
    }

    /// Removes what is left of a table: all of it, or its incarnations below `keep`. It is out of sight already.
    pub fn drop_table(&self, id: TableId, keep: Option<u32>) -> Result<(), StoreError> {
        let (start, end) = keep.map_or_else(|| key::whole_table(id), |keep| key::older_incarnations(id, keep));
        if start >= end {
            return Ok(());
        }
        let mut guards = self.lock_shards(u64::MAX);
        for (_, recent) in &mut guards {
            recent.touch_all();
        }
        let mut batch = Batch::new();
        for space in [Space::Rows, Space::Headers] {
            batch.delete_range(space, Bytes::from(start.clone()), Bytes::from(end.clone()));
        }
        Ok(self.engine.write(batch, Durability::NoSync)?)
    }

    /// Removes what is left of tables and incarnations that are not current, looking for them in what is stored: none
    /// is missed, however shortly it lived. How many were found.
    pub fn drop_gone_tables(&self) -> Result<usize, StoreError> {
        let mut gone = 0;
        for table in self.stored_tables()? {
            if self.check_table(table) == Err(Refusal::Gone) {
                self.drop_table(table.id, table.incarnation.checked_add(1))?;
                gone += 1;
                self.figures.tables_dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(gone)
    }

    /// The tables and incarnations of which something is stored, with one seek for each.
    fn stored_tables(&self) -> Result<BTreeSet<TableRef>, StoreError> {
        let snapshot = self.engine.snapshot()?;
        let mut tables = BTreeSet::new();
        for space in [Space::Rows, Space::Headers] {
            let mut cursor = snapshot.cursor(space, &[], &[0xFF; 32], Direction::Forward)?;
            while cursor.advance()? {
                let table = key::parse_engine_key(cursor.key())?.table;
                tables.insert(table);
                cursor.seek(&key::incarnation_end(table));
            }
        }
        Ok(tables)
    }

    /// Syncs all that was written: what `periodic` durability does at its interval.
    pub fn sync(&self) -> Result<(), StoreError> {
        Ok(self.engine.sync()?)
    }
}
