//! Clients that carry stamps: what follows them is later, and they are told how far the node has come.

use bytes::{Bytes, BytesMut};
use starling_cql_lite::protocol::client::{Response, ResponseFrame, decode_response, encode_stamped_request};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::protocol::frame::{FLAG_CUSTOM_PAYLOAD, FLAG_TRACING, FLAG_WARNING, Header};
use starling_cql_lite::protocol::payload::{STAMP_KEY, STAMP_OPTION};
use starling_cql_lite::protocol::request::{
    Batch, BatchKind, BatchQuery, BatchStatement, BoundValue, QueryParameters, Request,
};
use starling_cql_lite::protocol::segment::SegmentFormat;
use starling_ring::ConsistencyLevel;

use super::super::outgoing::Form;
use super::fixture::{Served, query, serve};
use super::forms::Client;
use crate::assembly::NodeConfig;
use crate::time::Stamp;

/// Beyond the allowed skew, which is an hour here: tests may be slow.
const TOO_FAR_US: u64 = 4_000_000_000;

async fn served() -> Served {
    let config = NodeConfig { max_clock_skew_us: 3_600_000_000, ..NodeConfig::default() };
    serve(config).await
}

async fn clients(served: &Served) -> [Client; 2] {
    let segments = Form::Segments(SegmentFormat::Plain);
    [Client::started(served, 4, Form::Plain).await, Client::started(served, 5, segments).await]
}

impl Client {
    async fn send_with(&mut self, version: u8, stream: i16, stamp: Option<Stamp>, request: &Request<'_>) {
        let mut frame = BytesMut::new();
        encode_stamped_request(&mut frame, version, stream, false, stamp, request).expect("short");
        self.send_frame(frame).await;
    }

    async fn ask_with(&mut self, version: u8, stamp: Option<Stamp>, request: &Request<'_>) -> ResponseFrame {
        self.send_with(version, 7, stamp, request).await;
        let (header, body) = self.raw_frame().await;
        let frame = decode_response(&header, &body).expect("a response");
        assert_eq!(header.flags & FLAG_CUSTOM_PAYLOAD != 0, frame.stamp.is_some());
        frame
    }

    /// When the server says that the row's value was written.
    async fn write_time(&mut self, version: u8) -> u64 {
        let select = query("SELECT writetime(v) FROM ks.t WHERE k = 1");
        let Response::Rows(rows) = self.ask_with(version, None, &select).await.response else { panic!("no rows") };
        let cell: &[u8] = rows.rows[0][0].as_deref().expect("it was written");
        u64::from_be_bytes(cell.try_into().expect("a bigint"))
    }
}

/// A later stamp than any that the node has issued.
fn later(served: &Served) -> Stamp {
    let wall_us = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    (wall_us.as_micros() as u64).max(served.server.node.last_stamp()) + 1_000_000
}

fn parameters() -> QueryParameters<'static> {
    QueryParameters::new(ConsistencyLevel::One)
}

#[tokio::test]
async fn whatever_follows_a_stamp_is_later() {
    let served = served().await;
    for (mut client, version) in clients(&served).await.into_iter().zip([4, 5]) {
        let prepare = Request::Prepare { query: "INSERT INTO ks.t (k, v) VALUES (1, ?)", keyspace: None };
        let Response::Prepared(prepared) = client.ask_with(version, None, &prepare).await.response else {
            panic!("not prepared")
        };
        let values = || vec![BoundValue::Bytes(&[1])];
        let statement = BatchStatement { query: BatchQuery::Prepared(&prepared.id), values: values() };
        let writes = [
            query("INSERT INTO ks.t (k, v) VALUES (1, 0x02)"),
            Request::Execute {
                id: &prepared.id,
                result_metadata_id: &prepared.result_metadata_id,
                parameters: QueryParameters { values: values(), ..parameters() },
            },
            Request::Batch(Batch {
                kind: BatchKind::Unlogged,
                statements: vec![statement],
                consistency: ConsistencyLevel::One,
                serial_consistency: None,
                timestamp_us: None,
                keyspace: None,
                now_s: None,
            }),
        ];
        for write in writes {
            let stamp = later(&served);
            let frame = client.ask_with(version, Some(stamp), &write).await;
            assert_eq!(frame.response, Response::Void, "{write:?}");
            let written = client.write_time(version).await;
            assert!(written > stamp, "{write:?}");
            assert!(frame.stamp.expect("told") >= written, "{write:?}");
        }
        // A read that follows one draws the writes after it.
        let stamp = later(&served);
        let read = client.ask_with(version, Some(stamp), &query("SELECT * FROM ks.t")).await;
        assert!(read.stamp.expect("told") >= stamp);
        client.ask_with(version, None, &query("INSERT INTO ks.t (k, v) VALUES (1, 0x03)")).await;
        assert!(client.write_time(version).await > stamp);
        // Whoever was told nothing yet begins with 0.
        let first = client.ask_with(version, Some(0), &query("SELECT * FROM ks.t")).await;
        assert!(first.stamp.expect("told") > stamp);
    }
}

