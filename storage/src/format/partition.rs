//! Partitions, their headers, and mutations.

use bytes::Bytes;
use starling_ring::Token;

use crate::header::Header;
use crate::model::{Deletion, Mutation, Partition, RangeTombstone, Row, TableId, TableRef};

use super::row::{deletion, put_deletion, put_row, row};
use super::wire::{Reader, check_ascending, put_bytes, put_varint};
use super::{FORMAT_VERSION, FormatError};

const HEADER_DELETION: u8 = 0x01;
const HEADER_STATIC: u8 = 0x02;

fn put_header_parts(
    out: &mut Vec<u8>,
    deletion: &Option<Deletion>,
    range_tombstones: &[RangeTombstone],
    static_row: &Option<Row>,
) {
    let mut flags = 0;
    if deletion.is_some() {
        flags |= HEADER_DELETION;
    }
    if static_row.is_some() {
        flags |= HEADER_STATIC;
    }
    out.push(flags);
    if let Some(deletion) = deletion {
        put_deletion(out, deletion);
    }
    put_varint(out, range_tombstones.len() as u64);
    for tombstone in range_tombstones {
        put_bytes(out, &tombstone.start);
        put_bytes(out, &tombstone.end);
        put_deletion(out, &tombstone.deletion);
    }
    if let Some(row) = static_row {
        put_row(out, row);
    }
}

/// Appends a partition's header.
pub(crate) fn put_header(out: &mut Vec<u8>, header: &Header) {
    put_header_parts(out, &header.deletion, &header.range_tombstones, &header.static_row);
}

/// Reads a partition's header.
pub(crate) fn header(reader: &mut Reader<'_>) -> Result<Header, FormatError> {
    let flags = reader.flags(HEADER_DELETION | HEADER_STATIC)?;
    let whole = if flags & HEADER_DELETION != 0 { Some(deletion(reader)?) } else { None };
    let count = reader.count(5)?;
    let mut range_tombstones = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let (start, end) = (reader.bytes()?, reader.bytes()?);
        range_tombstones.push(RangeTombstone { start, end, deletion: deletion(reader)? });
    }
    let static_row = if flags & HEADER_STATIC != 0 { Some(row(reader)?) } else { None };
    Ok(Header { deletion: whole, range_tombstones, static_row })
}

/// Appends a partition.
pub(crate) fn put_partition(out: &mut Vec<u8>, partition: &Partition) {
    out.extend_from_slice(&partition.token.0.to_be_bytes());
    put_bytes(out, &partition.key);
    put_header_parts(out, &partition.deletion, &partition.range_tombstones, &partition.static_row);
    put_varint(out, partition.rows.len() as u64);
    for (key, row) in &partition.rows {
        put_bytes(out, key);
        put_row(out, row);
    }
}

/// Reads a partition.
pub(crate) fn partition(reader: &mut Reader<'_>) -> Result<Partition, FormatError> {
    let token = Token(reader.token()?);
    let key = reader.bytes()?;
    let Header { deletion, range_tombstones, static_row } = header(reader)?;
    let count = reader.count(3)?;
    let mut rows: Vec<(Bytes, Row)> = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let clustering = reader.bytes()?;
        check_ascending(rows.last().map(|(key, _)| key), &clustering)?;
        rows.push((clustering, row(reader)?));
    }
    Ok(Partition { token, key, deletion, range_tombstones, static_row, rows })
}

pub(crate) fn put_table(out: &mut Vec<u8>, table: TableRef) {
    put_varint(out, u64::from(table.id.0));
    put_varint(out, u64::from(table.incarnation));
}

pub(crate) fn table(reader: &mut Reader<'_>) -> Result<TableRef, FormatError> {
    Ok(TableRef { id: TableId(reader.varint_u32()?), incarnation: reader.varint_u32()? })
}

impl Partition {
    /// Encodes it in format version 1.
    pub fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT_VERSION];
        put_partition(&mut out, self);
        out.into()
    }

    /// Decodes what [`Partition::encode`] made; values share the memory of `bytes`.
    pub fn decode(bytes: &Bytes) -> Result<Self, FormatError> {
        let mut reader = Reader::versioned(bytes)?;
        let partition = partition(&mut reader)?;
        reader.finish()?;
        Ok(partition)
    }
}

impl Mutation {
    /// Encodes it in format version 1.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(128);
        out.push(FORMAT_VERSION);
        put_table(&mut out, self.table);
        put_varint(&mut out, self.issue_stamp);
        put_partition(&mut out, &self.partition);
        out.into()
    }

    /// Decodes what [`Mutation::encode`] made; values share the memory of `bytes`.
    pub fn decode(bytes: &Bytes) -> Result<Self, FormatError> {
        let mut reader = Reader::versioned(bytes)?;
        let (table, issue_stamp) = (table(&mut reader)?, reader.varint()?);
        let partition = partition(&mut reader)?;
        reader.finish()?;
        Ok(Mutation { table, issue_stamp, partition })
    }
}
