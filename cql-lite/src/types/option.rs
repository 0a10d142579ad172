//! Types as the native protocol's `[option]`.

use bytes::{BufMut, BytesMut};

use super::{CqlType, MAX_TYPE_DEPTH, class, native};
use crate::protocol::wire::{DecodeError, Reader, put_count, put_string};

const CUSTOM: u16 = 0x0000;
/// `text` of protocol v1 and v2; some clients still know it.
const OLD_TEXT: u16 = 0x000A;
const LIST: u16 = 0x0020;
const MAP: u16 = 0x0021;
const SET: u16 = 0x0022;
const UDT: u16 = 0x0030;
const TUPLE: u16 = 0x0031;

impl CqlType {
    /// Writes the type as an `[option]` of the given protocol version. Types without an id in that version
    /// (vectors; `duration` before v5) go as custom classes, as Cassandra sends them.
    pub fn encode_option(&self, version: u8, out: &mut BytesMut) {
        match self {
            CqlType::Frozen(inner) => inner.encode_option(version, out),
            CqlType::List(element) => {
                out.put_u16(LIST);
                element.encode_option(version, out);
            }
            CqlType::Set(element) => {
                out.put_u16(SET);
                element.encode_option(version, out);
            }
            CqlType::Map(key, value) => {
                out.put_u16(MAP);
                key.encode_option(version, out);
                value.encode_option(version, out);
            }
            CqlType::Tuple(elements) => {
                out.put_u16(TUPLE);
                for element in put_count(out, elements) {
                    element.encode_option(version, out);
                }
            }
            CqlType::Udt { keyspace, name, fields } => {
                out.put_u16(UDT);
                put_string(out, keyspace);
                put_string(out, name);
                for (field, ty) in put_count(out, fields) {
                    put_string(out, field);
                    ty.encode_option(version, out);
                }
            }
            scalar => match native::entry(scalar) {
                Some(native) if native.option_id != native::DURATION_ID || version >= 5 => {
                    out.put_u16(native.option_id);
                }
                _ => {
                    out.put_u16(CUSTOM);
                    put_string(out, &scalar.class_name());
                }
            },
        }
    }

    /// Reads a type from an `[option]`.
    ///
    /// # Errors
    /// Bytes that end early, an unknown id, or types nested deeper than [`MAX_TYPE_DEPTH`].
    pub fn decode_option(reader: &mut Reader<'_>) -> Result<CqlType, DecodeError> {
        decode(reader, 0)
    }
}

fn decode(reader: &mut Reader<'_>, depth: usize) -> Result<CqlType, DecodeError> {
    if depth >= MAX_TYPE_DEPTH {
        return Err(DecodeError::Invalid("type nested too deeply".to_owned()));
    }
    let next = |reader: &mut Reader<'_>| decode(reader, depth + 1);
    Ok(match reader.short()? {
        CUSTOM => {
            let name = reader.string()?;
            class::parse(name).unwrap_or_else(|| CqlType::Custom(name.to_owned()))
        }
        OLD_TEXT => CqlType::Text,
        LIST => CqlType::List(Box::new(next(reader)?)),
        SET => CqlType::Set(Box::new(next(reader)?)),
        MAP => CqlType::Map(Box::new(next(reader)?), Box::new(next(reader)?)),
        TUPLE => {
            let count = usize::from(reader.short()?);
            let mut elements = Vec::with_capacity(reader.bounded(count, 2));
            for _ in 0..count {
                elements.push(next(reader)?);
            }
            CqlType::Tuple(elements)
        }
        UDT => {
            let keyspace = reader.string()?.to_owned();
            let name = reader.string()?.to_owned();
            let count = usize::from(reader.short()?);
            let mut fields = Vec::with_capacity(reader.bounded(count, 4));
            for _ in 0..count {
                fields.push((reader.string()?.to_owned(), next(reader)?));
            }
            CqlType::Udt { keyspace, name, fields }
        }
        id => match native::NATIVES.iter().find(|native| native.option_id == id) {
            Some(native) => native.ty.clone(),
            None => return Err(DecodeError::Invalid(format!("unknown type id 0x{id:04X}"))),
        },
    })
}
