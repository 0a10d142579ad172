//! Errors as bodies of ERROR frames (section 9 of the specification).

use bytes::{BufMut, Bytes, BytesMut};
use starling_ring::ConsistencyLevel;

use super::error::{CqlError, WriteType};
use super::wire::{DecodeError, Reader, put_consistency, put_short_bytes, put_string, put_string_list};

/// Writes code, message and what else the error carries.
pub(crate) fn put_error(out: &mut BytesMut, version: u8, error: &CqlError) {
    out.put_i32(error.code());
    put_string(out, &error.to_string());
    match error {
        CqlError::Unavailable { consistency, required, alive, .. } => {
            put_answers(out, *consistency, *required, *alive);
        }
        CqlError::WriteTimeout { consistency, received, block_for, write_type, .. } => {
            put_answers(out, *consistency, *received, *block_for);
            put_string(out, write_type.name());
        }
        CqlError::ReadTimeout { consistency, received, block_for, data_present, .. } => {
            put_answers(out, *consistency, *received, *block_for);
            out.put_u8(u8::from(*data_present));
        }
        CqlError::ReadFailure { consistency, received, block_for, num_failures, data_present, .. } => {
            put_answers(out, *consistency, *received, *block_for);
            put_failures(out, version, *num_failures);
            out.put_u8(u8::from(*data_present));
        }
        CqlError::WriteFailure { consistency, received, block_for, num_failures, write_type, .. } => {
            put_answers(out, *consistency, *received, *block_for);
            put_failures(out, version, *num_failures);
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

/// v4 has the number of failures; v5 a map of who failed why, which is empty since that is not known here.
fn put_failures(out: &mut BytesMut, version: u8, failures: u32) {
    if version >= 5 { out.put_i32(0) } else { put_number(out, failures) }
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
        0x2000 => CqlError::Syntax(message),
        0x2100 => CqlError::Unauthorized(message),
        0x2200 => CqlError::Invalid(message),
        0x2300 => CqlError::Config(message),
        0x1000 => CqlError::Unavailable {
            message,
            consistency: reader.consistency()?,
            required: read_number(reader)?,
            alive: read_number(reader)?,
        },
        0x1100 => CqlError::WriteTimeout {
            message,
            consistency: reader.consistency()?,
            received: read_number(reader)?,
            block_for: read_number(reader)?,
            write_type: read_write_type(reader)?,
        },
        0x1200 => CqlError::ReadTimeout {
            message,
            consistency: reader.consistency()?,
            received: read_number(reader)?,
            block_for: read_number(reader)?,
            data_present: reader.byte()? != 0,
        },
        0x1300 => CqlError::ReadFailure {
            message,
            consistency: reader.consistency()?,
            received: read_number(reader)?,
            block_for: read_number(reader)?,
            num_failures: read_failures(reader, version)?,
            data_present: reader.byte()? != 0,
        },
        0x1400 => CqlError::FunctionFailure {
            message,
            keyspace: reader.string()?.to_owned(),
            function: reader.string()?.to_owned(),
            argument_types: reader.string_list()?.into_iter().map(str::to_owned).collect(),
        },
        0x1500 => CqlError::WriteFailure {
            message,
            consistency: reader.consistency()?,
            received: read_number(reader)?,
            block_for: read_number(reader)?,
            num_failures: read_failures(reader, version)?,
            write_type: read_write_type(reader)?,
        },
        0x2400 => CqlError::AlreadyExists {
            message,
            keyspace: reader.string()?.to_owned(),
            table: reader.string()?.to_owned(),
        },
        0x2500 => CqlError::Unprepared { message, id: Bytes::copy_from_slice(reader.short_bytes()?) },
        _ => CqlError::Server(message),
    })
}

fn read_number(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let number = reader.int()?;
    u32::try_from(number).map_err(|_| DecodeError::Invalid(format!("negative number {number} in an error")))
}

fn read_failures(reader: &mut Reader<'_>, version: u8) -> Result<u32, DecodeError> {
    let failures = read_number(reader)?;
    if version >= 5 {
        for _ in 0..failures {
            reader.inet_address()?;
            reader.short()?;
        }
    }
    Ok(failures)
}

fn read_write_type(reader: &mut Reader<'_>) -> Result<WriteType, DecodeError> {
    let name = reader.string()?;
    WriteType::from_name(name).ok_or_else(|| DecodeError::Invalid(format!("unknown write type '{name}'")))
}
