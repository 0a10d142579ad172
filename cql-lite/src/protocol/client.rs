//! The client's side: requests written, responses read into owned values whose cells share the frame's
//! buffer.

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

use super::error::CqlError;
use super::error_wire::read_error;
use super::event::{Event, SchemaChange};
use super::frame::{
    BodyOverflow, FLAG_COMPRESSION, FLAG_CUSTOM_PAYLOAD, FLAG_TRACING, FLAG_WARNING, Header, Opcode, OpenFrame,
};
use super::metadata::{ColumnSpec, ResultMetadata, read_columns, read_result_metadata};
use super::payload::{put_stamp, read_stamp};
use super::request::{self, Batch, BatchKind, BatchQuery, BoundValue, QueryParameters, Request};
use super::response::{RESULT_PREPARED, RESULT_ROWS, RESULT_SCHEMA_CHANGE, RESULT_SET_KEYSPACE, RESULT_VOID};
use super::wire::{
    DecodeError, Reader, put_bytes, put_consistency, put_count, put_long_string, put_short_bytes, put_string,
    put_string_list, put_string_map,
};

/// Appends a request that carries no stamp, see [`encode_stamped_request`].
///
/// # Errors
/// A body of 2 GiB or more; the buffer is as it was.
pub fn encode_request(
    out: &mut BytesMut,
    version: u8,
    stream: i16,
    tracing: bool,
    request: &Request<'_>,
) -> Result<(), BodyOverflow> {
    encode_stamped_request(out, version, stream, tracing, None, request)
}

/// Appends a request as a frame, with the latest stamp that the client was told if it wants to follow it. Lists and ids longer than the protocol's 16-bit counts are cut: callers
/// check them (a statement has at most 65,535 values).
///
/// # Errors
/// A body of 2 GiB or more; the buffer is as it was.
pub fn encode_stamped_request(
    out: &mut BytesMut,
    version: u8,
    stream: i16,
    tracing: bool,
    stamp: Option<u64>,
    request: &Request<'_>,
) -> Result<(), BodyOverflow> {
    let opcode = match request {
        Request::Startup(_) => Opcode::Startup,
        Request::Options => Opcode::Options,
        Request::Query { .. } => Opcode::Query,
        Request::Prepare { .. } => Opcode::Prepare,
        Request::Execute { .. } => Opcode::Execute,
        Request::Batch(_) => Opcode::Batch,
        Request::Register(_) => Opcode::Register,
        Request::AuthResponse(_) => Opcode::AuthResponse,
    };
    let tracing = if tracing { FLAG_TRACING } else { 0 };
    let payload = if stamp.is_some() { FLAG_CUSTOM_PAYLOAD } else { 0 };
    let frame = OpenFrame::begin(out, version & 0x7F, tracing | payload, stream, opcode);
    if let Some(stamp) = stamp {
        put_stamp(out, stamp);
    }
    match request {
        Request::Startup(options) => put_string_map(out, options),
        Request::Options => {}
        Request::Query { query, parameters } => {
            put_long_string(out, query);
            put_parameters(out, version, parameters);
        }
        Request::Prepare { query, keyspace } => {
            put_long_string(out, query);
            if version >= 5 {
                out.put_u32(flag(keyspace.is_some(), request::PREPARE_KEYSPACE));
                if let Some(keyspace) = keyspace {
                    put_string(out, keyspace);
                }
            }
        }
        Request::Execute { id, result_metadata_id, parameters } => {
            put_short_bytes(out, id);
            if version >= 5 {
                put_short_bytes(out, result_metadata_id);
            }
            put_parameters(out, version, parameters);
        }
        Request::Batch(batch) => put_batch(out, version, batch),
        Request::Register(events) => put_string_list(out, events),
        Request::AuthResponse(token) => put_bytes(out, *token),
    }
    frame.finish(out)
}

fn put_flags(out: &mut BytesMut, version: u8, flags: u32) {
    // Versions before 5 have one byte; the flags beyond it are never set for them.
    if version >= 5 { out.put_u32(flags) } else { out.put_u8(flags as u8) }
}

fn put_value(out: &mut BytesMut, value: BoundValue<'_>) {
    match value {
        BoundValue::Unset => out.put_i32(-2),
        BoundValue::Null => put_bytes(out, None),
        BoundValue::Bytes(bytes) => put_bytes(out, Some(bytes)),
    }
}

fn flag(set: bool, flag: u32) -> u32 {
    if set { flag } else { 0 }
}

