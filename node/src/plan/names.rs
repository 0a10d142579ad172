//! Looks up what a statement names: keyspace, table, columns.

use std::sync::Arc;

use starling_cql_lite::ast::{Identifier, QualifiedName};
use starling_cql_lite::protocol::error::CqlError;

use super::errors::{invalid, undefined_column};
use crate::schema::{Column, ColumnKind, Schema, Table};

/// A table with its columns sorted by role.
#[derive(Clone, Debug)]
pub struct TableInfo {
    /// The table.
    pub table: Arc<Table>,
    /// Whether its keyspace is a system one.
    pub is_virtual: bool,
    /// Indices into `table.columns` of the partition key's components, in their order.
    pub partition_key: Vec<usize>,
    /// Indices of the clustering columns, in their order.
    pub clustering: Vec<usize>,
    /// Indices of all columns in the order of `SELECT *`.
    pub select_order: Vec<usize>,
}

impl TableInfo {
    /// Sorts the columns of a table.
    pub fn new(table: Arc<Table>, is_virtual: bool) -> TableInfo {
        let mut ranked: Vec<(u8, usize, &str, usize)> =
            table.columns.iter().enumerate().map(|(index, column)| rank(index, column)).collect();
        ranked.sort_unstable();
        let of_rank = |wanted: u8| ranked.iter().filter(|entry| entry.0 == wanted).map(|entry| entry.3).collect();
        TableInfo {
            partition_key: of_rank(0),
            clustering: of_rank(1),
            select_order: ranked.iter().map(|entry| entry.3).collect(),
            is_virtual,
            table: Arc::clone(&table),
        }
    }

    /// A column by its index in `table.columns`.
    ///
    /// # Panics
    /// On an index that this table's lookups did not give.
    pub fn column(&self, index: usize) -> &Column {
        &self.table.columns[index]
    }

    /// The index of a named column.
    ///
    /// # Errors
    /// Invalid if the table has none of that name.
    pub fn find(&self, name: &Identifier) -> Result<usize, CqlError> {
        self.position(&name.name)
            .ok_or_else(|| undefined_column(&name.to_string(), &self.table.keyspace, &self.table.name))
    }

    /// The index of a column by its stored name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.table.columns.iter().position(|column| column.name == name)
    }

    /// Names of columns, joined by ", ".
    pub fn names(&self, indices: &[usize]) -> String {
        let names: Vec<&str> = indices.iter().map(|&index| self.column(index).name.as_str()).collect();
        names.join(", ")
    }

    /// Whether any column is static.
    pub fn has_static(&self) -> bool {
        self.table.columns.iter().any(|column| column.kind == ColumnKind::Static)
    }
}

fn rank(index: usize, column: &Column) -> (u8, usize, &str, usize) {
    let name = column.name.as_str();
    match column.kind {
        ColumnKind::PartitionKey(position) => (0, position, name, index),
        ColumnKind::Clustering { position, .. } => (1, position, name, index),
        ColumnKind::Static => (2, 0, name, index),
        ColumnKind::Regular => (3, 0, name, index),
    }
}

/// The table of a name, in the session's keyspace if the name gives none.
///
/// # Errors
/// Invalid if there is no such table or keyspace, or no keyspace to look in.
pub(crate) fn table(schema: &Schema, session: Option<&str>, name: &QualifiedName) -> Result<TableInfo, CqlError> {
    let keyspace_name = name.keyspace.as_ref().map(|keyspace| keyspace.name.as_str()).or(session).ok_or_else(|| {
        invalid("No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename")
    })?;
    let keyspace = schema
        .keyspaces
        .get(keyspace_name)
        .ok_or_else(|| invalid(format!("keyspace {keyspace_name} does not exist")))?;
    let table = keyspace
        .tables
        .get(&name.name.name)
        .ok_or_else(|| invalid(format!("table {} does not exist", name.name.name)))?;
    Ok(TableInfo::new(Arc::clone(table), keyspace.is_virtual))
}
