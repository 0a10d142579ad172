//! What the driver knows of the cluster.

use anyhow::{Context, Result};
use scylla::cluster::ClusterState;
use scylla::cluster::metadata::{CollectionType, ColumnKind, ColumnType, NativeType, Strategy};

use crate::driver::{NodeSeen, Seen, TableSeen};

pub fn nodes(state: &ClusterState) -> Vec<NodeSeen> {
    let seen = |node: &std::sync::Arc<scylla::cluster::Node>| NodeSeen {
        address: node.address.ip(),
        has_datacenter: node.datacenter.is_some(),
        is_up: node.is_enabled(),
    };
    state.get_nodes_info().iter().map(seen).collect()
}

pub fn replication(state: &ClusterState, keyspace: &str) -> Option<(String, String)> {
    match &state.get_keyspace(keyspace)?.strategy {
        Strategy::SimpleStrategy { replication_factor } => {
            Some(("SimpleStrategy".into(), replication_factor.to_string()))
        }
        other => Some((format!("{other:?}"), String::new())),
    }
}

pub fn table(state: &ClusterState, keyspace: &str, table: &str) -> Result<TableSeen> {
    let keyspace = state.get_keyspace(keyspace).context("the keyspace is not there")?;
    let table = keyspace.tables.get(table).context("the table is not there")?;
    let mut columns: Vec<(String, String)> =
        table.columns.iter().map(|(name, column)| (name.clone(), type_name(&column.typ))).collect();
    columns.sort();
    let mut static_columns: Vec<String> = table
        .columns
        .iter()
        .filter(|(_, column)| column.kind == ColumnKind::Static)
        .map(|(name, _)| name.clone())
        .collect();
    static_columns.sort();
    Ok(TableSeen {
        partition_key: table.partition_key.clone(),
        clustering_key: table.clustering_key.clone(),
        static_columns,
        columns,
    })
}

pub fn has(state: &ClusterState, what: &Seen<'_>) -> bool {
    let Some(keyspace) = state.get_keyspace(what.keyspace) else {
        return false;
    };
    let Some(name) = what.table else {
        return true;
    };
    let table = keyspace.tables.get(name);
    table.is_some_and(|table| what.column.is_none_or(|column| table.columns.contains_key(column)))
}

/// The CQL name of a type.
fn type_name(kind: &ColumnType<'_>) -> String {
    match kind {
        ColumnType::Native(native) => native_name(native),
        ColumnType::Collection { frozen, typ, .. } => {
            let inner = match typ {
                CollectionType::List(element) => format!("list<{}>", type_name(element)),
                CollectionType::Set(element) => format!("set<{}>", type_name(element)),
                CollectionType::Map(key, value) => format!("map<{}, {}>", type_name(key), type_name(value)),
                other => format!("{other:?}"),
            };
            if *frozen { format!("frozen<{inner}>") } else { inner }
        }
        ColumnType::Vector { typ, dimensions, .. } => format!("vector<{}, {dimensions}>", type_name(typ)),
        ColumnType::Tuple(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(type_name).collect();
            format!("tuple<{}>", kinds.join(", "))
        }
        other => format!("{other:?}"),
    }
}

/// The driver's names are CQL's, but for their capitals.
fn native_name(native: &NativeType) -> String {
    format!("{native:?}").to_lowercase()
}