fn put_parameters(out: &mut BytesMut, version: u8, parameters: &QueryParameters<'_>) {
    put_consistency(out, parameters.consistency);
    let named = !parameters.names.is_empty() && parameters.names.len() == parameters.values.len();
    let v5 = version >= 5;
    let flags = flag(!parameters.values.is_empty(), request::VALUES)
        | flag(named, request::NAMES)
        | flag(parameters.skip_metadata, request::SKIP_METADATA)
        | flag(parameters.page_size.is_some(), request::PAGE_SIZE)
        | flag(parameters.paging_state.is_some(), request::PAGING_STATE)
        | flag(parameters.serial_consistency.is_some(), request::SERIAL_CONSISTENCY)
        | flag(parameters.timestamp_us.is_some(), request::TIMESTAMP)
        | flag(parameters.keyspace.is_some(), request::KEYSPACE)
        | flag(v5 && parameters.now_s.is_some(), request::NOW_IN_SECONDS);
    put_flags(out, version, flags);
    if !parameters.values.is_empty() {
        for (i, value) in put_count(out, &parameters.values).enumerate() {
            if let Some(name) = parameters.names.get(i).filter(|_| named) {
                put_string(out, name);
            }
            put_value(out, *value);
        }
    }
    if let Some(size) = parameters.page_size {
        out.put_i32(size);
    }
    if parameters.paging_state.is_some() {
        put_bytes(out, parameters.paging_state);
    }
    if let Some(level) = parameters.serial_consistency {
        put_consistency(out, level);
    }
    if let Some(timestamp) = parameters.timestamp_us {
        out.put_i64(timestamp);
    }
    put_late_tail(out, version, parameters.keyspace, parameters.now_s);
}

/// Version 4 has a bit for the keyspace, which Cassandra reads, and none for now.
fn put_late_tail(out: &mut BytesMut, version: u8, keyspace: Option<&str>, now_s: Option<u32>) {
    if let Some(keyspace) = keyspace {
        put_string(out, keyspace);
    }
    if let Some(now) = now_s.filter(|_| version >= 5) {
        out.put_u32(now);
    }
}

fn put_batch(out: &mut BytesMut, version: u8, batch: &Batch<'_>) {
    out.put_u8(match batch.kind {
        BatchKind::Logged => 0,
        BatchKind::Unlogged => 1,
        BatchKind::Counter => 2,
    });
    for statement in put_count(out, &batch.statements) {
        match statement.query {
            BatchQuery::Text(text) => {
                out.put_u8(0);
                put_long_string(out, text);
            }
            BatchQuery::Prepared(id) => {
                out.put_u8(1);
                put_short_bytes(out, id);
            }
        }
        for value in put_count(out, &statement.values) {
            put_value(out, *value);
        }
    }
    put_consistency(out, batch.consistency);
    let v5 = version >= 5;
    let flags = flag(batch.serial_consistency.is_some(), request::SERIAL_CONSISTENCY)
        | flag(batch.timestamp_us.is_some(), request::TIMESTAMP)
        | flag(batch.keyspace.is_some(), request::KEYSPACE)
        | flag(v5 && batch.now_s.is_some(), request::NOW_IN_SECONDS);
    put_flags(out, version, flags);
    if let Some(level) = batch.serial_consistency {
        put_consistency(out, level);
    }
    if let Some(timestamp) = batch.timestamp_us {
        out.put_i64(timestamp);
    }
    put_late_tail(out, version, batch.keyspace, batch.now_s);
}

/// A response with what its header's flags add.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseFrame {
    /// Id of the request's trace.
    pub tracing_id: Option<Uuid>,
    /// Warnings of the server.
    pub warnings: Vec<String>,
    /// The latest stamp of the node that answers, see [`super::payload`].
    pub stamp: Option<u64>,
    /// The response.
    pub response: Response,
}

/// A response.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// READY.
    Ready,
    /// AUTHENTICATE: class of the authenticator.
    Authenticate(String),
    /// AUTH_CHALLENGE.
    AuthChallenge(Option<Bytes>),
    /// AUTH_SUCCESS.
    AuthSuccess(Option<Bytes>),
    /// SUPPORTED: options and their values.
    Supported(Vec<(String, Vec<String>)>),
    /// ERROR.
    Error(CqlError),
    /// EVENT.
    Event(Event),
    /// RESULT Void.
    Void,
    /// RESULT Rows.
    Rows(Rows),
    /// RESULT SetKeyspace.
    SetKeyspace(String),
    /// RESULT Prepared.
    Prepared(PreparedStatement),
    /// RESULT SchemaChange.
    SchemaChange(SchemaChange),
}

/// Rows of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Columns and the next page.
    pub metadata: ResultMetadata,
    /// Wire bytes of the cells; null is `None`.
    pub rows: Vec<Vec<Option<Bytes>>>,
}

