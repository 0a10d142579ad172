//! `cast(... AS ...)` and the mathematical functions.

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Value;

use super::errors::invalid;
use super::function::ms_of;
use super::number::{Number, check_printable, is_numeric};
use super::timeuuid;

/// Mathematical functions of one number; the result has the argument's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Math {
    /// Absolute value.
    Abs,
    /// e to the power of it.
    Exp,
    /// Natural logarithm.
    Log,
    /// Logarithm to base 10.
    Log10,
    /// The nearest whole number.
    Round,
}

impl Math {
    /// The function of a name.
    pub fn named(name: &str) -> Option<Math> {
        Some(match name {
            "abs" => Math::Abs,
            "exp" => Math::Exp,
            "log" => Math::Log,
            "log10" => Math::Log10,
            "round" => Math::Round,
            _ => return None,
        })
    }

    /// Its result for a wire value of a numeric type.
    pub fn evaluate(self, cql_type: &CqlType, wire: &[u8]) -> Result<Bytes, CqlError> {
        let Some(number) = Number::decode(cql_type, wire)? else {
            return Ok(Bytes::new());
        };
        let exact = match (self, &number) {
            (Math::Abs, Number::Integer(value)) => Some(Number::Integer(value.wrapping_abs())),
            (Math::Abs, Number::Big(value)) => Some(Number::Big(value.magnitude().clone().into())),
            (Math::Abs, Number::Decimal(value)) => Some(Number::Decimal(value.abs())),
            (Math::Round, Number::Integer(_) | Number::Big(_)) => Some(number.clone()),
            (Math::Round, Number::Decimal(value)) => {
                Some(Number::Decimal(value.with_scale_round(0, bigdecimal::RoundingMode::HalfUp)))
            }
            _ => None,
        };
        let float = number.float();
        let result = exact.unwrap_or_else(|| {
            Number::Float(match self {
                Math::Abs => float.abs(),
                Math::Exp => float.exp(),
                Math::Log => float.ln(),
                Math::Log10 => float.log10(),
                Math::Round => float.round(),
            })
        });
        result.encode(cql_type)
    }
}

/// Whether there is a cast between two types.
pub(crate) fn exists(from: &CqlType, to: &CqlType) -> bool {
    if from == to {
        return true;
    }
    match to {
        CqlType::Text | CqlType::Ascii => {
            from.is_native() && !matches!(from, CqlType::Blob | CqlType::Duration | CqlType::Text)
        }
        CqlType::Date => matches!(from, CqlType::Timestamp | CqlType::TimeUuid),
        CqlType::Timestamp => matches!(from, CqlType::Date | CqlType::TimeUuid),
        CqlType::Counter => false,
        _ => is_numeric(from) && is_numeric(to),
    }
}

/// The cast of a wire value; `None` for the empty value of a type that has no empty value.
pub(crate) fn evaluate(from: &CqlType, to: &CqlType, wire: &Bytes) -> Result<Option<Bytes>, CqlError> {
    if from == to {
        return Ok(Some(wire.clone()));
    }
    if wire.is_empty() && !matches!(from, CqlType::Ascii | CqlType::Text) {
        return Ok(None);
    }
    Ok(Some(match to {
        CqlType::Text if matches!(from, CqlType::Ascii) => wire.clone(),
        CqlType::Text | CqlType::Ascii => Bytes::from(text(from, wire)?),
        CqlType::Timestamp => Bytes::copy_from_slice(&ms_of(from, wire)?.to_be_bytes()),
        CqlType::Date => {
            let date = timeuuid::date_of_ms(ms_of(from, wire)?);
            let date = date.ok_or_else(|| invalid("timestamp out of the range of dates"))?;
            Bytes::copy_from_slice(&date.to_be_bytes())
        }
        _ => match Number::decode(from, wire)? {
            Some(number) => number.encode(to)?,
            None => return Ok(None),
        },
    }))
}

/// A value that is no text as Java writes it.
fn text(from: &CqlType, wire: &[u8]) -> Result<String, CqlError> {
    check_printable(from, wire)?;
    let value = Value::decode(from, Some(wire)).map_err(|error| invalid(error.to_string()))?;
    Ok(match value {
        Value::Float(value) => java_float(value.into(), format!("{value:?}"), &format!("{value:e}")),
        Value::Double(value) => java_float(value, format!("{value:?}"), &format!("{value:e}")),
        Value::Timestamp(_) => {
            let text = value.to_display();
            format!("{}Z", text.strip_suffix("000+0000").unwrap_or(&text).replace(' ', "T"))
        }
        Value::Boolean(value) => value.to_string(),
        Value::Varint(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        other => other.to_literal().trim_matches('\'').to_owned(),
    })
}

/// With an exponent where the number is long, as Java's `Double.toString`.
fn java_float(value: f64, plain: String, scientific: &str) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let is_short = value == 0.0 || (1e-3..1e7).contains(&value.abs());
    match scientific.split_once('e') {
        Some((mantissa, exponent)) if !is_short => {
            let point = if mantissa.contains('.') { "" } else { ".0" };
            format!("{mantissa}{point}E{exponent}")
        }
        _ => plain,
    }
}
