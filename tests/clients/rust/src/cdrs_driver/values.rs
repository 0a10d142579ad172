//! Values between the script's form and the driver's own.

use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use bigdecimal::num_bigint::BigInt;
use cdrs_tokio::frame::{Serialize, Version};
use cdrs_tokio::types::cassandra_type::CassandraType;
use cdrs_tokio::types::prelude::{Blob, Bytes, Decimal, Duration};
use cdrs_tokio::types::value::Value as Bound;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::form;
use crate::kind::Kind;

/// The epoch in days, counted as CQL's dates are.
const EPOCH_DAY: i64 = 1 << 31;

/// The driver's value of a form that is neither null nor unset.
pub fn make(kind: &Kind, form: &Value) -> Result<Bytes> {
    match kind {
        Kind::List(element) | Kind::Set(element) => {
            let elements = form::elements(form)?.iter().map(|form| make(element, form));
            Ok(Bytes::from(elements.collect::<Result<Vec<Bytes>>>()?))
        }
        Kind::Map(kinds) => {
            // The driver's own maps are made of hashed or sorted keys, which their values here are not.
            let mut bytes = form::elements(form)?.len().to_be_bytes()[4..].to_vec();
            for entry in form::elements(form)? {
                let (key, value) = form::pair(entry)?;
                for part in [make(&kinds.0, key)?, make(&kinds.1, value)?] {
                    bytes.extend(Bound::new(part).serialize_to_vec(Version::V4));
                }
            }
            Ok(Bytes::new(bytes))
        }
        Kind::Tuple(kinds) => {
            let mut bytes = Vec::new();
            for (form, kind) in form::elements(form)?.iter().zip(kinds) {
                let part = if form.is_null() { Bound::Null } else { Bound::new(make(kind, form)?) };
                bytes.extend(part.serialize_to_vec(Version::V4));
            }
            Ok(Bytes::new(bytes))
        }
        Kind::Vector(element, _) if element.native() == Some("float") => {
            let numbers = form::elements(form)?.iter().map(|form| make(element, form).map(Bytes::into_inner));
            Ok(Bytes::new(numbers.collect::<Result<Vec<_>>>()?.concat()))
        }
        Kind::Vector(..) => bail!("the driver knows vectors of floats only"),
        Kind::Native(name) => native(name, form),
    }
}

fn native(name: &str, form: &Value) -> Result<Bytes> {
    Ok(match name {
        "ascii" | "text" | "varchar" => form::text(form)?.into(),
        "blob" => Blob::from(form::bytes(form)?).into(),
        "boolean" => form.as_bool().context("neither true nor false")?.into(),
        "tinyint" => form::parse::<i8>(form)?.into(),
        "smallint" => form::parse::<i16>(form)?.into(),
        "int" => form::parse::<i32>(form)?.into(),
        "bigint" | "time" | "timestamp" => form::parse::<i64>(form)?.into(),
        "varint" => form::parse::<BigInt>(form)?.into(),
        "decimal" => {
            let (unscaled, scale) = form::decimal(form)?;
            Decimal { unscaled, scale }.into()
        }
        "float" => form::parse::<f32>(form)?.into(),
        "double" => form::parse::<f64>(form)?.into(),
        "uuid" | "timeuuid" => form::parse::<Uuid>(form)?.into(),
        "inet" => form::parse::<IpAddr>(form)?.into(),
        "date" => u32::try_from(form::parse::<i64>(form)? + EPOCH_DAY)?.into(),
        "duration" => {
            let (months, days, nanoseconds) = form::duration(form)?;
            Duration::new(months, days, nanoseconds)?.into()
        }
        _ => bail!("the type {name} is not known"),
    })
}

