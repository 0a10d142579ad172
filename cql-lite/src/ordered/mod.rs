//! Order-preserving encoding of values: comparing encoded bytes with memcmp is comparing values in CQL's
//! order. What storage adds around a component (lead bytes, escapes, inversion for DESC) is not made here.
//!
//! Values that CQL's order holds equal become the same bytes, since in a clustering key they are the same
//! key: `1.0` and `1.00`, a varint with needless leading bytes, any NaN, any true boolean. [`decode`] then
//! yields one canonical form (decimals without trailing zeros: `1.50` comes back as `1.5`; `100` stays
//! `100`). All other values come back byte for byte.

mod compare;
mod composite;
mod number;

use crate::types::CqlType;
use crate::value::ValueError;

pub use compare::compare;

/// Appends the ordered encoding of a value that was validated against the type.
///
/// # Errors
/// [`ValueError::Unordered`] for duration, counter and custom types and for the empty value of
/// fixed-length types; [`ValueError::Invalid`] for bytes of a wrong length.
pub fn encode(ty: &CqlType, wire: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    use CqlType as T;
    let ty = ty.unfrozen();
    match ty {
        T::Boolean => out.push(u8::from(fixed::<1>(ty, wire)? != [0])),
        T::TinyInt => push_signed(fixed::<1>(ty, wire)?, out),
        T::SmallInt => push_signed(fixed::<2>(ty, wire)?, out),
        T::Int => push_signed(fixed::<4>(ty, wire)?, out),
        T::BigInt | T::Timestamp => push_signed(fixed::<8>(ty, wire)?, out),
        // Unsigned on the wire, or never negative.
        T::Date => out.extend_from_slice(&fixed::<4>(ty, wire)?),
        T::Time => out.extend_from_slice(&fixed::<8>(ty, wire)?),
        T::Float => {
            let bits = number::float_to_ordered(fixed(ty, wire)?);
            out.extend_from_slice(&bits.to_be_bytes());
        }
        T::Double => {
            let bits = number::double_to_ordered(fixed(ty, wire)?);
            out.extend_from_slice(&bits.to_be_bytes());
        }
        T::Uuid => {
            let (high, low) = halves(fixed(ty, wire)?);
            out.extend_from_slice(&uuid_to_ordered(high).to_be_bytes());
            out.extend_from_slice(&low.to_be_bytes());
        }
        T::TimeUuid => {
            let (high, low) = halves(fixed(ty, wire)?);
            out.extend_from_slice(&time_to_front(high).to_be_bytes());
            out.extend_from_slice(&(low ^ SIGN_OF_EACH_BYTE).to_be_bytes());
        }
        T::Varint => number::encode_varint(wire, out),
        T::Decimal => number::encode_decimal(wire, out)?,
        T::Duration | T::Counter | T::Custom(_) => {
            return Err(ValueError::Unordered(format!("Values of type {ty} have no order")));
        }
        // Text, ascii, blob, inet: their bytes.
        T::Text | T::Ascii | T::Blob | T::Inet => out.extend_from_slice(wire),
        composite => {
            composite::encode_composite(composite, wire, out)?;
        }
    }
    Ok(())
}

/// Wire bytes of an ordered encoding.
///
/// # Errors
/// Bytes that [`encode`] does not make.
pub fn decode(ty: &CqlType, ordered: &[u8]) -> Result<Vec<u8>, ValueError> {
    use CqlType as T;
    let ty = ty.unfrozen();
    Ok(match ty {
        T::Boolean => fixed::<1>(ty, ordered)?.to_vec(),
        T::TinyInt => signed_to_wire(fixed::<1>(ty, ordered)?),
        T::SmallInt => signed_to_wire(fixed::<2>(ty, ordered)?),
        T::Int => signed_to_wire(fixed::<4>(ty, ordered)?),
        T::BigInt | T::Timestamp => signed_to_wire(fixed::<8>(ty, ordered)?),
        T::Date => fixed::<4>(ty, ordered)?.to_vec(),
        T::Time => fixed::<8>(ty, ordered)?.to_vec(),
        T::Float => number::float_from_ordered(u32::from_be_bytes(fixed(ty, ordered)?)).to_vec(),
        T::Double => number::double_from_ordered(u64::from_be_bytes(fixed(ty, ordered)?)).to_vec(),
        T::Uuid => {
            let (high, low) = halves(fixed(ty, ordered)?);
            [uuid_from_ordered(high).to_be_bytes(), low.to_be_bytes()].concat()
        }
        T::TimeUuid => {
            let (high, low) = halves(fixed(ty, ordered)?);
            [time_to_back(high).to_be_bytes(), (low ^ SIGN_OF_EACH_BYTE).to_be_bytes()].concat()
        }
        T::Varint => number::decode_varint(ordered)?,
        T::Decimal => number::decode_decimal(ordered)?,
        T::Duration | T::Counter | T::Custom(_) => {
            return Err(ValueError::Unordered(format!("Values of type {ty} have no order")));
        }
        T::Text | T::Ascii | T::Blob | T::Inet => ordered.to_vec(),
        composite => composite::decode_composite(composite, ordered)?.unwrap_or_else(|| ordered.to_vec()),
    })
}

/// TimeUUIDType compares the low half byte by byte as signed numbers (CASSANDRA-8730).
const SIGN_OF_EACH_BYTE: u64 = 0x8080_8080_8080_8080;

fn fixed<const N: usize>(ty: &CqlType, bytes: &[u8]) -> Result<[u8; N], ValueError> {
    match bytes.try_into() {
        Ok(array) => Ok(array),
        Err(_) if bytes.is_empty() => {
            Err(ValueError::Unordered(format!("The empty value of type {ty} cannot be part of a clustering key")))
        }
        Err(_) => Err(ValueError::Invalid(format!("Expected {N} bytes for a {ty} ({})", bytes.len()))),
    }
}

fn flip_sign<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    if let Some(first) = bytes.first_mut() {
        *first ^= 0x80;
    }
    bytes
}

fn push_signed<const N: usize>(bytes: [u8; N], out: &mut Vec<u8>) {
    out.extend_from_slice(&flip_sign(bytes));
}

fn signed_to_wire<const N: usize>(bytes: [u8; N]) -> Vec<u8> {
    flip_sign(bytes).to_vec()
}

fn halves(bytes: [u8; 16]) -> (u64, u64) {
    let all = u128::from_be_bytes(bytes);
    ((all >> 64) as u64, all as u64)
}

/// From `low 32 | mid 16 | version 4, high 12` to `version, high | mid | low`: in order of time.
fn time_to_front(high: u64) -> u64 {
    (high << 48) | ((high << 16) & 0x0000_FFFF_0000_0000) | (high >> 32)
}

fn time_to_back(ordered: u64) -> u64 {
    (ordered << 32) | ((ordered >> 16) & 0xFFFF_0000) | (ordered >> 48)
}

/// UUIDType: by version, then version 1 by time, the others by their bytes. The version moves to the front.
fn uuid_to_ordered(high: u64) -> u64 {
    let version = (high >> 12) & 0xF;
    if version == 1 { time_to_front(high) } else { (version << 60) | ((high >> 16) << 12) | (high & 0xFFF) }
}

fn uuid_from_ordered(ordered: u64) -> u64 {
    let version = ordered >> 60;
    if version == 1 {
        time_to_back(ordered)
    } else {
        (((ordered >> 12) & 0x0000_FFFF_FFFF_FFFF) << 16) | (version << 12) | (ordered & 0xFFF)
    }
}
