//! The fingerprint of a schema: the same for the same content on every node.

use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3;

use super::{ColumnKind, Keyspace, Schema, Table};

impl Schema {
    /// A hash of all that clients can see of the user keyspaces. System keyspaces do not count, so a schema has
    /// one fingerprint with and without them; neither does TRUNCATE, which clients do not see as a change.
    pub fn fingerprint(&self) -> Uuid {
        let mut hasher = Fingerprint(Xxh3::new());
        for keyspace in self.keyspaces.values().filter(|keyspace| !keyspace.is_virtual) {
            hasher.keyspace(keyspace);
        }
        uuid::Builder::from_custom_bytes(hasher.0.digest128().to_be_bytes()).into_uuid()
    }
}

/// Feeds a hash so that no two contents run together: every text is preceded by its length.
struct Fingerprint(Xxh3);

impl Fingerprint {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn keyspace(&mut self, keyspace: &Keyspace) {
        self.text(&keyspace.name);
        let replication = keyspace.replication.options();
        self.number(replication.len() as u64);
        for (name, value) in &replication {
            self.text(name);
            self.text(value);
        }
        self.number(u64::from(keyspace.durable_writes));
        self.number(keyspace.tables.len() as u64);
        for table in keyspace.tables.values() {
            self.table(table);
        }
    }

    fn table(&mut self, table: &Table) {
        self.text(&table.name);
        self.0.update(table.uuid.as_bytes());
        self.number(u64::from(table.table.id.0));
        self.number(table.columns.len() as u64);
        for column in &table.columns {
            self.number(u64::from(column.id.0));
            self.text(&column.name);
            self.text(&column.cql_type.to_string());
            let (kind, position) = match column.kind {
                ColumnKind::PartitionKey(position) => (0, position),
                ColumnKind::Clustering { position, reversed: false } => (1, position),
                ColumnKind::Clustering { position, reversed: true } => (2, position),
                ColumnKind::Static => (3, 0),
                ColumnKind::Regular => (4, 0),
            };
            self.number(kind);
            self.number(position as u64);
        }
        self.text(&table.options.comment);
        self.number(u64::from(table.options.gc_grace_s));
        self.number(u64::from(table.options.default_ttl_s));
        self.number(table.options.texts.len() as u64);
        for (name, value) in &table.options.texts {
            self.text(name);
            self.text(value);
        }
    }
}
