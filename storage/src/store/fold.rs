//! Folding: what is read with many fragments is written back as one value.
//!
//! The fold of a key runs under its shard's lock, which every commit of that shard holds while it writes: no
//! fragment can slip in between the value read and the value put. A fold is not synced; if the log's end is
//! lost, the fragments before it are still there.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use starling_planted::{Bug, is_planted};

use crate::canonical::{Horizon, reduce_row};
use crate::engine::{Batch, Durability, Space};
use crate::format::Stored;
use crate::header::Header;
use crate::key;
use crate::model::Row;

use super::{Store, StoreError};

/// A key that was read with many fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoldHint {
    space: Space,
    key: Bytes,
}

impl Store {
    pub(super) fn remember_folds(&self, hints: Vec<(Space, Bytes)>) {
        for (space, key) in hints {
            let Ok(parsed) = key::parse_engine_key(&key) else {
                continue;
            };
            let Some(shard) = self.shards.get(self.shard_of(parsed.token)) else {
                continue;
            };
            let mut folds = shard.folds.lock();
            let hint = FoldHint { space, key };
            // A hot key is read again and again before its turn comes.
            let is_waiting = folds.iter().rev().take(16).any(|waiting| *waiting == hint);
            if is_waiting {
                continue;
            }
            if folds.len() < self.settings.fold_queue_max {
                folds.push_back(hint);
            } else {
                self.figures.folds_forgotten.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Folds up to `count_max` of the keys that reads of a shard noticed; how many were folded. For the shard's committer
    /// to call between batches.
    pub fn fold_pending(&self, shard: usize, count_max: usize) -> Result<usize, StoreError> {
        let Some(shard) = self.shards.get(shard) else {
            return Ok(0);
        };
        let hints: Vec<FoldHint> = {
            let mut folds = shard.folds.lock();
            let count = folds.len().min(count_max);
            folds.drain(..count).collect()
        };
        if hints.is_empty() {
            return Ok(0);
        }
        let _recent = shard.recent.lock();
        let mut batch = Batch::new();
        for FoldHint { space, key } in hints {
            if let Some(value) = self.engine.get(space, &key)?
                && let Some(folded) = fold_value(space, &value)
            {
                batch.put(space, key, folded);
            }
        }
        let folded = batch.operations().len();
        if folded > 0 {
            self.engine.write(batch, Durability::NoSync)?;
            self.figures.folded.fetch_add(folded as u64, Ordering::Relaxed);
        }
        Ok(folded)
    }
}

/// The value as one fragment-free whole; `None` if it is one already, or damaged (a reader says so).
fn fold_value(space: Space, value: &Bytes) -> Option<Vec<u8>> {
    match space {
        Space::Rows => {
            let (mut row, fragments) = Row::from_stored(value).ok()?;
            reduce_row(&mut row, None, &Horizon::keep_all());
            row.deletion = row.deletion.filter(|_| !is_planted(Bug::FoldDropsDeletions));
            (fragments > 0).then(|| row.to_stored(0))
        }
        Space::Headers => {
            let (mut header, fragments) = Header::from_stored(value).ok()?;
            header.reduce(&Horizon::keep_all());
            (fragments > 0).then(|| header.to_stored(0))
        }
        Space::Meta => None,
    }
}
