//! Builds storage partitions from named values, so that system tables are read like any other table.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::{BufMut, Bytes};
use starling_cql_lite::ordered;
use starling_ring::Token;
use starling_storage::key::{KeyComponent, compose};
use starling_storage::model::{Cell, CellContent, ColumnData, Marker, Partition, Row};

use crate::plan::made_up_cells;
use crate::schema::{Column, ColumnKind, Table};

/// Write time of all that system tables hold, in microseconds.
const TIMESTAMP_US: i64 = 0;

/// Collects rows of one table.
pub struct PartitionsBuilder<'t> {
    table: &'t Table,
    partitions: BTreeMap<(Token, Bytes), BTreeMap<Bytes, Row>>,
}

impl<'t> PartitionsBuilder<'t> {
    /// No rows yet.
    pub fn new(table: &'t Table) -> Self {
        PartitionsBuilder { table, partitions: BTreeMap::new() }
    }

    /// Adds a row of values in wire form by column name; columns that are not named are null. All columns of
    /// the primary key must be named, else the row is left out, and so is a second row of the same key.
    pub fn row(&mut self, values: impl IntoIterator<Item = (&'static str, Bytes)>) {
        let values: BTreeMap<&str, Bytes> = values.into_iter().collect();
        debug_assert!(values.keys().all(|name| self.table.column(name).is_some()), "unknown column");
        let (Some(key), Some(clustering)) = (partition_key(self.table, &values), clustering_key(self.table, &values))
        else {
            debug_assert!(false, "a row without a key");
            return;
        };
        let token = Token::from_key(&key);
        let rows = self.partitions.entry((token, key)).or_default();
        if let Entry::Vacant(vacant) = rows.entry(clustering) {
            vacant.insert(row(self.table, values));
        }
    }

    /// The partitions, in order of token and key.
    pub fn finish(self) -> Vec<Partition> {
        self.partitions
            .into_iter()
            .map(|((token, key), rows)| Partition {
                token,
                key,
                deletion: None,
                range_tombstones: Vec::new(),
                static_row: None,
                rows: rows.into_iter().collect(),
            })
            .collect()
    }
}

/// The value itself for a single column; else each with its length before it and a zero byte after it.
fn partition_key(table: &Table, values: &BTreeMap<&str, Bytes>) -> Option<Bytes> {
    if let [only] = table.partition_key() {
        return values.get(only.name.as_str()).cloned();
    }
    let mut key = Vec::new();
    for column in table.partition_key() {
        let value = values.get(column.name.as_str())?;
        key.put_u16(u16::try_from(value.len()).ok()?);
        key.extend_from_slice(value);
        key.put_u8(0);
    }
    Some(key.into())
}

fn clustering_key(table: &Table, values: &BTreeMap<&str, Bytes>) -> Option<Bytes> {
    let mut encoded = Vec::new();
    for column in table.clustering() {
        let mut bytes = Vec::new();
        ordered::encode(&column.cql_type, values.get(column.name.as_str())?, &mut bytes).ok()?;
        encoded.push((column, bytes));
    }
    let components: Vec<KeyComponent<'_>> =
        encoded.iter().map(|(column, bytes)| key_component(column, bytes)).collect();
    Some(compose(&components).into())
}

fn key_component<'a>(column: &Column, bytes: &'a [u8]) -> KeyComponent<'a> {
    KeyComponent {
        bytes,
        fixed_length: column.cql_type.fixed_length(),
        reversed: matches!(column.kind, ColumnKind::Clustering { reversed: true, .. }),
    }
}

fn row(table: &Table, mut values: BTreeMap<&str, Bytes>) -> Row {
    let mut columns: Vec<ColumnData> = table
        .regular_columns()
        .filter_map(|column| {
            let value = values.remove(column.name.as_str())?;
            let cells = if column.cql_type.is_multi_cell() {
                made_up_cells(&column.cql_type, &value, TIMESTAMP_US).ok()?
            } else {
                let content = CellContent::Live { value, expiry: None };
                vec![Cell { path: None, timestamp_us: TIMESTAMP_US, content }]
            };
            Some(ColumnData { column: column.id, deletion: None, cells })
        })
        .collect();
    columns.sort_by_key(|data| data.column);
    Row { marker: Some(Marker { timestamp_us: TIMESTAMP_US, expiry: None }), deletion: None, columns }
}
