//! The store over RocksDB: commits in groups, and point reads. Not synced: the disk is not what is measured.
#![allow(clippy::unwrap_used, reason = "a bench panics where it fails")]

use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use starling_ring::Token;
use starling_storage::engine::Durability;
use starling_storage::engine::rocks::{RocksEngine, RocksSettings};
use starling_storage::model::{
    Cell, CellContent, ColumnData, ColumnId, Marker, Mutation, Partition, ReadCommand, ReadTarget, Row, TableId,
    TableRef,
};
use starling_storage::store::{Store, StoreSettings};

const TABLE: TableRef = TableRef { id: TableId(7), incarnation: 0 };
const KEYS: u64 = 100_000;

/// Every key once in `KEYS` numbers (the factor is odd and no multiple of 5), scattered, the same in every run.
fn key(number: u64) -> (Token, Bytes) {
    let key = Bytes::copy_from_slice(&((number % KEYS) * 48_271 % KEYS).to_be_bytes());
    (Token::from_key(&key), key)
}

fn mutation(number: u64) -> Mutation {
    let (token, key) = key(number);
    let timestamp_us = number as i64;
    let content = CellContent::Live { value: Bytes::from(vec![7; 200]), expiry: None };
    let cells = vec![Cell { path: None, timestamp_us, content }];
    let columns = vec![ColumnData { column: ColumnId(1), deletion: None, cells }];
    let row = Row { marker: Some(Marker { timestamp_us, expiry: None }), deletion: None, columns };
    let rows = vec![(Bytes::new(), row)];
    let partition = Partition { token, key, deletion: None, range_tombstones: vec![], static_row: None, rows };
    Mutation { table: TABLE, issue_stamp: 0, partition }
}

fn read(number: u64) -> ReadCommand {
    let (token, key) = key(number);
    ReadCommand {
        table: TABLE,
        has_clustering: false,
        gc_grace_s: 864_000,
        target: ReadTarget::Partition { token, key },
        slices: vec![],
        reversed: false,
        row_limit: 1,
        per_partition_limit: 1,
        size_limit_bytes: 1 << 20,
        now_s: 1_700_000_000,
        resume: None,
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = tempfile::tempdir().unwrap();
    let engine = Arc::new(RocksEngine::open(folder.path(), &RocksSettings::default()).unwrap());
    let store = Store::open(engine, StoreSettings::default()).unwrap();
    for start in (0..KEYS).step_by(100) {
        let batch: Vec<Mutation> = (start..start + 100).map(mutation).collect();
        store.commit(&batch, Durability::NoSync).unwrap();
    }
    let mut group = criterion.benchmark_group("engine");
    let mut next = 0;
    group.bench_function("read_row", |bencher| {
        bencher.iter(|| {
            next += 1;
            store.read(&read(next)).unwrap()
        });
    });
    for size in [1, 16, 128] {
        group.throughput(Throughput::Elements(size));
        group.bench_function(format!("commit_{size}"), |bencher| {
            bencher.iter(|| {
                let batch: Vec<Mutation> = (next..next + size).map(mutation).collect();
                next += size;
                store.commit(&batch, Durability::NoSync).unwrap()
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
