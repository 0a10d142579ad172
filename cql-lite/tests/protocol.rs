//! The protocol's codec: golden bytes, round trips of both sides against each other, hostile bytes.

#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use starling_cql_lite::protocol::client::{
    Response, ResponseFrame, decode_response, encode_request, encode_stamped_request,
};
use starling_cql_lite::protocol::event::{ChangeKind, ChangeTarget, TopologyChange};
use starling_cql_lite::protocol::frame::{Direction, HEADER_BYTES};
use starling_cql_lite::protocol::request::{Batch, BatchKind, BatchQuery, BatchStatement, QueryParameters};
use starling_cql_lite::protocol::response::{self, Prepared};
use starling_cql_lite::protocol::{
    BoundValue, ColumnSpec, CqlError, Event, FailedReplica, FailureCode, Header, Opcode, Request, ResponseHead,
    RowsMetadata, RowsWriter, SchemaChange, WriteType, decode_header, decode_request,
};
use starling_cql_lite::types::CqlType;
use starling_ring::ConsistencyLevel as Level;
use uuid::Uuid;

const LIMIT: usize = 1 << 20;

fn split(frame: &BytesMut, direction: Direction) -> (Header, Bytes) {
    let header = decode_header(frame, direction, LIMIT).unwrap().unwrap();
    let body = Bytes::copy_from_slice(&frame[HEADER_BYTES..]);
    assert_eq!(body.len(), header.body_length_bytes);
    (header, body)
}

