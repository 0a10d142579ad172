//! What is alive in a canonical partition at a given second: rows, cells, their timestamps and remaining TTLs.

use bytes::Bytes;

use crate::model::{Cell, CellContent, ColumnData, ColumnId, Expiry, Partition, Row};

/// A cell that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveCell<'a> {
    /// Its column.
    pub column: ColumnId,
    /// Key or position within a collection; `None` for a plain column.
    pub path: Option<&'a Bytes>,
    /// CQL wire bytes.
    pub value: &'a Bytes,
    /// Write timestamp in microseconds.
    pub timestamp_us: i64,
    /// Seconds left to live, at least 1; `None` if it does not expire.
    pub ttl_s: Option<u32>,
}

/// A row that is alive, or the static row of a partition.
#[derive(Clone, Copy, Debug)]
pub struct LiveRow<'a> {
    /// Composed clustering key; empty for a static row.
    pub clustering: &'a [u8],
    row: &'a Row,
    now_s: i64,
}

fn is_unexpired(expiry: &Option<Expiry>, now_s: i64) -> bool {
    expiry.is_none_or(|expiry| now_s < expiry.expires_at_s)
}

fn live_cell(column: ColumnId, cell: &Cell, now_s: i64) -> Option<LiveCell<'_>> {
    let CellContent::Live { value, expiry } = &cell.content else {
        return None;
    };
    if !is_unexpired(expiry, now_s) {
        return None;
    }
    let ttl_s = expiry.map(|e| u32::try_from(e.expires_at_s.saturating_sub(now_s)).unwrap_or(u32::MAX));
    Some(LiveCell { column, path: cell.path.as_ref(), value, timestamp_us: cell.timestamp_us, ttl_s })
}

/// Whether a canonical row exists for CQL: its marker or any of its cells is alive.
pub fn is_live(row: &Row, now_s: i64) -> bool {
    row.marker.is_some_and(|marker| is_unexpired(&marker.expiry, now_s)) || has_live_cell(row, now_s)
}

fn has_live_cell(row: &Row, now_s: i64) -> bool {
    row.columns.iter().any(|column| {
        column.cells.iter().any(|cell| match &cell.content {
            CellContent::Live { expiry, .. } => is_unexpired(expiry, now_s),
            CellContent::Counter { .. } => true,
            CellContent::Tombstone { .. } => false,
        })
    })
}

/// The live rows of a canonical partition, in ascending clustering order.
pub fn live_rows(partition: &Partition, now_s: i64) -> impl DoubleEndedIterator<Item = LiveRow<'_>> {
    partition.rows.iter().filter(move |(_, row)| is_live(row, now_s)).map(move |(key, row)| LiveRow {
        clustering: key,
        row,
        now_s,
    })
}

/// The static row of a canonical partition, if any of its cells is alive.
pub fn live_static_row(partition: &Partition, now_s: i64) -> Option<LiveRow<'_>> {
    let row = partition.static_row.as_ref().filter(|row| has_live_cell(row, now_s))?;
    Some(LiveRow { clustering: &[], row, now_s })
}

impl<'a> LiveRow<'a> {
    /// The live cell of a plain column.
    pub fn cell(&self, column: ColumnId) -> Option<LiveCell<'a>> {
        live_cell(column, self.column(column)?.cells.first()?, self.now_s)
    }

    /// The live cells of one column, by path.
    pub fn cells_of(&self, column: ColumnId) -> impl Iterator<Item = LiveCell<'a>> + use<'a> {
        let now_s = self.now_s;
        let cells = self.column(column).map(|data| data.cells.as_slice()).unwrap_or_default();
        cells.iter().filter_map(move |cell| live_cell(column, cell, now_s))
    }

    /// All live cells, by column, then path.
    pub fn cells(&self) -> impl Iterator<Item = LiveCell<'a>> + use<'a> {
        let now_s = self.now_s;
        let columns = self.row.columns.iter();
        columns.flat_map(move |data| data.cells.iter().filter_map(move |cell| live_cell(data.column, cell, now_s)))
    }

    fn column(&self, column: ColumnId) -> Option<&'a ColumnData> {
        let at = self.row.columns.binary_search_by_key(&column, |data| data.column).ok()?;
        self.row.columns.get(at)
    }
}
