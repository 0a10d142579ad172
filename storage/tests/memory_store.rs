//! The store over the simulation's engine.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;
mod suite;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use bytes::Bytes;
use common::*;
use proptest::collection::vec;
use proptest::prelude::*;
use starling_ring::Token;
use starling_storage::engine::memory::{MemoryEngine, MemorySettings};
use starling_storage::engine::{Batch, Durability, Engine, EngineError, EngineSize, Snapshot, Space};
use starling_storage::model::*;
use starling_storage::store::*;
use suite::*;

fn engine(seed: u64) -> Arc<dyn Engine> {
    Arc::new(MemoryEngine::new(MemorySettings { seed, flush_one_in: 3, compact_one_in: 4 }))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn reads_agree_with_the_model(steps in vec(step(), 1..24), reads in vec(random_read(), 1..6), seed in any::<u64>()) {
        agrees_with_the_model(engine(seed), steps, reads);
    }

    #[test]
    fn stores_converge(mutations in vec(mutation(), 0..12), seed in any::<u64>()) {
        converges([engine(seed), engine(seed ^ 1)], mutations);
    }

    #[test]
    fn the_engine_is_an_ordered_map(steps in vec(any::<(u8, u8, u8)>(), 0..40), seed in any::<u64>()) {
        is_an_ordered_map(engine(seed), steps);
    }

    #[test]
    fn purging_leaves_nothing(mutations in vec(mutation(), 0..12), seed in any::<u64>()) {
        purges_to_nothing(engine(seed), mutations);
    }

    /// What was synced survives; of the rest some prefix.
    #[test]
    fn a_crash_loses_at_most_the_unsynced_tail(
        batches in vec((vec(mutation(), 1..3), any::<bool>()), 1..10), seed in any::<u64>(), flush_one_in in 0..6u32,
    ) {
        let settings = MemorySettings { seed, flush_one_in, compact_one_in: 3 };
        let memory = Arc::new(MemoryEngine::new(settings));
        let engine: Arc<dyn Engine> = memory.clone();
        let store = open(&engine);
        let mut synced = 0;
        for (number, (batch, sync)) in batches.iter().enumerate() {
            let durability = if *sync { Durability::Sync } else { Durability::NoSync };
            store.commit(batch, durability).unwrap();
            // A batch that writes nothing syncs nothing.
            if *sync && batch.iter().any(|m| !m.partition.rows.is_empty() || m.partition.static_row.is_some()) {
                synced = number + 1;
            }
        }
        memory.crash();
        let found = open(&engine).read(&read_all()).unwrap();
        let is_prefix = (synced..=batches.len()).any(|kept| {
            let prefix: Vec<Mutation> = batches[..kept].iter().flat_map(|(batch, _)| batch.clone()).collect();
            let whole = open(&self::engine(0));
            whole.commit(&prefix, Durability::NoSync).unwrap();
            whole.read(&read_all()).unwrap() == found
        });
        prop_assert!(is_prefix);
    }

    /// Commits that come while a purge is between its snapshot and its batch are neither lost nor undone.
    #[test]
    fn a_purge_loses_no_commit_that_comes_in_between(
        before in vec(mutation(), 1..10), meanwhile in vec((mutation(), 0..4u32), 1..6), seed in any::<u64>(),
    ) {
        let (meanwhile, passes): (Vec<_>, Vec<_>) = meanwhile.into_iter().unzip();
        let intruding = Arc::new(IntrudingEngine::new(engine(seed)));
        let engine: Arc<dyn Engine> = intruding.clone();
        let store = Arc::new(open(&engine));
        let mut mutations = before;
        mutations.extend(meanwhile.iter().cloned());
        for (number, mutation) in mutations.iter_mut().enumerate() {
            stamp(mutation, number as i64);
        }
        let meanwhile = mutations.split_off(mutations.len() - meanwhile.len());
        store.commit(&mutations, Durability::NoSync).unwrap();
        let (table, gc_grace_s, now_s) = (TABLE, 0, NOW_S);
        let (start, end) = (Token::MIN, Token::MAX);
        let purge = PurgeCommand { table, gc_grace_s, now_s, start, end, resume: None, partitions_max: 9 };
        for (mutation, passes) in meanwhile.into_iter().zip(passes) {
            intruding.passes.store(passes, Relaxed);
            let (committer, intruder) = (store.clone(), mutation.clone());
            *intruding.intruder.lock() = Some(Box::new(move || {
                committer.commit(std::slice::from_ref(&intruder), Durability::NoSync).unwrap();
            }));
            store.purge(&purge).unwrap();
            // A purge of few partitions takes no more snapshots to intrude upon.
            if let Some(intruder) = intruding.intruder.lock().take() {
                intruder();
            }
            mutations.push(mutation);
            let found = read_pages(&read_all(), |command| store.read(command).unwrap());
            prop_assert_eq!(found, model(&mutations, NOW_S));
        }
    }
}