/// Two nodes that never hear of each other: what goes from one to the other, the client brings.
#[tokio::test]
async fn writes_that_follow_each_other_through_two_nodes_are_in_that_order() {
    let (fast, slow) = (served().await, served().await);
    let mut at_slow = slow.client().await;
    let [mut at_fast_v4, _] = clients(&fast).await;
    let [mut at_slow_v4, mut at_slow_v5] = clients(&slow).await;
    // One node's clock is ahead by as much as a test never takes.
    let drawn = later(&fast) + 600_000_000;
    let insert = query("INSERT INTO ks.t (k, v) VALUES (1, 0x01)");
    let told = at_fast_v4.ask_with(4, Some(drawn), &insert).await.stamp.expect("told");
    let first = at_fast_v4.write_time(4).await;
    // Who brings no stamp is earlier.
    at_slow.query("INSERT INTO ks.t (k, v) VALUES (1, 0x02)").await;
    assert!(at_slow_v4.write_time(4).await < first);
    let told = at_slow_v5.ask_with(5, Some(told), &insert).await.stamp.expect("told");
    let second = at_slow_v4.write_time(4).await;
    assert!(second > first);
    // And back again.
    at_fast_v4.ask_with(4, Some(told), &insert).await;
    assert!(at_fast_v4.write_time(4).await > second);
}

#[tokio::test]
async fn errors_tell_it_too_and_one_too_far_ahead_is_not_followed() {
    let served = served().await;
    for (mut client, version) in clients(&served).await.into_iter().zip([4, 5]) {
        let unprepared = Request::Execute { id: &[9; 16], result_metadata_id: &[9; 16], parameters: parameters() };
        for request in [query("SELEKT"), query("SELECT * FROM ks.none"), unprepared] {
            let stamp = later(&served);
            let frame = client.ask_with(version, Some(stamp), &request).await;
            assert!(matches!(frame.response, Response::Error(_)), "{request:?}");
            assert!(frame.stamp.expect("told") >= stamp, "{request:?}");
        }
        let before = served.server.node.last_stamp();
        let stamp = later(&served) + TOO_FAR_US;
        let frame = client.ask_with(version, Some(stamp), &query("INSERT INTO ks.t (k, v) VALUES (9, 0x09)")).await;
        let Response::Error(CqlError::IsBootstrapping(message)) = frame.response else { panic!("it was followed") };
        assert!(message.starts_with("This node does not coordinate now: its clock is "), "{message}");
        let told = frame.stamp.expect("told");
        assert!((before..stamp).contains(&told));
        let none = client.ask_with(version, None, &query("SELECT * FROM ks.t WHERE k = 9")).await.response;
        assert!(matches!(none, Response::Rows(rows) if rows.rows.is_empty()), "nothing was done");
    }
}

