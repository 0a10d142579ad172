//! The log on a node's own disk: a snapshot, the entries after it, and some before it for others that catch up; and
//! what this node has promised and accepted as a decider. Keys and values; whoever calls writes them, all of one call
//! at once and synced.

use std::collections::VecDeque;
use std::sync::Arc;

use super::entry::{Change, Entry};
use super::{LogPosition, Metadata};
use crate::message::wire::{self, WireError};
use crate::paxos::Acceptance;

/// What all keys of the log start with.
pub const PREFIX: &[u8] = b"log/";
const SNAPSHOT_KEY: &[u8] = b"log/snapshot";
const ACCEPTANCE_KEY: &[u8] = b"log/acceptance";
const ENTRY_PREFIX: &[u8] = b"log/entry/";

/// Entries kept for others that catch up and for `starling admin log`: beyond them a snapshot is sent.
const ENTRIES_MAX: usize = 256;
/// What they may take in bytes, encoded.
const BYTES_MAX: usize = 4 << 20;
/// After so many entries, or so many bytes of them, a snapshot is written. More: a start applies more of them, and
/// snapshots, which may be large, are written more seldom. 1 to `ENTRIES_MAX`.
const SNAPSHOT_EVERY: usize = 64;
const SNAPSHOT_EVERY_BYTES: usize = 1 << 20;

/// Keys to put (or, without a value, to remove) at once, before anything that follows.
pub type Records = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// What was accepted for the decree at a position.
pub type Accepted = (LogPosition, Acceptance<Entry>);

/// What a disk holds of the log.
#[derive(Clone, Debug, Default)]
pub struct StoredLog {
    /// The newest metadata, once there is any.
    pub metadata: Option<Metadata>,
    /// The last promise.
    pub acceptance: Option<Accepted>,
    journal: Journal,
}

/// A stored log that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored log of membership and schema is damaged at {key}: {why}")]
pub struct Damaged {
    key: String,
    why: String,
}

/// The entries at hand and what is due on disk.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    entries: VecDeque<(Arc<Entry>, usize)>,
    bytes: usize,
    since_snapshot: usize,
    since_snapshot_bytes: usize,
}

fn entry_key(position: LogPosition) -> Vec<u8> {
    [ENTRY_PREFIX, &position.to_bytes()].concat()
}

impl StoredLog {
    /// Reads what is stored under keys that start with [`PREFIX`], given in ascending order.
    ///
    /// # Errors
    /// If something does not decode or does not fit together.
    pub fn load<B: AsRef<[u8]>>(stored: impl IntoIterator<Item = (B, B)>) -> Result<StoredLog, Damaged> {
        let mut log = StoredLog::default();
        let mut entries: Vec<(Entry, usize)> = Vec::new();
        for (key, value) in stored {
            let (key, value) = (key.as_ref(), value.as_ref());
            let damaged = |why: String| Damaged { key: String::from_utf8_lossy(key).into_owned(), why };
            if key == SNAPSHOT_KEY {
                log.metadata = Some(wire::decode(value).map_err(|error| damaged(error.to_string()))?);
            } else if key == ACCEPTANCE_KEY {
                log.acceptance = Some(wire::decode(value).map_err(|error| damaged(error.to_string()))?);
            } else if key.starts_with(ENTRY_PREFIX) {
                let entry: Entry = wire::decode(value).map_err(|error| damaged(error.to_string()))?;
                if entry_key(entry.position) != key {
                    return Err(damaged(format!("it holds entry {}", entry.position)));
                }
                entries.push((entry, value.len()));
            } else {
                return Err(damaged("no such key is known".into()));
            }
        }
        for (entry, size_bytes) in entries {
            let Some(metadata) = &mut log.metadata else {
                return Err(Damaged { key: entry.position.to_string(), why: "there is no snapshot before it".into() });
            };
            let is_later = entry.position > metadata.position;
            if is_later {
                let next = metadata.apply(&entry);
                *metadata =
                    next.map_err(|error| Damaged { key: entry.position.to_string(), why: error.to_string() })?;
            }
            log.journal.keep(Arc::new(entry), size_bytes, is_later);
        }
        Ok(log)
    }

    pub(super) fn into_parts(self) -> (Option<Metadata>, Option<Accepted>, Journal) {
        (self.metadata, self.acceptance, self.journal)
    }
}

impl Journal {
    /// Entries at hand, the oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().map(|(entry, _)| entry)
    }

    fn keep(&mut self, entry: Arc<Entry>, size_bytes: usize, is_after_snapshot: bool) {
        self.bytes += size_bytes;
        self.entries.push_back((entry, size_bytes));
        if is_after_snapshot {
            self.since_snapshot += 1;
            self.since_snapshot_bytes += size_bytes;
        }
    }

    /// An entry was decided that makes `metadata`: what to write.
    ///
    /// # Errors
    /// If it is larger than anything that may be written.
    pub fn append(&mut self, entry: Arc<Entry>, metadata: &Metadata) -> Result<Records, WireError> {
        let bytes = wire::encode(&*entry)?;
        let mut records = vec![(entry_key(entry.position), Some(bytes.clone()))];
        self.keep(entry, bytes.len(), true);
        if self.since_snapshot >= SNAPSHOT_EVERY || self.since_snapshot_bytes >= SNAPSHOT_EVERY_BYTES {
            records.push(self.snapshot(metadata)?);
        }
        // Those that are not in a snapshot yet stay, whatever they take: they are bounded by what makes one due.
        while self.entries.len() > self.since_snapshot.max(1)
            && (self.entries.len() > ENTRIES_MAX || self.bytes > BYTES_MAX)
        {
            let Some((oldest, size_bytes)) = self.entries.pop_front() else { break };
            self.bytes -= size_bytes;
            records.push((entry_key(oldest.position), None));
        }
        Ok(records)
    }

    /// Metadata came without the entries that make it: what to write.
    ///
    /// # Errors
    /// If it is larger than anything that may be written.
    pub fn restart(&mut self, metadata: &Metadata) -> Result<Records, WireError> {
        let gone = std::mem::take(&mut self.entries);
        self.bytes = 0;
        let mut records: Records = gone.iter().map(|(entry, _)| (entry_key(entry.position), None)).collect();
        records.push(self.snapshot(metadata)?);
        Ok(records)
    }

    fn snapshot(&mut self, metadata: &Metadata) -> Result<(Vec<u8>, Option<Vec<u8>>), WireError> {
        self.since_snapshot = 0;
        self.since_snapshot_bytes = 0;
        Ok((SNAPSHOT_KEY.to_vec(), Some(wire::encode(metadata)?)))
    }

    /// What lies between a node at `have` and this one, the oldest first, if all of it is here. A recovery has to be
    /// checked against what the other side has: it is never part of it.
    pub fn after(&self, have: LogPosition) -> Option<Vec<Entry>> {
        let missing: Vec<Entry> = self.entries().filter(|e| e.position > have).map(|e| (**e).clone()).collect();
        let is_gapless = missing.first().is_some_and(|first| first.position == have.next());
        let is_plain = missing.iter().all(|entry| !matches!(entry.change, Change::Recovered { .. }));
        (is_gapless && is_plain).then_some(missing)
    }
}

/// What to write for a promise or an acceptance.
///
/// # Errors
/// If it is larger than anything that may be written.
pub fn acceptance(position: LogPosition, acceptance: &Acceptance<Entry>) -> Result<Records, WireError> {
    Ok(vec![(ACCEPTANCE_KEY.to_vec(), Some(wire::encode(&(position, acceptance))?))])
}
