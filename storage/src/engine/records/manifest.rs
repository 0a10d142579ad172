//! With certain bits of MANIFEST flipped, RocksDB 11.8 does not fail to open a store but never ends to try. The file is
//! small: each of its records is looked at first.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{BLOCK_BYTES, EngineError, HEADER_BYTES, Header};

/// Checks each record of the MANIFEST that the folder's CURRENT names. A store that is not there yet has none; one that
/// CURRENT does not name rightly RocksDB tells of.
pub(super) fn check(folder: &Path) -> Result<(), EngineError> {
    let Ok(current) = std::fs::read_to_string(folder.join("CURRENT")) else { return Ok(()) };
    let name = current.trim_end();
    if !name.starts_with("MANIFEST-") || name.contains('/') {
        return Ok(());
    }
    let path = folder.join(name);
    let Ok(file) = File::open(&path) else { return Ok(()) };
    match damaged_record(file) {
        Ok(None) => Ok(()),
        Ok(Some(at)) => Err(EngineError::Corrupt(format!(
            "{}: the record at byte {at} is damaged: its checksum does not fit",
            path.display()
        ))),
        Err(error) => Err(EngineError::Io(format!("{}: {error}", path.display()))),
    }
}

/// Where the first damaged record begins. One that reaches beyond the end was torn by a crash: RocksDB drops it.
fn damaged_record(mut file: impl Read) -> std::io::Result<Option<u64>> {
    let mut begins_at = 0;
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    loop {
        block.clear();
        file.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
        if let Some(at) = damaged_in(&block) {
            return Ok(Some(begins_at + at as u64));
        }
        if block.len() < BLOCK_BYTES {
            return Ok(None);
        }
        begins_at += BLOCK_BYTES as u64;
    }
}

fn damaged_in(block: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(header) = Header::at(block, at) {
        let rest = block.get(at..)?;
        // Room that was set aside and never written.
        if rest.iter().all(|byte| *byte == 0) {
            return None;
        }
        // MANIFEST is never recycled: a record that says that it is has a damaged type, and its head is no longer.
        let end = at + HEADER_BYTES + usize::from(header.length);
        if end > block.len() && block.len() < BLOCK_BYTES {
            return None;
        }
        if !header.fits(block, at, end) {
            return Some(at);
        }
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use super::*;

    fn damaged(file: &[u8]) -> Option<u64> {
        damaged_record(file).unwrap()
    }

    /// Records over several blocks, the first two filled to the last byte but a few.
    fn manifest() -> (Vec<u8>, Vec<usize>) {
        let (mut file, mut starts) = (Vec::new(), Vec::new());
        for length in [40, BLOCK_BYTES - 2 * HEADER_BYTES - 40 - 3, BLOCK_BYTES - HEADER_BYTES, 300, 9] {
            starts.push(file.len());
            file.extend(record(1, &vec![7; length]));
            if BLOCK_BYTES - file.len() % BLOCK_BYTES < HEADER_BYTES {
                file.resize(file.len().next_multiple_of(BLOCK_BYTES), 0);
            }
        }
        (file, starts)
    }

    #[test]
    fn a_whole_file_is_good_and_so_is_a_torn_one() {
        let (file, starts) = manifest();
        assert_eq!(damaged(&file), None);
        assert_eq!(damaged(&[]), None);
        for torn in starts[3]..file.len() {
            assert_eq!(damaged(&file[..torn]), None, "torn at {torn}");
        }
        let with_room = [file, vec![0; 500]].concat();
        assert_eq!(damaged(&with_room), None);
    }

    /// What a flipped length may make of a last record is a torn one: that is for whom looks at tails.
    #[test]
    fn each_flipped_bit_of_a_record_is_found_where_it_is() {
        let (file, starts) = manifest();
        let mut flipped = 0;
        for (place, start) in starts.iter().copied().enumerate() {
            for at in start..(start + 60).min(file.len()) {
                for bit in 0..8 {
                    let mut damaged_file = file.clone();
                    damaged_file[at] ^= 1 << bit;
                    let is_length = (start + 4..start + 6).contains(&at);
                    let found = damaged(&damaged_file);
                    if place < 3 || !is_length {
                        let record = starts.iter().rev().find(|start| **start <= at).copied().unwrap() as u64;
                        assert_eq!(found, Some(record), "bit {bit} of byte {at}");
                        flipped += 1;
                    }
                }
            }
        }
        assert!(flipped > 1_000);
    }
}