/// What PREPARE yielded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedStatement {
    /// Id for EXECUTE.
    pub id: Bytes,
    /// v5: id of the result's metadata; empty in v4.
    pub result_metadata_id: Bytes,
    /// The variables to bind.
    pub variables: Vec<ColumnSpec>,
    /// Which variable is which component of the partition key.
    pub partition_key_indices: Vec<u16>,
    /// Metadata of the rows.
    pub result: ResultMetadata,
}

/// Reads a response from its body.
///
/// # Errors
/// Bytes that are no response.
pub fn decode_response(header: &Header, body: &Bytes) -> Result<ResponseFrame, DecodeError> {
    if header.flags & FLAG_COMPRESSION != 0 && header.version < 5 {
        return Err(DecodeError::invalid("compressed frame, but no compression was agreed on"));
    }
    let mut reader = Reader::new(body);
    let tracing_id = if header.flags & FLAG_TRACING != 0 { Some(reader.uuid()?) } else { None };
    let mut warnings = Vec::new();
    if header.flags & FLAG_WARNING != 0 {
        warnings = reader.string_list()?.into_iter().map(str::to_owned).collect();
    }
    let stamp = if header.flags & FLAG_CUSTOM_PAYLOAD != 0 { read_stamp(&mut reader)? } else { None };
    let response = match header.opcode {
        Opcode::Ready => Response::Ready,
        Opcode::Authenticate => Response::Authenticate(reader.string()?.to_owned()),
        Opcode::AuthChallenge => Response::AuthChallenge(reader.bytes()?.map(Bytes::copy_from_slice)),
        Opcode::AuthSuccess => Response::AuthSuccess(reader.bytes()?.map(Bytes::copy_from_slice)),
        Opcode::Supported => Response::Supported(read_supported(&mut reader)?),
        Opcode::Error => Response::Error(read_error(&mut reader, header.version)?),
        Opcode::Event => Response::Event(Event::read(&mut reader)?),
        Opcode::Result => read_result(&mut reader, header.version, body)?,
        other => return Err(DecodeError::invalid(format!("{other:?} is not a response"))),
    };
    Ok(ResponseFrame { tracing_id, warnings, stamp, response })
}

fn read_supported(reader: &mut Reader<'_>) -> Result<Vec<(String, Vec<String>)>, DecodeError> {
    let count = usize::from(reader.short()?);
    let mut options = Vec::with_capacity(reader.bounded(count, 4));
    for _ in 0..count {
        let name = reader.string()?.to_owned();
        options.push((name, reader.string_list()?.into_iter().map(str::to_owned).collect()));
    }
    Ok(options)
}

fn read_result(reader: &mut Reader<'_>, version: u8, body: &Bytes) -> Result<Response, DecodeError> {
    Ok(match reader.int()? as u32 {
        RESULT_VOID => Response::Void,
        RESULT_ROWS => Response::Rows(read_rows(reader, body)?),
        RESULT_SET_KEYSPACE => Response::SetKeyspace(reader.string()?.to_owned()),
        RESULT_PREPARED => Response::Prepared(read_prepared(reader, version)?),
        RESULT_SCHEMA_CHANGE => Response::SchemaChange(SchemaChange::read(reader)?),
        kind => return Err(DecodeError::invalid(format!("unknown kind of result {kind}"))),
    })
}

fn read_rows(reader: &mut Reader<'_>, body: &Bytes) -> Result<Rows, DecodeError> {
    let metadata = read_result_metadata(reader)?;
    let count = reader.count()?;
    let columns = metadata.column_count;
    // Every cell takes at least its length, so the bytes that are left bound what is worth allocating.
    let cells = count.checked_mul(columns).filter(|cells| *cells <= reader.rest().len() / 4);
    if cells.is_none() || (columns == 0 && count > 0) {
        return Err(DecodeError::invalid(format!("{count} rows of {columns} columns are more than the frame holds")));
    }
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        let mut row = Vec::with_capacity(columns);
        for _ in 0..columns {
            row.push(reader.bytes()?.map(|cell| body.slice_ref(cell)));
        }
        rows.push(row);
    }
    Ok(Rows { metadata, rows })
}

fn read_prepared(reader: &mut Reader<'_>, version: u8) -> Result<PreparedStatement, DecodeError> {
    let id = Bytes::copy_from_slice(reader.short_bytes()?);
    let result_metadata_id = if version >= 5 { Bytes::copy_from_slice(reader.short_bytes()?) } else { Bytes::new() };
    let flags = reader.int()? as u32;
    let count = reader.count()?;
    let key_count = reader.count()?;
    let mut partition_key_indices = Vec::with_capacity(reader.bounded(key_count, 2));
    for _ in 0..key_count {
        partition_key_indices.push(reader.short()?);
    }
    let variables = read_columns(reader, flags, count)?;
    let result = read_result_metadata(reader)?;
    Ok(PreparedStatement { id, result_metadata_id, variables, partition_key_indices, result })
}
