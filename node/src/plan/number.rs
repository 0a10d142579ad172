//! Numbers of any CQL type, as arithmetic and aggregates see them.

use bigdecimal::{BigDecimal, FromPrimitive, RoundingMode, ToPrimitive};
use bytes::Bytes;
use num_bigint::BigInt;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::errors::invalid;

/// Decimals with more digits than this are refused as operands: one byte of input could make gigabytes.
const DECIMAL_SCALE_MAX: i32 = 10_000;

/// Longer varints and decimals are refused as operands, and where their digits are to be shown: a few multiplications or
/// conversions of them would take seconds.
const OPERAND_BYTES_MAX: usize = 4096;

/// A number.
#[derive(Clone, Debug)]
pub(crate) enum Number {
    /// tinyint to bigint, counter.
    Integer(i64),
    /// varint.
    Big(BigInt),
    /// float and double.
    Float(f64),
    /// decimal.
    Decimal(BigDecimal),
}

/// Whether values of a type are numbers.
pub(crate) fn is_numeric(cql_type: &CqlType) -> bool {
    integer_bytes(cql_type).is_some()
        || matches!(cql_type, CqlType::Varint | CqlType::Decimal | CqlType::Float | CqlType::Double)
}

/// Width of a fixed integer type.
pub(crate) fn integer_bytes(cql_type: &CqlType) -> Option<usize> {
    match cql_type {
        CqlType::TinyInt => Some(1),
        CqlType::SmallInt => Some(2),
        CqlType::Int => Some(4),
        CqlType::BigInt | CqlType::Counter => Some(8),
        _ => None,
    }
}

/// Refuses numbers whose digits take long to find.
pub(crate) fn check_printable(cql_type: &CqlType, wire: &[u8]) -> Result<(), CqlError> {
    if matches!(cql_type, CqlType::Varint | CqlType::Decimal) && wire.len() > OPERAND_BYTES_MAX {
        return Err(too_large(cql_type, wire));
    }
    Ok(())
}

fn too_large(cql_type: &CqlType, wire: &[u8]) -> CqlError {
    invalid(format!("a {cql_type} of {} bytes is too large to compute with", wire.len()))
}

impl Number {
    /// Reads wire bytes; `None` for the empty value.
    pub fn decode(cql_type: &CqlType, wire: &[u8]) -> Result<Option<Number>, CqlError> {
        if wire.is_empty() {
            return Ok(None);
        }
        if wire.len() > OPERAND_BYTES_MAX {
            return Err(too_large(cql_type, wire));
        }
        let number = match cql_type {
            CqlType::TinyInt => fixed(wire).map(|bytes| Number::Integer(i8::from_be_bytes(bytes).into())),
            CqlType::SmallInt => fixed(wire).map(|bytes| Number::Integer(i16::from_be_bytes(bytes).into())),
            CqlType::Int => fixed(wire).map(|bytes| Number::Integer(i32::from_be_bytes(bytes).into())),
            CqlType::BigInt | CqlType::Counter => fixed(wire).map(|bytes| Number::Integer(i64::from_be_bytes(bytes))),
            CqlType::Float => fixed(wire).map(|bytes| Number::Float(f32::from_be_bytes(bytes).into())),
            CqlType::Double => fixed(wire).map(|bytes| Number::Float(f64::from_be_bytes(bytes))),
            CqlType::Varint => Some(Number::Big(BigInt::from_signed_bytes_be(wire))),
            CqlType::Decimal => decimal(wire)?,
            _ => None,
        };
        number.map(Some).ok_or_else(|| invalid(format!("Not a valid {cql_type}: {} bytes", wire.len())))
    }

