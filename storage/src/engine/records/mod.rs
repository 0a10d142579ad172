//! What RocksDB's logs and MANIFEST are made of, as far as it has to be looked at before RocksDB reads them: blocks of
//! 32 KiB; in them records, each a masked CRC-32C (4 bytes), a length (2) and a type (1), then, for the recyclable types,
//! the log's number (4), then the payload. The checksum is over all that follows the length. What is left of a block that
//! has no room for a header is zero.

mod log_tail;
mod manifest;

use std::path::Path;

use super::EngineError;

const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;
const RECYCLABLE_HEADER_BYTES: usize = 11;
/// Added to a rotated checksum, so that checksums of data that hold checksums stay good.
const MASK: u32 = 0xA282_EAD8;
/// CRC-32C, bits reversed.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// Finds damage in a store's folder that RocksDB would not tell of.
pub(super) fn check(folder: &Path) -> Result<(), EngineError> {
    manifest::check(folder)?;
    log_tail::check(folder)
}

/// The head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    checksum: u32,
    length: u16,
    kind: u8,
}

impl Header {
    /// The header at `at`; `None` where a block has no room for one.
    fn at(block: &[u8], at: usize) -> Option<Header> {
        let &[c0, c1, c2, c3, l0, l1, kind] = block.get(at..at + HEADER_BYTES)? else { return None };
        Some(Header { checksum: u32::from_le_bytes([c0, c1, c2, c3]), length: u16::from_le_bytes([l0, l1]), kind })
    }

    /// Its own size.
    fn size_bytes(self) -> usize {
        if is_recyclable(self.kind) { RECYCLABLE_HEADER_BYTES } else { HEADER_BYTES }
    }

    /// Whether the record from `at` to `end` would be whole.
    fn fits(self, block: &[u8], at: usize, end: usize) -> bool {
        let covered = block.get(at + HEADER_BYTES - 1..end);
        covered.is_some_and(|covered| masked(crc32c(covered)) == self.checksum)
    }
}

/// Types 5 to 8, 11 and, of those that may be ignored, the odd ones carry the log's number.
fn is_recyclable(kind: u8) -> bool {
    matches!(kind, 5..=8 | 11) || kind > 129 && kind % 2 == 1
}

fn masked(checksum: u32) -> u32 {
    checksum.rotate_right(15).wrapping_add(MASK)
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = (byte as u32, 0);
        while bit < 8 {
            sum = (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

/// Byte by byte: little is summed up, when the store is opened.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| (sum >> 8) ^ TABLE[usize::from((sum as u8) ^ byte)])
}

#[cfg(test)]
fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let covered = [&[kind], payload].concat();
    let mut record = masked(crc32c(&covered)).to_le_bytes().to_vec();
    record.extend((payload.len() as u16).to_le_bytes());
    record.extend(covered);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }
}
