//! Stamps in custom payloads: golden bytes, their place, what is read over and what is refused.

#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use starling_cql_lite::protocol::client::{
    Response, ResponseFrame, decode_response, encode_request, encode_stamped_request,
};
use starling_cql_lite::protocol::frame::{Direction, FLAG_CUSTOM_PAYLOAD, HEADER_BYTES};
use starling_cql_lite::protocol::payload::STAMP_KEY;
use starling_cql_lite::protocol::request::QueryParameters;
use starling_cql_lite::protocol::response::{self, ResponseHead};
use starling_cql_lite::protocol::{CqlError, Header, Opcode, Request, RequestFrame, decode_header, decode_request};
use starling_ring::ConsistencyLevel as Level;
use uuid::Uuid;

const STAMP: u64 = 0x0102_0304_0506_0708;

/// The payload that carries `STAMP`.
const PAYLOAD: &[u8] = b"\0\x01\0\x0estarling-stamp\0\0\0\x08\x01\x02\x03\x04\x05\x06\x07\x08";

fn query() -> Request<'static> {
    Request::Query { query: "Q", parameters: QueryParameters::new(Level::One) }
}

/// The body of `query()` in a version.
fn query_body(version: u8) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode_request(&mut out, version, 3, false, &query()).unwrap();
    assert_eq!(out[1], 0, "no flag");
    out[HEADER_BYTES..].to_vec()
}

fn decode(version: u8, flags: u8, body: &[u8]) -> Result<RequestFrame<'_>, CqlError> {
    let header = Header { version, flags, stream: 3, opcode: Opcode::Query, body_length_bytes: body.len() };
    decode_request(&header, body)
}

fn answered(out: &BytesMut) -> ResponseFrame {
    let header = decode_header(out, Direction::Response, 1 << 20).unwrap().unwrap();
    decode_response(&header, &Bytes::copy_from_slice(&out[HEADER_BYTES..])).unwrap()
}

#[test]
fn a_request_carries_it_first() {
    for version in [4, 5] {
        let mut out = BytesMut::new();
        encode_stamped_request(&mut out, version, 3, true, Some(STAMP), &query()).unwrap();
        let body = [PAYLOAD, &query_body(version)].concat();
        let head = [version, 0x06, 0, 3, 7, 0, 0, 0, body.len() as u8];
        assert_eq!(out[..], [&head[..], &body].concat());
        let frame = decode(version, out[1], &out[HEADER_BYTES..]).unwrap();
        assert_eq!(frame, RequestFrame { tracing: true, stamp: Some(STAMP), request: query() });
        // Without the flag there is none.
        assert_eq!(decode(version, 0, &query_body(version)).unwrap().stamp, None);
        assert!(decode(version, 0, &body).is_err());
    }
}

