//! The simulation's engine: a log with an unsynced tail, and layered runs that are flushed and compacted at
//! random. The seed decides everything.
//!
//! It mimics what RocksDB may do: merges happen late and in any grouping, a crash loses any part of the
//! unsynced end of the log, and a flush makes what it writes durable.

mod layers;
mod view;

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use layers::{Entry, Layer, State};

use super::{Batch, Durability, Engine, EngineError, EngineSize, Snapshot, Space};

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
        MemorySettings { seed: 0, flush_one_in: 64, compact_one_in: 128 }
    }
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
            is_full: false,
            damaged: Arc::default(),
        };
        MemoryEngine { state: Mutex::new(state), settings }
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

    /// There is no space any more, or again: without, every write is refused, and nothing else happens.
    pub fn set_full(&self, is_full: bool) {
        self.state.lock().is_full = is_full;
    }

    /// Whether a write has failed or would fail.
    pub fn is_ill(&self) -> bool {
        let state = self.state.lock();
        state.is_full || state.failure.is_some() || state.fail_next.is_some()
    }

    /// A value is damaged on disk, as checksums show: reading it fails from now on. False: there is none.
    pub fn damage(&self, space: Space) -> bool {
        let mut state = self.state.lock();
        let keys: Vec<Bytes> = state
            .runs
            .iter()
            .flat_map(|run| run.keys().filter(|(of, _)| *of == space).map(|(_, key)| key.clone()))
            .collect();
        if keys.is_empty() {
            return false;
        }
        let key = keys[state.below(keys.len())].clone();
        Arc::make_mut(&mut state.damaged).insert((space, key))
    }

    /// What was damaged is whole again, as from a copy.
    pub fn mend(&self) {
        self.state.lock().damaged = Arc::default();
    }

    /// Makes the next write or sync fail with `error`; nothing of it is applied. After a crash a write that failed with an
    /// IO error may be there.
    pub fn fail_next(&self, error: EngineError) {
        self.state.lock().fail_next = Some(error);
    }
}

impl Engine for MemoryEngine {
    fn write(&self, batch: Batch, durability: Durability) -> Result<(), EngineError> {
        let mut state = self.state.lock();
        if let Err(error) = state.check() {
            // After a failed sync the disk may have it all the same: a restart shows it then.
            if matches!(error, EngineError::Io(_)) && state.one_in(2) {
                state.log.push(batch);
            }
            return Err(error);
        }
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
        view.value(space, &Bytes::copy_from_slice(key))
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
            let value = |e: &Entry| e.base.iter().flatten().chain(&e.operands).map(Bytes::len).sum::<usize>();
            layer.iter().map(|((_, key), entry)| (key.len() + value(entry)) as u64).sum()
        };
        let disk_bytes = state.runs.iter().map(|run| of(run)).sum();
        let unflushed_bytes = of(&state.memtable);
        EngineSize { live_bytes: disk_bytes + unflushed_bytes, disk_bytes, unflushed_bytes }
    }

    fn failure(&self) -> Option<EngineError> {
        self.state.lock().failure.clone()
    }
}
