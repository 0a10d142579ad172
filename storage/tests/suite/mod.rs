//! Behaviours of the store that every engine must show.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use starling_ring::Token;
use starling_storage::engine::{Batch, Direction, Durability, Engine, Space};
use starling_storage::live::live_rows;
use starling_storage::model::*;
use starling_storage::store::*;

use crate::common::*;

/// What happens to a store.
#[derive(Clone, Debug)]
pub enum Step {
    Commit(Vec<Mutation>),
    Flush,
    Compact,
    Fold,
    Purge,
    /// Reopens the store over the same engine.
    Reopen,
}

pub fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => vec(mutation(), 1..4).prop_map(Step::Commit),
        1 => Just(Step::Flush),
        1 => Just(Step::Compact),
        2 => Just(Step::Fold),
        2 => Just(Step::Purge),
        1 => Just(Step::Reopen),
    ]
}

pub fn settings() -> StoreSettings {
    StoreSettings { shards: 2, header_filter_bytes: 64, fold_threshold: 2, fold_queue_max: 8 }
}

pub fn open(engine: &Arc<dyn Engine>) -> Store {
    Store::open(engine.clone(), settings()).expect("opens")
}

pub fn purge_all(store: &Store, now_s: i64, gc_grace_s: u32) -> PurgeProgress {
    let (start, end) = (Token::MIN, Token::MAX);
    let mut command = PurgeCommand { table: TABLE, gc_grace_s, now_s, start, end, resume: None, partitions_max: 1 };
    let mut all = PurgeProgress::default();
    loop {
        let progress = store.purge(&command).expect("purges");
        all.keys += progress.keys;
        all.postponed += progress.postponed;
        all.partitions += progress.partitions;
        match progress.resume {
            Some(resume) => command.resume = Some(resume),
            None => return all,
        }
    }
}

/// Reads page by page to the end.
pub fn read_pages(command: &ReadCommand, mut read: impl FnMut(&ReadCommand) -> ReadResult) -> ModelRows {
    let mut rows = ModelRows::new();
    let mut command = command.clone();
    for _ in 0..1000 {
        let result = read(&command);
        assert_eq!(ReadResult::decode(&result.encode()).as_ref(), Ok(&result));
        let live: usize = result.partitions.iter().map(|p| live_rows(p, command.now_s).count()).sum();
        assert!(live <= command.row_limit as usize);
        add_live(&mut rows, &result, command.now_s);
        match result.truncated_at {
            Some(position) => command.resume = Some(position),
            None => return rows,
        }
    }
    panic!("the read does not come to an end");
}

/// A random read and the part of the model that it answers with.
pub fn random_read() -> impl Strategy<Value = ReadCommand> {
    let slices = prop_oneof![
        2 => Just(vec![]),
        1 => vec(0..7u8, 1..4).prop_map(|mut keys| {
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().map(|key| Slice::of_row(clustering(key))).collect()
        }),
        1 => (0..3u8, 0..3u8, 0..3u8).prop_map(|(start, gap, length)| {
            let slice = |a: u8, b: u8| Slice { start: clustering(a), end: clustering(b) };
            let next = start + 1 + gap;
            vec![slice(start, start + 1), slice(next, next + 1 + length)]
        }),
    ];
    let target = prop_oneof![
        (0..3u8).prop_map(|number| {
            let (token, key) = partition_of(number);
            ReadTarget::Partition { token, key }
        }),
        (-2..2i64, -2..2i64).prop_map(|(a, b)| ReadTarget::TokenRange { start: Token(a), end: Token(b) }),
        Just(ReadTarget::TokenRange { start: Token::MIN, end: Token::MAX }),
    ];
    let limits = (prop_oneof![Just(u32::MAX), 1..4u32], prop_oneof![Just(u32::MAX), Just(0), Just(100)]);
    (slices, target, limits, any::<bool>()).prop_map(|(slices, target, (row_limit, size_limit_bytes), reversed)| {
        ReadCommand { slices, target, row_limit, size_limit_bytes, reversed, ..read_all() }
    })
}