#[test]
fn metadata_and_incarnations() {
    keeps_metadata_and_refuses_old_incarnations(engine(1));
}

#[test]
fn damaged_fragments() {
    reports_damaged_fragments(engine(1));
}

#[test]
fn a_failed_sync_is_the_end_until_a_restart() {
    let memory = Arc::new(MemoryEngine::new(MemorySettings::default()));
    let engine: Arc<dyn Engine> = memory.clone();
    let store = open(&engine);
    memory.fail_next(EngineError::Io("broken".into()));
    assert!(matches!(store.sync(), Err(StoreError::Engine(EngineError::Io(_)))));
    for _ in 0..2 {
        let outcome = store.put_meta(b"a", b"b");
        assert!(matches!(outcome, Err(StoreError::Engine(EngineError::Stopped(_)))));
    }
    assert_eq!(store.get_meta(b"a"), Ok(None));
    memory.restart();
    open(&engine).put_meta(b"a", b"b").unwrap();
}

/// A table without clustering columns: one row under the empty key, no header.
#[test]
fn tables_without_clustering_have_one_row() {
    let store = open(&engine(5));
    let mutation = |number: u8| {
        let (token, key) = partition_of(number);
        let row = Row { marker: Some(Marker { timestamp_us: 1, expiry: None }), ..Row::default() };
        let rows = vec![(bytes::Bytes::new(), row)];
        let partition = Partition { token, key, deletion: None, range_tombstones: vec![], static_row: None, rows };
        Mutation { table: TABLE, issue_stamp: 0, partition }
    };
    store.commit(&[mutation(0), mutation(1), mutation(2)], Durability::NoSync).unwrap();
    let (token, key) = partition_of(1);
    let command = ReadCommand { has_clustering: false, row_limit: 1, ..read_all() };
    let point = ReadCommand { target: ReadTarget::Partition { token, key }, ..command.clone() };
    let found = store.read(&point).unwrap();
    assert_eq!((found.partitions, found.truncated_at), (vec![mutation(1).partition], None));
    assert_eq!(read_pages(&command, |command| store.read(command).unwrap()).len(), 3);
    let found = store.read(&command).unwrap();
    assert_eq!(found.truncated_at.map(|position| position.clustering), Some(None));
}

type Intruder = parking_lot::Mutex<Option<Box<dyn FnOnce() + Send>>>;

/// Runs intruders once: right after a snapshot was taken, and right before something is looked at.
struct IntrudingEngine {
    inner: Arc<dyn Engine>,
    intruder: Intruder,
    before: Intruder,
    /// Snapshots that the intruder lets pass: a purge takes one to find a partition, then its own.
    passes: AtomicU32,
}

impl IntrudingEngine {
    fn new(inner: Arc<dyn Engine>) -> Self {
        IntrudingEngine { inner, intruder: Default::default(), before: Default::default(), passes: AtomicU32::new(0) }
    }

    fn intrude(intruder: &Intruder) {
        let intruder = intruder.lock().take();
        if let Some(intruder) = intruder {
            intruder();
        }
    }
}

impl Engine for IntrudingEngine {
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), EngineError> {
        self.inner.write(batch, durability)
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<bytes::Bytes>, EngineError> {
        Self::intrude(&self.before);
        self.inner.get(space, key)
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        Self::intrude(&self.before);
        let snapshot = self.inner.snapshot()?;
        if self.passes.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
            Self::intrude(&self.intruder);
        }
        Ok(snapshot)
    }

    fn sync(&self) -> Result<(), EngineError> {
        self.inner.sync()
    }

    fn flush(&self) -> Result<(), EngineError> {
        self.inner.flush()
    }

    fn compact(&self) -> Result<(), EngineError> {
        self.inner.compact()
    }

    fn size(&self) -> EngineSize {
        self.inner.size()
    }

    fn failure(&self) -> Option<EngineError> {
        self.inner.failure()
    }
}

