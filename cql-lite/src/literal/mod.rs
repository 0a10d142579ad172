//! Literals of CQL text to wire bytes of a type, by Cassandra's rules of what may stand for what.

mod duration;
mod temporal;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use bytes::Bytes;
use num_bigint::BigInt;
use uuid::Uuid;

use crate::types::CqlType;
use crate::value::{Decimal, ValueError};

pub use duration::parse_duration;

/// What kind of constant a literal is, as the lexer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LiteralKind {
    /// `'text'` (the text without its quotes).
    String,
    /// `42`, `-1`.
    Integer,
    /// `1.5`, `1e10`, `NaN`, `Infinity`, `-Infinity`.
    Float,
    /// `true`, `false`.
    Boolean,
    /// `123e4567-e89b-12d3-a456-426614174000`.
    Uuid,
    /// `0xcafe`.
    Hex,
    /// `1h30m`, `P1Y2M`.
    Duration,
}

impl fmt::Display for LiteralKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LiteralKind::String => "STRING",
            LiteralKind::Integer => "INTEGER",
            LiteralKind::Float => "FLOAT",
            LiteralKind::Boolean => "BOOLEAN",
            LiteralKind::Uuid => "UUID",
            LiteralKind::Hex => "HEX",
            LiteralKind::Duration => "DURATION",
        })
    }
}

impl LiteralKind {
    /// Whether a constant of this kind may stand for a value of the type.
    pub fn is_assignable_to(self, ty: &CqlType) -> bool {
        use CqlType as T;
        let ty = ty.unfrozen();
        match self {
            LiteralKind::String => {
                matches!(ty, T::Ascii | T::Text | T::Inet | T::Date | T::Time | T::Timestamp)
            }
            LiteralKind::Integer => ty.is_numeric() || matches!(ty, T::Date | T::Duration | T::Time | T::Timestamp),
            LiteralKind::Float => matches!(ty, T::Decimal | T::Double | T::Float),
            LiteralKind::Boolean => matches!(ty, T::Boolean),
            LiteralKind::Uuid => matches!(ty, T::Uuid | T::TimeUuid),
            LiteralKind::Hex => matches!(ty, T::Blob),
            LiteralKind::Duration => matches!(ty, T::Duration),
        }
    }

    /// The type that a constant of this kind has where nothing else says so (a function's argument, a
    /// selected constant).
    pub fn preferred_type(self, text: &str) -> CqlType {
        match self {
            LiteralKind::String => CqlType::Text,
            LiteralKind::Integer if text.parse::<i32>().is_ok() => CqlType::Int,
            LiteralKind::Integer if text.parse::<i64>().is_ok() => CqlType::BigInt,
            LiteralKind::Integer => CqlType::Varint,
            LiteralKind::Float if is_exact_double(text) => CqlType::Double,
            LiteralKind::Float => CqlType::Decimal,
            LiteralKind::Boolean => CqlType::Boolean,
            LiteralKind::Uuid => CqlType::Uuid,
            LiteralKind::Hex => CqlType::Blob,
            LiteralKind::Duration => CqlType::Duration,
        }
    }
}

/// Whether a double says the same as a number that may have more digits, or a higher exponent.
fn is_exact_double(text: &str) -> bool {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => significant(text) == significant(&format!("{value:?}")),
        _ => !text.contains(|c: char| c.is_ascii_digit()),
    }
}

/// The digits of a number without zeros at either end, and the power of ten of the last of them. `None` for what is no
/// number, or has an exponent out of all bounds.
fn significant(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_negative = whole.starts_with('-');
    let digits = format!("{}{fraction}", whole.trim_start_matches(['+', '-']));
    let shown = digits.trim_end_matches('0');
    let zeros = digits.len() - shown.len();
    let shown = shown.trim_start_matches('0');
    if shown.is_empty() {
        return Some((false, String::new(), 0));
    }
    let power = i64::from(exponent) - fraction.len() as i64 + zeros as i64;
    Some((is_negative, shown.to_owned(), power))
}

/// Most characters of a number. Finding the binary form takes longer and longer with the length: of this many 40 ms, of
/// ten times as many 2 s.
pub const NUMBER_LENGTH_MAX: usize = 100_000;

/// Wire bytes of a literal as a value of the type.
///
/// # Errors
/// [`ValueError::WrongKind`] where such a constant cannot stand for the type, [`ValueError::Invalid`] where
/// the text is no value of it.
pub fn literal_to_wire(kind: LiteralKind, text: &str, ty: &CqlType) -> Result<Bytes, ValueError> {
    let ty = ty.unfrozen();
    if !kind.is_assignable_to(ty) {
        return Err(ValueError::WrongKind { kind, text: text.to_owned(), ty: ty.to_string() });
    }
    if text.len() > NUMBER_LENGTH_MAX && matches!(kind, LiteralKind::Integer | LiteralKind::Float) {
        return Err(ValueError::Invalid(format!("A number of more than {NUMBER_LENGTH_MAX} characters")));
    }
    let wire = text_to_wire(text, ty)?;
    ty.validate(&wire)?;
    Ok(wire.into())
}

