//! Ordered encoding of numbers: floating point, varint and decimal.
//!
//! A varint is a length byte that grows with the value (negative numbers count down), then its shortest
//! two's complement. A decimal is a sign byte, the exponent of its first digit, then its digits two by
//! two; a negative one has all after the sign byte inverted and a byte at its end that is above all
//! others, since of two numbers the one with more digits is then the smaller.

use num_bigint::{BigInt, Sign};

use crate::value::{Decimal, ValueError};

/// Java's order: -0.0 before 0.0, NaN after everything; one NaN.
pub(super) fn float_to_ordered(wire: [u8; 4]) -> u32 {
    let bits = u32::from_be_bytes(wire);
    let bits = if f32::from_bits(bits).is_nan() { 0x7FC0_0000 } else { bits };
    if bits >> 31 == 1 { !bits } else { bits | (1 << 31) }
}

pub(super) fn float_from_ordered(bits: u32) -> [u8; 4] {
    let bits = if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits };
    bits.to_be_bytes()
}

pub(super) fn double_to_ordered(wire: [u8; 8]) -> u64 {
    let bits = u64::from_be_bytes(wire);
    let bits = if f64::from_bits(bits).is_nan() { 0x7FF8_0000_0000_0000 } else { bits };
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

pub(super) fn double_from_ordered(bits: u64) -> [u8; 8] {
    let bits = if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits };
    bits.to_be_bytes()
}

/// Longest varint whose length fits the length byte itself.
const SHORT: usize = 0x70;
const LONG_POSITIVE: u8 = 0x80 + SHORT as u8 + 1;
const LONG_NEGATIVE: u8 = 0x7F - SHORT as u8 - 1;

/// Two's complement without the leading bytes that only repeat the sign.
fn minimal(mut wire: &[u8]) -> &[u8] {
    while let [first, second, ..] = wire {
        let repeats = (*first == 0 && second & 0x80 == 0) || (*first == 0xFF && second & 0x80 != 0);
        if !repeats {
            break;
        }
        wire = wire.get(1..).unwrap_or_default();
    }
    wire
}

/// The empty value becomes no bytes, before all others.
pub(super) fn encode_varint(wire: &[u8], out: &mut Vec<u8>) {
    let wire = minimal(wire);
    let Some(first) = wire.first() else { return };
    // The wire form of a value is limited to 2 GiB, so its length fits 32 bits.
    let long = wire.len() as u32;
    match (first & 0x80 == 0, wire.len() <= SHORT) {
        (true, true) => out.push(0x80 + wire.len() as u8),
        (false, true) => out.push(0x7F - wire.len() as u8),
        (true, false) => {
            out.push(LONG_POSITIVE);
            out.extend_from_slice(&long.to_be_bytes());
        }
        (false, false) => {
            out.push(LONG_NEGATIVE);
            out.extend_from_slice(&(!long).to_be_bytes());
        }
    }
    out.extend_from_slice(wire);
}

pub(super) fn decode_varint(ordered: &[u8]) -> Result<Vec<u8>, ValueError> {
    let malformed = || ValueError::Invalid("malformed ordered varint".to_owned());
    let Some((lead, rest)) = ordered.split_first() else {
        return Ok(Vec::new());
    };
    let wire = if matches!(*lead, LONG_POSITIVE | LONG_NEGATIVE) { rest.get(4..).ok_or_else(malformed)? } else { rest };
    let mut again = Vec::with_capacity(ordered.len());
    encode_varint(wire, &mut again);
    if again == ordered { Ok(wire.to_vec()) } else { Err(malformed()) }
}

const NEGATIVE: u8 = 1;
const ZERO: u8 = 2;
const POSITIVE: u8 = 3;
/// Above every inverted digit byte.
const END_OF_NEGATIVE: u8 = 0xFF;
/// Whole numbers are decoded with a scale of zero if that takes at most so many zeros.
const MOST_TRAILING_ZEROS: i64 = 32;
/// Bounds what damaged bytes can ask for; above the digits of any clustering key.
const MOST_EDGE_ZEROS: usize = 1 << 20;

/// The empty value becomes no bytes, before all others.
pub(super) fn encode_decimal(wire: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    if wire.is_empty() {
        return Ok(());
    }
    let Decimal { unscaled, scale } = Decimal::decode(wire)?;
    if unscaled.sign() == Sign::NoSign {
        out.push(ZERO);
        return Ok(());
    }
    let all = unscaled.magnitude().to_str_radix(10);
    // The value is 0.digits * 10^exponent.
    let exponent = all.len() as i64 - i64::from(scale);
    let digits = all.trim_end_matches('0');
    let negative = unscaled.sign() == Sign::Minus;
    let mask = if negative { 0xFF } else { 0 };
    out.push(if negative { NEGATIVE } else { POSITIVE });
    out.extend((exponent ^ i64::MIN).to_be_bytes().map(|byte| byte ^ mask));
    out.extend(digits.as_bytes().chunks(2).map(|pair| {
        let high = pair.first().map_or(0, |digit| digit - b'0');
        let low = pair.get(1).map_or(0, |digit| digit - b'0');
        (high * 10 + low + 1) ^ mask
    }));
    if negative {
        out.push(END_OF_NEGATIVE);
    }
    Ok(())
}

pub(super) fn decode_decimal(ordered: &[u8]) -> Result<Vec<u8>, ValueError> {
    let mut wire = Vec::new();
    if !ordered.is_empty() {
        canonical_decimal(ordered)
            .ok_or_else(|| ValueError::Invalid("malformed ordered decimal".to_owned()))?
            .encode(&mut wire);
    }
    Ok(wire)
}

fn canonical_decimal(ordered: &[u8]) -> Option<Decimal> {
    let (lead, rest) = ordered.split_first()?;
    let (mask, rest) = match *lead {
        ZERO if rest.is_empty() => {
            return Some(Decimal { unscaled: BigInt::ZERO, scale: 0 });
        }
        NEGATIVE => (0xFF, rest.strip_suffix(&[END_OF_NEGATIVE])?),
        POSITIVE => (0, rest),
        _ => return None,
    };
    let (exponent, pairs) = rest.split_first_chunk::<8>()?;
    let exponent = i64::from_be_bytes(exponent.map(|byte| byte ^ mask)) ^ i64::MIN;
    let mut digits = Vec::with_capacity(pairs.len() * 2 + MOST_TRAILING_ZEROS as usize);
    for byte in pairs {
        let pair = (byte ^ mask).checked_sub(1).filter(|pair| *pair < 100)?;
        digits.extend([b'0' + pair / 10, b'0' + pair % 10]);
    }
    if digits.last() == Some(&b'0') {
        digits.pop();
    }
    let mut scale = (digits.len() as i64).checked_sub(exponent)?;
    if (-MOST_TRAILING_ZEROS..0).contains(&scale) {
        digits.resize(digits.len() + scale.unsigned_abs() as usize, b'0');
        scale = 0;
    } else if scale < i64::from(i32::MIN) {
        // Trimming took a scale at the edge of its range over it: the zeros come back.
        let zeros = usize::try_from(i64::from(i32::MIN).checked_sub(scale)?).ok()?;
        digits.resize(digits.len() + zeros.min(MOST_EDGE_ZEROS), b'0');
        scale += zeros.min(MOST_EDGE_ZEROS) as i64;
    }
    let magnitude = BigInt::parse_bytes(&digits, 10)?;
    let unscaled = if mask == 0 { magnitude } else { -magnitude };
    Some(Decimal { unscaled, scale: i32::try_from(scale).ok()? })
}
