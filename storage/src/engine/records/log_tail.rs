//! A damaged record at the end of a log looks like a write that a crash tore, and RocksDB drops it without a word. One
//! that was whole once is told apart here, before RocksDB reads the log.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::{BLOCK_BYTES, EngineError, Header};

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
    while let Some(header) = Header::at(block, at) {
        let end = at + header.size_bytes() + usize::from(header.length);
        if end <= block.len() {
            at = end;
            continue;
        }
        let payload = at + header.size_bytes();
        let rest = block.len().checked_sub(payload)?;
        let flipped = (0..u16::BITS).map(|bit| usize::from(header.length ^ (1 << bit)));
        let fits = flipped.chain([rest]).any(|length| length <= rest && header.fits(block, at, payload + length));
        return fits.then_some(at);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{HEADER_BYTES, record};
    use super::*;

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
