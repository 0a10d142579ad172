//! Rows, columns, cells and deletions.

use crate::model::{Cell, CellContent, ColumnData, ColumnId, Deletion, Expiry, Marker, Row};

use super::FormatError;
use super::wire::{Reader, check_ascending, put_bytes, put_signed, put_varint};

const ROW_MARKER: u8 = 0x01;
const ROW_MARKER_EXPIRES: u8 = 0x02;
const ROW_DELETION: u8 = 0x04;
const ROW_BASE: u8 = 0x08;

const CELL_KIND: u8 = 0x03;
const CELL_LIVE: u8 = 0;
const CELL_EXPIRING: u8 = 1;
const CELL_TOMBSTONE: u8 = 2;
const CELL_COUNTER: u8 = 3;
const CELL_PATH: u8 = 0x04;
const CELL_OWN_TIMESTAMP: u8 = 0x08;

pub(crate) fn put_deletion(out: &mut Vec<u8>, deletion: &Deletion) {
    put_signed(out, deletion.timestamp_us);
    put_signed(out, deletion.local_deletion_time_s);
    put_varint(out, deletion.issue_stamp);
}

pub(crate) fn deletion(reader: &mut Reader<'_>) -> Result<Deletion, FormatError> {
    Ok(Deletion {
        timestamp_us: reader.signed()?,
        local_deletion_time_s: reader.signed()?,
        issue_stamp: reader.varint()?,
    })
}

fn put_expiry(out: &mut Vec<u8>, expiry: &Expiry) {
    put_varint(out, u64::from(expiry.ttl_s));
    put_signed(out, expiry.expires_at_s);
}

fn expiry(reader: &mut Reader<'_>) -> Result<Expiry, FormatError> {
    let ttl_s = reader.varint_u32()?;
    if ttl_s == 0 {
        return Err(FormatError::Malformed("expiry without a TTL"));
    }
    Ok(Expiry { ttl_s, expires_at_s: reader.signed()? })
}

/// The timestamp that the others are written relative to: the marker's, or else the first cell's.
fn base_timestamp(row: &Row) -> Option<i64> {
    let first_cell = || row.columns.iter().find_map(|column| column.cells.first());
    row.marker.map(|marker| marker.timestamp_us).or_else(|| first_cell().map(|cell| cell.timestamp_us))
}

/// Appends a row.
pub(crate) fn put_row(out: &mut Vec<u8>, row: &Row) {
    let base = base_timestamp(row);
    let mut flags = 0;
    if let Some(marker) = &row.marker {
        flags |= ROW_MARKER;
        if marker.expiry.is_some() {
            flags |= ROW_MARKER_EXPIRES;
        }
    }
    if row.deletion.is_some() {
        flags |= ROW_DELETION;
    }
    if base.is_some() {
        flags |= ROW_BASE;
    }
    out.push(flags);
    if let Some(base) = base {
        put_signed(out, base);
    }
    if let Some(expiry) = row.marker.as_ref().and_then(|marker| marker.expiry.as_ref()) {
        put_expiry(out, expiry);
    }
    if let Some(deletion) = &row.deletion {
        put_deletion(out, deletion);
    }
    put_varint(out, row.columns.len() as u64);
    for column in &row.columns {
        put_column(out, column, base.unwrap_or_default());
    }
}

/// Reads a row.
pub(crate) fn row(reader: &mut Reader<'_>) -> Result<Row, FormatError> {
    let flags = reader.flags(ROW_MARKER | ROW_MARKER_EXPIRES | ROW_DELETION | ROW_BASE)?;
    let has = |flag: u8| flags & flag != 0;
    if (has(ROW_MARKER_EXPIRES) && !has(ROW_MARKER)) || (has(ROW_MARKER) && !has(ROW_BASE)) {
        return Err(FormatError::Malformed("row flags"));
    }
    let base = if has(ROW_BASE) { reader.signed()? } else { 0 };
    let marker_expiry = if has(ROW_MARKER_EXPIRES) { Some(expiry(reader)?) } else { None };
    let marker = has(ROW_MARKER).then_some(Marker { timestamp_us: base, expiry: marker_expiry });
    let deletion = if has(ROW_DELETION) { Some(deletion(reader)?) } else { None };
    let count = reader.count(2)?;
    let mut columns: Vec<ColumnData> = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let next = column(reader, base)?;
        check_ascending(columns.last().map(|c| &c.column), &next.column)?;
        columns.push(next);
    }
    Ok(Row { marker, deletion, columns })
}

