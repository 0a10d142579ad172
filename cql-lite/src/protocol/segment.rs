//! Segments of protocol version 5: frames travel in them once STARTUP is answered (section 2 of the specification).
//!
//! A segment is a header with a CRC-24, a payload of at most 131,071 bytes, and a CRC-32. A self-contained segment
//! holds whole frames; a frame that is longer than a payload travels in several that are not.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::compression::{self, CompressionError};
use super::error::CqlError;
use super::frame::HEADER_BYTES as FRAME_HEADER_BYTES;

/// The longest payload in bytes.
pub const PAYLOAD_BYTES_MAX: usize = (1 << 17) - 1;
/// Bytes of the checksum after a payload.
const TRAILER_BYTES: usize = 4;
/// Bytes of the checksum after a header.
const HEADER_CHECKSUM_BYTES: usize = 3;
const LENGTH_BITS: u32 = 17;

/// How payloads travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentFormat {
    /// As they are.
    Plain,
    /// Compressed with LZ4 where that makes them smaller.
    Lz4,
}

impl SegmentFormat {
    const fn fields_bytes(self) -> usize {
        match self {
            SegmentFormat::Plain => 3,
            SegmentFormat::Lz4 => 5,
        }
    }

    const fn header_bytes(self) -> usize {
        self.fields_bytes() + HEADER_CHECKSUM_BYTES
    }

    /// The longest segment in bytes.
    pub const fn segment_bytes_max(self) -> usize {
        self.header_bytes() + PAYLOAD_BYTES_MAX + TRAILER_BYTES
    }
}

/// Why a segment is refused. What follows cannot be trusted: the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SegmentError {
    /// The header is not what was sent.
    #[error("Segment header checksum mismatch: computed 0x{computed:06X}, received 0x{received:06X}")]
    HeaderChecksum {
        /// Of the bytes that came.
        computed: u32,
        /// As sent.
        received: u32,
    },
    /// The payload is not what was sent.
    #[error("Segment payload checksum mismatch: computed 0x{computed:08X}, received 0x{received:08X}")]
    PayloadChecksum {
        /// Of the bytes that came.
        computed: u32,
        /// As sent.
        received: u32,
    },
    /// The payload cannot be decompressed.
    #[error("Segment payload: {0}")]
    Compression(#[from] CompressionError),
    /// Frames and segments do not fit together.
    #[error("{0}")]
    Frames(&'static str),
}

impl SegmentError {
    /// The error that the peer is told.
    pub fn to_cql_error(&self) -> CqlError {
        CqlError::Protocol(self.to_string())
    }
}

/// What a segment carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The payload holds whole frames; else a part of one.
    pub is_self_contained: bool,
    /// As it was before compression.
    pub payload: Bytes,
}

const CRC24_INITIAL: u32 = 0x0087_5060;
const CRC24_POLYNOMIAL: u32 = 0x0197_4F0B;

const CRC24_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 16;
        let mut bit = 0;
        while bit < 8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= CRC24_POLYNOMIAL;
            }
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

fn crc24(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(CRC24_INITIAL, |crc, byte| ((crc << 8) ^ CRC24_TABLE[((crc >> 16) as u8 ^ byte) as usize]) & 0x00FF_FFFF)
}

/// CRC-32 that begins with four bytes of its own, so that zeros do not check as zeros.
fn crc32(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[0xFA, 0x2D, 0x55, 0xCA]);
    hasher.update(bytes);
    hasher.finalize()
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What a header says.
struct Fields {
    /// Bytes of the payload as it travels.
    length: usize,
    /// Bytes before compression; 0 where it was not compressed.
    uncompressed_length: usize,
    is_self_contained: bool,
}

fn read_fields(format: SegmentFormat, buffer: &[u8]) -> Result<Option<Fields>, SegmentError> {
    let Some(header) = buffer.get(..format.header_bytes()) else {
        return Ok(None);
    };
    let (fields, checksum) = header.split_at(format.fields_bytes());
    let (computed, received) = (crc24(fields), little_endian(checksum) as u32);
    if computed != received {
        return Err(SegmentError::HeaderChecksum { computed, received });
    }
    let bits = little_endian(fields);
    let length_of = |shift: u32| (bits >> shift) as usize & PAYLOAD_BYTES_MAX;
    let (uncompressed_length, flag_at) = match format {
        SegmentFormat::Plain => (0, LENGTH_BITS),
        SegmentFormat::Lz4 => (length_of(LENGTH_BITS), 2 * LENGTH_BITS),
    };
    Ok(Some(Fields { length: length_of(0), uncompressed_length, is_self_contained: bits >> flag_at & 1 == 1 }))
}

