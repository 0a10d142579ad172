//! The client protocol: requests as the server reads them, answers as a client does, segments, compression.
//!
//! The first byte chooses: what the rest is.

use bytes::{Bytes, BytesMut};
use starling_cql_lite::protocol::assembler::FrameAssembler;
use starling_cql_lite::protocol::client::{decode_response, encode_stamped_request};
use starling_cql_lite::protocol::compression::{Compression, compress_frame, decompress_body};
use starling_cql_lite::protocol::frame::{Direction, FLAG_COMPRESSION, HEADER_BYTES, Header, decode_header};
use starling_cql_lite::protocol::request::decode_request;
use starling_cql_lite::protocol::segment::{SegmentFormat, put_segments, read_segment};

const LIMIT_BYTES: usize = 1 << 20;

pub(crate) fn run(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else { return };
    match choice % 6 {
        0 => frames(rest, Direction::Request),
        1 => frames(rest, Direction::Response),
        2 => segments(rest, SegmentFormat::Plain),
        3 => segments(rest, SegmentFormat::Lz4),
        4 => bodies(rest),
        _ => reframed(rest),
    }
}

fn frames(bytes: &[u8], direction: Direction) {
    let mut rest = bytes;
    while let Ok(Some(header)) = decode_header(rest, direction, LIMIT_BYTES) {
        let end = HEADER_BYTES + header.body_length_bytes;
        let Some(body) = rest.get(HEADER_BYTES..end) else { return };
        frame(&header, &Bytes::copy_from_slice(body), direction);
        rest = &rest[end..];
    }
}

fn frame(header: &Header, body: &Bytes, direction: Direction) {
    if direction == Direction::Response {
        let _ = decode_response(header, body);
        return;
    }
    let header = Header { flags: header.flags & !FLAG_COMPRESSION, ..*header };
    let Ok(read) = decode_request(&header, body) else { return };
    // What was understood is understood the same once written again.
    let mut again = BytesMut::new();
    let (stream, tracing, stamp) = (header.stream, read.tracing, read.stamp);
    if encode_stamped_request(&mut again, header.version, stream, tracing, stamp, &read.request).is_err() {
        return;
    }
    let Ok(Some(second)) = decode_header(&again, Direction::Request, usize::MAX) else {
        panic!("a header of ours is refused");
    };
    match decode_request(&second, &again[HEADER_BYTES..]) {
        Ok(reread) => assert_eq!(reread, read),
        Err(error) => panic!("a request of ours is refused: {error}"),
    }
}

fn segments(bytes: &[u8], format: SegmentFormat) {
    let mut buffer = BytesMut::from(bytes);
    let mut assembler = FrameAssembler::new(Direction::Request, LIMIT_BYTES);
    while let Ok(Some(segment)) = read_segment(format, &mut buffer) {
        if assembler.push(segment).is_err() {
            return;
        }
        loop {
            match assembler.next_frame() {
                Ok(Some((header, body))) => frame(&header, &body, Direction::Request),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        let _ = assembler.awaited();
    }
}

fn bodies(bytes: &[u8]) {
    for compression in [Compression::Lz4, Compression::Snappy] {
        if let Ok(plain) = decompress_body(compression, bytes, LIMIT_BYTES) {
            assert!(plain.len() <= LIMIT_BYTES);
        }
    }
}

/// Bytes as the body of a frame: compressed, cut into segments, and back.
fn reframed(body: &[u8]) {
    for compression in [Compression::Lz4, Compression::Snappy] {
        let mut frame = plain_frame(4, body);
        compress_frame(&mut frame, 0, compression);
        let sent = &frame[HEADER_BYTES..];
        let read = match frame[1] & FLAG_COMPRESSION {
            0 => sent.to_vec(),
            _ => decompress_body(compression, sent, body.len()).unwrap_or_default(),
        };
        assert_eq!(read, body);
    }
    for format in [SegmentFormat::Plain, SegmentFormat::Lz4] {
        let (mut frames, mut sent) = (plain_frame(5, body), BytesMut::new());
        frames.extend_from_slice(&plain_frame(5, body));
        put_segments(&mut sent, format, &frames);
        let mut assembler = FrameAssembler::new(Direction::Request, body.len());
        let mut count = 0;
        while let Ok(Some(segment)) = read_segment(format, &mut sent) {
            assert_eq!(assembler.push(segment), Ok(()));
            while let Some((_, read)) = assembler.next_frame().unwrap_or_default() {
                assert_eq!(read, body);
                count += 1;
            }
        }
        assert_eq!(count, 2);
    }
}

fn plain_frame(version: u8, body: &[u8]) -> BytesMut {
    let mut frame = BytesMut::from(&[version, 0, 0, 1, 7][..]);
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    frame
}
