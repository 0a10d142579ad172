//! Compression of bodies (version 4) and of segments' payloads (version 5).
//!
//! What a peer announces is checked before memory is taken for it: against the caller's limit, and against what so
//! many compressed bytes can yield at all.

use bytes::BytesMut;
use thiserror::Error;

use super::frame::{FLAG_COMPRESSION, HEADER_BYTES};

/// What a connection has agreed on in STARTUP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// LZ4 blocks; bodies of version 4 have their length (four bytes, big-endian) before them.
    Lz4,
    /// Raw snappy; version 4 only.
    Snappy,
}

impl Compression {
    /// By the name that STARTUP gives, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("lz4") {
            Some(Compression::Lz4)
        } else if name.eq_ignore_ascii_case("snappy") {
            Some(Compression::Snappy)
        } else {
            None
        }
    }
}

/// Why bytes cannot be decompressed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompressionError {
    /// More than the caller takes.
    #[error("a decompressed length of {length} bytes exceeds the maximum of {limit}")]
    TooLong {
        /// As announced.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not what the compressor makes, or not as long as announced.
    #[error("invalid compressed data: {0}")]
    Invalid(&'static str),
}

/// Bytes of the length before a body of version 4.
const LZ4_LENGTH_BYTES: usize = 4;
/// What one byte of an LZ4 block yields at most.
const LZ4_RATIO_MAX: usize = 255;
/// What three bytes of snappy yield at most (a copy of 64 bytes).
const SNAPPY_RATIO_MAX: usize = 22;
/// Bodies shorter than this are not worth the work; bytes.
const WORTHWHILE_BYTES: usize = 64;

/// Decompresses a block whose length before compression is known.
///
/// # Errors
/// A block that is no LZ4 or yields another length.
pub fn decompress_lz4_block(block: &[u8], length: usize) -> Result<Vec<u8>, CompressionError> {
    if length > block.len().saturating_mul(LZ4_RATIO_MAX) {
        return Err(CompressionError::Invalid("more is announced than the block can hold"));
    }
    let mut plain = vec![0; length];
    match lz4_flex::block::decompress_into(block, &mut plain) {
        Ok(written) if written == length => Ok(plain),
        Ok(_) => Err(CompressionError::Invalid("the block is shorter than announced")),
        Err(_) => Err(CompressionError::Invalid("this is no LZ4 block of that length")),
    }
}

/// Appends `plain` as an LZ4 block if that is shorter; else appends nothing and says `false`.
pub(crate) fn put_lz4_block(out: &mut BytesMut, plain: &[u8]) -> bool {
    if plain.len() < WORTHWHILE_BYTES {
        return false;
    }
    let start = out.len();
    out.resize(start + lz4_flex::block::get_maximum_output_size(plain.len()), 0);
    let written = lz4_flex::block::compress_into(plain, &mut out[start..]).ok().filter(|length| *length < plain.len());
    out.truncate(start + written.unwrap_or(0));
    written.is_some()
}

/// The length that a compressed body of version 4 announces, checked: what decompressing it will take.
///
/// # Errors
/// A length beyond the limit or beyond what the body can yield.
pub fn announced_length(compression: Compression, body: &[u8], limit_bytes: usize) -> Result<usize, CompressionError> {
    let (length, most) = match compression {
        Compression::Lz4 => {
            let (length, block) = body
                .split_first_chunk::<LZ4_LENGTH_BYTES>()
                .ok_or(CompressionError::Invalid("the body ends in its length"))?;
            let length = i32::from_be_bytes(*length);
            let length = usize::try_from(length).map_err(|_| CompressionError::Invalid("a negative length"))?;
            (length, block.len().saturating_mul(LZ4_RATIO_MAX))
        }
        Compression::Snappy => {
            let length = snap::raw::decompress_len(body).map_err(|_| CompressionError::Invalid("this is no snappy"))?;
            (length, body.len().saturating_mul(SNAPPY_RATIO_MAX))
        }
    };
    if length > limit_bytes {
        return Err(CompressionError::TooLong { length, limit: limit_bytes });
    }
    if length > most {
        return Err(CompressionError::Invalid("more is announced than the body can hold"));
    }
    Ok(length)
}

/// Decompresses a body of version 4.
///
/// # Errors
/// See [`announced_length`]; and bytes that are no such compression or yield another length.
pub fn decompress_body(compression: Compression, body: &[u8], limit_bytes: usize) -> Result<Vec<u8>, CompressionError> {
    let length = announced_length(compression, body, limit_bytes)?;
    match compression {
        Compression::Lz4 if length == 0 => Ok(Vec::new()),
        Compression::Lz4 => decompress_lz4_block(body.get(LZ4_LENGTH_BYTES..).unwrap_or_default(), length),
        Compression::Snappy => {
            let mut plain = vec![0; length];
            let written = snap::raw::Decoder::new().decompress(body, &mut plain);
            match written {
                Ok(written) if written == length => Ok(plain),
                _ => Err(CompressionError::Invalid("this is no snappy of that length")),
            }
        }
    }
}

/// Compresses the body of the frame of version 4 that begins at `start` and ends the buffer, and sets its flag, if
/// that makes it shorter.
pub fn compress_frame(out: &mut BytesMut, start: usize, compression: Compression) {
    let body_at = start + HEADER_BYTES;
    let Some(body) = out.get(body_at..).filter(|body| body.len() >= WORTHWHILE_BYTES) else {
        return;
    };
    let (body_end, plain_bytes) = (out.len(), body.len());
    let written = put_compressed(out, body_at, compression);
    let Some(written) = written.filter(|written| *written < plain_bytes) else {
        out.truncate(body_end);
        return;
    };
    out.copy_within(body_end..body_end + written, body_at);
    out.truncate(body_at + written);
    if let Some([_, flags, _, _, _, length @ ..]) = out.get_mut(start..body_at) {
        *flags |= FLAG_COMPRESSION;
        length.copy_from_slice(&(written as u32).to_be_bytes());
    }
}

/// Appends the bytes from `start` on once more, compressed, and says how many that made; what it leaves behind them
/// is of no use.
fn put_compressed(out: &mut BytesMut, start: usize, compression: Compression) -> Option<usize> {
    let end = out.len();
    let plain_bytes = end - start;
    let most = match compression {
        Compression::Lz4 => LZ4_LENGTH_BYTES + lz4_flex::block::get_maximum_output_size(plain_bytes),
        Compression::Snappy => snap::raw::max_compress_len(plain_bytes),
    };
    out.resize(end + most, 0);
    let (before, room) = out.split_at_mut(end);
    let plain = before.get(start..)?;
    match compression {
        Compression::Lz4 => {
            let (length, block) = room.split_first_chunk_mut::<LZ4_LENGTH_BYTES>()?;
            *length = (plain_bytes as u32).to_be_bytes();
            lz4_flex::block::compress_into(plain, block).ok().map(|written| LZ4_LENGTH_BYTES + written)
        }
        Compression::Snappy => snap::raw::Encoder::new().compress(plain, room).ok(),
    }
}
