//! Everything that was ever decided, as any node ever had it: one content per position, each made of the one before.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use starling_node::cluster::{Change, Entry, LogPosition, Metadata, Standing};
use starling_ring::{HostId, Member};
use uuid::Uuid;

use super::clients::{Wish, wish_of};
use super::members::{problem_of, problem_of_change};

/// Something with an id: what it is, and since when.
type Named = (String, LogPosition);

/// The log from outside.
#[derive(Default)]
pub struct History {
    metadata: BTreeMap<LogPosition, Arc<Metadata>>,
    entries: BTreeMap<LogPosition, Arc<Entry>>,
    /// Where each wish was decided.
    decided: BTreeMap<u64, LogPosition>,
    tables: BTreeMap<u32, Named>,
    columns: BTreeMap<(Uuid, u32), Named>,
    /// There were tables at some time: whoever wanted in then may have been refused.
    pub had_tables: bool,
    /// Entries that were learnt of since they were last taken.
    fresh: Vec<Arc<Entry>>,
    problems: Vec<String>,
}

impl History {
    /// The newest metadata.
    pub fn newest(&self) -> Option<&Arc<Metadata>> {
        self.metadata.last_key_value().map(|(_, metadata)| metadata)
    }

    /// The metadata as of an entry.
    pub fn at(&self, position: LogPosition) -> Option<&Arc<Metadata>> {
        self.metadata.get(&position)
    }

    /// Whether a node counted as one of these standings at some time from `position` on.
    pub fn was_since(&self, host: HostId, position: LogPosition, standings: &[Standing]) -> bool {
        self.metadata.range(position..).any(|(_, metadata)| standings.contains(&metadata.standing(host)))
    }

    /// Whether an address was that of another node than `host` at some time from `position` on.
    pub fn was_taken_since(&self, address: IpAddr, host: HostId, position: LogPosition) -> bool {
        let is_it = |held: &Member| held.listen_address == address && held.host_id != host;
        self.metadata.range(position..).any(|(_, metadata)| {
            metadata.members.iter().chain(metadata.joining.iter().map(|joiner| &joiner.member)).any(is_it)
        })
    }

    /// Where a wish was decided.
    pub fn decided(&self, wish: u64) -> Option<LogPosition> {
        self.decided.get(&wish).copied()
    }

    /// Entries of all generations, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.values()
    }

    /// What was found wrong since the last call.
    pub fn take_problems(&mut self) -> Vec<String> {
        std::mem::take(&mut self.problems)
    }

    /// Entries learnt of since the last call.
    pub fn take_fresh(&mut self) -> Vec<Arc<Entry>> {
        std::mem::take(&mut self.fresh)
    }

    /// A node has `metadata`, and up to `position` it is stored; `entries` lead there.
    pub fn observe<'a>(
        &mut self,
        metadata: &Arc<Metadata>,
        entries: impl Iterator<Item = &'a Arc<Entry>>,
        position: LogPosition,
        wishes: &BTreeMap<u64, Wish>,
    ) {
        for entry in entries {
            self.learn(metadata, entry, wishes);
        }
        if metadata.position > position {
            return;
        }
        match self.metadata.get(&metadata.position) {
            None => self.keep(metadata.clone()),
            Some(held) if Arc::ptr_eq(held, metadata) || held == metadata => {}
            Some(_) => self.problems.push(format!("two contents of the metadata at {}", metadata.position)),
        }
    }

    fn learn(&mut self, metadata: &Metadata, entry: &Arc<Entry>, wishes: &BTreeMap<u64, Wish>) {
        let position = entry.position;
        if let Some(held) = self.entries.get(&position) {
            if held != entry {
                self.problems.push(format!("two entries at {position}: {held} and {entry}"));
            }
            return;
        }
        self.entries.insert(position, entry.clone());
        self.fresh.push(entry.clone());
        if let Some(wish) = wish_of(&entry.summary)
            && let Some(first) = self.decided.insert(wish, position)
        {
            self.problems.push(format!("wish {wish} was decided at {first} and at {position}"));
        }
        let Some(before) = self.before(metadata, position).cloned() else { return };
        match before.apply(entry) {
            Err(error) => self.problems.push(format!("the decided entry {entry} does not fit: {error}")),
            Ok(after) => {
                self.problems.extend(problem_of_change(&before, entry, &after));
                self.problems.extend(problem_of_schema(&before, entry, &after, wishes));
                if !self.metadata.contains_key(&position) {
                    self.keep(Arc::new(after));
                }
            }
        }
    }

    /// The metadata that the entry at `position` was applied to, where `metadata` contains that entry.
    fn before(&self, metadata: &Metadata, position: LogPosition) -> Option<&Arc<Metadata>> {
        let same = LogPosition { epoch: position.epoch - 1, ..position };
        let base = metadata.lineage.iter().rfind(|last| last.generation < position.generation);
        self.metadata.get(&same).or_else(|| self.metadata.get(base.filter(|base| base.epoch + 1 == position.epoch)?))
    }

    /// The members that decided the entry at `position`, and who was admitted then, are in this metadata.
    pub fn predecessor(&self, position: LogPosition) -> Option<&Arc<Metadata>> {
        self.metadata.get(&LogPosition { epoch: position.epoch.checked_sub(1)?, ..position })
    }

    fn keep(&mut self, metadata: Arc<Metadata>) {
        if let Some(problem) = problem_of(&metadata) {
            self.problems.push(format!("metadata at {}: {problem}", metadata.position));
        }
        if let Some(first) = self.metadata.values().next()
            && first.cluster_id != metadata.cluster_id
        {
            self.problems.push("there are two clusters".into());
        }
        self.had_tables |= metadata.has_user_tables();
        self.note_ids(&metadata);
        self.metadata.insert(metadata.position, metadata);
    }

    /// No id names two things in one line of the log. (What a recovery has given up is on no disk that counts.)
    fn note_ids(&mut self, metadata: &Metadata) {
        let position = metadata.position;
        let note = |held: Option<&Named>, name: &str| match held {
            Some((known, since)) if known != name && metadata.continues(*since) => {
                Some(format!("at {position} the id of {known} (since {since}) names {name}"))
            }
            _ => None,
        };
        for table in metadata.schema.keyspaces.values().flat_map(|keyspace| keyspace.tables.values()) {
            let (id, name) = (table.table.id.0, table.uuid.to_string());
            self.problems.extend(note(self.tables.get(&id), &name));
            keep_named(&mut self.tables, id, name, metadata);
            for column in &table.columns {
                let key = (table.uuid, column.id.0);
                let name = format!("{} {:?} {}", column.name, column.kind, column.cql_type);
                self.problems.extend(note(self.columns.get(&key), &name));
                keep_named(&mut self.columns, key, name, metadata);
            }
        }
    }
}

