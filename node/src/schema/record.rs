//! The schema as serde writes and reads it, for cluster metadata. Types travel as CQL text; what is read is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use starling_cql_lite::types::CqlType;
use starling_ring::placement::ReplicationStrategy;
use starling_storage::model::{ColumnId, TableId, TableRef};
use uuid::Uuid;

use super::{Column, ColumnKind, Keyspace, Schema, Table, TableOptions};

#[derive(Serialize, Deserialize)]
struct SchemaRecord {
    keyspaces: Vec<KeyspaceRecord>,
    next_table_id: u32,
}

#[derive(Serialize, Deserialize)]
struct KeyspaceRecord {
    name: String,
    replication: ReplicationStrategy,
    durable_writes: bool,
    tables: Vec<TableRecord>,
}

#[derive(Serialize, Deserialize)]
struct TableRecord {
    name: String,
    uuid: [u8; 16],
    id: u32,
    incarnation: u32,
    next_column_id: u32,
    columns: Vec<ColumnRecord>,
    comment: String,
    gc_grace_s: u32,
    default_ttl_s: u32,
    texts: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct ColumnRecord {
    id: u32,
    name: String,
    cql_type: String,
    kind: KindRecord,
}

#[derive(Serialize, Deserialize)]
enum KindRecord {
    PartitionKey(u32),
    Clustering { position: u32, reversed: bool },
    Static,
    Regular,
}

impl Serialize for Schema {
    /// Writes the user keyspaces; virtual ones are the same on every node and are left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keyspaces = self.keyspaces.values().filter(|keyspace| !keyspace.is_virtual);
        let record = SchemaRecord {
            keyspaces: keyspaces.map(|keyspace| keyspace_record(keyspace)).collect(),
            next_table_id: self.next_table_id,
        };
        record.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schema {
    /// Reads what `serialize` wrote.
    ///
    /// Fails on unknown types and on ids or names used twice.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let record = SchemaRecord::deserialize(deserializer)?;
        let mut schema = Schema { keyspaces: BTreeMap::new(), next_table_id: record.next_table_id };
        let mut ids = BTreeSet::new();
        for keyspace in record.keyspaces {
            let keyspace = keyspace_of(keyspace, record.next_table_id, &mut ids).map_err(D::Error::custom)?;
            if let Some(twice) = schema.keyspaces.insert(keyspace.name.clone(), Arc::new(keyspace)) {
                return Err(D::Error::custom(format!("keyspace {} occurs twice", twice.name)));
            }
        }
        Ok(schema)
    }
}

fn keyspace_record(keyspace: &Keyspace) -> KeyspaceRecord {
    KeyspaceRecord {
        name: keyspace.name.clone(),
        replication: keyspace.replication.clone(),
        durable_writes: keyspace.durable_writes,
        tables: keyspace.tables.values().map(|table| table_record(table)).collect(),
    }
}

fn table_record(table: &Table) -> TableRecord {
    TableRecord {
        name: table.name.clone(),
        uuid: *table.uuid.as_bytes(),
        id: table.table.id.0,
        incarnation: table.table.incarnation,
        next_column_id: table.next_column_id,
        columns: table.columns.iter().map(column_record).collect(),
        comment: table.options.comment.clone(),
        gc_grace_s: table.options.gc_grace_s,
        default_ttl_s: table.options.default_ttl_s,
        texts: table.options.texts.clone(),
    }
}

fn column_record(column: &Column) -> ColumnRecord {
    ColumnRecord {
        id: column.id.0,
        name: column.name.clone(),
        cql_type: column.cql_type.to_string(),
        kind: match column.kind {
            ColumnKind::PartitionKey(position) => KindRecord::PartitionKey(position as u32),
            ColumnKind::Clustering { position, reversed } => {
                KindRecord::Clustering { position: position as u32, reversed }
            }
            ColumnKind::Static => KindRecord::Static,
            ColumnKind::Regular => KindRecord::Regular,
        },
    }
}

fn keyspace_of(record: KeyspaceRecord, next_table_id: u32, ids: &mut BTreeSet<u32>) -> Result<Keyspace, String> {
    let mut tables = BTreeMap::new();
    for table in record.tables {
        if table.id >= next_table_id || !ids.insert(table.id) {
            return Err(format!("table {}.{} has an id that is taken or not handed out", record.name, table.name));
        }
        let table = table_of(&record.name, table)?;
        if let Some(twice) = tables.insert(table.name.clone(), Arc::new(table)) {
            return Err(format!("table {}.{} occurs twice", record.name, twice.name));
        }
    }
    Ok(Keyspace {
        name: record.name,
        replication: record.replication,
        durable_writes: record.durable_writes,
        is_virtual: false,
        tables,
    })
}

fn table_of(keyspace: &str, record: TableRecord) -> Result<Table, String> {
    let at = |what: &str| format!("table {keyspace}.{}: {what}", record.name);
    let mut ids = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut columns = Vec::with_capacity(record.columns.len());
    for column in record.columns {
        if column.id >= record.next_column_id || !ids.insert(column.id) {
            return Err(at("a column id is taken or not handed out"));
        }
        if !names.insert(column.name.clone()) {
            return Err(at("a column occurs twice"));
        }
        columns.push(column_of(column).map_err(|error| at(&error))?);
    }
    let mut table = Table {
        keyspace: keyspace.to_owned(),
        name: record.name.clone(),
        uuid: Uuid::from_bytes(record.uuid),
        table: TableRef { id: TableId(record.id), incarnation: record.incarnation },
        next_column_id: record.next_column_id,
        columns,
        options: TableOptions {
            comment: record.comment.clone(),
            gc_grace_s: record.gc_grace_s,
            default_ttl_s: record.default_ttl_s,
            texts: record.texts.clone(),
        },
    };
    table.sort_columns();
    let key_positions = table.partition_key().iter().enumerate().all(|(at, c)| c.kind == ColumnKind::PartitionKey(at));
    let clustering_positions = table
        .clustering()
        .iter()
        .enumerate()
        .all(|(at, c)| matches!(c.kind, ColumnKind::Clustering { position, .. } if position == at));
    if table.partition_key().is_empty() || !key_positions || !clustering_positions {
        return Err(at("the primary key has gaps"));
    }
    Ok(table)
}

fn column_of(record: ColumnRecord) -> Result<Column, String> {
    let cql_type = CqlType::parse(&record.cql_type).map_err(|error| error.to_string())?;
    Ok(Column {
        id: ColumnId(record.id),
        name: record.name,
        cql_type,
        kind: match record.kind {
            KindRecord::PartitionKey(position) => ColumnKind::PartitionKey(position as usize),
            KindRecord::Clustering { position, reversed } => {
                ColumnKind::Clustering { position: position as usize, reversed }
            }
            KindRecord::Static => ColumnKind::Static,
            KindRecord::Regular => ColumnKind::Regular,
        },
    })
}