/// The rows of the model that a read is about.
pub fn expected(rows: &ModelRows, command: &ReadCommand) -> ModelRows {
    let mut rows = rows.clone();
    rows.retain(|(token, key), rows| {
        let is_target = match &command.target {
            ReadTarget::Partition { token: wanted, key: wanted_key } => (token, key) == (wanted, wanted_key),
            ReadTarget::TokenRange { start, end } => (*start == Token::MIN || start < token) && token <= end,
        };
        rows.retain(|clustering, _| {
            let within = |key: &Bytes| command.slices.iter().any(|slice| slice.contains(key));
            command.slices.is_empty() || clustering.as_ref().is_none_or(within)
        });
        is_target && !rows.is_empty()
    });
    rows
}

/// Random steps; reads at every point agree with the model and with the read of partitions in memory. Timestamps follow
/// the order of commits, so that a purge with no grace at all takes nothing that is still to shadow something.
pub fn agrees_with_the_model(engine: Arc<dyn Engine>, steps: Vec<Step>, reads: Vec<ReadCommand>) {
    let mut store = open(&engine);
    let mut mutations: Vec<Mutation> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Commit(mut batch) => {
                for mutation in &mut batch {
                    stamp(mutation, mutations.len() as i64);
                    mutations.push(mutation.clone());
                }
                assert_eq!(store.commit(&batch, Durability::NoSync), Ok(Committed::default()));
            }
            Step::Flush => engine.flush().expect("flushes"),
            Step::Compact => engine.compact().expect("compacts"),
            Step::Fold => {
                for shard in 0..store.shards() {
                    store.fold_pending(shard, 4).expect("folds");
                }
            }
            Step::Purge => {
                purge_all(&store, NOW_S, 0);
            }
            Step::Reopen => store = open(&engine),
        }
        let rows = model(&mutations, NOW_S);
        let command = &reads[number % reads.len()];
        let found = read_pages(command, |command| store.read(command).expect("reads"));
        assert_eq!(found, expected(&rows, command), "{command:?}");
        is_all_or_nothing_within_few_rows(&store, command);
        let fragments = store.read(&read_all()).expect("reads").partitions;
        let found = read_pages(command, |command| read_partitions(command, &fragments));
        assert_eq!(found, expected(&rows, command), "in memory: {command:?}");
    }
}

/// A read that is given up when it gets long is the same as any other, or nothing.
fn is_all_or_nothing_within_few_rows(store: &Store, command: &ReadCommand) {
    let whole = store.read(command).expect("reads");
    let rows: usize = whole.partitions.iter().map(|p| p.rows.len()).sum();
    for rows_max in 0..6 {
        let found = store.read_within(command, rows_max).expect("reads");
        assert!(found.is_none() || rows <= rows_max as usize, "{rows} rows within {rows_max}: {command:?}");
        assert!(found.is_none_or(|found| found == whole), "within {rows_max}: {command:?}");
    }
    assert_eq!(store.read_within(command, 10_000), Ok(Some(whole)), "{command:?}");
}

/// However often the same mutations arrive and in whatever order, the answer is the same bytes.
pub fn converges(engines: [Arc<dyn Engine>; 2], mutations: Vec<Mutation>) {
    let [one, other] = engines.map(|engine| open(&engine));
    one.commit(&mutations, Durability::NoSync).expect("commits");
    for mutation in mutations.iter().rev().chain(&mutations) {
        other.commit(std::slice::from_ref(mutation), Durability::NoSync).expect("commits");
        let _ = other.read(&read_all());
        other.fold_pending(0, 1).expect("folds");
    }
    for now_s in [NOW_S, NOW_S + 10] {
        for gc_grace_s in [0, 1_000_000] {
            let command = ReadCommand { now_s, gc_grace_s, ..read_all() };
            assert_eq!(one.read(&command), other.read(&command));
        }
    }
    let digest = |store: &Store| starling_storage::canonical::digest(&store.read(&read_all()).expect("reads"));
    assert_eq!(digest(&one), digest(&other));
}

