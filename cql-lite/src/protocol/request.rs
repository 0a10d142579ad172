//! Requests, borrowed from the body that they came in (section 4.1 of the specification).

use starling_ring::ConsistencyLevel;

use super::error::CqlError;
use super::frame::{FLAG_COMPRESSION, FLAG_CUSTOM_PAYLOAD, FLAG_TRACING, Header, Opcode};
use super::payload::read_stamp;
use super::wire::{DecodeError, Reader};

pub(crate) const VALUES: u32 = 0x01;
pub(crate) const SKIP_METADATA: u32 = 0x02;
pub(crate) const PAGE_SIZE: u32 = 0x04;
pub(crate) const PAGING_STATE: u32 = 0x08;
pub(crate) const SERIAL_CONSISTENCY: u32 = 0x10;
pub(crate) const TIMESTAMP: u32 = 0x20;
pub(crate) const NAMES: u32 = 0x40;
pub(crate) const KEYSPACE: u32 = 0x80;
pub(crate) const NOW_IN_SECONDS: u32 = 0x100;
/// Of PREPARE.
pub(crate) const PREPARE_KEYSPACE: u32 = 0x01;

/// Flags that a BATCH may have.
const OF_BATCH: u32 = SERIAL_CONSISTENCY | TIMESTAMP | KEYSPACE | NOW_IN_SECONDS;
/// Flags that a QUERY or EXECUTE may have.
const OF_QUERY: u32 = OF_BATCH | VALUES | SKIP_METADATA | PAGE_SIZE | PAGING_STATE | NAMES;

/// Most values of all statements of a BATCH together: a value takes many times the four bytes of a null.
pub const BATCH_VALUES_MAX: usize = 1 << 19;

/// A value bound to a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoundValue<'a> {
    /// Null: in a write, a deletion.
    Null,
    /// Not given: in a write, the column stays as it is.
    Unset,
    /// Wire bytes.
    Bytes(&'a [u8]),
}

impl<'a> BoundValue<'a> {
    /// The bytes, if any.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            BoundValue::Bytes(bytes) => Some(bytes),
            BoundValue::Null | BoundValue::Unset => None,
        }
    }
}

/// What goes with a QUERY or EXECUTE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryParameters<'a> {
    /// Level of the request.
    pub consistency: ConsistencyLevel,
    /// Values in order, or in the order of `names`.
    pub values: Vec<BoundValue<'a>>,
    /// Names of the values; empty where they go by position.
    pub names: Vec<&'a str>,
    /// The client has the metadata of the result already.
    pub skip_metadata: bool,
    /// Rows per page; at least 1 as decoded (none or less: no paging).
    pub page_size: Option<i32>,
    /// Where the last page ended.
    pub paging_state: Option<&'a [u8]>,
    /// Level of a conditional write's Paxos.
    pub serial_consistency: Option<ConsistencyLevel>,
    /// Default timestamp of a write in microseconds.
    pub timestamp_us: Option<i64>,
    /// Keyspace of unqualified names; clients that follow the specification send it from v5 on.
    pub keyspace: Option<&'a str>,
    /// v5: the request's own now.
    pub now_s: Option<u32>,
}

impl QueryParameters<'_> {
    /// Nothing but a consistency level.
    pub fn new(consistency: ConsistencyLevel) -> Self {
        Self {
            consistency,
            values: Vec::new(),
            names: Vec::new(),
            skip_metadata: false,
            page_size: None,
            paging_state: None,
            serial_consistency: None,
            timestamp_us: None,
            keyspace: None,
            now_s: None,
        }
    }
}

/// What a batch promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchKind {
    /// All or nothing, by a log.
    Logged,
    /// No promise across partitions.
    Unlogged,
    /// Counter updates.
    Counter,
}

/// A statement of a batch: text or a prepared id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchQuery<'a> {
    /// CQL text.
    Text(&'a str),
    /// Id of a prepared statement.
    Prepared(&'a [u8]),
}

/// A statement of a batch and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchStatement<'a> {
    /// The statement.
    pub query: BatchQuery<'a>,
    /// Its values, by position.
    pub values: Vec<BoundValue<'a>>,
}

