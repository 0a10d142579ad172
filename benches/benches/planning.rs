//! Preparing statements and putting values to them.
#![allow(clippy::unwrap_used, reason = "a bench panics where it fails")]

use std::collections::BTreeMap;
use std::hint::black_box;

use bytes::Bytes;
use criterion::Criterion;
use starling_cql_lite::parser::parse_statement;
use starling_node::plan::{BindContext, BoundValue, BoundValues, prepare};
use starling_node::schema::Schema;
use starling_node::schema::change::{ChangeContext, apply};
use uuid::Uuid;

fn schema() -> Schema {
    let datacenters = BTreeMap::from([("dc1".to_owned(), 1)]);
    let statements = [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.points (key bigint PRIMARY KEY, value blob)",
        "CREATE TABLE ks.series (key bigint, position int, value blob, PRIMARY KEY (key, position))",
    ];
    statements.iter().fold(Schema::empty(), |schema, text| {
        let context = ChangeContext { new_uuid: Uuid::from_u128(7), datacenters: &datacenters };
        apply(&schema, None, &parse_statement(text).unwrap().statement, &context).unwrap().schema
    })
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let schema = schema();
    let context = BindContext {
        now_us: 1_700_000_000_000_000,
        now_s: 1_700_000_000,
        client_timestamp_us: None,
        stamp: 1_700_000_000_000_000,
        entropy: 1,
        page_size: Some(5_000),
        paging_state: None,
    };
    let value = |bytes: &[u8]| BoundValue::Value(Bytes::copy_from_slice(bytes));
    let key = value(&7i64.to_be_bytes());
    let position = value(&7i32.to_be_bytes());
    let cases = [
        ("write", "INSERT INTO ks.points (key, value) VALUES (?, ?)", vec![key.clone(), value(&[7; 200])]),
        ("read", "SELECT value FROM ks.points WHERE key = ?", vec![key.clone()]),
        (
            "slice",
            "SELECT position, value FROM ks.series WHERE key = ? AND position >= ? LIMIT ?",
            vec![key, position.clone(), position],
        ),
    ];
    let mut group = criterion.benchmark_group("planning");
    for (name, text, values) in cases {
        let parsed = || parse_statement(text).unwrap();
        group.bench_function(format!("parse_and_prepare_{name}"), |bencher| {
            bencher.iter(|| prepare(&schema, None, black_box(parsed())).unwrap());
        });
        let prepared = prepare(&schema, None, parsed()).unwrap();
        group.bench_function(format!("bind_{name}"), |bencher| {
            bencher.iter(|| prepared.bind(BoundValues::Positional(black_box(values.clone())), &context).unwrap());
        });
    }
    group.finish();
    criterion.final_summary();
}