fn answer(write: impl FnOnce(&mut BytesMut, &ResponseHead<'_>)) -> ResponseFrame {
    answer_in(4, write)
}

fn answer_in(version: u8, write: impl FnOnce(&mut BytesMut, &ResponseHead<'_>)) -> ResponseFrame {
    let mut out = BytesMut::from(&b"already there"[..]);
    let before = out.len();
    write(&mut out, &ResponseHead::new(version, 7));
    let frame = out.split_off(before);
    let (header, body) = split(&frame, Direction::Response);
    assert_eq!((header.version, header.stream), (version, 7));
    decode_response(&header, &body).unwrap()
}

fn body_of(error: &CqlError, version: u8) -> Vec<u8> {
    let mut out = BytesMut::new();
    response::write_error(&mut out, &ResponseHead::new(version, 0), error);
    let message = 4 + 2 + error.to_string().len();
    [&out[HEADER_BYTES..HEADER_BYTES + 4], &out[HEADER_BYTES + message..]].concat()
}

#[test]
fn versions_are_judged_first() {
    let cases: [(&[u8], u8, i16); 4] = [
        (&[0x42, 0, 0, 5, 5], 66, 5),
        (&[0x41, 0, 1, 2], 65, 258),
        (&[22, 3, 1, 2, 0, 1, 0], 22, 258),
        (&[2, 0, 9, 5], 2, 9),
    ];
    for (bytes, version, stream) in cases {
        let error = decode_header(bytes, Direction::Request, LIMIT).unwrap_err();
        assert_eq!(error.stream(), stream);
        let message =
            format!("Invalid or unsupported protocol version ({version}); supported versions are (4/v4, 5/v5)");
        assert_eq!(error.to_cql_error(), CqlError::Protocol(message.clone()));
        let mut out = BytesMut::new();
        response::write_frame_error(&mut out, &error);
        let (header, body) = split(&out, Direction::Response);
        assert_eq!((out[0], header.stream, header.opcode), (0x85, stream, Opcode::Error));
        assert_eq!(decode_response(&header, &body).unwrap().response, Response::Error(CqlError::Protocol(message)));
    }
    assert_eq!(decode_header(&[0x42, 0, 0], Direction::Request, LIMIT), Ok(None));
}

#[test]
fn headers() {
    let bytes = [4, 2, 0, 1, 7, 0, 0, 1, 0];
    let header = Header { version: 4, flags: 2, stream: 1, opcode: Opcode::Query, body_length_bytes: 256 };
    assert_eq!(decode_header(&bytes, Direction::Request, LIMIT), Ok(Some(header)));
    for length in 0..HEADER_BYTES {
        assert_eq!(decode_header(&bytes[..length], Direction::Request, LIMIT), Ok(None));
    }
    let refused: [(&[u8; 9], &str); 5] = [
        (&[4, 0, 0, 1, 7, 0, 0x10, 0, 1], "too big"),
        (&[4, 0, 0, 1, 7, 0xFF, 0xFF, 0xFF, 0xFF], "too big"),
        (&[4, 0, 0, 1, 0x7F, 0, 0, 0, 0], "Unknown opcode"),
        (&[4, 0, 0, 1, 8, 0, 0, 0, 0], "direction"),
        (&[0x84, 0, 0, 1, 7, 0, 0, 0, 0], "direction"),
    ];
    for (bytes, message) in refused {
        let error = decode_header(bytes, Direction::Request, LIMIT).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.stream(), 1);
    }
}

#[test]
fn requests_byte_by_byte() {
    let mut out = BytesMut::new();
    let mut parameters = QueryParameters::new(Level::Quorum);
    parameters.values = vec![BoundValue::Bytes(&[9]), BoundValue::Null, BoundValue::Unset];
    parameters.page_size = Some(100);
    encode_request(&mut out, 4, 3, true, &Request::Query { query: "Q", parameters }).unwrap();
    let expected = [
        &[4, 2, 0, 3, 7, 0, 0, 0, 27][..],
        &[0, 0, 0, 1, b'Q', 0, 4, 0x05, 0, 3],
        &[0, 0, 0, 1, 9, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE],
        &[0, 0, 0, 100],
    ]
    .concat();
    assert_eq!(out[..], expected[..]);
    // What is unknown of a custom payload is skipped.
    let body = [&[0, 1, 0, 1, b'k', 0, 0, 0, 2, 1, 2], &out[HEADER_BYTES..]].concat();
    let header = Header { version: 4, flags: 0x04, stream: 3, opcode: Opcode::Query, body_length_bytes: body.len() };
    assert!(matches!(decode_request(&header, &body).unwrap().request, Request::Query { query: "Q", .. }));
    let compressed = Header { flags: 0x01, ..header };
    assert!(matches!(decode_request(&compressed, &body), Err(CqlError::Protocol(_))));
}

#[test]
fn hostile_requests_are_refused() {
    let decode = |opcode, body: &[u8]| {
        let header = Header { version: 4, flags: 0, stream: 0, opcode, body_length_bytes: body.len() };
        decode_request(&header, body).map(|_| ()).unwrap_err().to_string()
    };
    assert!(decode(Opcode::Query, &[0x7F, 0xFF, 0xFF, 0xFF, 0]).contains("Not enough bytes"));
    assert!(decode(Opcode::Query, &[0xFF, 0xFF, 0xFF, 0xFF, 0]).contains("Negative count"));
    assert!(decode(Opcode::Query, &[0, 0, 0, 1, 0xFF, 0, 1, 0]).contains("UTF8"));
    assert!(decode(Opcode::Query, &[0, 0, 0, 1, b'Q', 0, 0x0B, 0]).contains("Unknown code 11"));
    assert!(decode(Opcode::Query, &[0, 0, 0, 1, b'Q', 0, 1, 0x01, 0xFF, 0xFF]).contains("Not enough bytes"));
    assert!(
        decode(Opcode::Query, &[0, 0, 0, 1, b'Q', 0, 1, 0x01, 0, 1, 0xFF, 0xFF, 0xFF, 0xF0])
            .contains("Invalid ByteBuf length")
    );
    assert!(decode(Opcode::Query, &[0, 0, 0, 1, b'Q', 0, 1, 0x10, 0, 1]).contains("SERIAL or LOCAL_SERIAL"));
    assert!(decode(Opcode::Batch, &[9]).contains("Invalid batch type"));
    assert!(decode(Opcode::Batch, &[0, 0, 0, 0, 1, 0x40]).contains("Named values"));
}

#[test]
fn plain_answers() {
    assert_eq!(answer(response::write_ready).response, Response::Ready);
    assert_eq!(answer(response::write_void).response, Response::Void);
    assert_eq!(
        answer(|out, head| response::write_set_keyspace(out, head, "ks")).response,
        Response::SetKeyspace("ks".into())
    );
    assert_eq!(
        answer(|out, head| response::write_authenticate(out, head, "a.b")).response,
        Response::Authenticate("a.b".into())
    );
    let token = Response::AuthSuccess(Some(Bytes::from_static(b"t")));
    assert_eq!(answer(|out, head| response::write_auth_success(out, head, Some(b"t"))).response, token);
    assert_eq!(
        answer(|out, head| response::write_auth_challenge(out, head, None)).response,
        Response::AuthChallenge(None)
    );
    let supported =
        answer(|out, head| response::write_supported(out, head, &[("CQL_VERSION", &["3.4.7"]), ("COMPRESSION", &[])]));
    let options = vec![("CQL_VERSION".into(), vec!["3.4.7".into()]), ("COMPRESSION".into(), vec![])];
    assert_eq!(supported.response, Response::Supported(options));
    let decorated = answer(|out, head| {
        let warnings = ["careful".to_owned()];
        let head = ResponseHead { tracing_id: Some(Uuid::from_u128(5)), warnings: &warnings, ..*head };
        response::write_void(out, &head);
    });
    assert_eq!(
        (decorated.tracing_id, &decorated.warnings[..]),
        (Some(Uuid::from_u128(5)), &["careful".to_owned()][..])
    );
}

#[test]
fn every_error_travels() {
    let errors = [
        CqlError::Server("m".into()),
        CqlError::Protocol("m".into()),
        CqlError::BadCredentials("m".into()),
        CqlError::unavailable(Level::Quorum, 2, 1),
        CqlError::Overloaded("m".into()),
        CqlError::IsBootstrapping("m".into()),
        CqlError::Truncate("m".into()),
        CqlError::write_timeout(Level::Quorum, 1, 2, WriteType::UnloggedBatch),
        CqlError::read_timeout(Level::LocalQuorum, 1, 2, true),
        CqlError::read_failure(Level::One, 0, 1, 1, false),
        CqlError::FunctionFailure {
            message: "m".into(),
            keyspace: "k".into(),
            function: "f".into(),
            argument_types: vec!["int".into()],
        },
        CqlError::write_failure(Level::All, 2, 3, 1, WriteType::Simple),
        CqlError::CdcWriteFailure("m".into()),
        CqlError::Syntax("m".into()),
        CqlError::Unauthorized("m".into()),
        CqlError::invalid("m"),
        CqlError::Config("m".into()),
        CqlError::keyspace_exists("k"),
        CqlError::table_exists("k", "t"),
        CqlError::unprepared(Bytes::from_static(&[0xAB, 1])),
    ];
    for error in errors {
        // Version 5 has a map of the replicas that failed in place of their number.
        let nameless = matches!(error, CqlError::ReadFailure { .. } | CqlError::WriteFailure { .. });
        for version in if nameless { 4..=4 } else { 4..=5 } {
            let got = answer_in(version, |out, head| response::write_error(out, head, &error)).response;
            assert_eq!(got, Response::Error(error.clone()));
        }
    }
    assert_eq!(CqlError::unavailable(Level::Quorum, 2, 1).to_string(), "Cannot achieve consistency level QUORUM");
    let timeout = CqlError::write_timeout(Level::One, 1, 2, WriteType::Simple);
    assert_eq!(timeout.to_string(), "Operation timed out - received only 1 responses.");
    // A message too long for the protocol is cut at a character.
    let long = CqlError::Server("ä".repeat(40_000));
    let Response::Error(got) = answer(|out, head| response::write_error(out, head, &long)).response else { panic!() };
    assert_eq!(got.to_string().len(), 65_534);
}

#[test]
fn errors_that_version_5_tells_more_of() {
    let failures = vec![
        FailedReplica { address: "10.0.0.2".parse().unwrap(), code: FailureCode::INCOMPATIBLE_SCHEMA },
        FailedReplica { address: "::1".parse().unwrap(), code: FailureCode(7) },
    ];
    let read = CqlError::read_failure(Level::One, 0, 1, 2, false).with_failures(failures.clone());
    let write = CqlError::write_failure(Level::All, 1, 3, 2, WriteType::Batch).with_failures(failures);
    let mut met = CqlError::write_timeout(Level::Quorum, 1, 2, WriteType::Cas);
    if let CqlError::WriteTimeout { contentions, .. } = &mut met {
        *contentions = 3;
    }
    let unknown = CqlError::cas_write_unknown(Level::Quorum, 1, 2);
    for error in [&read, &write, &met, &unknown] {
        let got = answer_in(5, |out, head| response::write_error(out, head, error)).response;
        assert_eq!(got, Response::Error(error.clone()));
    }
    let reasons = [&[0, 0, 0, 2, 4, 10, 0, 0, 2, 0, 3, 16][..], &[0; 15], &[1, 0, 7]].concat();
    let answers = [0, 0, 0x13, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!(body_of(&read, 5), [&answers[..], &reasons, &[0]].concat());
    assert_eq!(body_of(&read, 4), [&answers[..], &[0, 0, 0, 2, 0]].concat());

    let answers = [0, 0, 0x11, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2];
    let cas = b"\0\x03CAS";
    assert_eq!(body_of(&met, 5), [&answers[..], cas, &[0, 3]].concat());
    assert_eq!(body_of(&met, 4), [&answers[..], cas].concat());
    // Before version 5 it is a timeout.
    assert_eq!(body_of(&unknown, 4), [&answers[..], cas].concat());
    assert_eq!(body_of(&unknown, 5), [&[0, 0, 0x17][..], &answers[3..]].concat());
    let simple = CqlError::write_timeout(Level::Quorum, 1, 2, WriteType::Simple);
    assert_eq!(body_of(&simple, 5), [&answers[..], b"\0\x06SIMPLE"].concat());
}

#[test]
fn requests_of_version_5_byte_by_byte() {
    let mut parameters = QueryParameters::new(Level::One);
    parameters.keyspace = Some("k");
    parameters.now_s = Some(7);
    parameters.timestamp_us = Some(2);
    let tail = [&[0, 0, 0, 0, 0, 0, 0, 2][..], b"\0\x01k", &[0, 0, 0, 7]].concat();
    let flags = [0, 1, 0, 0, 1, 0xA0];
    let batch = Batch {
        kind: BatchKind::Logged,
        statements: Vec::new(),
        consistency: Level::One,
        serial_consistency: None,
        timestamp_us: Some(2),
        keyspace: Some("k"),
        now_s: Some(7),
    };
    let cases = [
        (Request::Query { query: "Q", parameters: parameters.clone() }, [&b"\0\0\0\x01Q"[..], &flags, &tail].concat()),
        (
            Request::Execute { id: b"id", result_metadata_id: b"m", parameters },
            [&b"\0\x02id\0\x01m"[..], &flags, &tail].concat(),
        ),
        (Request::Batch(batch), [&[0, 0, 0][..], &flags, &tail].concat()),
        (Request::Prepare { query: "Q", keyspace: Some("k") }, b"\0\0\0\x01Q\0\0\0\x01\0\x01k".to_vec()),
        (Request::Prepare { query: "Q", keyspace: None }, b"\0\0\0\x01Q\0\0\0\0".to_vec()),
    ];
    for (request, body) in cases {
        let mut out = BytesMut::new();
        encode_request(&mut out, 5, 3, false, &request).unwrap();
        assert_eq!(out[HEADER_BYTES..], body[..], "{request:?}");
        // The flag of compression means nothing in version 5.
        for flags in [0, 1, 0x10] {
            let opcode = Opcode::from_code(out[4]).unwrap();
            let header = Header { version: 5, flags, stream: 3, opcode, body_length_bytes: body.len() };
            assert_eq!(decode_request(&header, &body).unwrap().request, request);
        }
    }
}

#[test]
fn unknown_flags_are_refused() {
    let decode = |version, opcode, body: &[u8]| {
        let header = Header { version, flags: 0, stream: 0, opcode, body_length_bytes: body.len() };
        decode_request(&header, body).map(|_| ()).unwrap_err()
    };
    let query = |flags: &[u8]| [&b"\0\0\0\x01Q\0\x01"[..], flags].concat();
    let batch = |flags: &[u8]| [&[0, 0, 0, 0, 1][..], flags].concat();
    let prepare = b"\0\0\0\x01Q\0\0\0\x03\0\x01k";
    let cases: [(u8, Opcode, &[u8], &str); 5] = [
        (5, Opcode::Query, &query(&[0, 0, 2, 0]), "0x200 of a QUERY or EXECUTE"),
        (5, Opcode::Query, &query(&[0x80, 0, 0, 0]), "0x80000000 of a QUERY or EXECUTE"),
        (5, Opcode::Batch, &batch(&[0, 0, 0, 1, 0, 0]), "0x1 of a BATCH"),
        (4, Opcode::Batch, &batch(&[0x08]), "0x8 of a BATCH"),
        (5, Opcode::Prepare, prepare, "0x2 of a PREPARE"),
    ];
    for (version, opcode, body, flags) in cases {
        let message = format!("Unknown flags {flags} message in protocol version {version}");
        assert_eq!(decode(version, opcode, body), CqlError::Protocol(message));
    }
    // A keyspace is read in version 4 too.
    let body = query(&[0x80, 0, 1, b'k']);
    let header = Header { version: 4, flags: 0, stream: 0, opcode: Opcode::Query, body_length_bytes: body.len() };
    let Request::Query { parameters, .. } = decode_request(&header, &body).unwrap().request else { panic!() };
    assert_eq!(parameters.keyspace, Some("k"));
}

#[test]
fn changed_metadata_is_told_even_to_those_who_skip_it() {
    let columns = [column("t", "a", "int"), column("t", "d", "duration")];
    for (version, skip_metadata) in [(5, true), (5, false), (4, true), (4, false)] {
        let metadata = RowsMetadata {
            skip_metadata,
            new_metadata_id: Some(b"new"),
            paging_state: Some(b"p"),
            ..RowsMetadata::new(&columns)
        };
        let frame = answer_in(version, |out, head| {
            let mut rows = RowsWriter::begin(out, head, &metadata);
            rows.row(&[Some(&b"1"[..]), None]);
            rows.finish();
        });
        let Response::Rows(rows) = frame.response else { panic!() };
        let told = version == 5 || !skip_metadata;
        assert_eq!(rows.metadata.columns.as_deref(), told.then_some(&columns[..]));
        assert_eq!(rows.metadata.new_metadata_id.as_deref(), (version == 5).then_some(&b"new"[..]));
        assert_eq!(rows.metadata.paging_state.as_deref(), Some(&b"p"[..]));
        assert_eq!(rows.rows.len(), 1);
    }
}

#[test]
fn events_and_schema_changes_travel() {
    let node = "10.0.0.1:9042".parse().unwrap();
    let change = |kind, target| SchemaChange { kind, keyspace: "k".into(), target };
    let changes = [
        change(ChangeKind::Created, ChangeTarget::Keyspace),
        change(ChangeKind::Updated, ChangeTarget::Table("t".into())),
        change(ChangeKind::Dropped, ChangeTarget::Type("t".into())),
        change(ChangeKind::Created, ChangeTarget::Function("f".into(), vec!["int".into()])),
        change(ChangeKind::Created, ChangeTarget::Aggregate("f".into(), vec![])),
    ];
    let mut events =
        vec![Event::Status { up: true, node }, Event::Status { up: false, node: "[::1]:1".parse().unwrap() }];
    for kind in [TopologyChange::NewNode, TopologyChange::RemovedNode, TopologyChange::MovedNode] {
        events.push(Event::Topology(kind, node));
    }
    for change in changes {
        let got = answer(|out, head| response::write_schema_change(out, head, &change)).response;
        assert_eq!(got, Response::SchemaChange(change.clone()));
        events.push(Event::Schema(change));
    }
    for event in events {
        let mut out = BytesMut::new();
        response::write_event(&mut out, 4, &event);
        let (header, body) = split(&out, Direction::Response);
        assert_eq!(header.stream, -1);
        assert!(Event::is_type_name(event.type_name()));
        assert_eq!(decode_response(&header, &body).unwrap().response, Response::Event(event));
    }
}

fn column(table: &str, name: &str, ty: &str) -> ColumnSpec {
    ColumnSpec { keyspace: "k".into(), table: table.into(), name: name.into(), cql_type: CqlType::parse(ty).unwrap() }
}

#[test]
fn rows_in_every_shape() {
    let same = [column("t", "a", "int"), column("t", "b", "map<text, int>")];
    let mixed = [column("t", "a", "int"), column("u", "b", "text")];
    for (columns, skip_metadata, paging_state) in
        [(&same, false, None), (&mixed, false, Some(&b"next"[..])), (&same, true, Some(&b""[..]))]
    {
        let metadata = RowsMetadata { skip_metadata, paging_state, ..RowsMetadata::new(columns) };
        let frame = answer(|out, head| {
            let mut rows = RowsWriter::begin(out, head, &metadata);
            rows.row(&[Some(&b"1"[..]), None]);
            rows.cell(Some(b""));
            rows.cell(Some(b"2"));
            rows.finish();
        });
        let Response::Rows(rows) = frame.response else { panic!() };
        assert_eq!(rows.metadata.columns.as_deref(), (!skip_metadata).then_some(&columns[..]));
        assert_eq!(rows.metadata.column_count, 2);
        assert_eq!(rows.metadata.paging_state.as_deref(), paging_state);
        let bytes = |text: &'static [u8]| Some(Bytes::from_static(text));
        assert_eq!(rows.rows, [[bytes(b"1"), None], [bytes(b""), bytes(b"2")]]);
    }
}

#[test]
fn prepared_statements_travel() {
    let variables = [column("t", "a", "int"), column("t", "[limit]", "int")];
    let columns = [column("t", "c", "text")];
    for (result_columns, indices) in [(&columns[..], &[1_u16, 0][..]), (&[][..], &[][..])] {
        let prepared = Prepared {
            id: b"id",
            result_metadata_id: b"m",
            variables: &variables,
            partition_key_indices: indices,
            result_columns,
        };
        let written = answer_in(5, |out, head| response::write_prepared(out, head, &prepared)).response;
        let Response::Prepared(got) = written else { panic!() };
        assert_eq!(&got.result_metadata_id[..], b"m");
        let written = answer(|out, head| response::write_prepared(out, head, &prepared)).response;
        let Response::Prepared(got) = written else { panic!() };
        assert_eq!(&got.result_metadata_id[..], b"");
        assert_eq!(
            (&got.id[..], &got.variables[..], &got.partition_key_indices[..]),
            (&b"id"[..], &variables[..], indices)
        );
        assert_eq!(got.result.columns.unwrap_or_default(), result_columns);
    }
}

#[test]
fn rows_that_cannot_be_there_are_not_allocated() {
    let decode = |body: &'static [u8]| {
        let header = Header { version: 4, flags: 0, stream: 0, opcode: Opcode::Result, body_length_bytes: body.len() };
        decode_response(&header, &Bytes::from_static(body))
    };
    // Rows, NO_METADATA, columns, rows.
    assert!(decode(&[0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF]).is_err());
    assert!(decode(&[0, 0, 0, 2, 0, 0, 0, 4, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]).is_err());
    assert!(decode(&[0, 0, 0, 2, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF]).is_err());
}

const LEVELS: [Level; 4] = [Level::Any, Level::Quorum, Level::LocalOne, Level::EachQuorum];

type Owned = (Vec<Option<Option<Vec<u8>>>>, String, Option<i32>, Option<Vec<u8>>, bool, Option<i64>, bool);

fn owned() -> impl Strategy<Value = Owned> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..12);
    let values = prop::collection::vec(prop::option::of(prop::option::of(bytes())), 0..5);
    let timestamp = prop::option::of(any::<i64>().prop_filter("the lowest is refused", |t| *t != i64::MIN));
    (
        values,
        ".{0,20}",
        prop::option::of(1..i32::MAX),
        prop::option::of(bytes()),
        any::<bool>(),
        timestamp,
        any::<bool>(),
    )
}