/// Bytes of the segment at the start of a buffer; `None` while its header is not all there.
///
/// # Errors
/// [`SegmentError::HeaderChecksum`].
pub fn segment_bytes(format: SegmentFormat, buffer: &[u8]) -> Result<Option<usize>, SegmentError> {
    let fields = read_fields(format, buffer)?;
    Ok(fields.map(|fields| format.header_bytes() + fields.length + TRAILER_BYTES))
}

/// Takes the next segment off the front of a buffer; `None` while it is not all there. At most
/// [`SegmentFormat::segment_bytes_max`] bytes have to be kept for one.
///
/// # Errors
/// See [`SegmentError`].
pub fn read_segment(format: SegmentFormat, buffer: &mut BytesMut) -> Result<Option<Segment>, SegmentError> {
    let Some(fields) = read_fields(format, buffer)? else {
        return Ok(None);
    };
    if buffer.len() < format.header_bytes() + fields.length + TRAILER_BYTES {
        return Ok(None);
    }
    buffer.advance(format.header_bytes());
    let sent = buffer.split_to(fields.length).freeze();
    let received = buffer.get_u32_le();
    let computed = crc32(&sent);
    if computed != received {
        return Err(SegmentError::PayloadChecksum { computed, received });
    }
    let payload = match fields.uncompressed_length {
        0 => sent,
        length => Bytes::from(compression::decompress_lz4_block(&sent, length)?),
    };
    Ok(Some(Segment { is_self_contained: fields.is_self_contained, payload }))
}

/// Appends one segment; `payload` is at most [`PAYLOAD_BYTES_MAX`] long.
fn put_segment(out: &mut BytesMut, format: SegmentFormat, is_self_contained: bool, payload: &[u8]) {
    debug_assert!(payload.len() <= PAYLOAD_BYTES_MAX, "callers cut payloads");
    let start = out.len();
    out.reserve(format.header_bytes() + payload.len() + TRAILER_BYTES);
    out.put_bytes(0, format.header_bytes());
    let body_at = out.len();
    let is_compressed = format == SegmentFormat::Lz4 && compression::put_lz4_block(out, payload);
    if !is_compressed {
        out.put_slice(payload);
    }
    let sent = &out[body_at..];
    let checksum = crc32(sent);
    let (length, uncompressed) = (sent.len() as u64, if is_compressed { payload.len() as u64 } else { 0 });
    let bits = match format {
        SegmentFormat::Plain => length | u64::from(is_self_contained) << LENGTH_BITS,
        SegmentFormat::Lz4 => length | uncompressed << LENGTH_BITS | u64::from(is_self_contained) << (2 * LENGTH_BITS),
    };
    let fields = &bits.to_le_bytes()[..format.fields_bytes()];
    let header_checksum = crc24(fields).to_le_bytes();
    out[start..start + format.fields_bytes()].copy_from_slice(fields);
    out[start + format.fields_bytes()..body_at].copy_from_slice(&header_checksum[..HEADER_CHECKSUM_BYTES]);
    out.put_u32_le(checksum);
}

/// Length of the frame at the start of `frames`, header and all; what cannot be told is one frame up to the end.
fn frame_bytes(frames: &[u8]) -> usize {
    let length = frames.get(5..FRAME_HEADER_BYTES).map_or(0, |length| {
        length.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)) + FRAME_HEADER_BYTES
    });
    if length == 0 { frames.len() } else { length.min(frames.len()) }
}

/// Appends whole frames, one behind the other, as segments: small ones together, long ones in parts.
pub fn put_segments(out: &mut BytesMut, format: SegmentFormat, frames: &[u8]) {
    let mut rest = frames;
    while !rest.is_empty() {
        let first = frame_bytes(rest);
        if first > PAYLOAD_BYTES_MAX {
            let (frame, after) = rest.split_at(first);
            for part in frame.chunks(PAYLOAD_BYTES_MAX) {
                put_segment(out, format, false, part);
            }
            rest = after;
            continue;
        }
        let mut end = first;
        while end < rest.len() {
            let next = end + frame_bytes(&rest[end..]);
            if next > PAYLOAD_BYTES_MAX {
                break;
            }
            end = next;
        }
        let (frames, after) = rest.split_at(end);
        put_segment(out, format, true, frames);
        rest = after;
    }
}