fn put_column(out: &mut Vec<u8>, column: &ColumnData, base: i64) {
    put_varint(out, u64::from(column.column.0));
    put_varint(out, (column.cells.len() as u64) << 1 | u64::from(column.deletion.is_some()));
    if let Some(deletion) = &column.deletion {
        put_deletion(out, deletion);
    }
    for cell in &column.cells {
        put_cell(out, cell, base);
    }
}

fn column(reader: &mut Reader<'_>, base: i64) -> Result<ColumnData, FormatError> {
    let id = ColumnId(reader.varint_u32()?);
    let head = reader.varint()?;
    let deletion = if head & 1 != 0 { Some(deletion(reader)?) } else { None };
    let count = usize::try_from(head >> 1).map_err(|_| FormatError::Truncated)?;
    if count > reader.remaining() / 2 {
        return Err(FormatError::Truncated);
    }
    let mut cells: Vec<Cell> = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let next = cell(reader, base)?;
        check_ascending(cells.last().map(|c| &c.path), &next.path)?;
        cells.push(next);
    }
    Ok(ColumnData { column: id, deletion, cells })
}

fn put_cell(out: &mut Vec<u8>, cell: &Cell, base: i64) {
    let mut flags = match &cell.content {
        CellContent::Live { expiry: None, .. } => CELL_LIVE,
        CellContent::Live { expiry: Some(_), .. } => CELL_EXPIRING,
        CellContent::Tombstone { .. } => CELL_TOMBSTONE,
        CellContent::Counter { .. } => CELL_COUNTER,
    };
    if cell.path.is_some() {
        flags |= CELL_PATH;
    }
    if cell.timestamp_us != base {
        flags |= CELL_OWN_TIMESTAMP;
    }
    out.push(flags);
    if cell.timestamp_us != base {
        put_signed(out, cell.timestamp_us.wrapping_sub(base));
    }
    if let Some(path) = &cell.path {
        put_bytes(out, path);
    }
    match &cell.content {
        CellContent::Live { value, expiry } => {
            if let Some(expiry) = expiry {
                put_expiry(out, expiry);
            }
            put_bytes(out, value);
        }
        CellContent::Tombstone { local_deletion_time_s, issue_stamp } => {
            put_signed(out, *local_deletion_time_s);
            put_varint(out, *issue_stamp);
        }
        CellContent::Counter { shards } => put_bytes(out, shards),
    }
}

fn cell(reader: &mut Reader<'_>, base: i64) -> Result<Cell, FormatError> {
    let flags = reader.flags(CELL_KIND | CELL_PATH | CELL_OWN_TIMESTAMP)?;
    let delta = if flags & CELL_OWN_TIMESTAMP != 0 { reader.signed()? } else { 0 };
    let path = if flags & CELL_PATH != 0 { Some(reader.bytes()?) } else { None };
    let content = match flags & CELL_KIND {
        CELL_LIVE => CellContent::Live { value: reader.bytes()?, expiry: None },
        CELL_EXPIRING => {
            let expiry = Some(expiry(reader)?);
            CellContent::Live { value: reader.bytes()?, expiry }
        }
        CELL_TOMBSTONE => {
            CellContent::Tombstone { local_deletion_time_s: reader.signed()?, issue_stamp: reader.varint()? }
        }
        _ => CellContent::Counter { shards: reader.bytes()? },
    };
    Ok(Cell { path, timestamp_us: base.wrapping_add(delta), content })
}
