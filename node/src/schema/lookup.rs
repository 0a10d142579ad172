//! Finding keyspaces, tables and columns.

use std::sync::Arc;

use starling_storage::model::{ColumnId, TableId};

use super::{Column, ColumnKind, Keyspace, Schema, Table};

impl Default for Schema {
    /// Without keyspaces. Numbers of tables begin above those of the system's.
    fn default() -> Self {
        Schema::empty()
    }
}

impl Schema {
    /// A schema without any user keyspace.
    pub fn empty() -> Self {
        Schema { keyspaces: Default::default(), next_table_id: super::FIRST_USER_TABLE_ID.0 }
    }

    /// The keyspace called `name`.
    pub fn keyspace(&self, name: &str) -> Option<&Arc<Keyspace>> {
        self.keyspaces.get(name)
    }

    /// The table `keyspace.name`.
    pub fn table(&self, keyspace: &str, name: &str) -> Option<&Arc<Table>> {
        self.keyspaces.get(keyspace)?.tables.get(name)
    }

    /// The table with the number `id`. Walks all tables: for requests, look up by name once and keep the answer.
    pub fn table_by_id(&self, id: TableId) -> Option<&Arc<Table>> {
        self.tables().find(|table| table.table.id == id)
    }

    /// All tables, by keyspace and name.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.keyspaces.values().flat_map(|keyspace| keyspace.tables.values())
    }
}

impl Table {
    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column with the number `id`.
    pub fn column_by_id(&self, id: ColumnId) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The columns of the partition key, in order of position.
    pub fn partition_key(&self) -> &[Column] {
        let end = self.columns.partition_point(|c| matches!(c.kind, ColumnKind::PartitionKey(_)));
        self.columns.get(..end).unwrap_or_default()
    }

    /// The clustering columns, in order of position.
    pub fn clustering(&self) -> &[Column] {
        let start = self.partition_key().len();
        let end = self.columns.partition_point(|c| c.kind.is_primary_key());
        self.columns.get(start..end).unwrap_or_default()
    }

    /// Static columns, by name.
    pub fn static_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.kind == ColumnKind::Static)
    }

    /// Regular columns, by name.
    pub fn regular_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.kind == ColumnKind::Regular)
    }

    /// Whether rows have clustering keys.
    pub fn has_clustering(&self) -> bool {
        !self.clustering().is_empty()
    }

    /// Brings the columns into their order: partition key, clustering, static by name, regular by name.
    pub(super) fn sort_columns(&mut self) {
        self.columns.sort_by(|a, b| {
            let names = || a.name.cmp(&b.name);
            a.kind.rank().cmp(&b.kind.rank()).then_with(names)
        });
    }
}

impl ColumnKind {
    /// Whether the column belongs to the primary key.
    pub fn is_primary_key(&self) -> bool {
        matches!(self, ColumnKind::PartitionKey(_) | ColumnKind::Clustering { .. })
    }

    /// What `system_schema.columns` calls it.
    pub fn name(&self) -> &'static str {
        match self {
            ColumnKind::PartitionKey(_) => "partition_key",
            ColumnKind::Clustering { .. } => "clustering",
            ColumnKind::Static => "static",
            ColumnKind::Regular => "regular",
        }
    }

    fn rank(&self) -> (u8, usize) {
        match self {
            ColumnKind::PartitionKey(position) => (0, *position),
            ColumnKind::Clustering { position, .. } => (1, *position),
            ColumnKind::Static => (2, 0),
            ColumnKind::Regular => (3, 0),
        }
    }
}
