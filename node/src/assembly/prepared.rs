//! Prepared statements of all clients, by id. Bounded in number and in bytes; the id is a hash of keyspace and text, the same on all nodes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    /// Id of the result's columns.
    pub metadata_id: StatementId,
    pub epoch: u64,
    /// The result's columns are not those that it was first prepared with: a client may know the old ones.
    pub has_new_columns: bool,
}

impl Entry {
    /// Whether a result may leave its columns out because the client knows them from the preparation.
    pub(super) fn columns_are_known(&self) -> bool {
        !self.has_new_columns && !self.prepared.selects_all
    }
}

/// Most bytes of statements' texts that are kept. Plans take a few times as much. 1 MiB to 1 GiB.
pub(super) const TEXT_BYTES_MAX: usize = 32 << 20;

struct Kept {
    entry: Entry,
    /// Run since it came to the front of the queue: it gets a second chance.
    is_used: AtomicBool,
}

#[derive(Default)]
struct Entries {
    by_id: HashMap<StatementId, Kept>,
    in_order: VecDeque<StatementId>,
    text_bytes: usize,
}

pub(super) struct PreparedStatements {
    entries: RwLock<Entries>,
    max: usize,
    /// Statements dropped in favour of others.
    pub evicted: AtomicU64,
}

impl PreparedStatements {
    pub(super) fn new(max: usize) -> Self {
        PreparedStatements { entries: RwLock::default(), max: max.max(1), evicted: AtomicU64::new(0) }
    }

    pub(super) fn get(&self, id: &[u8]) -> Option<Entry> {
        let id: StatementId = id.try_into().ok()?;
        let entries = self.entries.read();
        let kept = entries.by_id.get(&id)?;
        if !kept.is_used.load(Ordering::Relaxed) {
            kept.is_used.store(true, Ordering::Relaxed);
        }
        Some(kept.entry.clone())
    }

    /// How many there are, and bytes of their texts.
    pub(super) fn size(&self) -> (usize, usize) {
        let entries = self.entries.read();
        (entries.by_id.len(), entries.text_bytes)
    }

    /// Keeps an entry, in place of old ones that nobody runs where there is no more room.
    pub(super) fn put(&self, id: StatementId, entry: Entry) {
        let text_bytes = entry.text.len();
        let mut entries = self.entries.write();
        if let Some(known) = entries.by_id.get_mut(&id) {
            // One id, one text: what it takes stays the same.
            known.entry = entry;
            return;
        }
        // Room first: the newest is not the one that goes.
        while entries.in_order.len() >= self.max || entries.text_bytes + text_bytes > TEXT_BYTES_MAX {
            if !entries.drop_one() {
                break;
            }
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        entries.text_bytes += text_bytes;
        entries.in_order.push_back(id);
        entries.by_id.insert(id, Kept { entry, is_used: AtomicBool::new(false) });
    }
}

impl Entries {
    /// Drops the oldest entry that was not used since it was last passed over (CLOCK); `false` if there is none.
    fn drop_one(&mut self) -> bool {
        while let Some(id) = self.in_order.pop_front() {
            match self.by_id.get(&id) {
                Some(kept) if kept.is_used.swap(false, Ordering::Relaxed) => self.in_order.push_back(id),
                Some(kept) => {
                    self.text_bytes -= kept.entry.text.len();
                    self.by_id.remove(&id);
                    return true;
                }
                None => return true,
            }
        }
        false
    }
}

/// The id of a result's columns: the same on all nodes, another when a name or a type changes.
pub(super) fn metadata_id(prepared: &Prepared) -> StatementId {
    let mut bytes = Vec::with_capacity(256);
    let mut add = |text: &str| {
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    };
    if let Some(table) = &prepared.table {
        add(&table.keyspace);
        add(&table.name);
    }
    for column in &prepared.columns {
        add(&column.name);
        add(&column.cql_type.to_string());
    }
    xxh3_128(&bytes).to_be_bytes()
}

/// The id of a statement.
pub(super) fn statement_id(keyspace: Option<&str>, text: &str) -> StatementId {
    let mut bytes = Vec::with_capacity(text.len() + 64);
    bytes.extend_from_slice(keyspace.unwrap_or_default().as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(text.as_bytes());
    xxh3_128(&bytes).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        let schema = crate::system::with_system(&crate::schema::Schema::default());
        let parsed = starling_cql_lite::parser::parse_statement("USE system").expect("valid");
        let prepared = Arc::new(crate::plan::prepare(&schema, None, parsed).expect("plans"));
        let metadata_id = metadata_id(&prepared);
        Entry { keyspace: None, text: Arc::from(text), prepared, metadata_id, epoch: 1, has_new_columns: false }
    }

    #[test]
    fn what_is_run_outlives_a_flood_of_what_is_not() {
        let kept = PreparedStatements::new(10);
        let hot = statement_id(None, "hot");
        kept.put(hot, entry("hot"));
        for number in 0..1_000 {
            let text = number.to_string();
            let id = statement_id(None, &text);
            kept.put(id, entry(&text));
            assert!(kept.get(&hot).is_some(), "gone after {number}");
            assert!(kept.entries.read().by_id.contains_key(&id), "the newest is kept");
            assert!(kept.entries.read().in_order.len() <= 10);
        }
        assert_eq!(kept.size(), (10, kept.entries.read().text_bytes));
        assert_eq!(kept.evicted.load(Ordering::Relaxed), 1_001 - 10);
    }

    #[test]
    fn texts_are_bounded_in_bytes() {
        let kept = PreparedStatements::new(1_000);
        let large = "x".repeat(1 << 20);
        for number in 0..100 {
            kept.put(statement_id(None, &number.to_string()), entry(&large));
        }
        let entries = kept.entries.read();
        assert!(entries.text_bytes <= TEXT_BYTES_MAX);
        assert_eq!(entries.text_bytes, entries.by_id.len() << 20);
        assert_eq!(entries.by_id.len(), entries.in_order.len());
    }
}