/// A BATCH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Its promise.
    pub kind: BatchKind,
    /// Its statements.
    pub statements: Vec<BatchStatement<'a>>,
    /// Level of the request.
    pub consistency: ConsistencyLevel,
    /// Level of a conditional batch's Paxos.
    pub serial_consistency: Option<ConsistencyLevel>,
    /// Default timestamp in microseconds.
    pub timestamp_us: Option<i64>,
    /// Keyspace of unqualified names; clients that follow the specification send it from v5 on.
    pub keyspace: Option<&'a str>,
    /// v5: the request's own now.
    pub now_s: Option<u32>,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// STARTUP with its options.
    Startup(Vec<(&'a str, &'a str)>),
    /// OPTIONS.
    Options,
    /// QUERY.
    Query {
        /// CQL text.
        query: &'a str,
        /// Values and settings.
        parameters: QueryParameters<'a>,
    },
    /// PREPARE.
    Prepare {
        /// CQL text.
        query: &'a str,
        /// v5: keyspace of unqualified names.
        keyspace: Option<&'a str>,
    },
    /// EXECUTE.
    Execute {
        /// Id that PREPARE gave.
        id: &'a [u8],
        /// v5: id of the result metadata that the client has; empty in v4.
        result_metadata_id: &'a [u8],
        /// Values and settings.
        parameters: QueryParameters<'a>,
    },
    /// BATCH.
    Batch(Batch<'a>),
    /// REGISTER for events by type: TOPOLOGY_CHANGE, STATUS_CHANGE, SCHEMA_CHANGE.
    Register(Vec<&'a str>),
    /// AUTH_RESPONSE.
    AuthResponse(Option<&'a [u8]>),
}

/// A request with what its header's flags add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFrame<'a> {
    /// The client wants a trace.
    pub tracing: bool,
    /// The latest stamp that the client was told, see [`super::payload`].
    pub stamp: Option<u64>,
    /// The request.
    pub request: Request<'a>,
}

/// Reads a request from its body.
///
/// # Errors
/// [`CqlError::Protocol`]; the connection can go on, since the frame's end is known.
pub fn decode_request<'a>(header: &Header, body: &'a [u8]) -> Result<RequestFrame<'a>, CqlError> {
    // From version 5 on segments are compressed, and the flag means nothing.
    if header.flags & FLAG_COMPRESSION != 0 && header.version < 5 {
        return Err(CqlError::Protocol("Compressed frame, but no compression was agreed on".to_owned()));
    }
    let mut reader = Reader::new(body);
    let stamp = if header.flags & FLAG_CUSTOM_PAYLOAD != 0 { read_stamp(&mut reader)? } else { None };
    let request = decode_body(header, &mut reader)?;
    Ok(RequestFrame { tracing: header.flags & FLAG_TRACING != 0, stamp, request })
}

fn decode_body<'a>(header: &Header, reader: &mut Reader<'a>) -> Result<Request<'a>, DecodeError> {
    let version = header.version;
    Ok(match header.opcode {
        Opcode::Startup => Request::Startup(reader.string_map()?),
        Opcode::Options => Request::Options,
        Opcode::Query => {
            let query = reader.long_string()?;
            Request::Query { query, parameters: decode_parameters(version, reader)? }
        }
        Opcode::Prepare => {
            let query = reader.long_string()?;
            let flags = if version >= 5 { reader.int()? as u32 } else { 0 };
            only_known(version, "PREPARE", flags, PREPARE_KEYSPACE)?;
            let keyspace = if flags & PREPARE_KEYSPACE != 0 { Some(reader.string()?) } else { None };
            Request::Prepare { query, keyspace }
        }
        Opcode::Execute => {
            let id = reader.short_bytes()?;
            let result_metadata_id = if version >= 5 { reader.short_bytes()? } else { &[] };
            Request::Execute { id, result_metadata_id, parameters: decode_parameters(version, reader)? }
        }
        Opcode::Batch => Request::Batch(decode_batch(version, reader)?),
        Opcode::Register => Request::Register(reader.string_list()?),
        Opcode::AuthResponse => Request::AuthResponse(reader.bytes()?),
        other => return Err(DecodeError::invalid(format!("{other:?} is not a request"))),
    })
}

fn decode_flags(version: u8, what: &str, known: u32, reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    // Version 4 has no byte for more; its specification has no keyspace, but clients send it and Cassandra reads it.
    let flags = if version >= 5 { reader.int()? as u32 } else { u32::from(reader.byte()?) };
    only_known(version, what, flags, known)?;
    Ok(flags)
}

/// A flag that is not known here may announce something that the request cannot be carried out without.
fn only_known(version: u8, what: &str, flags: u32, known: u32) -> Result<(), DecodeError> {
    match flags & !known {
        0 => Ok(()),
        unknown => Err(DecodeError::invalid(format!(
            "Unknown flags 0x{unknown:X} of a {what} message in protocol version {version}"
        ))),
    }
}

fn decode_value<'a>(reader: &mut Reader<'a>) -> Result<BoundValue<'a>, DecodeError> {
    match reader.int()? {
        -1 => Ok(BoundValue::Null),
        -2 => Ok(BoundValue::Unset),
        length => match usize::try_from(length) {
            Ok(length) => Ok(BoundValue::Bytes(reader.take(length)?)),
            Err(_) => Err(DecodeError::invalid(format!("Invalid ByteBuf length {length}"))),
        },
    }
}