fn text_to_wire(text: &str, ty: &CqlType) -> Result<Vec<u8>, ValueError> {
    use CqlType as T;
    Ok(match ty {
        T::Text => text.as_bytes().to_vec(),
        T::Ascii if text.is_ascii() => text.as_bytes().to_vec(),
        T::Ascii => {
            return Err(ValueError::Invalid(format!("Invalid ASCII character in string literal: {text}")));
        }
        T::TinyInt => integer::<i8>(text, "byte")?.to_be_bytes().to_vec(),
        T::SmallInt => integer::<i16>(text, "short")?.to_be_bytes().to_vec(),
        T::Int => integer::<i32>(text, "int")?.to_be_bytes().to_vec(),
        T::BigInt | T::Counter => integer::<i64>(text, "long")?.to_be_bytes().to_vec(),
        T::Varint => match BigInt::from_str(text) {
            Ok(value) => value.to_signed_bytes_be(),
            Err(_) => return Err(ValueError::Invalid(format!("unable to make int from '{text}'"))),
        },
        T::Decimal => {
            let mut out = Vec::new();
            Decimal::from_str(text)?.encode(&mut out);
            out
        }
        T::Float => float::<f32>(text, "float")?.to_be_bytes().to_vec(),
        T::Double => float::<f64>(text, "double")?.to_be_bytes().to_vec(),
        T::Boolean => vec![u8::from(boolean(text)?)],
        T::Uuid | T::TimeUuid => uuid(text, ty)?.as_bytes().to_vec(),
        T::Blob => {
            let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
            parse_hex(digits).ok_or_else(|| ValueError::Invalid(format!("cannot parse '{digits}' as hex bytes")))?
        }
        T::Inet if text.is_empty() => Vec::new(),
        T::Inet => inet(text)?,
        T::Timestamp if text.is_empty() => Vec::new(),
        T::Timestamp => temporal::parse_timestamp(text)?.to_be_bytes().to_vec(),
        T::Date => temporal::parse_date(text)?.to_be_bytes().to_vec(),
        T::Time => temporal::parse_time(text)?.to_be_bytes().to_vec(),
        T::Duration => {
            let mut out = Vec::new();
            parse_duration(text)?.encode(&mut out)?;
            out
        }
        other => return Err(ValueError::Invalid(format!("{text} is no constant of type {other}"))),
    })
}

fn integer<T: FromStr>(text: &str, name: &str) -> Result<T, ValueError> {
    text.parse().map_err(|_| ValueError::Invalid(format!("Unable to make {name} from '{text}'")))
}

/// Numbers beyond the type's range become infinite, as in Java.
fn float<T: FromStr>(text: &str, name: &str) -> Result<T, ValueError> {
    let error = || ValueError::Invalid(format!("Unable to make {name} from '{text}'"));
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let named = unsigned.eq_ignore_ascii_case("nan") || unsigned.eq_ignore_ascii_case("infinity");
    // Rust also reads "inf", CQL does not.
    if !named && !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(error());
    }
    // The sign of a NaN means nothing: Java has one NaN.
    let text = if unsigned.eq_ignore_ascii_case("nan") { "NaN" } else { text };
    text.parse().map_err(|_| error())
}

fn boolean(text: &str) -> Result<bool, ValueError> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(ValueError::Invalid(format!("Unable to make boolean from '{text}'"))),
    }
}

fn uuid(text: &str, ty: &CqlType) -> Result<Uuid, ValueError> {
    // Only the hyphenated form is CQL's.
    let parsed = if text.len() == 36 { Uuid::try_parse(text).ok() } else { None };
    match (parsed, ty) {
        (Some(value), CqlType::TimeUuid) if value.get_version_num() != 1 => {
            Err(ValueError::Invalid("TimeUUID supports only version 1 UUIDs".to_owned()))
        }
        (Some(value), _) => Ok(value),
        (None, CqlType::TimeUuid) => Err(ValueError::Invalid(format!("Unknown timeuuid representation: {text}"))),
        (None, _) => Err(ValueError::Invalid(format!("Unable to make UUID from '{text}'"))),
    }
}

fn inet(text: &str) -> Result<Vec<u8>, ValueError> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Ok(address.octets().to_vec()),
        // Java turns an IPv4 address in IPv6 clothes into the IPv4 address.
        Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => Ok(address.octets().to_vec()),
            None => Ok(address.octets().to_vec()),
        },
        Err(_) => Err(ValueError::Invalid(format!("Unable to make inet address from '{text}'"))),
    }
}

/// Bytes from pairs of hexadecimal digits; `None` if there is an odd one or something else.
pub(crate) fn parse_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 2);
    for pair in text.as_bytes().chunks_exact(2) {
        if let [high, low] = pair {
            out.push((digit(*high)? << 4) | digit(*low)?);
        }
    }
    Some(out)
}
