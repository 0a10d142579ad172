//! Segments and compression: bytes as other implementations make them, round trips, damage, bombs.

#![allow(clippy::unwrap_used)]

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;
use starling_cql_lite::protocol::compression::{compress_frame, decompress_body};
use starling_cql_lite::protocol::frame::{Direction, FLAG_COMPRESSION, FrameError, HEADER_BYTES};
use starling_cql_lite::protocol::segment::{PAYLOAD_BYTES_MAX, put_segments, read_segment};
use starling_cql_lite::protocol::{
    AssemblyError, Compression, CompressionError, FrameAssembler, Segment, SegmentError, SegmentFormat, decode_header,
};

const LIMIT: usize = 1 << 20;
const FORMATS: [SegmentFormat; 2] = [SegmentFormat::Plain, SegmentFormat::Lz4];

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn frame(stream: i16, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    out.put_slice(&[5, 0]);
    out.put_i16(stream);
    out.put_u8(7);
    out.put_u32(body.len() as u32);
    out.put_slice(body);
    out.to_vec()
}

fn segments(format: SegmentFormat, frames: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    put_segments(&mut out, format, frames);
    out
}

type Frames = Vec<(i16, Bytes)>;

fn read_all(format: SegmentFormat, mut bytes: BytesMut) -> Result<Frames, AssemblyError> {
    let mut assembler = FrameAssembler::new(Direction::Request, LIMIT);
    let mut frames = Vec::new();
    while let Some(segment) = read_segment(format, &mut bytes)? {
        assembler.push(segment)?;
        while let Some((header, body)) = assembler.next_frame()? {
            frames.push((header.stream, body));
        }
    }
    Ok(frames)
}

#[test]
fn the_same_bytes_as_the_python_driver() {
    // cassandra.segment.SegmentCodec of cassandra-driver 3.30.
    let ready = hex("050000010500000000");
    assert_eq!(segments(SegmentFormat::Plain, &ready)[..], hex("090002a4c8c1050000010500000000b5557486"));
    assert_eq!(segments(SegmentFormat::Lz4, &ready)[..], hex("0900000004c2b895050000010500000000b5557486"));

    let mut body = b"starling".repeat(37);
    body.extend_from_slice(b"bird");
    let compressed = hex("1d006a02040e8cb4ff0205000001070000012c737461726c696e670800ff0d50676269726453b67420");
    let read = read_all(SegmentFormat::Lz4, BytesMut::from(&compressed[..])).unwrap();
    assert_eq!(read, [(1, Bytes::from(body))]);

    let body: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 % 251) as u8).collect();
    let long = segments(SegmentFormat::Plain, &frame(1, &body));
    assert_eq!(long.len(), 200_029);
    assert_eq!(long[..16], hex("ffff013891fe050000010700030d4000"));
    assert_eq!(long[131_077..131_091], hex("8d35fec04a0d01c0e0e21d242b32"));
    assert_eq!(long[200_025..], hex("2272092f"));
}

#[test]
fn small_frames_share_a_segment_and_long_ones_do_not_disturb_them() {
    let mut frames = Vec::new();
    let bodies: Vec<Vec<u8>> = [0, 10, 40_000, 60_000, 40_000, 300_000, PAYLOAD_BYTES_MAX - HEADER_BYTES, 5, 1]
        .iter()
        .map(|length| vec![*length as u8; *length])
        .collect();
    for (stream, body) in bodies.iter().enumerate() {
        frames.extend(frame(stream as i16, body));
    }
    for format in FORMATS {
        let bytes = segments(format, &frames);
        let read = read_all(format, bytes.clone()).unwrap();
        let expected: Frames =
            bodies.iter().enumerate().map(|(i, body)| (i as i16, Bytes::copy_from_slice(body))).collect();
        assert_eq!(read, expected);
        let mut rest = bytes;
        let kinds: Vec<bool> =
            std::iter::from_fn(|| read_segment(format, &mut rest).unwrap()).map(|s| s.is_self_contained).collect();
        assert_eq!(kinds, [true, true, false, false, false, true, true]);
    }
}

fn refused(segment: Segment) -> String {
    let mut assembler = FrameAssembler::new(Direction::Request, LIMIT);
    let error = assembler.push(segment).map_err(AssemblyError::from).and_then(|()| assembler.next_frame());
    error.unwrap_err().to_string()
}

