//! A damaged record at the end of a log looks like a write that a crash tore, and RocksDB drops it without a word. One
//! that was whole once is told apart here, before RocksDB reads the log.
//!
//! The format: blocks of 32 KiB; in them records, each a masked CRC-32C (4 bytes), a length (2) and a type (1), then, for
//! the recyclable types, the log's number (4), then the payload. The checksum is over all that follows the length.
//! MANIFEST has the same.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::EngineError;

const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;
const RECYCLABLE_HEADER_BYTES: usize = 11;
/// Added to a rotated checksum, so that checksums of data that hold checksums stay good.
const MASK: u32 = 0xA282_EAD8;
/// CRC-32C, bits reversed.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// Looks at the last block of each log and of each MANIFEST in the folder.
pub(super) fn check(folder: &Path) -> Result<(), EngineError> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if !name.ends_with(".log") && !name.starts_with("MANIFEST-") {
            continue;
        }
        let (block, at) = last_block(&path).map_err(|error| EngineError::Io(format!("{}: {error}", path.display())))?;
        if let Some(record) = damaged_length(&block) {
            return Err(EngineError::Corrupt(format!(
                "{}: the length of the record at byte {} is damaged: its checksum fits another length",
                path.display(),
                at + record as u64
            )));
        }
    }
    Ok(())
}

/// The last block of a file, which may be shorter than the others, and where it begins.
fn last_block(path: &Path) -> std::io::Result<(Vec<u8>, u64)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let at = length.saturating_sub(1) / BLOCK_BYTES as u64 * BLOCK_BYTES as u64;
    file.seek(SeekFrom::Start(at))?;
    let mut block = Vec::new();
    file.take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
    Ok((block, at))
}

/// Where in a last block a record begins that reaches beyond the end, while its checksum fits a length that does not.
///
/// Of all shorter lengths only those are tried that one flipped bit makes of the stored one, and the one that ends with
/// the file: a record that was really torn fits none of them but by a chance of one in 250 million.
fn damaged_length(block: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(&[c0, c1, c2, c3, l0, l1, kind]) = block.get(at..at + HEADER_BYTES) {
        let stored = u32::from_le_bytes([c0, c1, c2, c3]);
        let length = u16::from_le_bytes([l0, l1]);
        let header = if is_recyclable(kind) { RECYCLABLE_HEADER_BYTES } else { HEADER_BYTES };
        let end = at + header + usize::from(length);
        if end <= block.len() {
            at = end;
            continue;
        }
        let rest = block.len().checked_sub(at + header)?;
        let flipped = (0..u16::BITS).map(|bit| usize::from(length ^ (1 << bit)));
        let fits = flipped.chain([rest]).filter(|length| *length <= rest).any(|length| {
            let covered = block.get(at + HEADER_BYTES - 1..at + header + length);
            covered.is_some_and(|covered| masked(crc32c(covered)) == stored)
        });
        return fits.then_some(at);
    }
    None
}

/// Types 5 to 8, 11 and, of those that may be ignored, the odd ones carry the log's number.
fn is_recyclable(kind: u8) -> bool {
    matches!(kind, 5..=8 | 11) || kind > 129 && kind % 2 == 1
}

fn masked(checksum: u32) -> u32 {
    checksum.rotate_right(15).wrapping_add(MASK)
}

/// Bit by bit: at most a block is summed up, a few times, when the store is opened.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |checksum: u32| (checksum >> 1) ^ (POLYNOMIAL & (checksum & 1).wrapping_neg());
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)));
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
        let covered = [&[kind], payload].concat();
        let mut record = masked(crc32c(&covered)).to_le_bytes().to_vec();
        record.extend((payload.len() as u16).to_le_bytes());
        record.extend(covered);
        record
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn a_damaged_length_is_told_from_a_torn_record() {
        let (first, second) = (record(1, &[7; 300]), record(1, &[9; 40]));
        let log = [first.clone(), second.clone()].concat();
        assert_eq!(damaged_length(&log), None);
        for torn in 0..log.len() {
            assert_eq!(damaged_length(&log[..torn]), None, "torn at {torn}");
        }
        for (at, length) in [(0, 300), (first.len(), 40)] {
            for bit in 0..16 {
                let mut damaged = log.clone();
                damaged[at + 4 + bit / 8] ^= 1 << (bit % 8);
                let reaches = at + HEADER_BYTES + (length ^ (1 << bit)) > log.len();
                if reaches {
                    assert_eq!(damaged_length(&damaged), Some(at), "bit {bit} of the length at {at}");
                }
            }
        }
    }

    #[test]
    fn a_length_with_more_bits_flipped_is_found_where_the_record_is_the_last() {
        let mut log = record(1, &[9; 40]);
        (log[4], log[5]) = (0xFF, 0x7F);
        assert_eq!(damaged_length(&log), Some(0));
    }
}