/// The engine alone against a map: batches, snapshots, cursors both ways with seeks.
pub fn is_an_ordered_map(engine: Arc<dyn Engine>, steps: Vec<(u8, u8, u8)>) {
    let mut map: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (number, (kind, a, b)) in steps.into_iter().enumerate() {
        let (key, end) = (vec![a % 16], vec![b % 16]);
        let mut batch = Batch::new();
        match kind % 8 {
            0..4 => {
                batch.put(Space::Meta, key.clone(), vec![b, number as u8]);
                map.insert(key.clone(), vec![b, number as u8]);
            }
            4 | 5 => {
                batch.delete(Space::Meta, key.clone());
                map.remove(&key);
            }
            6 => {
                batch.delete_range(Space::Meta, key.clone(), end.clone());
                map.retain(|k, _| !(key <= *k && *k < end));
            }
            _ => engine.compact().expect("compacts"),
        }
        let before = engine.snapshot().expect("snapshot");
        let held = before.get(Space::Meta, &key).expect("reads");
        engine.write(batch, Durability::NoSync).expect("writes");
        assert_eq!(before.get(Space::Meta, &key).expect("reads"), held, "a snapshot changed");
        assert_eq!(engine.get(Space::Meta, &key).expect("reads").as_deref(), map.get(&key).map(Vec::as_slice));
        let snapshot = engine.snapshot().expect("snapshot");
        let (low, high) = (key.clone().min(end.clone()), key.max(end));
        let inside: Vec<_> = map.iter().filter(|(k, _)| low <= **k && **k < high).collect();
        for direction in [Direction::Forward, Direction::Reverse] {
            let mut cursor = snapshot.cursor(Space::Meta, &low, &high, direction).expect("cursor");
            let mut wanted: Vec<_> = inside.clone();
            if direction == Direction::Reverse {
                wanted.reverse();
            }
            for (key, value) in &wanted {
                assert!(cursor.advance().expect("advances"));
                assert_eq!((cursor.key(), cursor.value()), (key.as_slice(), value.as_slice()));
            }
            assert!(!cursor.advance().expect("advances"));
            assert!(!cursor.advance().expect("advances"));
            let middle = vec![(low[0] + high[0]) / 2];
            if low < high {
                let mut cursor = snapshot.cursor(Space::Meta, &low, &high, direction).expect("cursor");
                cursor.seek(&middle);
                let found = cursor.advance().expect("advances").then(|| cursor.key().to_vec());
                let wanted = match direction {
                    Direction::Forward => map.keys().find(|k| middle <= **k && **k < high),
                    Direction::Reverse => map.keys().rev().find(|k| **k < middle && low <= **k),
                };
                assert_eq!(found.as_ref(), wanted);
            }
        }
    }
}

/// Metadata, refusals and dropped tables.
pub fn keeps_metadata_and_refuses_old_incarnations(engine: Arc<dyn Engine>) {
    let store = open(&engine);
    store.put_meta(b"a/1", b"one").expect("writes");
    store
        .put_meta_all(&[(b"a/2", Some(b"two")), (b"b", Some(b"")), (b"a/1", Some(b"1"))], Durability::NoSync)
        .expect("writes");
    assert_eq!(store.get_meta(b"a/1").expect("reads").as_deref(), Some(&b"1"[..]));
    assert_eq!(store.get_meta(b"b").expect("reads").as_deref(), Some(&b""[..]));
    let keys = |found: Vec<(Bytes, Bytes)>| found.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(store.scan_meta(b"a/", None, 9).expect("reads")), ["a/1", "a/2"]);
    assert_eq!(keys(store.scan_meta(b"a/", Some(b"a/1"), 9).expect("reads")), ["a/2"]);
    assert_eq!(keys(store.scan_meta(b"", None, 2).expect("reads")), ["a/1", "a/2"]);

    let (token, key) = partition_of(1);
    let row = Row { marker: Some(Marker { timestamp_us: 1, expiry: None }), ..Row::default() };
    let rows = vec![(clustering(1), row)];
    let deletion = Some(Deletion { timestamp_us: 0, local_deletion_time_s: NOW_S, issue_stamp: 0 });
    let partition = Partition { token, key, deletion, range_tombstones: vec![], static_row: None, rows };
    let mutation = |id: u32, incarnation: u32| Mutation {
        table: TableRef { id: TableId(id), incarnation },
        issue_stamp: 0,
        partition: partition.clone(),
    };
    let truncated = TableRef { id: TABLE.id, incarnation: 2 };
    store.commit(&[mutation(1024, 1)], Durability::Sync).expect("commits");
    store.set_tables(&[truncated], 1030);
    let batch = [mutation(1024, 1), mutation(1024, 2), mutation(1024, 3), mutation(1029, 0), mutation(1030, 0)];
    let committed = store.commit(&batch, Durability::Sync).expect("commits");
    let (gone, behind) = (Refusal::Gone, Refusal::Behind);
    assert_eq!(committed.refused, [(0, gone), (2, behind), (3, gone), (4, behind)]);
    assert_eq!(store.read(&read_all()), Err(StoreError::Refused(gone)));
    let all = ReadCommand { table: truncated, ..read_all() };
    assert_eq!(store.read(&all).expect("reads").partitions, std::slice::from_ref(&partition));
    store.drop_table(TABLE.id, Some(2)).expect("drops");
    store.set_tables(&[TABLE], 1030);
    assert_eq!(store.read(&read_all()), Ok(ReadResult::default()));
    store.set_tables(&[truncated], 1030);
    assert_eq!(store.read(&all).expect("reads").partitions, [partition]);
    store.drop_table(TABLE.id, None).expect("drops");
    assert_eq!(store.read(&all), Ok(ReadResult::default()));
}

