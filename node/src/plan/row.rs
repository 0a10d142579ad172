//! One result row's raw values: key columns decoded, live cells with their timestamps.

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_storage::live::LiveRow;
use starling_storage::model::{ColumnId, Partition};

use super::elements::{self, Part};
use super::keys::{self, ClusteringLayout};
use super::names::TableInfo;
use crate::schema::ColumnKind;

/// A value with what `writetime` and `ttl` tell of it.
#[derive(Clone, Debug)]
pub(crate) struct RawCell {
    /// Wire bytes.
    pub value: Bytes,
    /// Write timestamp in microseconds; 0 for key columns.
    pub timestamp_us: i64,
    /// Seconds left to live.
    pub ttl_s: Option<u32>,
    /// The elements of a collection that is many cells.
    pub parts: Option<Box<[Part]>>,
}

/// Where columns of a row come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    PartitionKey(usize),
    Clustering(usize),
    Static(ColumnId),
    Regular(ColumnId),
}

/// Which columns of a table a query looks at, and where they are found.
#[derive(Clone, Debug)]
pub(crate) struct RowShape {
    sources: Vec<(usize, Source)>,
    /// Types of those among them that are collections of many cells.
    collections: Vec<(usize, CqlType)>,
    columns: usize,
    key_components: usize,
    wants_clustering: bool,
}

impl RowShape {
    /// The shape for a set of columns (indices into the table's).
    pub fn new(info: &TableInfo, wanted: &[usize]) -> RowShape {
        let mut sources: Vec<(usize, Source)> = wanted
            .iter()
            .map(|&index| {
                let column = info.column(index);
                let source = match column.kind {
                    ColumnKind::PartitionKey(position) => Source::PartitionKey(position),
                    ColumnKind::Clustering { position, .. } => Source::Clustering(position),
                    ColumnKind::Static => Source::Static(column.id),
                    ColumnKind::Regular => Source::Regular(column.id),
                };
                (index, source)
            })
            .collect();
        sources.sort_unstable_by_key(|(index, _)| *index);
        sources.dedup_by_key(|(index, _)| *index);
        let wants_clustering = sources.iter().any(|(_, source)| matches!(source, Source::Clustering(_)));
        let collections = sources
            .iter()
            .map(|(index, _)| (*index, info.column(*index).cql_type.clone()))
            .filter(|(_, cql_type)| cql_type.is_multi_cell())
            .collect();
        RowShape {
            sources,
            collections,
            columns: info.table.columns.len(),
            key_components: info.partition_key.len(),
            wants_clustering,
        }
    }

    fn raw_cell(&self, index: usize, row: &LiveRow<'_>, column: ColumnId) -> Result<Option<RawCell>, CqlError> {
        match self.collections.iter().find(|(other, _)| *other == index) {
            Some((_, cql_type)) => collection_cell(cql_type, row, column),
            None => Ok(raw_cell(row, column)),
        }
    }
}

/// The columns of one row, by index into the table's columns; reused from row to row.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowValues {
    cells: Vec<Option<RawCell>>,
}

impl RowValues {
    /// A column's value.
    pub fn value(&self, column: usize) -> Option<&Bytes> {
        self.cell(column).map(|cell| &cell.value)
    }

    /// A column's cell.
    pub fn cell(&self, column: usize) -> Option<&RawCell> {
        self.cells.get(column).and_then(Option::as_ref)
    }

    /// Fills in a partition's key and static columns; rows follow by [`RowValues::set_row`].
    pub fn set_partition(
        &mut self,
        shape: &RowShape,
        partition: &Partition,
        statics: Option<&LiveRow<'_>>,
    ) -> Result<(), CqlError> {
        self.cells.clear();
        self.cells.resize(shape.columns, None);
        let key = keys::split_partition_key(&partition.key, shape.key_components)
            .ok_or_else(|| CqlError::Server("damaged partition key".to_owned()))?;
        for (index, source) in &shape.sources {
            let cell = match source {
                Source::PartitionKey(position) => key.get(*position).cloned().map(key_cell),
                Source::Static(id) => match statics {
                    Some(row) => shape.raw_cell(*index, row, *id)?,
                    None => None,
                },
                Source::Clustering(_) | Source::Regular(_) => None,
            };
            self.set(*index, cell);
        }
        Ok(())
    }

    /// Fills in a row's clustering and regular columns; `None`: the partition has static columns alone.
    pub fn set_row(
        &mut self,
        shape: &RowShape,
        layout: &ClusteringLayout,
        row: Option<&LiveRow<'_>>,
    ) -> Result<(), CqlError> {
        let clustering = match row {
            Some(row) if shape.wants_clustering => layout.decode(row.clustering)?,
            _ => Vec::new(),
        };
        for (index, source) in &shape.sources {
            let cell = match source {
                Source::Clustering(position) => clustering.get(*position).cloned().map(key_cell),
                Source::Regular(id) => match row {
                    Some(row) => shape.raw_cell(*index, row, *id)?,
                    None => None,
                },
                Source::PartitionKey(_) | Source::Static(_) => continue,
            };
            self.set(*index, cell);
        }
        Ok(())
    }

    fn set(&mut self, index: usize, cell: Option<RawCell>) {
        if let Some(slot) = self.cells.get_mut(index) {
            *slot = cell;
        }
    }
}

fn key_cell(value: Bytes) -> RawCell {
    RawCell { value, timestamp_us: 0, ttl_s: None, parts: None }
}

fn raw_cell(row: &LiveRow<'_>, column: ColumnId) -> Option<RawCell> {
    let cell = row.cell(column)?;
    Some(RawCell { value: cell.value.clone(), timestamp_us: cell.timestamp_us, ttl_s: cell.ttl_s, parts: None })
}

/// A collection of many cells; one without live cells is null.
fn collection_cell(cql_type: &CqlType, row: &LiveRow<'_>, column: ColumnId) -> Result<Option<RawCell>, CqlError> {
    let parts = elements::parts(cql_type, row.cells_of(column))?;
    let Some(timestamp_us) = parts.iter().map(|part| part.timestamp_us).max() else {
        return Ok(None);
    };
    let value = elements::assemble(cql_type, &parts)?;
    Ok(Some(RawCell { value, timestamp_us, ttl_s: None, parts: Some(parts.into()) }))
}