fn bound(value: &Option<Option<Vec<u8>>>) -> BoundValue<'_> {
    match value {
        None => BoundValue::Unset,
        Some(None) => BoundValue::Null,
        Some(Some(bytes)) => BoundValue::Bytes(bytes),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn requests_round_trip(version in 4_u8..=5, owned in owned(), level in 0..4_usize, named: bool, now in prop::option::of(any::<u32>()), stamp in prop::option::of(any::<u64>())) {
        let (values, text, page_size, state, skip_metadata, timestamp_us, serial) = &owned;
        let values: Vec<_> = values.iter().map(bound).collect();
        let names = if named { values.iter().map(|_| text.as_str()).collect() } else { Vec::new() };
        let v5 = version >= 5;
        let serial_consistency = serial.then_some(Level::LocalSerial);
        let keyspace = Some(text.as_str()).filter(|_| named);
        let now_s = now.filter(|_| v5);
        let parameters = QueryParameters {
            consistency: LEVELS[level], values: values.clone(), names, skip_metadata: *skip_metadata, page_size: *page_size,
            paging_state: state.as_deref(), serial_consistency, timestamp_us: *timestamp_us, keyspace, now_s,
        };
        let statements = vec![
            BatchStatement { query: BatchQuery::Text(text), values: values.clone() },
            BatchStatement { query: BatchQuery::Prepared(b"id"), values },
        ];
        let requests = [
            Request::Startup(vec![("CQL_VERSION", "3.0.0"), ("x", text)]),
            Request::Options,
            Request::Query { query: text, parameters: parameters.clone() },
            Request::Prepare { query: text, keyspace: keyspace.filter(|_| v5) },
            Request::Execute { id: b"id", result_metadata_id: if v5 { b"m" } else { b"" }, parameters },
            Request::Batch(Batch { kind: BatchKind::Unlogged, statements, consistency: LEVELS[level], serial_consistency, timestamp_us: *timestamp_us, keyspace, now_s }),
            Request::Register(vec!["STATUS_CHANGE"]),
            Request::AuthResponse(state.as_deref()),
        ];
        for request in requests {
            let mut out = BytesMut::new();
            encode_stamped_request(&mut out, version, 1, true, stamp, &request).unwrap();
            let body = out.split_off(HEADER_BYTES);
            let opcode = Opcode::from_code(out[4]).unwrap();
            let header = Header { version, flags: out[1], stream: 1, opcode, body_length_bytes: body.len() };
            let frame = decode_request(&header, &body).unwrap();
            prop_assert!(frame.tracing);
            prop_assert_eq!(frame.stamp, stamp);
            prop_assert_eq!(&frame.request, &request);
            // Every way of ending early is an error or another request, never a panic.
            for end in 0..body.len() {
                let _ = decode_request(&header, &body[..end]);
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), flags: u8, opcode in 0_u8..=0x10, version in 4_u8..=5) {
        let _ = decode_header(&bytes, Direction::Request, LIMIT);
        let _ = decode_header(&bytes, Direction::Response, LIMIT);
        if let Some(opcode) = Opcode::from_code(opcode) {
            let header = Header { version, flags: flags & 0x0E, stream: 0, opcode, body_length_bytes: bytes.len() };
            let _ = decode_request(&header, &bytes);
            let _ = decode_response(&header, &Bytes::from(bytes));
        }
    }

    #[test]
    fn damaged_results_never_panic(kind in 1_u8..=5, flags in 0_u8..16, columns in 0_u8..4, bytes in prop::collection::vec(0_u8..40, 0..120)) {
        let body = [&[0, 0, 0, kind, 0, 0, 0, flags, 0, 0, 0, columns], &bytes[..]].concat();
        let header = Header { version: 4, flags: 0, stream: 0, opcode: Opcode::Result, body_length_bytes: body.len() };
        let _ = decode_response(&header, &Bytes::from(body));
    }
}