    /// Wire bytes of a type; what does not fit a fixed integer wraps around, as in Java.
    pub fn encode(&self, cql_type: &CqlType) -> Result<Bytes, CqlError> {
        Ok(match cql_type {
            CqlType::TinyInt => Bytes::copy_from_slice(&(self.wrapped_int() as i8).to_be_bytes()),
            CqlType::SmallInt => Bytes::copy_from_slice(&(self.wrapped_int() as i16).to_be_bytes()),
            CqlType::Int => Bytes::copy_from_slice(&self.wrapped_int().to_be_bytes()),
            CqlType::BigInt | CqlType::Counter => Bytes::copy_from_slice(&self.wrapped().to_be_bytes()),
            CqlType::Float => Bytes::copy_from_slice(&(self.float() as f32).to_be_bytes()),
            CqlType::Double => Bytes::copy_from_slice(&self.float().to_be_bytes()),
            CqlType::Varint => Bytes::from(self.big()?.to_signed_bytes_be()),
            CqlType::Decimal => {
                let (digits, scale) = self.decimal()?.into_bigint_and_exponent();
                let scale = i32::try_from(scale).map_err(|_| invalid("decimal scale out of range"))?;
                let mut wire = scale.to_be_bytes().to_vec();
                wire.extend_from_slice(&digits.to_signed_bytes_be());
                Bytes::from(wire)
            }
            _ => return Err(invalid(format!("{cql_type} is not a numeric type"))),
        })
    }

    /// As a 32-bit integer, likewise; Java makes bytes and shorts of it, of floats too.
    fn wrapped_int(&self) -> i32 {
        match self {
            Number::Float(value) => *value as i32,
            other => other.wrapped() as i32,
        }
    }

    /// As a 64-bit integer: fractions are cut, floats saturate, big ones keep their low bits.
    fn wrapped(&self) -> i64 {
        match self {
            Number::Integer(value) => *value,
            Number::Float(value) => *value as i64,
            Number::Big(value) => low_bits(value),
            Number::Decimal(value) => {
                low_bits(&value.with_scale_round(0, RoundingMode::Down).into_bigint_and_exponent().0)
            }
        }
    }

    /// As a double.
    pub fn float(&self) -> f64 {
        match self {
            Number::Integer(value) => *value as f64,
            Number::Float(value) => *value,
            Number::Big(value) => value.to_f64().unwrap_or(f64::NAN),
            Number::Decimal(value) => value.to_f64().unwrap_or(f64::NAN),
        }
    }

    /// As an integer of any size; fractions are cut.
    pub fn big(&self) -> Result<BigInt, CqlError> {
        match self {
            Number::Integer(value) => Ok(BigInt::from(*value)),
            Number::Big(value) => Ok(value.clone()),
            other => Ok(other.decimal()?.with_scale_round(0, RoundingMode::Down).into_bigint_and_exponent().0),
        }
    }

    /// As a decimal.
    pub fn decimal(&self) -> Result<BigDecimal, CqlError> {
        match self {
            Number::Integer(value) => Ok(BigDecimal::from(*value)),
            Number::Big(value) => Ok(BigDecimal::from(value.clone())),
            Number::Decimal(value) => Ok(value.clone()),
            Number::Float(value) => {
                // The shortest text of a double is its decimal value in CQL.
                let text = format!("{value:?}");
                text.parse()
                    .ok()
                    .or_else(|| BigDecimal::from_f64(*value))
                    .ok_or_else(|| invalid("NaN and infinity have no decimal value"))
            }
        }
    }
}

fn fixed<const N: usize>(wire: &[u8]) -> Option<[u8; N]> {
    wire.try_into().ok()
}

fn decimal(wire: &[u8]) -> Result<Option<Number>, CqlError> {
    let Some((scale, digits)) = wire.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let scale = i32::from_be_bytes(*scale);
    if digits.is_empty() {
        return Ok(None);
    }
    if !(-DECIMAL_SCALE_MAX..=DECIMAL_SCALE_MAX).contains(&scale) {
        return Err(invalid(format!("decimal scale {scale} is too large to compute with")));
    }
    Ok(Some(Number::Decimal(BigDecimal::new(BigInt::from_signed_bytes_be(digits), scale.into()))))
}

fn low_bits(value: &BigInt) -> i64 {
    let bytes = value.to_signed_bytes_le();
    let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xFF } else { 0x00 };
    let mut low = [fill; 8];
    for (slot, byte) in low.iter_mut().zip(bytes) {
        *slot = byte;
    }
    i64::from_le_bytes(low)
}
