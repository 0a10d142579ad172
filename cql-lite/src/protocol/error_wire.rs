//! Errors as bodies of ERROR frames (section 9 of the specification).

use bytes::{BufMut, Bytes, BytesMut};
use starling_ring::ConsistencyLevel;

use super::error::{CqlError, FailedReplica, FailureCode, WriteType};
use super::wire::{
    DecodeError, Reader, put_consistency, put_inet_address, put_short_bytes, put_string, put_string_list,
};

const WRITE_TIMEOUT: i32 = 0x1100;

/// Writes code, message and what else the error carries.
pub(crate) fn put_error(out: &mut BytesMut, version: u8, error: &CqlError) {
    let code = match error {
        // Version 4 does not know it.
        CqlError::CasWriteUnknown { .. } if version < 5 => WRITE_TIMEOUT,
        _ => error.code(),
    };
    out.put_i32(code);
    put_string(out, &error.to_string());
    match error {
        CqlError::Unavailable { consistency, required, alive, .. } => {
            put_answers(out, *consistency, *required, *alive);
        }
        CqlError::WriteTimeout { consistency, received, block_for, write_type, contentions, .. } => {
            put_answers(out, *consistency, *received, *block_for);
            put_string(out, write_type.name());
            if version >= 5 && *write_type == WriteType::Cas {
                out.put_u16(*contentions);
            }
        }
        CqlError::CasWriteUnknown { consistency, received, block_for, .. } => {
            put_answers(out, *consistency, *received, *block_for);
            if version < 5 {
                put_string(out, WriteType::Cas.name());
            }
        }
        CqlError::ReadTimeout { consistency, received, block_for, data_present, .. } => {
            put_answers(out, *consistency, *received, *block_for);
            out.put_u8(u8::from(*data_present));
        }
        CqlError::ReadFailure { consistency, received, block_for, num_failures, failures, data_present, .. } => {
            put_answers(out, *consistency, *received, *block_for);
            put_failures(out, version, *num_failures, failures);
            out.put_u8(u8::from(*data_present));
        }
        CqlError::WriteFailure { consistency, received, block_for, num_failures, failures, write_type, .. } => {
            put_answers(out, *consistency, *received, *block_for);
            put_failures(out, version, *num_failures, failures);
            put_string(out, write_type.name());
        }
        CqlError::FunctionFailure { keyspace, function, argument_types, .. } => {
            put_string(out, keyspace);
            put_string(out, function);
            put_string_list(out, argument_types);
        }
        CqlError::AlreadyExists { keyspace, table, .. } => {
            put_string(out, keyspace);
            put_string(out, table);
        }
        CqlError::Unprepared { id, .. } => put_short_bytes(out, id),
        _ => {}
    }
}

/// Level and two numbers: how most errors of consistency begin.
fn put_answers(out: &mut BytesMut, consistency: ConsistencyLevel, first: u32, second: u32) {
    put_consistency(out, consistency);
    put_number(out, first);
    put_number(out, second);
}

fn put_number(out: &mut BytesMut, number: u32) {
    out.put_i32(i32::try_from(number).unwrap_or(i32::MAX));
}

/// v4 has the number of failures; v5 a map of who failed and why.
fn put_failures(out: &mut BytesMut, version: u8, count: u32, failures: &[FailedReplica]) {
    if version < 5 {
        return put_number(out, count);
    }
    put_number(out, failures.len() as u32);
    for failure in failures {
        put_inet_address(out, failure.address);
        out.put_u16(failure.code.0);
    }
}

/// Reads what [`put_error`] wrote. Codes of other servers that are unknown here become
/// [`CqlError::Server`].
pub(crate) fn read_error(reader: &mut Reader<'_>, version: u8) -> Result<CqlError, DecodeError> {
    let code = reader.int()?;
    let message = reader.string()?.to_owned();
    Ok(match code {
        0x000A => CqlError::Protocol(message),
        0x0100 => CqlError::BadCredentials(message),
        0x1001 => CqlError::Overloaded(message),
        0x1002 => CqlError::IsBootstrapping(message),
        0x1003 => CqlError::Truncate(message),
        0x1600 => CqlError::CdcWriteFailure(message),
        0x2000 => CqlError::Syntax(message),
        0x2100 => CqlError::Unauthorized(message),
        0x2200 => CqlError::Invalid(message),
        0x2300 => CqlError::Config(message),
        0x1400 => CqlError::FunctionFailure {
            message,
            keyspace: reader.string()?.to_owned(),
            function: reader.string()?.to_owned(),
            argument_types: reader.string_list()?.into_iter().map(str::to_owned).collect(),
        },
        0x2400 => CqlError::AlreadyExists {
            message,
            keyspace: reader.string()?.to_owned(),
            table: reader.string()?.to_owned(),
        },
        0x2500 => CqlError::Unprepared { message, id: Bytes::copy_from_slice(reader.short_bytes()?) },
        0x1000 | WRITE_TIMEOUT | 0x1200 | 0x1300 | 0x1500 | 0x1700 => read_answers(reader, version, code, message)?,
        _ => CqlError::Server(message),
    })
}

/// Reads an error that begins with a level and two numbers.
fn read_answers(reader: &mut Reader<'_>, version: u8, code: i32, message: String) -> Result<CqlError, DecodeError> {
    let consistency = reader.consistency()?;
    let (received, block_for) = (read_number(reader)?, read_number(reader)?);
    Ok(match code {
        0x1000 => CqlError::Unavailable { message, consistency, required: received, alive: block_for },
        WRITE_TIMEOUT => {
            let write_type = read_write_type(reader)?;
            let contentions = if version >= 5 && write_type == WriteType::Cas { reader.short()? } else { 0 };
            CqlError::WriteTimeout { message, consistency, received, block_for, write_type, contentions }
        }
        0x1200 => {
            let data_present = reader.byte()? != 0;
            CqlError::ReadTimeout { message, consistency, received, block_for, data_present }
        }
        0x1700 => CqlError::CasWriteUnknown { message, consistency, received, block_for },
        _ => {
            let (num_failures, failures) = read_failures(reader, version)?;
            if code == 0x1300 {
                let data_present = reader.byte()? != 0;
                CqlError::ReadFailure {
                    message,
                    consistency,
                    received,
                    block_for,
                    num_failures,
                    failures,
                    data_present,
                }
            } else {
                let write_type = read_write_type(reader)?;
                CqlError::WriteFailure { message, consistency, received, block_for, num_failures, failures, write_type }
            }
        }
    })
}

fn read_number(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let number = reader.int()?;
    u32::try_from(number).map_err(|_| DecodeError::Invalid(format!("negative number {number} in an error")))
}

fn read_failures(reader: &mut Reader<'_>, version: u8) -> Result<(u32, Vec<FailedReplica>), DecodeError> {
    let count = read_number(reader)?;
    if version < 5 {
        return Ok((count, Vec::new()));
    }
    // A failure takes at least a length, an address of four bytes and a code.
    let mut failures = Vec::with_capacity(reader.bounded(count as usize, 7));
    for _ in 0..count {
        failures.push(FailedReplica { address: reader.inet_address()?, code: FailureCode(reader.short()?) });
    }
    Ok((count, failures))
}

fn read_write_type(reader: &mut Reader<'_>) -> Result<WriteType, DecodeError> {
    let name = reader.string()?;
    WriteType::from_name(name).ok_or_else(|| DecodeError::Invalid(format!("unknown write type '{name}'")))
}
