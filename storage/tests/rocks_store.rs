//! The store over RocksDB: the same behaviours, and that deleted data leaves the disk.
#![cfg(feature = "rocksdb")]
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod common;
mod suite;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use common::*;
use proptest::collection::vec;
use proptest::prelude::*;
use starling_ring::Token;
use starling_storage::engine::rocks::{RocksEngine, RocksSettings};
use starling_storage::engine::{Durability, Engine, EngineError};
use starling_storage::model::*;
use starling_storage::store::*;
use suite::*;

fn small() -> RocksSettings {
    let defaults = RocksSettings::default();
    RocksSettings { block_cache_bytes: 1 << 20, write_buffer_bytes: 256 << 10, successive_merges_max: 3, ..defaults }
}

/// An engine in a folder that lives as long as it.
fn with_engine<T>(run: impl FnOnce(Arc<dyn Engine>) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    run(Arc::new(RocksEngine::open(folder.path(), &small()).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10) })]

    #[test]
    fn reads_agree_with_the_model(steps in vec(step(), 1..24), reads in vec(random_read(), 1..6)) {
        with_engine(|engine| agrees_with_the_model(engine, steps, reads));
    }

    #[test]
    fn stores_converge(mutations in vec(mutation(), 0..12)) {
        with_engine(|one| with_engine(|other| converges([one, other], mutations)));
    }

    #[test]
    fn the_engine_is_an_ordered_map(steps in vec(any::<(u8, u8, u8)>(), 0..40)) {
        with_engine(|engine| is_an_ordered_map(engine, steps));
    }

    #[test]
    fn purging_leaves_nothing(mutations in vec(mutation(), 0..12)) {
        with_engine(|engine| purges_to_nothing(engine, mutations));
    }
}

#[test]
fn metadata_and_incarnations() {
    with_engine(keeps_metadata_and_refuses_old_incarnations);
}

#[test]
fn damaged_fragments() {
    with_engine(reports_damaged_fragments);
}

/// Bytes that do not compress.
fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn row_of(number: u64, expiry: Option<Expiry>) -> Row {
    let content = CellContent::Live { value: noise(number, 1024), expiry };
    let cells = vec![Cell { path: None, timestamp_us: 1, content }];
    Row { marker: None, deletion: None, columns: vec![ColumnData { column: ColumnId(1), deletion: None, cells }] }
}

fn mutation_of(number: u64, change: impl FnOnce(&mut Partition)) -> Mutation {
    let (token, key) = (Token(number as i64), Bytes::copy_from_slice(&number.to_be_bytes()));
    let mut partition =
        Partition { token, key, deletion: None, range_tombstones: vec![], static_row: None, rows: vec![] };
    change(&mut partition);
    Mutation { table: TABLE, issue_stamp: 0, partition }
}

#[test]
fn deleted_and_expired_data_leaves_the_disk() {
    with_engine(|engine| {
        let store = open(&engine);
        let expiry = Some(Expiry { ttl_s: 10, expires_at_s: NOW_S });
        let rows: Vec<Mutation> = (0..2000)
            .map(|number| {
                let row = row_of(number, expiry.filter(|_| number % 2 == 0));
                mutation_of(number, |partition| partition.rows.push((clustering(1), row)))
            })
            .collect();
        store.commit(&rows, Durability::Sync).unwrap();
        engine.compact().unwrap();
        let full = engine.size().live_bytes;
        assert!(full > 1_500_000, "{full}");
        let deletion = Deletion { timestamp_us: 2, local_deletion_time_s: NOW_S, issue_stamp: 0 };
        let deletions: Vec<Mutation> = (0..2000)
            .filter(|number| number % 2 == 1)
            .map(|number| match number % 3 {
                0 => mutation_of(number, |partition| partition.deletion = Some(deletion)),
                1 => {
                    let row = Row { deletion: Some(deletion), ..Row::default() };
                    mutation_of(number, |partition| partition.rows.push((clustering(1), row)))
                }
                _ => {
                    let range = RangeTombstone { start: clustering(0), end: clustering(5), deletion };
                    mutation_of(number, |partition| partition.range_tombstones.push(range))
                }
            })
            .collect();
        store.commit(&deletions, Durability::Sync).unwrap();
        assert_eq!(purge_all(&store, NOW_S + 100, 10).postponed, 0);
        engine.compact().unwrap();
        let left = engine.size().live_bytes;
        assert!(left < full / 50, "{left} of {full} bytes are left");
        assert_eq!(store.read(&read_all()), Ok(ReadResult::default()));
    });
}

fn files(folder: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect()
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// Failure mode 28: whatever byte is flipped, the store says so or has lost nothing.
#[test]
fn damage_is_reported_never_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let command = ReadCommand { size_limit_bytes: u32::MAX, ..read_all() };
    let whole = {
        let engine: Arc<dyn Engine> = Arc::new(RocksEngine::open(folder.path(), &small()).unwrap());
        let store = open(&engine);
        for number in 0..40 {
            let row = row_of(number, None);
            let mutation = mutation_of(number, |partition| partition.rows.push((clustering(1), row)));
            store.commit(&[mutation], Durability::Sync).unwrap();
            if number == 20 {
                engine.flush().unwrap();
            }
        }
        store.read(&command).unwrap()
    };
    let mut reported = 0;
    let damaged_files: Vec<_> = files(folder.path(), ".sst").into_iter().chain(files(folder.path(), ".log")).collect();
    assert!(damaged_files.len() >= 2);
    for file in damaged_files {
        let length = std::fs::metadata(&file).unwrap().len() as usize;
        for part in 0..8 {
            if length == 0 {
                continue;
            }
            let copy = tempfile::tempdir().unwrap();
            copy_folder(folder.path(), copy.path());
            let damaged = copy.path().join(file.file_name().unwrap());
            let mut bytes = std::fs::read(&damaged).unwrap();
            bytes[part * length / 8 + 9.min(length / 8)] ^= 0x40;
            std::fs::write(&damaged, bytes).unwrap();
            let outcome = RocksEngine::open(copy.path(), &small()).map_err(StoreError::from).and_then(|engine| {
                let engine: Arc<dyn Engine> = Arc::new(engine);
                Store::open(engine, settings())?.read(&command)
            });
            match outcome {
                Ok(found) => assert_eq!(found, whole, "{} part {part}: data was skipped", file.display()),
                Err(StoreError::Engine(EngineError::Corrupt(message))) => {
                    reported += 1;
                    let is_named = message.contains(".sst") || message.contains(".log");
                    assert!(is_named, "no file is named: {message}");
                }
                Err(error) => {
                    reported += 1;
                    assert!(matches!(error, StoreError::Engine(EngineError::Open(_))), "{error}");
                }
            }
        }
    }
    assert!(reported >= 8, "{reported}");
}

#[test]
fn a_store_is_opened_once() {
    let folder = tempfile::tempdir().unwrap();
    let _engine = RocksEngine::open(folder.path(), &small()).unwrap();
    assert!(matches!(RocksEngine::open(folder.path(), &small()), Err(EngineError::Open(_))));
}