/// After a purge nothing is left of deleted and expired data, in any space.
pub fn purges_to_nothing(engine: Arc<dyn Engine>, mutations: Vec<Mutation>) {
    let store = open(&engine);
    store.commit(&mutations, Durability::NoSync).expect("commits");
    let partitions: Vec<Mutation> = (0..3)
        .map(|number| {
            let (token, key) = partition_of(number);
            let deletion = Some(Deletion { timestamp_us: 100, local_deletion_time_s: NOW_S, issue_stamp: 0 });
            let partition =
                Partition { token, key, deletion, range_tombstones: vec![], static_row: None, rows: vec![] };
            Mutation { table: TABLE, issue_stamp: 0, partition }
        })
        .collect();
    store.commit(&partitions, Durability::NoSync).expect("commits");
    purge_all(&store, NOW_S + 10, 100);
    let found = store.read(&read_all()).expect("reads");
    assert!(found.partitions.iter().all(|p| p.rows.is_empty() && p.deletion.is_some()), "shadowed data is left");
    purge_all(&store, NOW_S + 10, 1);
    engine.compact().expect("compacts");
    let snapshot = engine.snapshot().expect("snapshot");
    for space in [Space::Rows, Space::Headers] {
        let mut cursor = snapshot.cursor(space, &[], &[0xFF; 8], Direction::Forward).expect("cursor");
        assert!(!cursor.advance().expect("advances"), "{space:?} holds {:?}", cursor.key());
    }
    assert_eq!(store.read(&read_all()), Ok(ReadResult::default()));
}

/// An undecodable fragment stops no merge, loses nothing and is reported.
pub fn reports_damaged_fragments(engine: Arc<dyn Engine>) {
    let store = open(&engine);
    let (token, key) = partition_of(0);
    let row = Row { marker: Some(Marker { timestamp_us: 1, expiry: None }), ..Row::default() };
    let partition = Partition {
        token,
        key: key.clone(),
        deletion: None,
        range_tombstones: vec![],
        static_row: None,
        rows: vec![(clustering(1), row)],
    };
    let mutation = Mutation { table: TABLE, issue_stamp: 0, partition };
    let row_key = starling_storage::key::row_key(TABLE, token, &key, &clustering(1));
    store.commit(std::slice::from_ref(&mutation), Durability::NoSync).expect("commits");
    for noise in [&b"noise"[..], b"\x01", b"\xfe\x05"] {
        let mut batch = Batch::new();
        batch.merge(Space::Rows, row_key.clone(), noise.to_vec());
        engine.write(batch, Durability::NoSync).expect("writes");
        store.commit(std::slice::from_ref(&mutation), Durability::NoSync).expect("commits");
        engine.compact().expect("compacts");
    }
    assert!(matches!(store.read(&read_all()), Err(StoreError::Corrupt(_))));
    let held = engine.get(Space::Rows, &row_key).expect("reads").expect("is there");
    assert!(held.windows(5).any(|window| window == b"noise"));
}