fn keep_named<K: Ord>(held: &mut BTreeMap<K, Named>, key: K, name: String, metadata: &Metadata) {
    let is_known = held.get(&key).is_some_and(|(known, since)| *known == name && metadata.continues(*since));
    if !is_known {
        held.insert(key, (name, metadata.position));
    }
}

/// The schema after an entry is what its statement makes of the one before; other entries leave it alone.
fn problem_of_schema(
    before: &Metadata,
    entry: &Entry,
    after: &Metadata,
    wishes: &BTreeMap<u64, Wish>,
) -> Option<String> {
    if !matches!(entry.change, Change::Schema(_)) {
        return (before.schema != after.schema).then(|| format!("{entry} changed the schema"));
    }
    let Some(wish) = wish_of(&entry.summary).and_then(|number| wishes.get(&number)) else {
        return Some(format!("nobody asked for {entry}"));
    };
    match wish.apply(&before.schema) {
        Some(outcome) if outcome.schema == after.schema => None,
        Some(_) => Some(format!("{entry} did not make what `{}` makes", wish.text)),
        None => Some(format!("{entry} was made, and `{}` does not fit there", wish.text)),
    }
}

#[cfg(test)]
mod tests {
    use starling_node::cluster::EntryId;
    use starling_node::schema::SchemaDelta;

    use super::super::machine::Machine;
    use super::super::shape::Shape;
    use super::*;
    use crate::random::Random;

    /// A log of one node, and the wishes that its entries come from.
    struct Log {
        history: History,
        wishes: BTreeMap<u64, Wish>,
        metadata: Arc<Metadata>,
    }

    impl Log {
        fn founded() -> Self {
            let mut random = Random::new(1);
            let shape = Shape::drawn(&mut random);
            let founder = Machine::new(0, &shape, Vec::new(), &mut random).identity.member;
            let metadata = Arc::new(Metadata::found(Uuid::from_u128(1), "c".into(), founder));
            let mut log = Log { history: History::default(), wishes: BTreeMap::new(), metadata };
            log.see(log.metadata.clone(), &[]);
            log
        }

        fn see(&mut self, metadata: Arc<Metadata>, entries: &[Arc<Entry>]) {
            let position = metadata.position;
            self.history.observe(&metadata, entries.iter(), position, &self.wishes);
        }