/// What is read with many fragments is folded once, and means the same afterwards.
#[test]
fn what_is_read_in_fragments_is_folded_once() {
    let settings = MemorySettings { seed: 1, flush_one_in: 0, compact_one_in: 0 };
    let store = open(&(Arc::new(MemoryEngine::new(settings)) as Arc<dyn Engine>));
    let (token, key) = partition_of(0);
    let shard = store.shard_of(token);
    let row = |timestamp_us| Row { marker: Some(Marker { timestamp_us, expiry: None }), ..Row::default() };
    let deletion = |timestamp_us| Some(Deletion { timestamp_us, local_deletion_time_s: NOW_S, issue_stamp: 0 });
    for number in 1..6 {
        let rows = vec![(clustering(1), row(number * 2))];
        let (key, deletion) = (key.clone(), deletion(number));
        let partition = Partition { token, key, deletion, range_tombstones: vec![], static_row: None, rows };
        let mutation = Mutation { table: TABLE, issue_stamp: 0, partition };
        store.commit(&[mutation], Durability::NoSync).unwrap();
    }
    assert_eq!(store.fold_pending(shard, 9), Ok(0), "nothing was read yet");
    let found = store.read(&read_all()).unwrap();
    store.read(&read_all()).unwrap();
    assert_eq!(store.fold_pending(shard, 9), Ok(2), "a row and a header");
    assert_eq!(store.read(&read_all()).unwrap(), found);
    assert_eq!(store.fold_pending(shard, 9), Ok(0));
}

/// A range deletion within its grace is in answers, a purge leaves it, and what comes late under it stays dead.
#[test]
fn a_range_deletion_within_its_grace_stays() {
    let store = open(&engine(1));
    let (token, key) = partition_of(0);
    let deletion = Deletion { timestamp_us: 9, local_deletion_time_s: NOW_S, issue_stamp: 0 };
    let range = RangeTombstone { start: clustering(1), end: clustering(5), deletion };
    let empty = Partition { token, key, deletion: None, range_tombstones: vec![], static_row: None, rows: vec![] };
    let deleted = Partition { range_tombstones: vec![range.clone()], ..empty.clone() };
    let late = Row { marker: Some(Marker { timestamp_us: 8, expiry: None }), ..Row::default() };
    let written = Partition { rows: vec![(clustering(3), late)], ..empty };
    let commit = |partition| {
        let mutation = Mutation { table: TABLE, issue_stamp: 0, partition };
        store.commit(&[mutation], Durability::NoSync).unwrap();
    };
    let is_deleted = || {
        let found = store.read(&ReadCommand { gc_grace_s: 100, ..read_all() }).unwrap().partitions;
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].range_tombstones, found[0].rows.len()), (&vec![range.clone()], 0));
    };
    commit(deleted);
    is_deleted();
    purge_all(&store, NOW_S + 100, 100);
    commit(written);
    is_deleted();
    purge_all(&store, NOW_S + 101, 100);
    assert!(store.read(&read_all()).unwrap().partitions.is_empty());
}

fn written_in_fragments(store: &Store, rows: std::ops::Range<u8>) {
    let (token, key) = partition_of(0);
    for timestamp_us in 1..4 {
        let row = Row { marker: Some(Marker { timestamp_us, expiry: None }), ..Row::default() };
        let rows = rows.clone().map(|number| (clustering(number), row.clone())).collect();
        let (key, deletion) = (key.clone(), None);
        let partition = Partition { token, key, deletion, range_tombstones: vec![], static_row: None, rows };
        store.commit(&[Mutation { table: TABLE, issue_stamp: 0, partition }], Durability::NoSync).unwrap();
    }
}

#[test]
fn no_more_folds_wait_than_may() {
    let settings = MemorySettings { seed: 1, flush_one_in: 0, compact_one_in: 0 };
    let store = open(&(Arc::new(MemoryEngine::new(settings)) as Arc<dyn Engine>));
    let shard = store.shard_of(partition_of(0).0);
    written_in_fragments(&store, 0..10);
    store.read(&read_all()).unwrap();
    assert_eq!(store.fold_pending(shard, 99), Ok(8), "the others are forgotten");
    store.read(&read_all()).unwrap();
    assert_eq!(store.fold_pending(shard, 1), Ok(1), "until they are read again");
    assert_eq!(store.fold_pending(shard, 99), Ok(1));
}