/// The key that these values make, as it is hashed.
pub fn routing_key(key: &[Bound]) -> Result<Vec<u8>> {
    let parts = key.iter().map(|part| match part {
        Bound::Some(bytes) => Ok(bytes.as_slice()),
        _ => bail!("a part of the key is null"),
    });
    let parts = parts.collect::<Result<Vec<&[u8]>>>()?;
    if let [part] = parts.as_slice() {
        return Ok(part.to_vec());
    }
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(u16::try_from(part.len())?.to_be_bytes());
        bytes.extend(part);
        bytes.push(0);
    }
    Ok(bytes)
}

/// The driver's value, comparable.
pub fn form(kind: &Kind, value: &CassandraType) -> Result<Value> {
    if *value == CassandraType::Null {
        return Ok(Value::Null);
    }
    let all = |kind: &Kind, values: &[CassandraType]| {
        values.iter().map(|value| form(kind, value)).collect::<Result<Vec<Value>>>().map(Value::Array)
    };
    match (kind, value) {
        (Kind::List(element), CassandraType::List(values))
        | (Kind::Set(element), CassandraType::Set(values) | CassandraType::List(values))
        | (Kind::Vector(element, _), CassandraType::Vector(values)) => all(element, values),
        (Kind::Map(kinds), CassandraType::Map(pairs)) => {
            let pairs = pairs.iter().map(|(key, value)| Ok(json!([form(&kinds.0, key)?, form(&kinds.1, value)?])));
            pairs.collect::<Result<Vec<Value>>>().map(Value::Array)
        }
        (Kind::Tuple(kinds), CassandraType::Tuple(parts)) => {
            let parts = kinds.iter().zip(parts).map(|(kind, value)| form(kind, value));
            parts.collect::<Result<Vec<Value>>>().map(Value::Array)
        }
        (Kind::Native(name), value) => form_of_native(name, value),
        _ => bail!("{value:?} is not of type {kind:?}"),
    }
}

fn form_of_native(name: &str, value: &CassandraType) -> Result<Value> {
    Ok(match (name, value) {
        ("ascii", CassandraType::Ascii(text)) | ("text" | "varchar", CassandraType::Varchar(text)) => form::of(text),
        ("blob", CassandraType::Blob(bytes)) => form::hex(&bytes.clone().into_vec()),
        ("boolean", CassandraType::Boolean(value)) => json!(value),
        ("tinyint", CassandraType::Tinyint(number)) => form::of(number),
        ("smallint", CassandraType::Smallint(number)) => form::of(number),
        ("int", CassandraType::Int(number)) => form::of(number),
        ("bigint", CassandraType::Bigint(number))
        | ("time", CassandraType::Time(number))
        | ("timestamp", CassandraType::Timestamp(number)) => form::of(number),
        ("varint", CassandraType::Varint(number)) => form::of(number),
        ("decimal", CassandraType::Decimal(number)) => form::of_decimal(&number.unscaled, number.scale),
        ("float", CassandraType::Float(number)) => form::of_float(*number),
        ("double", CassandraType::Double(number)) => form::of_double(*number),
        ("uuid", CassandraType::Uuid(id)) | ("timeuuid", CassandraType::Timeuuid(id)) => form::of(id),
        ("inet", CassandraType::Inet(address)) => form::of(address),
        // The driver gives the days with their sign bit as it is on the wire.
        ("date", CassandraType::Date(days)) => form::of(i64::from(days.cast_unsigned()) - EPOCH_DAY),
        ("duration", CassandraType::Duration(duration)) => {
            form::of_duration(duration.months(), duration.days(), duration.nanoseconds())
        }
        _ => bail!("{value:?} is not of type {name}"),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_several_parts_has_lengths_and_ends() {
        let part = |text: &str| Bound::new(Bytes::from(text));
        assert_eq!(routing_key(&[part("ab")]).unwrap(), b"ab");
        assert_eq!(routing_key(&[part("ab"), part("")]).unwrap(), b"\0\x02ab\0\0\0\0");
        assert!(routing_key(&[Bound::Null]).is_err());
    }
}