/// The same answers without a stamp, bit by bit.
#[tokio::test]
async fn others_are_answered_as_ever() {
    let served = served().await;
    for (mut client, version) in clients(&served).await.into_iter().zip([4, 5]) {
        client.ask_with(version, None, &query("INSERT INTO ks.t (k, v) VALUES (1, 0x01)")).await;
        for text in ["SELECT * FROM ks.t", "SELECT count(*) FROM ks.t", "SELEKT", "USE ks"] {
            client.send_with(version, 7, None, &query(text)).await;
            let (plain, body) = client.raw_frame().await;
            assert_eq!(plain.flags & FLAG_CUSTOM_PAYLOAD, 0);
            client.send_with(version, 7, Some(later(&served)), &query(text)).await;
            let (stamped, stamped_body) = client.raw_frame().await;
            assert_eq!(stamped.flags, plain.flags | FLAG_CUSTOM_PAYLOAD);
            assert_eq!(
                Header { flags: plain.flags, body_length_bytes: plain.body_length_bytes, ..stamped },
                plain,
                "{text}"
            );
            // An entry, its key, its length and 8 bytes; after the warnings if there are any.
            let payload_bytes = 2 + 2 + STAMP_KEY.len() + 4 + 8;
            let warnings_bytes = match plain.flags & FLAG_WARNING {
                0 => 0,
                _ => 2 + 2 + "Aggregation query used without partition key".len(),
            };
            let rest = stamped_body.slice(warnings_bytes + payload_bytes..);
            let without: Bytes = [&stamped_body[..warnings_bytes], &rest].concat().into();
            assert_eq!(without, body, "{text}");
        }
        // An event's, a heartbeat's and a preparation's answers.
        let supported = client.ask_with(version, Some(5), &Request::Options).await;
        let Response::Supported(options) = supported.response else { panic!("SUPPORTED") };
        assert!(options.contains(&(STAMP_OPTION.to_owned(), vec!["1".to_owned()])));
        assert_eq!(supported.stamp, None);
        let prepare = Request::Prepare { query: "SELECT * FROM ks.t", keyspace: None };
        assert!(client.ask_with(version, Some(5), &prepare).await.stamp.is_some());
        assert_eq!(client.ask_with(version, None, &prepare).await.stamp, None);
    }
}

#[tokio::test]
async fn each_of_many_requests_is_answered_as_it_asked() {
    let served = served().await;
    for (mut client, version) in clients(&served).await.into_iter().zip([4, 5]) {
        for stream in 0..200 {
            let mut frame = BytesMut::new();
            let stamp = (stream % 2 == 1).then(|| later(&served));
            let request = query("SELECT * FROM ks.t WHERE k = 1");
            encode_stamped_request(&mut frame, version, stream, stream % 3 == 0, stamp, &request).expect("short");
            client.send_frame(frame).await;
        }
        for _ in 0..200 {
            let (header, body) = client.raw_frame().await;
            let frame = decode_response(&header, &body).expect("a response");
            assert!(matches!(frame.response, Response::Rows(_)));
            assert_eq!(frame.stamp.is_some(), header.stream % 2 == 1, "{}", header.stream);
            assert_eq!(header.flags & FLAG_TRACING != 0, header.stream % 3 == 0, "{}", header.stream);
        }
    }
    assert_eq!(served.server.budget.under_way_bytes(), 0);
}

/// A QUERY with a payload of these entries.
fn with_payload(version: u8, entries: &[(&str, &[u8])]) -> BytesMut {
    let mut plain = BytesMut::new();
    encode_stamped_request(&mut plain, version, 7, false, None, &query("SELECT * FROM ks.t")).expect("short");
    let mut payload = (entries.len() as u16).to_be_bytes().to_vec();
    for (key, value) in entries {
        payload.extend_from_slice(&(key.len() as u16).to_be_bytes());
        payload.extend_from_slice(key.as_bytes());
        payload.extend_from_slice(&(value.len() as u32).to_be_bytes());
        payload.extend_from_slice(value);
    }
    let (header, body) = plain.split_at(9);
    let length = (payload.len() + body.len()) as u32;
    let head = [&header[..1], &[FLAG_CUSTOM_PAYLOAD], &header[2..5], &length.to_be_bytes()].concat();
    BytesMut::from(&[&head[..], &payload, body].concat()[..])
}

#[tokio::test]
async fn payloads_of_others_are_ignored_and_broken_ones_refused() {
    let served = served().await;
    for (mut client, version) in clients(&served).await.into_iter().zip([4, 5]) {
        client.send_frame(with_payload(version, &[("request-id", b"7"), ("stamp", &[1; 8])])).await;
        let (header, body) = client.raw_frame().await;
        assert_eq!(header.flags, 0);
        assert!(matches!(decode_response(&header, &body).expect("a response").response, Response::Rows(_)));
        client.send_frame(with_payload(version, &[(STAMP_KEY, &[1; 7])])).await;
        let (header, body) = client.raw_frame().await;
        let refused = decode_response(&header, &body).expect("a response").response;
        let message = "Invalid custom payload: entry 1 at byte 2, 'starling-stamp', has 7 bytes where 8 are wanted";
        assert_eq!(refused, Response::Error(CqlError::Protocol(message.to_owned())));
        // The connection goes on.
        client.ask_with(version, Some(later(&served)), &query("SELECT * FROM ks.t")).await;
    }
}