#[test]
fn frames_and_segments_that_do_not_fit_are_refused() {
    let whole = frame(1, &[0; 20]);
    let cut = Bytes::copy_from_slice(&whole[..15]);
    let message = refused(Segment { is_self_contained: true, payload: cut });
    assert_eq!(message, "A self-contained segment ends inside a frame");
    let cut = Bytes::copy_from_slice(&whole[..4]);
    assert_eq!(refused(Segment { is_self_contained: true, payload: cut }), message);
    let mut two = whole.clone();
    two.extend(&whole);
    let message = refused(Segment { is_self_contained: false, payload: Bytes::from(two) });
    assert_eq!(message, "A segment reaches beyond the end of its frame");

    let mut assembler = FrameAssembler::new(Direction::Request, LIMIT);
    assembler.push(Segment { is_self_contained: false, payload: Bytes::copy_from_slice(&whole[..15]) }).unwrap();
    assert_eq!(assembler.next_frame(), Ok(None));
    assert_eq!(assembler.held_bytes(), 15);
    let inside = assembler.push(Segment { is_self_contained: true, payload: Bytes::from(whole) });
    assert_eq!(inside, Err(SegmentError::Frames("A self-contained segment in the middle of a frame")));
}

#[test]
fn a_body_that_is_too_long_is_skipped_and_what_follows_is_read() {
    let mut frames = frame(1, &vec![1; LIMIT + 1]);
    frames.extend(frame(2, b"next"));
    for format in FORMATS {
        let mut bytes = segments(format, &frames);
        let mut assembler = FrameAssembler::new(Direction::Request, LIMIT);
        let (mut read, mut refused, mut held) = (Vec::new(), Vec::new(), 0);
        while let Some(segment) = read_segment(format, &mut bytes).unwrap() {
            assembler.push(segment).unwrap();
            loop {
                match assembler.next_frame() {
                    Ok(Some((header, body))) => read.push((header.stream, body)),
                    Ok(None) => break,
                    Err(error) => refused.push(error),
                }
            }
            held = held.max(assembler.held_bytes());
        }
        assert_eq!(read, [(2, Bytes::from_static(b"next"))]);
        let error = FrameError::BodyTooLong { stream: 1, length: LIMIT as i32 + 1, limit: LIMIT };
        assert_eq!(refused, [AssemblyError::Frame(error)]);
        assert_eq!(held, 0);
    }
}

#[test]
fn no_memory_is_taken_for_what_a_bomb_announces() {
    let mut announced = BytesMut::new();
    announced.put_i32(LIMIT as i32 + 1);
    announced.put_slice(&[0; 100]);
    let too_long = CompressionError::TooLong { length: LIMIT + 1, limit: LIMIT };
    assert_eq!(decompress_body(Compression::Lz4, &announced, LIMIT), Err(too_long));
    announced[..4].copy_from_slice(&(LIMIT as i32).to_be_bytes());
    assert!(decompress_body(Compression::Lz4, &announced, LIMIT).is_err(), "100 bytes never hold so many");
    announced[..4].copy_from_slice(&(-1_i32).to_be_bytes());
    assert!(decompress_body(Compression::Lz4, &announced, LIMIT).is_err());
    assert!(decompress_body(Compression::Lz4, &announced[..3], LIMIT).is_err());
    // Snappy announces its length as a varint.
    assert!(decompress_body(Compression::Snappy, &hex("ffffff7f0000"), 1 << 30).is_err());
    assert!(decompress_body(Compression::Snappy, &[], LIMIT).is_err());
}

#[test]
fn every_flipped_bit_is_noticed() {
    for format in FORMATS {
        let intact = segments(format, &frame(1, &b"starling".repeat(20)));
        for at in 0..intact.len() * 8 {
            let mut bytes = intact.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            // A changed length would wait for more if the header's checksum let it pass.
            assert!(read_all(format, bytes).is_err(), "{format:?} bit {at}");
        }
    }
}

#[test]
fn segments_come_in_any_pieces() {
    let bodies = [b"one".to_vec(), vec![7; 200_000], b"two".repeat(50)];
    let frames: Vec<u8> = bodies.iter().flat_map(|body| frame(4, body)).collect();
    for format in FORMATS {
        let sent = segments(format, &frames);
        for piece_bytes in [1, 7, 4_099] {
            let mut assembler = FrameAssembler::new(Direction::Request, LIMIT);
            let (mut buffer, mut read) = (BytesMut::new(), Vec::new());
            for piece in sent.chunks(piece_bytes) {
                buffer.extend_from_slice(piece);
                assert!(buffer.len() <= format.segment_bytes_max() + piece_bytes);
                while let Some(segment) = read_segment(format, &mut buffer).unwrap() {
                    assembler.push(segment).unwrap();
                    while let Some((_, body)) = assembler.next_frame().unwrap() {
                        read.push(body.to_vec());
                    }
                }
            }
            assert_eq!(read, bodies);
        }
    }
}