        /// The entry that a statement makes of the newest metadata.
        fn entry(&mut self, number: u64, text: &str) -> Arc<Entry> {
            let new_uuid = Uuid::from_u128(u128::from(number));
            let datacenters = BTreeMap::from([("dc1".to_owned(), 1)]);
            let wish = Wish::new(number, text.into(), new_uuid, datacenters).unwrap();
            let schema = wish.apply(&self.metadata.schema).unwrap().schema;
            let change = Change::Schema(SchemaDelta::between(&self.metadata.schema, &schema));
            let summary = wish.summary();
            self.wishes.insert(number, wish);
            self.of(number, summary, change)
        }

        fn of(&self, number: u64, summary: String, change: Change) -> Arc<Entry> {
            let id = EntryId { proposer: self.metadata.members[0].host_id, life: 1, number };
            let deciders = self.metadata.deciders.clone();
            Arc::new(Entry {
                position: self.metadata.position.next(),
                id,
                proposed_at_ms: 0,
                summary,
                change,
                deciders,
            })
        }

        fn make(&mut self, number: u64, text: &str) -> Arc<Entry> {
            let entry = self.entry(number, text);
            self.metadata = Arc::new(self.metadata.apply(&entry).unwrap());
            self.see(self.metadata.clone(), std::slice::from_ref(&entry));
            entry
        }

        fn is_sound(&mut self) -> bool {
            self.history.take_problems().is_empty()
        }
    }

    const KEYSPACE: &str = "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";

    #[test]
    fn a_sound_log_is_sound() {
        let mut log = Log::founded();
        log.make(1, KEYSPACE);
        log.make(2, "CREATE TABLE k.t (a int PRIMARY KEY)");
        log.make(3, "ALTER TABLE k.t ADD b int");
        log.make(4, "DROP TABLE k.t");
        assert!(log.is_sound());
        assert_eq!(log.history.decided(4), Some(log.metadata.position));
    }

    #[test]
    fn two_contents_of_one_position_are_seen() {
        let mut log = Log::founded();
        let before = log.metadata.clone();
        log.make(1, KEYSPACE);
        log.metadata = before.clone();
        let other = log.entry(2, &KEYSPACE.replace(" k ", " other "));
        let metadata = Arc::new(before.apply(&other).unwrap());
        log.see(metadata.clone(), &[]);
        assert!(!log.is_sound(), "by metadata");
        log.see(log.history.newest().unwrap().clone(), &[other]);
        assert!(!log.is_sound(), "by entry");
    }

    #[test]
    fn a_wish_that_is_decided_twice_is_seen() {
        let mut log = Log::founded();
        log.make(1, KEYSPACE);
        let again = log.of(9, "wish 1".into(), Change::Schema(SchemaDelta::default()));
        log.metadata = Arc::new(log.metadata.apply(&again).unwrap());
        log.see(log.metadata.clone(), &[again]);
        assert!(!log.is_sound());
    }

    #[test]
    fn an_entry_that_does_something_else_than_was_asked_for_is_seen() {
        let mut log = Log::founded();
        let mut entry = (*log.entry(1, KEYSPACE)).clone();
        entry.change = Change::Schema(SchemaDelta::default());
        let metadata = Arc::new(log.metadata.apply(&entry).unwrap());
        log.see(metadata, &[Arc::new(entry)]);
        assert!(!log.is_sound());
        let mut log = Log::founded();
        let mut entry = (*log.entry(1, KEYSPACE)).clone();
        entry.summary = "nobody's".into();
        let metadata = Arc::new(log.metadata.apply(&entry).unwrap());
        log.see(metadata, &[Arc::new(entry)]);
        assert!(!log.is_sound());
    }

    #[test]
    fn ids_that_are_used_twice_are_seen() {
        let faults: [fn(&mut starling_node::schema::Table); 2] =
            [|table| table.uuid = Uuid::from_u128(77), |table| table.columns[0].name = "other".into()];
        for fault in faults {
            let mut log = Log::founded();
            log.make(1, KEYSPACE);
            log.make(2, "CREATE TABLE k.t (a int PRIMARY KEY)");
            assert!(log.is_sound());
            let mut next = (*log.metadata).clone();
            next.position = next.position.next();
            let keyspace = Arc::make_mut(next.schema.keyspaces.get_mut("k").unwrap());
            fault(Arc::make_mut(keyspace.tables.get_mut("t").unwrap()));
            log.see(Arc::new(next), &[]);
            assert!(!log.is_sound());
        }
    }

    #[test]
    fn a_second_cluster_is_seen() {
        let mut log = Log::founded();
        let mut other = (*log.metadata).clone();
        other.cluster_id = Uuid::from_u128(2);
        other.position = other.position.next();
        log.see(Arc::new(other), &[]);
        assert!(!log.is_sound());
    }
}
