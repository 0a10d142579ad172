//! Metadata of bound variables and result columns.

use bytes::{BufMut, Bytes, BytesMut};

use super::wire::{DecodeError, Reader, put_string};
use crate::types::CqlType;

pub(crate) const GLOBAL_TABLE_SPEC: u32 = 0x01;
pub(crate) const HAS_MORE_PAGES: u32 = 0x02;
pub(crate) const NO_METADATA: u32 = 0x04;
pub(crate) const METADATA_CHANGED: u32 = 0x08;

/// A column of a result, or a variable to bind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnSpec {
    /// Keyspace of its table.
    pub keyspace: String,
    /// Its table.
    pub table: String,
    /// Its name, or that of what was selected.
    pub name: String,
    /// Its type.
    pub cql_type: CqlType,
}

/// `GLOBAL_TABLE_SPEC` where all columns are of one table, else no flag.
pub(crate) fn table_flag(columns: &[ColumnSpec]) -> u32 {
    match columns.split_first() {
        Some((first, rest)) if rest.iter().all(|c| c.keyspace == first.keyspace && c.table == first.table) => {
            GLOBAL_TABLE_SPEC
        }
        _ => 0,
    }
}

/// Writes the table, if it is the same for all, and the columns.
pub(crate) fn put_columns(out: &mut BytesMut, version: u8, columns: &[ColumnSpec]) {
    let global = table_flag(columns) != 0;
    if let Some(first) = columns.first().filter(|_| global) {
        put_string(out, &first.keyspace);
        put_string(out, &first.table);
    }
    for column in columns {
        if !global {
            put_string(out, &column.keyspace);
            put_string(out, &column.table);
        }
        put_string(out, &column.name);
        column.cql_type.encode_option(version, out);
    }
}

/// Reads what [`put_columns`] wrote.
pub(crate) fn read_columns(reader: &mut Reader<'_>, flags: u32, count: usize) -> Result<Vec<ColumnSpec>, DecodeError> {
    let global = if flags & GLOBAL_TABLE_SPEC != 0 { Some((reader.string()?, reader.string()?)) } else { None };
    // A column takes at least the length of its name and the id of its type.
    let mut columns = Vec::with_capacity(reader.bounded(count, 4));
    for _ in 0..count {
        let (keyspace, table) = match global {
            Some(names) => names,
            None => (reader.string()?, reader.string()?),
        };
        columns.push(ColumnSpec {
            keyspace: keyspace.to_owned(),
            table: table.to_owned(),
            name: reader.string()?.to_owned(),
            cql_type: CqlType::decode_option(reader)?,
        });
    }
    Ok(columns)
}

/// Writes the metadata of a PREPARED answer's result: none of it where the statement has no rows.
pub(crate) fn put_result_metadata(out: &mut BytesMut, version: u8, columns: &[ColumnSpec]) {
    let flags = if columns.is_empty() { NO_METADATA } else { table_flag(columns) };
    out.put_u32(flags);
    out.put_u32(columns.len() as u32);
    put_columns(out, version, columns);
}

/// Metadata of a result as a client reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultMetadata {
    /// How many columns each row has.
    pub column_count: usize,
    /// The columns; `None` where the server was told to leave them out.
    pub columns: Option<Vec<ColumnSpec>>,
    /// Where the next page begins; `None` on the last.
    pub paging_state: Option<Bytes>,
    /// v5: id of metadata that has changed since PREPARE.
    pub new_metadata_id: Option<Bytes>,
}

/// Reads a result's metadata.
pub(crate) fn read_result_metadata(reader: &mut Reader<'_>) -> Result<ResultMetadata, DecodeError> {
    let flags = reader.int()? as u32;
    let column_count = reader.count()?;
    let mut metadata = ResultMetadata { column_count, ..ResultMetadata::default() };
    if flags & HAS_MORE_PAGES != 0 {
        metadata.paging_state = reader.bytes()?.map(Bytes::copy_from_slice);
    }
    if flags & METADATA_CHANGED != 0 {
        metadata.new_metadata_id = Some(Bytes::copy_from_slice(reader.short_bytes()?));
    }
    if flags & NO_METADATA == 0 {
        metadata.columns = Some(read_columns(reader, flags, column_count)?);
    }
    Ok(metadata)
}
