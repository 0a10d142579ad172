//! Values from wire bytes.

use std::net::IpAddr;

use bytes::Bytes;
use num_bigint::BigInt;
use uuid::Uuid;

use super::{Decimal, Duration, Value, ValueError};
use crate::collection::{Elements, tuple_fields, vector_elements};
use crate::types::CqlType;

impl Value {
    /// The value that wire bytes stand for; `None` is null. Checks what [`CqlType::validate`] checks.
    ///
    /// # Errors
    /// Bytes that are no value of the type; tuples that leave out more fields than memory is given for.
    pub fn decode(ty: &CqlType, wire: Option<&[u8]>) -> Result<Value, ValueError> {
        let Some(wire) = wire else {
            return Ok(Value::Null);
        };
        let mut missing = MISSING_FIELDS_MAX;
        decode(ty, wire, &mut missing)
    }
}

impl Value {
    /// As [`Value::decode`], for what a server shows: `ttl` of a collection is a list with nulls in it.
    ///
    /// # Errors
    /// As [`Value::decode`].
    pub fn decode_shown(ty: &CqlType, wire: Option<&[u8]>) -> Result<Value, ValueError> {
        let (CqlType::List(element), Some(wire)) = (ty, wire) else {
            return Value::decode(ty, wire);
        };
        let mut missing = MISSING_FIELDS_MAX;
        let mut elements = Elements::new(wire, 1)?;
        let mut items = Vec::new();
        while let Some(item) = elements.next_nullable()? {
            items.push(item.map_or(Ok(Value::Null), |item| decode(element, item, &mut missing))?);
        }
        elements.finish()?;
        Ok(Value::List(items))
    }
}

/// Most fields that one value may leave out: each takes memory, though no bytes of the value. A list of empty tuples of
/// many fields would otherwise take thousands of times its bytes.
const MISSING_FIELDS_MAX: usize = 65_536;

fn decode(ty: &CqlType, wire: &[u8], missing: &mut usize) -> Result<Value, ValueError> {
    match ty.unfrozen() {
        CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..) => decode_collection(ty.unfrozen(), wire, missing),
        CqlType::Tuple(types) => Ok(Value::Tuple(decode_fields(types.iter(), types.len(), wire, missing)?)),
        CqlType::Udt { fields: types, .. } => {
            let values = decode_fields(types.iter().map(|(_, ty)| ty), types.len(), wire, missing)?;
            Ok(Value::Udt(types.iter().map(|(name, _)| name.clone()).zip(values).collect()))
        }
        CqlType::Vector(element, dimension) => {
            let items = vector_elements(element, *dimension, wire)?;
            let values = items.into_iter().map(|item| decode(element, item, missing));
            Ok(Value::Vector(values.collect::<Result<_, _>>()?))
        }
        scalar => {
            scalar.validate(wire)?;
            Ok(decode_scalar(scalar, wire)?.unwrap_or(Value::Empty))
        }
    }
}

fn decode_fields<'t>(
    types: impl Iterator<Item = &'t CqlType>,
    count: usize,
    wire: &[u8],
    missing: &mut usize,
) -> Result<Vec<Value>, ValueError> {
    let fields = tuple_fields(wire, count)?;
    let left_out = count.saturating_sub(fields.len());
    *missing = missing.checked_sub(left_out).ok_or_else(|| {
        ValueError::Invalid(format!("More than {MISSING_FIELDS_MAX} fields are missing from the tuples of one value"))
    })?;
    let mut values = Vec::with_capacity(count);
    for (ty, field) in types.zip(fields) {
        values.push(match field {
            Some(field) => decode(ty, field, missing)?,
            None => Value::Null,
        });
    }
    values.resize(count, Value::Null);
    Ok(values)
}

fn decode_collection(ty: &CqlType, wire: &[u8], missing: &mut usize) -> Result<Value, ValueError> {
    let (key, value) = match ty {
        CqlType::Map(key, value) => (key, Some(value)),
        CqlType::List(element) | CqlType::Set(element) => (element, None),
        other => return Err(ValueError::Invalid(format!("{other} is not a collection"))),
    };
    let mut elements = Elements::new(wire, if value.is_some() { 2 } else { 1 })?;
    let mut entries = Vec::new();
    let mut items = Vec::new();
    while let Some(item) = elements.next_element()? {
        let first = decode(key, item, missing)?;
        match value {
            Some(value) => {
                let item = elements.next_element()?.unwrap_or_default();
                entries.push((first, decode(value, item, missing)?));
            }
            None => items.push(first),
        }
    }
    elements.finish()?;
    Ok(match ty {
        CqlType::Map(..) => Value::Map(entries),
        CqlType::Set(_) => Value::Set(items),
        _ => Value::List(items),
    })
}

/// Bytes that were validated before; `Ok(None)` for the empty value of types without one of their own.
fn decode_scalar(ty: &CqlType, wire: &[u8]) -> Result<Option<Value>, ValueError> {
    use CqlType as T;
    Ok(match ty {
        T::Text | T::Ascii => {
            let text = std::str::from_utf8(wire).map_err(|_| ValueError::Invalid("String didn't validate.".into()))?;
            Some(Value::Text(text.to_owned()))
        }
        T::Boolean => wire.first().map(|byte| Value::Boolean(*byte != 0)),
        T::TinyInt => array(wire).map(|bytes| Value::TinyInt(i8::from_be_bytes(bytes))),
        T::SmallInt => array(wire).map(|bytes| Value::SmallInt(i16::from_be_bytes(bytes))),
        T::Int => array(wire).map(|bytes| Value::Int(i32::from_be_bytes(bytes))),
        T::BigInt => array(wire).map(|bytes| Value::BigInt(i64::from_be_bytes(bytes))),
        T::Counter => array(wire).map(|bytes| Value::Counter(i64::from_be_bytes(bytes))),
        T::Float => array(wire).map(|bytes| Value::Float(f32::from_be_bytes(bytes))),
        T::Double => array(wire).map(|bytes| Value::Double(f64::from_be_bytes(bytes))),
        T::Date => array(wire).map(|bytes| Value::Date(u32::from_be_bytes(bytes))),
        T::Time => array(wire).map(|bytes| Value::Time(i64::from_be_bytes(bytes))),
        T::Timestamp => array(wire).map(|bytes| Value::Timestamp(i64::from_be_bytes(bytes))),
        T::Uuid | T::TimeUuid => array(wire).map(|bytes| Value::Uuid(Uuid::from_bytes(bytes))),
        T::Inet => match wire.len() {
            4 => array::<4>(wire).map(|bytes| Value::Inet(IpAddr::from(bytes))),
            _ => array::<16>(wire).map(|bytes| Value::Inet(IpAddr::from(bytes))),
        },
        T::Varint if wire.is_empty() => None,
        T::Varint => Some(Value::Varint(BigInt::from_signed_bytes_be(wire))),
        T::Decimal if wire.is_empty() => None,
        T::Decimal => Some(Value::Decimal(Decimal::decode(wire)?)),
        T::Duration => Some(Value::Duration(Duration::decode(wire)?)),
        _ => Some(Value::Blob(Bytes::copy_from_slice(wire))),
    })
}

fn array<const N: usize>(wire: &[u8]) -> Option<[u8; N]> {
    wire.try_into().ok()
}
