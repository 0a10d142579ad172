//! Merging, key encoding and the format of rows.
#![allow(clippy::unwrap_used, reason = "a bench panics where it fails")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use starling_cql_lite::ordered;
use starling_cql_lite::types::CqlType;
use starling_ring::Token;
use starling_storage::key::{KeyComponent, compose, row_key};
use starling_storage::merge::merge_row;
use starling_storage::model::{
    Cell, CellContent, ColumnData, ColumnId, Marker, Mutation, Partition, Row, TableId, TableRef,
};

const TABLE: TableRef = TableRef { id: TableId(7), incarnation: 0 };

fn row(columns: u32, timestamp_us: i64) -> Row {
    let content = CellContent::Live { value: Bytes::from(vec![7; 200]), expiry: None };
    let column = |id| {
        let cells = vec![Cell { path: None, timestamp_us, content: content.clone() }];
        ColumnData { column: ColumnId(id), deletion: None, cells }
    };
    let marker = Some(Marker { timestamp_us, expiry: None });
    Row { marker, deletion: None, columns: (0..columns).map(column).collect() }
}

fn merging(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merge");
    for columns in [1, 16] {
        let (old, new) = (row(columns, 1), row(columns, 2));
        let pair = || (old.clone(), new.clone());
        let merge = |(mut into, other): (Row, Row)| {
            merge_row(&mut into, other);
            into
        };
        group.bench_function(format!("row_of_{columns}"), |bencher| {
            bencher.iter_batched(pair, merge, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("keys");
    group.bench_function("token", |bencher| bencher.iter(|| Token::from_key(black_box(b"customer-000042"))));
    let text = b"customer-000042".as_slice();
    group.bench_function("clustering", |bencher| {
        let mut ordered_text = Vec::new();
        let mut ordered_int = Vec::new();
        bencher.iter(|| {
            ordered_text.clear();
            ordered_int.clear();
            ordered::encode(&CqlType::Text, black_box(text), &mut ordered_text).unwrap();
            ordered::encode(&CqlType::Int, &7i32.to_be_bytes(), &mut ordered_int).unwrap();
            let text = KeyComponent { bytes: &ordered_text, fixed_length: None, reversed: false };
            let int = KeyComponent { bytes: &ordered_int, fixed_length: Some(4), reversed: true };
            compose(&[text, int])
        });
    });
    group.bench_function("engine_key", |bencher| {
        bencher.iter(|| row_key(TABLE, Token(42), black_box(text), black_box(b"clustering")));
    });
    group.finish();
}

fn format(criterion: &mut Criterion) {
    let key = Bytes::from_static(b"customer-000042");
    let partition = Partition {
        token: Token::from_key(&key),
        key,
        deletion: None,
        range_tombstones: vec![],
        static_row: None,
        rows: vec![(Bytes::new(), row(4, 1))],
    };
    let mutation = Mutation { table: TABLE, issue_stamp: 0, partition };
    let encoded = mutation.encode();
    let mut group = criterion.benchmark_group("format");
    group.bench_function("encode_mutation", |bencher| bencher.iter(|| black_box(&mutation).encode()));
    group.bench_function("decode_mutation", |bencher| bencher.iter(|| Mutation::decode(black_box(&encoded)).unwrap()));
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    merging(&mut criterion);
    keys(&mut criterion);
    format(&mut criterion);
    criterion.final_summary();
}