#[test]
fn what_waits_twice_is_folded_once() {
    let settings = MemorySettings { seed: 1, flush_one_in: 0, compact_one_in: 0 };
    let engine = Arc::new(MemoryEngine::new(settings)) as Arc<dyn Engine>;
    let store = Store::open(engine, StoreSettings { fold_queue_max: 99, ..suite::settings() }).unwrap();
    let shard = store.shard_of(partition_of(0).0);
    written_in_fragments(&store, 0..18);
    let read = |number| {
        let slices = vec![Slice::of_row(clustering(number))];
        store.read(&ReadCommand { slices, ..read_all() }).unwrap();
    };
    // The second time the first lies too far back in the queue to be seen.
    (0..18).for_each(read);
    read(0);
    assert_eq!(store.fold_pending(shard, 1), Ok(1));
    assert_eq!(store.fold_pending(shard, 99), Ok(17));
}

/// Between its snapshot of a partition and its batch something is committed there: the partition's turn comes later,
/// for its deletion still has something to shadow.
#[test]
fn a_purge_leaves_a_partition_that_is_written_meanwhile() {
    let intruding = Arc::new(IntrudingEngine::new(engine(1)));
    let engine: Arc<dyn Engine> = intruding.clone();
    let store = Arc::new(open(&engine));
    let mutation = |number, row| {
        let (token, key) = partition_of(number);
        let rows = vec![(clustering(1), row)];
        let partition = Partition { token, key, deletion: None, range_tombstones: vec![], static_row: None, rows };
        Mutation { table: TABLE, issue_stamp: 0, partition }
    };
    let deletion = Some(Deletion { timestamp_us: 9, local_deletion_time_s: 1, issue_stamp: 0 });
    let gone = || Row { deletion, ..Row::default() };
    let late = mutation(0, Row { marker: Some(Marker { timestamp_us: 5, expiry: None }), ..Row::default() });
    store.commit(&[mutation(0, gone()), mutation(2, gone())], Durability::NoSync).unwrap();
    intruding.passes.store(1, Relaxed);
    let committer = store.clone();
    *intruding.intruder.lock() = Some(Box::new(move || {
        committer.commit(std::slice::from_ref(&late), Durability::NoSync).unwrap();
    }));
    let (start, end) = (Token::MIN, Token::MAX);
    let command =
        PurgeCommand { table: TABLE, gc_grace_s: 10, now_s: NOW_S, start, end, resume: None, partitions_max: 9 };
    let progress = store.purge(&command).unwrap();
    assert!(intruding.intruder.lock().is_none(), "it came in between");
    assert_eq!(progress, PurgeProgress { partitions: 2, keys: 1, postponed: 1, ..PurgeProgress::default() });
    assert!(store.read(&ReadCommand { gc_grace_s: 10, ..read_all() }).unwrap().partitions.is_empty());
    let progress = store.purge(&command).unwrap();
    assert_eq!(progress, PurgeProgress { partitions: 1, keys: 1, ..PurgeProgress::default() });
    assert!(store.read(&read_all()).unwrap().partitions.is_empty());
}

/// What changes in one partition may be more than one batch holds.
#[test]
fn a_purge_goes_on_where_a_batch_is_full() {
    let store = open(&engine(1));
    let (token, key) = partition_of(0);
    let deletion = Some(Deletion { timestamp_us: 5, local_deletion_time_s: 1, issue_stamp: 0 });
    // One row is more than a batch by itself.
    let row = |number: u8| {
        let size_bytes = if number == 3 { 300 << 10 } else { 100 << 10 };
        let content = CellContent::Live { value: Bytes::from(vec![7; size_bytes]), expiry: None };
        let cells = vec![Cell { path: None, timestamp_us: 9, content }];
        Row { marker: None, deletion, columns: vec![ColumnData { column: ColumnId(1), deletion: None, cells }] }
    };
    let rows: Vec<(Bytes, Row)> = (0..7).map(|number| (clustering(number), row(number))).collect();
    let partition = Partition { token, key, deletion: None, range_tombstones: vec![], static_row: None, rows };
    store.commit(&[Mutation { table: TABLE, issue_stamp: 0, partition }], Durability::NoSync).unwrap();
    let progress = purge_all(&store, NOW_S, 10);
    assert_eq!((progress.partitions, progress.keys, progress.postponed), (1, 7, 0));
    let found = store.read(&ReadCommand { gc_grace_s: 1_000_000, ..read_all() }).unwrap();
    assert!(found.partitions[0].rows.iter().all(|(_, row)| row.deletion.is_none() && row.columns.len() == 1));
}

