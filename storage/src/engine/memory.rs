//! The simulation's engine: a log with an unsynced tail, and layered runs that are flushed and compacted at
//! random. The seed decides everything.
//!
//! It mimics what RocksDB may do: merges happen late and in any grouping, a crash loses any part of the
//! unsynced end of the log, and a flush makes what it writes durable.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Batch, Cursor, Direction, Durability, Engine, EngineError, EngineSize, Operation, Snapshot, Space};

/// How often the engine flushes and compacts by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemorySettings {
    /// Decides when and what is flushed, compacted, and lost in a crash.
    pub seed: u64,
    /// One write in this many is followed by a flush (0: never).
    pub flush_one_in: u32,
    /// One write in this many is followed by a compaction of some neighbouring runs (0: never).
    pub compact_one_in: u32,
}

impl Default for MemorySettings {
    fn default() -> Self {
        MemorySettings {
            seed: 0,
            flush_one_in: 64,
            compact_one_in: 128,
        }
    }
}

/// What one layer knows of a key: perhaps a replacement of all below, and fragments on top of it.
#[derive(Clone, Debug, Default)]
struct Entry {
    /// `Some(None)`: deleted here.
    base: Option<Option<Bytes>>,
    operands: Vec<Bytes>,
}

type Layer = BTreeMap<(Space, Bytes), Entry>;

#[derive(Debug)]
struct State {
    /// Sorted runs, oldest first; they are durable.
    runs: Vec<Arc<Layer>>,
    memtable: Arc<Layer>,
    /// Batches since the last flush.
    log: Vec<Batch>,
    /// How many of them are synced.
    synced: usize,
    random: u64,
    failure: Option<EngineError>,
    fail_next: Option<EngineError>,
}

/// An engine in memory that survives simulated crashes as a disk would.
pub struct MemoryEngine {
    state: Mutex<State>,
    settings: MemorySettings,
}

impl MemoryEngine {
    /// An empty engine.
    pub fn new(settings: MemorySettings) -> Self {
        let state = State {
            runs: Vec::new(),
            memtable: Arc::default(),
            log: Vec::new(),
            synced: 0,
            random: settings.seed,
            failure: None,
            fail_next: None,
        };
        MemoryEngine {
            state: Mutex::new(state),
            settings,
        }
    }

    /// The power goes: what was not synced is lost, except for a random number of batches that made it to
    /// the disk. The engine is then as a restart finds it, any failure forgotten.
    pub fn crash(&self) {
        let mut state = self.state.lock();
        let unsynced = state.log.len() - state.synced;
        let kept = state.synced + state.below(unsynced + 1);
        state.log.truncate(kept);
        state.synced = kept;
        state.memtable = Arc::default();
        state.failure = None;
        state.fail_next = None;
        for batch in std::mem::take(&mut state.log) {
            state.apply(&batch);
            state.log.push(batch);
        }
    }

    /// The process dies without the power going: nothing that was written is lost.
    pub fn restart(&self) {
        let mut state = self.state.lock();
        state.failure = None;
        state.fail_next = None;
    }

    /// Makes the next write or sync fail with `error`; nothing of it is applied.
    pub fn fail_next(&self, error: EngineError) {
        self.state.lock().fail_next = Some(error);
    }
}

impl State {
    /// Splitmix64.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next_random() % bound.max(1) as u64) as usize
    }

    fn one_in(&mut self, many: u32) -> bool {
        many != 0 && self.below(many as usize) == 0
    }

    /// Fails if it has failed before, or was told to.
    fn check(&mut self) -> Result<(), EngineError> {
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

    fn apply(&mut self, batch: &Batch) {
        for operation in batch.operations() {
            match operation {
                Operation::Put(space, key, value) => self.replace(*space, key, Some(value.clone())),
                Operation::Delete(space, key) => self.replace(*space, key, None),
                Operation::Merge(space, key, value) => {
                    let memtable = Arc::make_mut(&mut self.memtable);
                    memtable
                        .entry((*space, key.clone()))
                        .or_default()
                        .operands
                        .push(value.clone());
                }
                Operation::DeleteRange(space, start, end) if start < end => {
                    let range = (*space, start.clone())..(*space, end.clone());
                    let layers = self.runs.iter().chain([&self.memtable]);
                    let keys: Vec<Bytes> = layers
                        .flat_map(|l| l.range(range.clone()).map(|((_, key), _)| key.clone()))
                        .collect();
                    for key in keys {
                        self.replace(*space, &key, None);
                    }
                }
                Operation::DeleteRange(..) => {}
            }
        }
    }

    fn replace(&mut self, space: Space, key: &Bytes, value: Option<Bytes>) {
        let entry = Entry {
            base: Some(value),
            operands: Vec::new(),
        };
        Arc::make_mut(&mut self.memtable).insert((space, key.clone()), entry);
    }

    fn flush(&mut self) {
        if !self.memtable.is_empty() {
            self.runs.push(std::mem::take(&mut self.memtable));
        }
        self.log.clear();
        self.synced = 0;
    }

    /// Merges the runs `first..=last` into one, combining fragments in random groups.
    fn compact(&mut self, first: usize, last: usize) {
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

    fn combine_some(&mut self, space: Space, operands: &mut Vec<Bytes>) {
        let mut at = 0;
        while at + 1 < operands.len() {
            let group = 1 + self.below(operands.len() - at);
            let combined = space.combine(operands[at..at + group].iter().map(Bytes::as_ref));
            operands.splice(at..at + group, [Bytes::from(combined)]);
            at += 1;
        }
    }

    fn view(&self) -> View {
        let mut layers = self.runs.clone();
        layers.push(self.memtable.clone());
        View { layers }
    }
}

impl Engine for MemoryEngine {
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), EngineError> {
        let mut state = self.state.lock();
        state.check()?;
        state.apply(&batch);
        state.log.push(batch);
        if durability == Durability::Sync {
            state.synced = state.log.len();
        }
        if state.one_in(self.settings.flush_one_in) {
            state.flush();
        }
        if state.one_in(self.settings.compact_one_in) && state.runs.len() > 1 {
            let runs = state.runs.len();
            let first = state.below(runs - 1);
            let last = first + 1 + state.below(runs - first - 1);
            state.compact(first, last);
        }
        Ok(())
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let view = self.state.lock().view();
        Ok(view.value(space, &Bytes::copy_from_slice(key)))
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        Ok(Box::new(self.state.lock().view()))
    }

    fn sync(&self) -> Result<(), EngineError> {
        let mut state = self.state.lock();
        state.check()?;
        state.synced = state.log.len();
        Ok(())
    }

    fn flush(&self) -> Result<(), EngineError> {
        let mut state = self.state.lock();
        state.check()?;
        state.flush();
        Ok(())
    }

    fn compact(&self) -> Result<(), EngineError> {
        let mut state = self.state.lock();
        state.check()?;
        state.flush();
        if let Some(last) = state.runs.len().checked_sub(1) {
            state.compact(0, last);
        }
        Ok(())
    }

    fn size(&self) -> EngineSize {
        let state = self.state.lock();
        let of = |layer: &Layer| -> u64 {
            let value = |e: &Entry| {
                e.base
                    .iter()
                    .flatten()
                    .chain(&e.operands)
                    .map(Bytes::len)
                    .sum::<usize>()
            };
            layer
                .iter()
                .map(|((_, key), entry)| (key.len() + value(entry)) as u64)
                .sum()
        };
        let disk_bytes = state.runs.iter().map(|run| of(run)).sum();
        let unflushed_bytes = of(&state.memtable);
        EngineSize {
            live_bytes: disk_bytes + unflushed_bytes,
            disk_bytes,
            unflushed_bytes,
        }
    }

    fn failure(&self) -> Option<EngineError> {
        self.state.lock().failure.clone()
    }
}

