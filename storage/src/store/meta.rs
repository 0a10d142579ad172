//! Small metadata of the node, by key.

use bytes::Bytes;

use crate::engine::{Batch, Direction, Durability, Space};

use super::{Store, StoreError};

impl Store {
    /// Keeps `value` under `key`; synced when it returns.
    pub fn put_meta(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.put_meta_all(&[(key, Some(value))], Durability::Sync)
    }

    /// Puts or removes (`None`) several keys at once.
    pub fn put_meta_all(&self, entries: &[(&[u8], Option<&[u8]>)], durability: Durability) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for (key, value) in entries {
            let key = Bytes::copy_from_slice(key);
            match value {
                Some(value) => batch.put(Space::Meta, key, Bytes::copy_from_slice(value)),
                None => batch.delete(Space::Meta, key),
            }
        }
        Ok(self.engine.write(batch, durability)?)
    }

    /// What is kept under `key`.
    pub fn get_meta(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.engine.get(Space::Meta, key)?)
    }

    /// Up to `count_max` entries whose keys start with `prefix`, ascending, strictly after the key `after`.
    pub fn scan_meta(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        count_max: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        let start = after.map_or_else(|| prefix.to_vec(), |after| [after, &[0]].concat());
        let snapshot = self.engine.snapshot()?;
        let mut cursor = snapshot.cursor(Space::Meta, &start, &prefix_end(prefix), Direction::Forward)?;
        let mut entries = Vec::new();
        while entries.len() < count_max && cursor.advance()? {
            entries.push((Bytes::copy_from_slice(cursor.key()), Bytes::copy_from_slice(cursor.value())));
        }
        Ok(entries)
    }
}

/// The first key after all that start with `prefix`. Metadata keys are shorter than 256 bytes of 0xFF.
fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let kept = prefix.iter().rposition(|&byte| byte != 0xFF).map_or(0, |at| at + 1);
    let mut end = prefix.get(..kept).unwrap_or_default().to_vec();
    match end.last_mut() {
        Some(last) => *last += 1,
        None => end = vec![0xFF; 256],
    }
    end
}
