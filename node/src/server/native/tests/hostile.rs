//! Bytes that no client would send: each request gets exactly one answer, and nothing panics.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use starling_cql_lite::protocol::client::{Response, encode_request};
use starling_cql_lite::protocol::frame::{Direction, HEADER_BYTES, decode_header};
use starling_cql_lite::protocol::request::{
    Batch, BatchKind, BatchQuery, BatchStatement, BoundValue, QueryParameters, Request, decode_request,
};
use starling_ring::ConsistencyLevel;

use super::super::requests;
use super::fixture::{Served, serve, until};
use crate::assembly::NodeConfig;
use crate::assembly::client::{ClientResponse, ClientSink, ClientTicket, Session};

/// Counts answers by request.
#[derive(Default)]
struct Answers(Mutex<HashMap<u64, usize>>);

impl ClientSink for Answers {
    fn respond(&self, request: u64, _: ClientResponse) {
        *self.0.lock().entry(request).or_default() += 1;
    }
}

const TEXTS: [&str; 12] = [
    "SELECT * FROM t WHERE k = ?",
    "SELECT k, c, writetime(v), m + ?, cast(k AS text) FROM h WHERE k IN ? AND c > ? ORDER BY c DESC LIMIT ?",
    "SELECT count(*), max(c) FROM h WHERE v = ? GROUP BY k ALLOW FILTERING",
    "INSERT INTO h (k, c, v, m, l) VALUES (?, ?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?",
    "UPDATE h USING TTL ? SET v = :v, m = ?, l = ? WHERE k = ? AND c IN ?",
    "DELETE m, d FROM h WHERE k = 1 AND c = ?",
    "BEGIN UNLOGGED BATCH INSERT INTO t (k) VALUES (1); DELETE FROM t WHERE k = ?; APPLY BATCH",
    "SELECT * FROM system.local WHERE key = ?",
    "SELECT token(k), ttl(v) FROM h WHERE token(k) > ? PER PARTITION LIMIT 1",
    "SELECT m / ?, toDate(l), d FROM h WHERE (c) >= (?) AND d = ? ALLOW FILTERING",
    "USE other",
    "DELETE FROM h WHERE k = ? AND c > ?",
];

fn encoded(request: &Request<'_>) -> Vec<u8> {
    let mut frame = BytesMut::new();
    encode_request(&mut frame, 4, 0, false, request).expect("short");
    frame.to_vec()
}

/// Frames that a client might send, with values of any length.
fn valid(values: &[Vec<u8>], text: usize, id: &[u8], paging: &[u8]) -> Vec<Vec<u8>> {
    let query = TEXTS[text % TEXTS.len()];
    let values: Vec<BoundValue<'_>> = values.iter().map(|bytes| BoundValue::Bytes(bytes)).collect();
    let parameters = QueryParameters {
        values: values.clone(),
        page_size: Some(1),
        paging_state: Some(paging).filter(|state| !state.is_empty()),
        timestamp_us: Some(5),
        ..QueryParameters::new(ConsistencyLevel::One)
    };
    let statement = |query| BatchStatement { query, values: values.clone() };
    let batch = Batch {
        kind: BatchKind::Unlogged,
        statements: vec![statement(BatchQuery::Text(query)), statement(BatchQuery::Prepared(id))],
        consistency: ConsistencyLevel::Quorum,
        serial_consistency: None,
        timestamp_us: None,
        keyspace: None,
        now_s: None,
    };
    vec![
        encoded(&Request::Prepare { query, keyspace: None }),
        encoded(&Request::Query { query, parameters: parameters.clone() }),
        encoded(&Request::Execute { id, result_metadata_id: &[], parameters }),
        encoded(&Request::Batch(batch)),
    ]
}

/// Does what the connection does with a frame. Answers whether it was a request.
fn feed(served: &Served, answers: &Arc<Answers>, session: &Session, frame: &[u8], number: u64) -> bool {
    let Ok(Some(header)) = decode_header(frame, Direction::Request, 1 << 20) else { return false };
    let Some(body) = frame.get(HEADER_BYTES..).and_then(|rest| rest.get(..header.body_length_bytes)) else {
        return false;
    };
    let body = Bytes::copy_from_slice(body);
    let Ok(decoded) = decode_request(&header, &body) else { return false };
    let Some(request) = requests::to_client_request(header.version, &body, decoded.stamp, decoded.request) else {
        return false;
    };
    let ticket = ClientTicket { sink: answers.clone(), request: number };
    served.server.node.on_client_request(ticket, session, request);
    true
}

/// Changes bytes; the length in the header is made right again, or the frame would not get far.
fn mutated(mut frame: Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) -> Vec<u8> {
    if let Some(cut) = cut {
        frame.truncate(HEADER_BYTES + cut.index(frame.len() - HEADER_BYTES + 1));
    }
    for (index, byte) in changes {
        let at = index.index(frame.len());
        frame[at] = *byte;
    }
    let length = (frame.len() - HEADER_BYTES) as u32;
    frame[5..HEADER_BYTES].copy_from_slice(&length.to_be_bytes());
    frame
}

async fn prepared_ids(served: &Served) -> Vec<Bytes> {
    let mut client = served.client().await;
    let types = "k int, c text, v int, m decimal, l timeuuid, d duration, i inet, PRIMARY KEY (k, c)";
    client.query(&format!("CREATE TABLE ks.h ({types})")).await;
    client.query("INSERT INTO ks.h (k, c, v) VALUES (1, 'x', 2)").await;
    client.query("USE ks").await;
    let mut ids = Vec::new();
    for query in TEXTS {
        match client.ask(&Request::Prepare { query, keyspace: None }).await {
            Response::Prepared(prepared) => ids.push(prepared.id),
            other => panic!("{query}: {other:?}"),
        }
    }
    ids
}

#[tokio::test]
async fn every_request_is_answered_once_whatever_its_bytes() {
    let served = serve(NodeConfig::default()).await;
    let ids = prepared_ids(&served).await;
    let (answers, session) = (Arc::new(Answers::default()), Session::default());
    session.set_keyspace("ks");
    let short = || prop::collection::vec(any::<u8>(), 0..20);
    let value = prop_oneof![
        3 => any::<i32>().prop_map(|v| v.to_be_bytes().to_vec()),
        1 => Just(vec![0, 0, 0, 1]),
        2 => short(),
        1 => prop::collection::vec(prop_oneof![Just(0_u8), Just(0xFF), Just(1)], 0..24),
    ];
    let change = (any::<prop::sample::Index>(), any::<u8>());
    let input = (
        prop::collection::vec(value, 0..8),
        0..TEXTS.len(),
        any::<prop::sample::Index>(),
        short(),
        prop::collection::vec(change, 0..4),
        prop::option::weighted(0.2, any::<prop::sample::Index>()),
    );
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_500) };
    let asked = std::cell::Cell::new(0_u64);
    let outcome = TestRunner::new(config).run(&input, |(values, text, id, paging, changes, cut)| {
        for frame in valid(&values, text, &ids[id.index(ids.len())], &paging) {
            for frame in [mutated(frame.clone(), &changes, cut), frame] {
                let number = asked.get();
                asked.set(number + u64::from(feed(&served, &answers, &session, &frame, number)));
            }
        }
        feed(&served, &answers, &session, &paging, u64::MAX);
        Ok(())
    });
    outcome.expect("no input panics");
    until("the last answer", || answers.0.lock().len() as u64 >= asked.get()).await;
    assert!(asked.get() > 1_000, "most inputs are requests: {}", asked.get());
    assert!(answers.0.lock().values().all(|count| *count == 1));
}
