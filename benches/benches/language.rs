//! Codec and parser.
#![allow(clippy::unwrap_used, reason = "a bench panics where it fails")]

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput};
use starling_cql_lite::parser::parse_statement;
use starling_cql_lite::protocol::client::encode_request;
use starling_cql_lite::protocol::compression::{Compression, compress_frame, decompress_body};
use starling_cql_lite::protocol::frame::{Direction, HEADER_BYTES, decode_header};
use starling_cql_lite::protocol::request::{BoundValue, QueryParameters, Request, decode_request};
use starling_cql_lite::protocol::response::{ResponseHead, write_void};
use starling_cql_lite::protocol::segment::{SegmentFormat, put_segments, read_segment};
use starling_ring::ConsistencyLevel;

const STATEMENTS: [(&str, &str); 3] = [
    ("insert", "INSERT INTO shop.orders (id, placed, total) VALUES (?, ?, 12.5) USING TTL 3600"),
    ("select", "SELECT id, placed, total FROM shop.orders WHERE id = ? AND placed >= ? AND placed < ? LIMIT 10"),
    (
        "create_table",
        "CREATE TABLE IF NOT EXISTS shop.orders (id uuid, placed timestamp, total decimal, lines map<text, int>, \
         PRIMARY KEY ((id), placed)) WITH CLUSTERING ORDER BY (placed DESC) AND gc_grace_seconds = 3600",
    ),
];

fn parser(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parser");
    for (name, text) in STATEMENTS {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| parse_statement(black_box(text)).unwrap()));
    }
    group.finish();
}

fn codec(criterion: &mut Criterion) {
    let value = [7u8; 200];
    let mut parameters = QueryParameters::new(ConsistencyLevel::Quorum);
    parameters.values = vec![BoundValue::Bytes(&value[..8]), BoundValue::Bytes(&value)];
    let request = Request::Execute { id: &value[..16], result_metadata_id: &[], parameters };
    let mut group = criterion.benchmark_group("codec");
    group.bench_function("encode_execute", |bencher| {
        let mut out = BytesMut::with_capacity(1024);
        bencher.iter(|| {
            out.clear();
            encode_request(&mut out, 4, 1, false, black_box(&request)).unwrap();
        });
    });
    let mut frame = BytesMut::new();
    encode_request(&mut frame, 4, 1, false, &request).unwrap();
    group.bench_function("decode_execute", |bencher| {
        bencher.iter(|| {
            let header = decode_header(black_box(&frame), Direction::Request, 1 << 20).unwrap().unwrap();
            decode_request(&header, &frame[HEADER_BYTES..]).unwrap().tracing
        });
    });
    group.bench_function("encode_void", |bencher| {
        let mut out = BytesMut::with_capacity(1024);
        let head = ResponseHead::new(4, 1);
        bencher.iter(|| {
            out.clear();
            write_void(&mut out, black_box(&head));
        });
    });
    group.finish();
}

/// Rows as text has them: they shrink to about a third.
fn compressible(size_bytes: usize) -> Vec<u8> {
    (0..)
        .flat_map(|row: u64| format!("order {:08x} paid ", row.wrapping_mul(0x9E37_79B9)).into_bytes())
        .take(size_bytes)
        .collect()
}

fn segments(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("segments");
    for size_bytes in [100, 16 << 10] {
        // As one QUERY frame of that size.
        let mut frame = vec![5, 0, 0, 1, 7];
        frame.extend_from_slice(&(size_bytes as u32).to_be_bytes());
        frame.extend(compressible(size_bytes));
        group.throughput(Throughput::Bytes(frame.len() as u64));
        for (name, format) in [("plain", SegmentFormat::Plain), ("lz4", SegmentFormat::Lz4)] {
            let mut out = BytesMut::new();
            group.bench_function(format!("encode_{name}/{size_bytes}"), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    put_segments(&mut out, format, black_box(&frame));
                });
            });
            group.bench_function(format!("decode_{name}/{size_bytes}"), |bencher| {
                bencher.iter_batched(
                    || out.clone(),
                    |mut bytes| read_segment(format, &mut bytes).unwrap(),
                    BatchSize::SmallInput,
                );
            });
        }
        for (name, compression) in [("lz4", Compression::Lz4), ("snappy", Compression::Snappy)] {
            let mut out = BytesMut::new();
            group.bench_function(format!("compress_body_{name}/{size_bytes}"), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    out.extend_from_slice(black_box(&frame));
                    compress_frame(&mut out, 0, compression);
                });
            });
            let body = out.split_off(HEADER_BYTES);
            group.bench_function(format!("decompress_body_{name}/{size_bytes}"), |bencher| {
                bencher.iter(|| decompress_body(compression, black_box(&body), 1 << 20).unwrap());
            });
        }
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    parser(&mut criterion);
    codec(&mut criterion);
    segments(&mut criterion);
    criterion.final_summary();
}
