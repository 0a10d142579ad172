//! Values between the script's form and the driver's own.

use anyhow::{Context, Result, bail};
use bigdecimal::num_bigint::BigInt;
use scylla::value::{CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlValue, CqlVarint};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::form;
use crate::kind::Kind;

/// The epoch in days, counted as CQL's dates are.
const EPOCH_DAY: i64 = 1 << 31;

/// The driver's value of a form that is neither null nor unset.
pub fn make(kind: &Kind, form: &Value) -> Result<CqlValue> {
    let all = |kind: &Kind| form::elements(form)?.iter().map(|element| make(kind, element)).collect::<Result<_>>();
    match kind {
        Kind::List(element) => all(element).map(CqlValue::List),
        Kind::Set(element) => all(element).map(CqlValue::Set),
        Kind::Vector(element, _) => all(element).map(CqlValue::Vector),
        Kind::Map(kinds) => {
            let pairs = form::elements(form)?.iter().map(|entry| {
                let (key, value) = form::pair(entry)?;
                Ok((make(&kinds.0, key)?, make(&kinds.1, value)?))
            });
            pairs.collect::<Result<_>>().map(CqlValue::Map)
        }
        Kind::Tuple(kinds) => {
            let parts = form::elements(form)?.iter().zip(kinds);
            let part = |(form, kind): (&Value, &Kind)| (!form.is_null()).then(|| make(kind, form)).transpose();
            parts.map(part).collect::<Result<_>>().map(CqlValue::Tuple)
        }
        Kind::Native(name) => native(name, form),
    }
}

fn native(name: &str, form: &Value) -> Result<CqlValue> {
    let text = || form::text(form).map(str::to_owned);
    Ok(match name {
        "ascii" => CqlValue::Ascii(text()?),
        "text" | "varchar" => CqlValue::Text(text()?),
        "blob" => CqlValue::Blob(form::bytes(form)?),
        "boolean" => CqlValue::Boolean(form.as_bool().context("neither true nor false")?),
        "tinyint" => CqlValue::TinyInt(form::parse(form)?),
        "smallint" => CqlValue::SmallInt(form::parse(form)?),
        "int" => CqlValue::Int(form::parse(form)?),
        "bigint" => CqlValue::BigInt(form::parse(form)?),
        "varint" => {
            CqlValue::Varint(CqlVarint::from_signed_bytes_be(form::parse::<BigInt>(form)?.to_signed_bytes_be()))
        }
        "decimal" => {
            let (unscaled, scale) = form::decimal(form)?;
            let bytes = unscaled.to_signed_bytes_be();
            CqlValue::Decimal(CqlDecimal::from_signed_be_bytes_and_exponent(bytes, scale))
        }
        "float" => CqlValue::Float(form::parse(form)?),
        "double" => CqlValue::Double(form::parse(form)?),
        "uuid" => CqlValue::Uuid(form::parse(form)?),
        "timeuuid" => CqlValue::Timeuuid(CqlTimeuuid::from(form::parse::<Uuid>(form)?)),
        "inet" => CqlValue::Inet(form::parse(form)?),
        "date" => CqlValue::Date(CqlDate(u32::try_from(form::parse::<i64>(form)? + EPOCH_DAY)?)),
        "time" => CqlValue::Time(CqlTime(form::parse(form)?)),
        "timestamp" => CqlValue::Timestamp(CqlTimestamp(form::parse(form)?)),
        "duration" => {
            let (months, days, nanoseconds) = form::duration(form)?;
            CqlValue::Duration(CqlDuration { months, days, nanoseconds })
        }
        _ => bail!("the type {name} is not known"),
    })
}

/// The driver's value, comparable.
pub fn form(kind: &Kind, value: &CqlValue) -> Result<Value> {
    let all = |kind: &Kind, values: &[CqlValue]| {
        values.iter().map(|value| form(kind, value)).collect::<Result<Vec<Value>>>().map(Value::Array)
    };
    match (kind, value) {
        (Kind::List(element), CqlValue::List(values))
        | (Kind::Set(element), CqlValue::Set(values))
        | (Kind::Vector(element, _), CqlValue::Vector(values)) => all(element, values),
        (Kind::Map(kinds), CqlValue::Map(pairs)) => {
            let pairs = pairs.iter().map(|(key, value)| Ok(json!([form(&kinds.0, key)?, form(&kinds.1, value)?])));
            pairs.collect::<Result<Vec<Value>>>().map(Value::Array)
        }
        (Kind::Tuple(kinds), CqlValue::Tuple(parts)) => {
            let part = |(kind, value): (&Kind, &Option<CqlValue>)| {
                value.as_ref().map_or(Ok(Value::Null), |value| form(kind, value))
            };
            kinds.iter().zip(parts).map(part).collect::<Result<Vec<Value>>>().map(Value::Array)
        }
        (Kind::Native(name), value) => form_of_native(name, value),
        _ => bail!("{value:?} is not of type {kind:?}"),
    }
}

fn form_of_native(name: &str, value: &CqlValue) -> Result<Value> {
    Ok(match (name, value) {
        ("ascii", CqlValue::Ascii(text)) | ("text" | "varchar", CqlValue::Text(text)) => form::of(text),
        ("blob", CqlValue::Blob(bytes)) => form::hex(bytes),
        ("boolean", CqlValue::Boolean(value)) => json!(value),
        ("tinyint", CqlValue::TinyInt(number)) => form::of(number),
        ("smallint", CqlValue::SmallInt(number)) => form::of(number),
        ("int", CqlValue::Int(number)) => form::of(number),
        ("bigint", CqlValue::BigInt(number)) => form::of(number),
        ("varint", CqlValue::Varint(number)) => {
            form::of(BigInt::from_signed_bytes_be(number.as_signed_bytes_be_slice()))
        }
        ("decimal", CqlValue::Decimal(number)) => {
            let (bytes, scale) = number.as_signed_be_bytes_slice_and_exponent();
            form::of_decimal(&BigInt::from_signed_bytes_be(bytes), scale)
        }
        ("float", CqlValue::Float(number)) => form::of_float(*number),
        ("double", CqlValue::Double(number)) => form::of_double(*number),
        ("uuid", CqlValue::Uuid(id)) => form::of(id),
        ("timeuuid", CqlValue::Timeuuid(id)) => form::of(id),
        ("inet", CqlValue::Inet(address)) => form::of(address),
        ("date", CqlValue::Date(date)) => form::of(i64::from(date.0) - EPOCH_DAY),
        ("time", CqlValue::Time(time)) => form::of(time.0),
        ("timestamp", CqlValue::Timestamp(timestamp)) => form::of(timestamp.0),
        ("duration", CqlValue::Duration(duration)) => {
            form::of_duration(duration.months, duration.days, duration.nanoseconds)
        }
        _ => bail!("{value:?} is not of type {name}"),
    })
}