/// A purge says how far it came and what it did.
#[test]
fn a_purge_counts_partitions_and_keys() {
    let store = open(&engine(1));
    let deleted =
        |timestamp_us, local_deletion_time_s| Deletion { timestamp_us, local_deletion_time_s, issue_stamp: 0 };
    let commit = |number, deletion, rows: Vec<(Bytes, Row)>| {
        let (token, key) = partition_of(number);
        let partition = Partition { token, key, deletion, range_tombstones: vec![], static_row: None, rows };
        store.commit(&[Mutation { table: TABLE, issue_stamp: 0, partition }], Durability::NoSync).unwrap();
    };
    let marked = || Row { marker: Some(Marker { timestamp_us: 5, expiry: None }), ..Row::default() };
    let gone = || Row { deletion: Some(deleted(9, 1)), ..Row::default() };
    // Two rows that are gone and one whose marker is, under a deletion that must stay.
    let half = || Row { deletion: Some(deleted(5, NOW_S)), ..marked() };
    commit(0, None, vec![(clustering(1), gone()), (clustering(2), gone()), (clustering(3), half())]);
    // A row that is shadowed; the deletion of its partition stays.
    commit(1, Some(deleted(7, NOW_S)), vec![(clustering(1), marked())]);
    commit(2, Some(deleted(7, 1)), vec![]);
    commit(3, None, vec![(clustering(1), marked())]);
    let (start, end) = (Token::MIN, Token::MAX);
    let command =
        PurgeCommand { table: TABLE, gc_grace_s: 10, now_s: NOW_S, start, end, resume: None, partitions_max: 2 };
    let (token, key) = partition_of(1);
    let resume = Some(Position { token, key, clustering: None });
    let first = store.purge(&command).unwrap();
    assert_eq!(first, PurgeProgress { resume, partitions: 2, keys: 4, ..PurgeProgress::default() });
    let second = store.purge(&PurgeCommand { resume: first.resume, partitions_max: 9, ..command.clone() }).unwrap();
    assert_eq!(second, PurgeProgress { partitions: 2, keys: 1, ..PurgeProgress::default() });
    let again = store.purge(&PurgeCommand { partitions_max: 9, ..command }).unwrap();
    assert_eq!(again, PurgeProgress { partitions: 3, ..PurgeProgress::default() });
}

/// A key that is written again and again without being read is folded too, and means the same afterwards.
#[test]
fn what_piles_up_is_folded_unread() {
    let settings = MemorySettings { seed: 1, flush_one_in: 0, compact_one_in: 0 };
    let store = open(&(Arc::new(MemoryEngine::new(settings)) as Arc<dyn Engine>));
    let (token, key) = partition_of(0);
    let shard = store.shard_of(token);
    for timestamp_us in 1..=64 {
        assert_eq!(store.fold_pending(shard, 9), Ok(0), "{timestamp_us}");
        let row = Row { marker: Some(Marker { timestamp_us, expiry: None }), ..Row::default() };
        let (key, rows) = (key.clone(), vec![(clustering(1), row)]);
        let partition = Partition { token, key, deletion: None, range_tombstones: vec![], static_row: None, rows };
        store.commit(&[Mutation { table: TABLE, issue_stamp: 0, partition }], Durability::NoSync).unwrap();
    }
    assert_eq!(store.fold_pending(shard, 9), Ok(1));
    let found = store.read(&read_all()).unwrap();
    let marker = found.partitions[0].rows[0].1.marker;
    assert_eq!(marker, Some(Marker { timestamp_us: 64, expiry: None }));
    assert_eq!(store.fold_pending(shard, 9), Ok(0), "nothing is left to fold");
}

