//! The log, the memtable and the sorted runs: how writes move down through them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::view::View;
use crate::engine::{Batch, EngineError, Operation, Space};

/// What one layer knows of a key: perhaps a replacement of all below, and fragments on top of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// `Some(None)`: deleted here.
    pub(super) base: Option<Option<Bytes>>,
    pub(super) operands: Vec<Bytes>,
}

pub(super) type Layer = BTreeMap<(Space, Bytes), Entry>;

#[derive(Debug)]
pub(super) struct State {
    /// Sorted runs, oldest first; they are durable.
    pub(super) runs: Vec<Arc<Layer>>,
    pub(super) memtable: Arc<Layer>,
    /// Batches since the last flush.
    pub(super) log: Vec<Batch>,
    /// How many of them are synced.
    pub(super) synced: usize,
    pub(super) random: u64,
    pub(super) failure: Option<EngineError>,
    pub(super) fail_next: Option<EngineError>,
    pub(super) is_full: bool,
    /// Keys whose value cannot be read.
    pub(super) damaged: Arc<BTreeSet<(Space, Bytes)>>,
}

impl State {
    /// Splitmix64.
    pub(super) fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next_random() % bound.max(1) as u64) as usize
    }

    pub(super) fn one_in(&mut self, many: u32) -> bool {
        many != 0 && self.below(many as usize) == 0
    }

    /// Fails if it has failed before, or was told to, or if there is no space.
    pub(super) fn check(&mut self) -> Result<(), EngineError> {
        if self.is_full {
            return Err(EngineError::Full("no space is left".into()));
        }
        if let Some(failure) = &self.failure {
            return Err(EngineError::Stopped(failure.to_string()));
        }
        match self.fail_next.take() {
            Some(failure) => {
                self.failure = Some(failure.clone());
                Err(failure)
            }
            None => Ok(()),
        }
    }

    pub(super) fn apply(&mut self, batch: &Batch) {
        for operation in batch.operations() {
            match operation {
                Operation::Put(space, key, value) => self.replace(*space, key, Some(value.clone())),
                Operation::Delete(space, key) => self.replace(*space, key, None),
                Operation::Merge(space, key, value) => {
                    let memtable = Arc::make_mut(&mut self.memtable);
                    memtable.entry((*space, key.clone())).or_default().operands.push(value.clone());
                }
                Operation::DeleteRange(space, start, end) if start < end => {
                    let range = (*space, start.clone())..(*space, end.clone());
                    let layers = self.runs.iter().chain([&self.memtable]);
                    let keys: Vec<Bytes> =
                        layers.flat_map(|l| l.range(range.clone()).map(|((_, key), _)| key.clone())).collect();
                    for key in keys {
                        self.replace(*space, &key, None);
                    }
                }
                Operation::DeleteRange(..) => {}
            }
        }
    }

    pub(super) fn replace(&mut self, space: Space, key: &Bytes, value: Option<Bytes>) {
        let entry = Entry { base: Some(value), operands: Vec::new() };
        Arc::make_mut(&mut self.memtable).insert((space, key.clone()), entry);
    }

    pub(super) fn flush(&mut self) {
        if !self.memtable.is_empty() {
            self.runs.push(std::mem::take(&mut self.memtable));
        }
        self.log.clear();
        self.synced = 0;
    }

    /// Merges the runs `first..=last` into one, combining fragments in random groups.
    pub(super) fn compact(&mut self, first: usize, last: usize) {
        let bottom = first == 0;
        let mut merged = Layer::new();
        for run in self.runs.drain(first..=last).collect::<Vec<_>>() {
            for (key, entry) in run.iter() {
                let below = merged.entry(key.clone()).or_default();
                if entry.base.is_some() {
                    *below = entry.clone();
                } else {
                    below.operands.extend(entry.operands.iter().cloned());
                }
            }
        }
        for ((space, _), entry) in &mut merged {
            if entry.base.is_none() && bottom && !entry.operands.is_empty() {
                // Nothing lies below: RocksDB merges such operands as if onto an empty value.
                entry.base = Some(Some(entry.operands.remove(0)));
            }
            match &entry.base {
                Some(base) if !entry.operands.is_empty() => {
                    let parts = base.iter().chain(&entry.operands).map(Bytes::as_ref);
                    entry.base = Some(Some(space.combine(parts).into()));
                    entry.operands.clear();
                }
                Some(_) => {}
                None => self.combine_some(*space, &mut entry.operands),
            }
        }
        if bottom {
            merged.retain(|_, entry| entry.base != Some(None));
        }
        self.runs.insert(first, Arc::new(merged));
    }

    pub(super) fn combine_some(&mut self, space: Space, operands: &mut Vec<Bytes>) {
        let mut at = 0;
        while at + 1 < operands.len() {
            let group = 1 + self.below(operands.len() - at);
            let combined = space.combine(operands[at..at + group].iter().map(Bytes::as_ref));
            operands.splice(at..at + group, [Bytes::from(combined)]);
            at += 1;
        }
    }

    pub(super) fn view(&self) -> View {
        let mut layers = self.runs.clone();
        layers.push(self.memtable.clone());
        View { layers, damaged: self.damaged.clone() }
    }
}