#[test]
fn what_does_not_shrink_travels_as_it_is() {
    // Bytes without repetition; the Python driver leaves them as they are too.
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(500)
    .collect();
    let bytes = segments(SegmentFormat::Lz4, &frame(1, &noise));
    // Length 509, uncompressed length 0, self-contained.
    assert_eq!(bytes[..5], [0xFD, 0x01, 0, 0, 0x04]);
    assert_eq!(bytes[8 + HEADER_BYTES..][..500], noise[..]);
    for compression in [Compression::Lz4, Compression::Snappy] {
        for body in [&noise[..], b"", b"short"] {
            let mut out = BytesMut::from(&frame(1, body)[..]);
            compress_frame(&mut out, 0, compression);
            assert_eq!(out[..], frame(1, body)[..], "{compression:?}");
        }
    }
}

#[test]
fn bodies_that_other_implementations_compressed() {
    // The Python driver's `lz4_compress` (lz4 4.4.5 with the length put before it); snappy as its format says: length,
    // literal of 8, copies of 64 and less at offset 8.
    let plain = b"starling".repeat(20);
    let lz4 = hex("000000a08f737461726c696e6708008050726c696e67");
    assert_eq!(decompress_body(Compression::Lz4, &lz4, LIMIT), Ok(plain.clone()));
    let snappy = hex("a0011c737461726c696e67fe0800fe08005e0800");
    assert_eq!(decompress_body(Compression::Snappy, &snappy, LIMIT), Ok(plain));
    assert_eq!(decompress_body(Compression::Lz4, &[0; 5], LIMIT), Ok(Vec::new()));
    assert_eq!(decompress_body(Compression::Snappy, &[0], LIMIT), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn frames_round_trip(lengths in prop::collection::vec(0..3_000_usize, 1..20), long in 0..400_000_usize, at in 0..20_usize, seed: u8) {
        let mut lengths = lengths;
        lengths.insert(at.min(lengths.len()), long);
        let bodies: Vec<Vec<u8>> = lengths.iter().map(|n| (0..*n).map(|i| (i / 9) as u8 ^ seed).collect()).collect();
        let mut frames = Vec::new();
        for (stream, body) in bodies.iter().enumerate() {
            frames.extend(frame(stream as i16, body));
        }
        for format in FORMATS {
            let read = read_all(format, segments(format, &frames)).unwrap();
            prop_assert_eq!(read.len(), bodies.len());
            for ((_, read), body) in read.iter().zip(&bodies) {
                prop_assert_eq!(&read[..], &body[..]);
            }
        }
    }

    #[test]
    fn one_flipped_bit_is_noticed(body in prop::collection::vec(any::<u8>(), 0..300), at: prop::sample::Index, bit in 0..8_u8) {
        for format in FORMATS {
            let mut bytes = segments(format, &frame(1, &body));
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(read_all(format, bytes).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in FORMATS {
            let _ = read_all(format, BytesMut::from(&bytes[..]));
        }
        for is_self_contained in [false, true] {
            let mut assembler = FrameAssembler::new(Direction::Request, 64);
            let _ = assembler.push(Segment { is_self_contained, payload: Bytes::from(bytes.clone()) });
            for _ in 0..10 {
                let _ = assembler.next_frame();
            }
        }
        for compression in [Compression::Lz4, Compression::Snappy] {
            let _ = decompress_body(compression, &bytes, LIMIT);
        }
    }

    #[test]
    fn bodies_round_trip(body in prop::collection::vec(0_u8..4, 0..2_000)) {
        for compression in [Compression::Lz4, Compression::Snappy] {
            let mut out = BytesMut::from(&b"before"[..]);
            let mut plain = frame(3, &body);
            plain[0] = 4;
            out.put_slice(&plain);
            compress_frame(&mut out, 6, compression);
            let header = decode_header(&out[6..], Direction::Request, LIMIT).unwrap().unwrap();
            let sent = &out[6 + HEADER_BYTES..];
            prop_assert_eq!(header.body_length_bytes, sent.len());
            let read = match header.flags & FLAG_COMPRESSION {
                0 => sent.to_vec(),
                _ => decompress_body(compression, sent, LIMIT).unwrap(),
            };
            prop_assert_eq!(read, body.clone());
        }
    }
}