/// A partition is deleted, then an older write comes, both between a read's look at the filter and its look at the
/// row: the row was never there to be seen.
#[test]
fn a_read_that_sees_a_row_sees_the_deletion_before_it() {
    for rows_read in [1, 2] {
        let intruding = Arc::new(IntrudingEngine::new(engine(3)));
        let engine: Arc<dyn Engine> = intruding.clone();
        let store = Arc::new(open(&engine));
        let (token, key) = partition_of(0);
        let partition =
            Partition { token, key, deletion: None, range_tombstones: vec![], static_row: None, rows: vec![] };
        let mut command = read_all();
        command.target = ReadTarget::Partition { token, key: partition.key.clone() };
        command.slices = (1..=rows_read).map(|number| Slice::of_row(clustering(number))).collect();
        let committer = store.clone();
        *intruding.before.lock() = Some(Box::new(move || {
            let deletion = Deletion { timestamp_us: 9, local_deletion_time_s: NOW_S, issue_stamp: 0 };
            let deleted = Partition { deletion: Some(deletion), ..partition.clone() };
            let row = Row { marker: Some(Marker { timestamp_us: 5, expiry: None }), ..Row::default() };
            let written = Partition { rows: vec![(clustering(1), row)], ..partition };
            for partition in [deleted, written] {
                let mutation = Mutation { table: TABLE, issue_stamp: 0, partition };
                committer.commit(&[mutation], Durability::NoSync).unwrap();
            }
        }));
        let found = store.read(&command).unwrap();
        assert!(found.partitions.iter().all(|partition| partition.rows.is_empty()), "{found:?}");
    }
}

/// A value that does not decode fails its reads, and keeps no other partition from being purged.
#[test]
fn a_purge_passes_over_damage() {
    let engine = engine(4);
    let store = open(&engine);
    let deleted = |number: u8| {
        let (token, key) = partition_of(number);
        let deletion = Some(Deletion { timestamp_us: 9, local_deletion_time_s: NOW_S - 5, issue_stamp: 0 });
        let partition = Partition { token, key, deletion, range_tombstones: vec![], static_row: None, rows: vec![] };
        Mutation { table: TABLE, issue_stamp: 0, partition }
    };
    let mut garbage = Batch::new();
    let (token, key) = partition_of(0);
    garbage.put(Space::Rows, starling_storage::key::row_key(TABLE, token, &key, &clustering(1)), vec![0x77, 1, 2]);
    engine.write(garbage, Durability::NoSync).unwrap();
    store.commit(&[deleted(0), deleted(1), deleted(2)], Durability::NoSync).unwrap();
    assert!(matches!(store.read(&read_all()), Err(StoreError::Corrupt(_))));
    let (start, end) = (Token::MIN, Token::MAX);
    let (table, gc_grace_s, now_s) = (TABLE, 0, NOW_S);
    let purge = PurgeCommand { table, gc_grace_s, now_s, start, end, resume: None, partitions_max: 9 };
    let progress = store.purge(&purge).unwrap();
    assert_eq!((progress.partitions, progress.damaged, progress.keys), (3, 1, 2));
}

/// What is stored of tables and incarnations that are gone is found, and nothing else goes.
#[test]
fn data_of_gone_tables_is_found_and_dropped() {
    let engine = engine(6);
    let store = open(&engine);
    let tables = [(1024, 0), (1024, 1), (1024, 2), (1025, 0), (1026, 0), (1030, 0)];
    let of = |(id, incarnation)| TableRef { id: TableId(id), incarnation };
    for (number, table) in tables.into_iter().enumerate() {
        let (token, key) = partition_of(1);
        let row = Row { marker: Some(Marker { timestamp_us: 1, expiry: None }), ..Row::default() };
        let deletion = Some(Deletion { timestamp_us: 0, local_deletion_time_s: NOW_S, issue_stamp: 0 });
        let partition = if number % 2 == 0 {
            Partition {
                token,
                key,
                deletion: None,
                range_tombstones: vec![],
                static_row: None,
                rows: vec![(clustering(1), row)],
            }
        } else {
            Partition { token, key, deletion, range_tombstones: vec![], static_row: None, rows: vec![] }
        };
        let mutation = Mutation { table: of(table), issue_stamp: 0, partition };
        store.commit(&[mutation], Durability::NoSync).unwrap();
    }
    assert_eq!(store.drop_gone_tables(), Ok(0), "which are current is not known yet");
    // 1025 was dropped, 1030 is of a schema that has not come yet.
    store.set_tables(&[of((1024, 2)), of((1026, 0))], 1027);
    assert_eq!(store.drop_gone_tables(), Ok(3));
    assert_eq!(store.drop_gone_tables(), Ok(0));
    let reopened = open(&engine);
    let left = |table| {
        let command = ReadCommand { table: of(table), ..read_all() };
        !reopened.read(&command).unwrap().partitions.is_empty()
    };
    assert_eq!(tables.map(left), [false, false, true, false, true, true]);
}
