//! Prepared statements of all clients, by id. Bounded in number and in bytes; the id is a hash of keyspace and text, the same on all nodes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;
use starling_cql_lite::protocol::error::CqlError;
use xxhash_rust::xxh3::xxh3_128;

use super::client::StatementId;
use crate::cluster::LogPosition;
use crate::plan::Prepared;

/// A statement as it was prepared, and against which entry of the log.
#[derive(Clone)]
pub(super) struct Entry {
    pub keyspace: Option<Arc<str>>,
    pub text: Arc<str>,
    pub prepared: Arc<Prepared>,
    /// Id of the result's columns.
    pub metadata_id: StatementId,
    pub position: LogPosition,
    /// The result's columns are not those that it was first prepared with: a client may know the old ones.
    pub has_new_columns: bool,
}

impl Entry {
    fn size_bytes(&self) -> usize {
        self.text.len() + self.prepared.size_bytes
    }

    /// Whether a result may leave its columns out because the client knows them from the preparation.
    pub(super) fn columns_are_known(&self) -> bool {
        !self.has_new_columns && !self.prepared.selects_all
    }
}

struct Kept {
    entry: Entry,
    /// Run since it came to the front of the queue: it gets a second chance.
    is_used: AtomicBool,
}

#[derive(Default)]
struct Entries {
    by_id: HashMap<StatementId, Kept>,
    in_order: VecDeque<StatementId>,
    /// What they take: plans and texts.
    bytes: usize,
}

pub(super) struct PreparedStatements {
    entries: RwLock<Entries>,
    max: usize,
    max_bytes: usize,
    /// Statements dropped in favour of others.
    pub evicted: AtomicU64,
}

impl PreparedStatements {
    pub(super) fn new(max: usize, max_bytes: usize) -> Self {
        PreparedStatements { entries: RwLock::default(), max: max.max(1), max_bytes, evicted: AtomicU64::new(0) }
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

    /// How many there are, and the bytes that they take.
    pub(super) fn size(&self) -> (usize, usize) {
        let entries = self.entries.read();
        (entries.by_id.len(), entries.bytes)
    }

    /// Keeps an entry, in place of old ones that nobody runs where there is no more room.
    ///
    /// # Errors
    /// Invalid if it is too large to be kept at all.
    pub(super) fn put(&self, id: StatementId, entry: Entry) -> Result<(), CqlError> {
        let bytes = entry.size_bytes();
        if bytes > self.max_bytes {
            let max_bytes = self.max_bytes;
            let message =
                format!("Prepared statement of size {bytes} bytes is larger than allowed maximum of {max_bytes}");
            return Err(CqlError::Invalid(message));
        }
        let mut entries = self.entries.write();
        if let Some(known) = entries.by_id.get_mut(&id) {
            let before = std::mem::replace(&mut known.entry, entry);
            // One id, one text; the columns may be others.
            known.is_used = AtomicBool::new(true);
            entries.bytes = entries.bytes + bytes - before.size_bytes();
            self.make_room(&mut entries, 0, 0);
            return Ok(());
        }
        // Room first: the newest is not the one that goes.
        self.make_room(&mut entries, 1, bytes);
        entries.bytes += bytes;
        entries.in_order.push_back(id);
        entries.by_id.insert(id, Kept { entry, is_used: AtomicBool::new(false) });
        Ok(())
    }

    fn make_room(&self, entries: &mut Entries, count: usize, bytes: usize) {
        while entries.in_order.len() + count > self.max || entries.bytes + bytes > self.max_bytes {
            if !entries.drop_one() {
                break;
            }
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Entries {
    /// Drops the oldest entry that was not used since it was last passed over (CLOCK); `false` if there is none.
    fn drop_one(&mut self) -> bool {
        while let Some(id) = self.in_order.pop_front() {
            match self.by_id.get(&id) {
                Some(kept) if kept.is_used.swap(false, Ordering::Relaxed) => self.in_order.push_back(id),
                Some(kept) => {
                    self.bytes -= kept.entry.size_bytes();
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
        Entry {
            keyspace: None,
            text: Arc::from(text),
            prepared,
            metadata_id,
            position: LogPosition::FIRST,
            has_new_columns: false,
        }
    }

    #[test]
    fn what_is_run_outlives_a_flood_of_what_is_not() {
        let kept = PreparedStatements::new(10, 1 << 20);
        let hot = statement_id(None, "hot");
        kept.put(hot, entry("hot")).expect("small");
        for number in 0..1_000 {
            let text = number.to_string();
            let id = statement_id(None, &text);
            kept.put(id, entry(&text)).expect("small");
            assert!(kept.get(&hot).is_some(), "gone after {number}");
            assert!(kept.entries.read().by_id.contains_key(&id), "the newest is kept");
            assert!(kept.entries.read().in_order.len() <= 10);
        }
        assert_eq!(kept.size(), (10, kept.entries.read().bytes));
        assert_eq!(kept.evicted.load(Ordering::Relaxed), 1_001 - 10);
    }

    #[test]
    fn what_they_take_is_bounded_in_bytes() {
        let kept = PreparedStatements::new(1_000, 8 << 20);
        let large = "x".repeat(1 << 20);
        for number in 0..100 {
            kept.put(statement_id(None, &number.to_string()), entry(&large)).expect("small enough");
        }
        assert!(kept.put([9; 16], entry(&large.repeat(8))).is_err(), "larger than all may be together");
        let (again, id) = (entry("again"), statement_id(None, "again"));
        for _ in 0..2 {
            kept.put(id, again.clone()).expect("small");
        }
        let entries = kept.entries.read();
        assert_eq!(entries.by_id.len(), entries.in_order.len());
        assert_eq!(entries.bytes, entries.by_id.values().map(|kept| kept.entry.size_bytes()).sum::<usize>());
        assert!(entries.bytes <= 8 << 20 && entries.by_id.len() > 5);
    }
}