fn decode_parameters<'a>(version: u8, reader: &mut Reader<'a>) -> Result<QueryParameters<'a>, DecodeError> {
    let mut parameters = QueryParameters::new(reader.consistency()?);
    let flags = decode_flags(version, "QUERY or EXECUTE", OF_QUERY, reader)?;
    let named = flags & NAMES != 0;
    if flags & VALUES != 0 {
        let count = usize::from(reader.short()?);
        parameters.values.reserve_exact(reader.bounded(count, 4));
        if named {
            parameters.names.reserve_exact(reader.bounded(count, 6));
        }
        for _ in 0..count {
            if named {
                parameters.names.push(reader.string()?);
            }
            parameters.values.push(decode_value(reader)?);
        }
    }
    parameters.skip_metadata = flags & SKIP_METADATA != 0;
    if flags & PAGE_SIZE != 0 {
        parameters.page_size = Some(reader.int()?).filter(|size| *size > 0);
    }
    if flags & PAGING_STATE != 0 {
        parameters.paging_state = reader.bytes()?;
    }
    let tail = decode_tail(flags, reader)?;
    parameters.serial_consistency = tail.serial_consistency;
    parameters.timestamp_us = tail.timestamp_us;
    parameters.keyspace = tail.keyspace;
    parameters.now_s = tail.now_s;
    Ok(parameters)
}

/// The settings that a QUERY and a BATCH share.
struct Tail<'a> {
    serial_consistency: Option<ConsistencyLevel>,
    timestamp_us: Option<i64>,
    keyspace: Option<&'a str>,
    now_s: Option<u32>,
}

fn decode_tail<'a>(flags: u32, reader: &mut Reader<'a>) -> Result<Tail<'a>, DecodeError> {
    let has = |flag| flags & flag != 0;
    let serial_consistency = if has(SERIAL_CONSISTENCY) { Some(decode_serial(reader)?) } else { None };
    let timestamp_us = if has(TIMESTAMP) { Some(decode_timestamp(reader)?) } else { None };
    let keyspace = if has(KEYSPACE) { Some(reader.string()?) } else { None };
    let now_s = if has(NOW_IN_SECONDS) { Some(reader.int()? as u32) } else { None };
    Ok(Tail { serial_consistency, timestamp_us, keyspace, now_s })
}

fn decode_serial(reader: &mut Reader<'_>) -> Result<ConsistencyLevel, DecodeError> {
    let level = reader.consistency()?;
    if matches!(level, ConsistencyLevel::Serial | ConsistencyLevel::LocalSerial) {
        return Ok(level);
    }
    Err(DecodeError::invalid("Invalid consistency level for conditional update. Must be one of SERIAL or LOCAL_SERIAL"))
}

fn decode_timestamp(reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    match reader.long()? {
        i64::MIN => {
            Err(DecodeError::invalid(format!("Out of bound timestamp, must be in [{}, {}]", i64::MIN + 1, i64::MAX)))
        }
        timestamp => Ok(timestamp),
    }
}

fn decode_batch<'a>(version: u8, reader: &mut Reader<'a>) -> Result<Batch<'a>, DecodeError> {
    let kind = match reader.byte()? {
        0 => BatchKind::Logged,
        1 => BatchKind::Unlogged,
        2 => BatchKind::Counter,
        other => return Err(DecodeError::invalid(format!("Invalid batch type {other}"))),
    };
    let count = usize::from(reader.short()?);
    // A statement takes at least a kind, a length and a count of values.
    let mut statements = Vec::with_capacity(reader.bounded(count, 5));
    let mut all_values = 0;
    for _ in 0..count {
        let query = match reader.byte()? {
            0 => BatchQuery::Text(reader.long_string()?),
            1 => BatchQuery::Prepared(reader.short_bytes()?),
            other => {
                return Err(DecodeError::invalid(format!(
                    "Invalid query kind in BATCH messages. Must be 0 or 1 but got {other}"
                )));
            }
        };
        let value_count = usize::from(reader.short()?);
        all_values += value_count;
        if all_values > BATCH_VALUES_MAX {
            return Err(DecodeError::invalid(format!("A BATCH message may bind at most {BATCH_VALUES_MAX} values")));
        }
        let mut values = Vec::with_capacity(reader.bounded(value_count, 4));
        for _ in 0..value_count {
            values.push(decode_value(reader)?);
        }
        statements.push(BatchStatement { query, values });
    }
    let consistency = reader.consistency()?;
    let flags = decode_flags(version, "BATCH", OF_BATCH | NAMES, reader)?;
    if flags & NAMES != 0 {
        // The specification has the names after the values that they should have come before.
        return Err(DecodeError::invalid("Named values are not supported in BATCH messages"));
    }
    let tail = decode_tail(flags, reader)?;
    Ok(Batch {
        kind,
        statements,
        consistency,
        serial_consistency: tail.serial_consistency,
        timestamp_us: tail.timestamp_us,
        keyspace: tail.keyspace,
        now_s: tail.now_s,
    })
}
