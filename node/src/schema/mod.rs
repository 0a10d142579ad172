//! Keyspaces, tables and columns: an immutable snapshot that requests hold from start to end. Pure.

pub mod change;
pub mod describe;
pub mod name;

mod alter_table;
mod column_type;
mod compaction;
pub mod create_statement;
pub(crate) mod create_table;
mod delta;
pub(crate) mod error;
mod given_property;
mod keyspace_change;
mod lookup;
pub(crate) mod property;
mod record;
mod replication;
mod storage_options;
mod table_options;
mod version;

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_cql_lite::types::CqlType;
use starling_ring::placement::ReplicationStrategy;
use starling_storage::model::{ColumnId, TableId, TableRef};
use uuid::Uuid;

pub use delta::SchemaDelta;
pub use table_options::{CLIENT_TIMESTAMPS, ClientTimestamps};

pub use change::{ChangeContext, ChangeTarget, ChangeType, SchemaChange, SchemaEffect, SchemaOutcome, apply};

/// All keyspaces and tables as of one metadata epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// Keyspaces by name (as stored: unquoted names are lower case).
    pub keyspaces: BTreeMap<String, Arc<Keyspace>>,
    /// The next table id to hand out; ids are never used twice.
    pub next_table_id: u32,
}

/// A keyspace.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyspace {
    /// Name as stored.
    pub name: String,
    /// How its data is replicated.
    pub replication: ReplicationStrategy,
    /// CQL's durable_writes; recorded and shown, writes are always logged.
    pub durable_writes: bool,
    /// True for system keyspaces, whose tables are made up from the node's state and cannot be written.
    pub is_virtual: bool,
    /// Tables by name.
    pub tables: BTreeMap<String, Arc<Table>>,
}

/// What role a column plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Component of the partition key, with its position.
    PartitionKey(usize),
    /// Clustering column, with its position and whether its order is reversed (DESC).
    Clustering {
        /// Position among the clustering columns.
        position: usize,
        /// CLUSTERING ORDER BY ... DESC.
        reversed: bool,
    },
    /// One value per partition.
    Static,
    /// One value per row.
    Regular,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Never used twice within its table.
    pub id: ColumnId,
    /// Name as stored.
    pub name: String,
    /// Its type.
    pub cql_type: CqlType,
    /// Its role.
    pub kind: ColumnKind,
}

/// Table options that clients may set and see.
#[derive(Clone, Debug, PartialEq)]
pub struct TableOptions {
    /// COMMENT.
    pub comment: String,
    /// gc_grace_seconds: age from which tombstones may be purged.
    pub gc_grace_s: u32,
    /// default_time_to_live in seconds; 0: none.
    pub default_ttl_s: u32,
    /// Options that are kept as the literal text that was given, by name, where it is not the default. Most are accepted
    /// and shown but steer nothing here (compaction, caching, ...).
    pub texts: BTreeMap<String, String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Keyspace it belongs to.
    pub keyspace: String,
    /// Name as stored.
    pub name: String,
    /// Id that clients see.
    pub uuid: Uuid,
    /// Number and incarnation in storage keys.
    pub table: TableRef,
    /// The next column id to hand out.
    pub next_column_id: u32,
    /// All columns: partition key, clustering, then static and regular ones by name.
    pub columns: Vec<Column>,
    /// Options.
    pub options: TableOptions,
}

/// The first id that user tables get; lower ones are reserved.
pub const FIRST_USER_TABLE_ID: TableId = TableId(1024);