#[test]
fn an_answer_carries_it_after_trace_and_warnings() {
    let warnings = ["w".to_owned()];
    let trace = Uuid::from_u128(5);
    for version in [4, 5] {
        let plain = ResponseHead::new(version, 3);
        let stamped = ResponseHead { stamp: Some(STAMP), ..plain };
        let all = ResponseHead { tracing_id: Some(trace), warnings: &warnings, ..stamped };
        let void = [0, 0, 0, 1];
        let cases: [(ResponseHead<'_>, u8, Vec<u8>); 3] = [
            (plain, 0, void.to_vec()),
            (stamped, 0x04, [PAYLOAD, &void].concat()),
            (all, 0x0E, [&trace.as_bytes()[..], b"\0\x01\0\x01w", PAYLOAD, &void].concat()),
        ];
        for (head, flags, body) in cases {
            let mut out = BytesMut::new();
            response::write_void(&mut out, &head);
            assert_eq!((out[1], &out[HEADER_BYTES..]), (flags, &body[..]));
            let frame = answered(&out);
            assert_eq!((frame.stamp, frame.tracing_id), (head.stamp, head.tracing_id));
            assert_eq!((frame.response, &frame.warnings[..]), (Response::Void, head.warnings));
        }
        let mut out = BytesMut::new();
        let error = CqlError::invalid("no");
        response::write_error(&mut out, &stamped, &error);
        let frame = answered(&out);
        assert_eq!((frame.stamp, frame.response), (Some(STAMP), Response::Error(error)));
    }
}

type Entry<'a> = (&'a str, Option<&'a [u8]>);

/// A payload of these entries.
fn payload(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = (entries.len() as u16).to_be_bytes().to_vec();
    for (key, value) in entries {
        bytes.extend_from_slice(&(key.len() as u16).to_be_bytes());
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(&value.map_or(-1, |value| value.len() as i32).to_be_bytes());
        bytes.extend_from_slice(value.unwrap_or_default());
    }
    bytes
}

#[test]
fn other_keys_are_read_over() {
    let stamp = STAMP.to_be_bytes();
    let cases: [(&[Entry<'_>], Option<u64>); 5] = [
        (&[], None),
        (&[("k", Some(&[1, 2])), ("null", None), ("", Some(&[]))], None),
        (&[("k", None), (STAMP_KEY, Some(&stamp)), ("STARLING-STAMP", Some(&[1]))], Some(STAMP)),
        (&[(STAMP_KEY, Some(&[0; 8])), (STAMP_KEY, Some(&stamp))], Some(STAMP)),
        (&[(STAMP_KEY, Some(&[0xFF; 8]))], Some(u64::MAX)),
    ];
    for (entries, stamp) in cases {
        let body = [&payload(entries)[..], &query_body(4)].concat();
        let frame = decode(4, FLAG_CUSTOM_PAYLOAD, &body).unwrap();
        assert_eq!(frame, RequestFrame { tracing: false, stamp, request: query() }, "{entries:?}");
        let answer = [&payload(entries)[..], &[0, 0, 0, 1]].concat();
        let header = Header {
            version: 4,
            flags: FLAG_CUSTOM_PAYLOAD,
            stream: 3,
            opcode: Opcode::Result,
            body_length_bytes: answer.len(),
        };
        assert_eq!(decode_response(&header, &Bytes::from(answer)).unwrap().stamp, stamp);
    }
}

#[test]
fn a_stamp_of_another_length_is_refused_with_its_place() {
    let cases: [(Option<&[u8]>, &str); 4] =
        [(Some(&[]), "has 0 bytes"), (Some(&[0; 7]), "has 7 bytes"), (Some(&[0; 9]), "has 9 bytes"), (None, "is null")];
    for (value, held) in cases {
        let body = [&payload(&[("k", Some(&[1])), (STAMP_KEY, value)])[..], &query_body(4)].concat();
        let message =
            format!("Invalid custom payload: entry 2 at byte 10, 'starling-stamp', {held} where 8 are wanted");
        assert_eq!(decode(4, FLAG_CUSTOM_PAYLOAD, &body), Err(CqlError::Protocol(message)));
    }
    // One that ends early, wherever it does.
    for end in 0..PAYLOAD.len() {
        let error = decode(4, FLAG_CUSTOM_PAYLOAD, &PAYLOAD[..end]).unwrap_err();
        assert!(matches!(&error, CqlError::Protocol(message) if message.contains("Not enough bytes")), "{error}");
    }
}

proptest! {
    #[test]
    fn damaged_payloads_never_panic(at in 0..PAYLOAD.len(), byte: u8, cut in 0..64_usize, version in 4_u8..=5) {
        let mut body = [PAYLOAD, &query_body(version)].concat();
        body[at] = byte;
        body.truncate(body.len().saturating_sub(cut));
        if let Ok(frame) = decode(version, FLAG_CUSTOM_PAYLOAD, &body) {
            // Whatever was understood is understood the same once written again.
            let mut again = BytesMut::new();
            encode_stamped_request(&mut again, version, 3, false, frame.stamp, &frame.request).unwrap();
            let reread = decode(version, again[1], &again[HEADER_BYTES..]).unwrap();
            prop_assert_eq!(reread, frame);
        }
        let header = Header { version, flags: 0x04, stream: 3, opcode: Opcode::Result, body_length_bytes: body.len() };
        let _ = decode_response(&header, &Bytes::from(body));
    }
}