/// Layers as they were when the view was taken, oldest first.
struct View {
    layers: Vec<Arc<Layer>>,
}

impl View {
    fn value(&self, space: Space, key: &Bytes) -> Option<Bytes> {
        let key = (space, key.clone());
        let mut parts: Vec<&Bytes> = Vec::new();
        for layer in self.layers.iter().rev() {
            let Some(entry) = layer.get(&key) else {
                continue;
            };
            parts.extend(entry.operands.iter().rev());
            if let Some(base) = &entry.base {
                parts.extend(base.iter());
                break;
            }
        }
        match parts.as_slice() {
            [] => None,
            [only] => Some((*only).clone()),
            _ => Some(space.combine(parts.iter().rev().map(|part| part.as_ref())).into()),
        }
    }
}

impl Snapshot for View {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Ok(self.value(space, &Bytes::copy_from_slice(key)))
    }

    fn cursor(
        &self,
        space: Space,
        start: &[u8],
        end: &[u8],
        direction: Direction,
    ) -> Result<Box<dyn Cursor + '_>, EngineError> {
        let (start, end) = (Bytes::copy_from_slice(start), Bytes::copy_from_slice(end));
        let (low, high) = (Bound::Included(start), end);
        Ok(Box::new(ViewCursor {
            view: self,
            space,
            low,
            high,
            direction,
            current: None,
        }))
    }
}

struct ViewCursor<'a> {
    view: &'a View,
    space: Space,
    /// What is left to walk: from `low` to before `high`.
    low: Bound<Bytes>,
    high: Bytes,
    direction: Direction,
    current: Option<(Bytes, Bytes)>,
}

impl ViewCursor<'_> {
    fn next_key(&self) -> Option<Bytes> {
        let (Bound::Included(low) | Bound::Excluded(low)) = &self.low else {
            return None;
        };
        if *low >= self.high {
            return None;
        }
        let space = self.space;
        let range = (
            self.low.clone().map(|key| (space, key)),
            Bound::Excluded((space, self.high.clone())),
        );
        let layers = self.view.layers.iter();
        match self.direction {
            Direction::Forward => layers
                .filter_map(|l| Some(&l.range(range.clone()).next()?.0.1))
                .min()
                .cloned(),
            Direction::Reverse => layers
                .filter_map(|l| Some(&l.range(range.clone()).next_back()?.0.1))
                .max()
                .cloned(),
        }
    }
}

impl Cursor for ViewCursor<'_> {
    fn advance(&mut self) -> Result<bool, EngineError> {
        while let Some(key) = self.next_key() {
            match self.direction {
                Direction::Forward => self.low = Bound::Excluded(key.clone()),
                Direction::Reverse => self.high = key.clone(),
            }
            if let Some(value) = self.view.value(self.space, &key) {
                self.current = Some((key, value));
                return Ok(true);
            }
        }
        self.current = None;
        Ok(false)
    }

    fn seek(&mut self, key: &[u8]) {
        match self.direction {
            Direction::Forward => self.low = Bound::Included(Bytes::copy_from_slice(key)),
            Direction::Reverse => self.high = Bytes::copy_from_slice(key),
        }
    }

    fn key(&self) -> &[u8] {
        self.current.as_ref().map(|(key, _)| key.as_ref()).unwrap_or_default()
    }

    fn value(&self) -> &[u8] {
        self.current
            .as_ref()
            .map(|(_, value)| value.as_ref())
            .unwrap_or_default()
    }
}
