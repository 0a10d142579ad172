//! Prepared statements of all clients, by id. Bounded; the id is a hash of keyspace and text, the same on all nodes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::RwLock;
use xxhash_rust::xxh3::xxh3_128;

use super::client::StatementId;
use crate::plan::Prepared;

/// A statement as it was prepared, and against which epoch of the metadata.
#[derive(Clone)]
pub(super) struct Entry {
    pub keyspace: Option<Arc<str>>,
    pub text: Arc<str>,
    pub prepared: Arc<Prepared>,
    pub epoch: u64,
}

#[derive(Default)]
struct Entries {
    by_id: HashMap<StatementId, Entry>,
    in_order: VecDeque<StatementId>,
}

pub(super) struct PreparedStatements {
    entries: RwLock<Entries>,
    max: usize,
}

impl PreparedStatements {
    pub(super) fn new(max: usize) -> Self {
        PreparedStatements { entries: RwLock::default(), max: max.max(1) }
    }

    pub(super) fn get(&self, id: &[u8]) -> Option<Entry> {
        let id: StatementId = id.try_into().ok()?;
        self.entries.read().by_id.get(&id).cloned()
    }

    /// Keeps an entry, in place of the oldest one where there is no more room.
    pub(super) fn put(&self, id: StatementId, entry: Entry) {
        let mut entries = self.entries.write();
        if entries.by_id.insert(id, entry).is_none() {
            entries.in_order.push_back(id);
            if entries.in_order.len() > self.max
                && let Some(oldest) = entries.in_order.pop_front()
            {
                entries.by_id.remove(&oldest);
            }
        }
    }
}

/// The id of a statement.
pub(super) fn statement_id(keyspace: Option<&str>, text: &str) -> StatementId {
    let mut bytes = Vec::with_capacity(text.len() + 64);
    bytes.extend_from_slice(keyspace.unwrap_or_default().as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(text.as_bytes());
    xxh3_128(&bytes).to_be_bytes()
}
