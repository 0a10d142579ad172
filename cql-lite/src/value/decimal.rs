//! `decimal`: an unscaled integer of any size and a 32-bit scale, as Java's BigDecimal.

use std::fmt;
use std::str::FromStr;

use num_bigint::{BigInt, Sign};

use super::ValueError;

/// `unscaled * 10^-scale`. Equality is exact: 1.0 and 1.00 differ here, though CQL orders them as equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// All digits.
    pub unscaled: BigInt,
    /// Digits after the point; negative for trailing zeros that are not written.
    pub scale: i32,
}

impl Decimal {
    /// Reads the wire form: scale, then the unscaled value in two's complement.
    ///
    /// # Errors
    /// Fewer than four bytes.
    pub fn decode(wire: &[u8]) -> Result<Self, ValueError> {
        match wire.split_first_chunk::<4>() {
            Some((scale, unscaled)) => {
                Ok(Self { unscaled: BigInt::from_signed_bytes_be(unscaled), scale: i32::from_be_bytes(*scale) })
            }
            None => Err(ValueError::Invalid(format!("Expected 0 or at least 4 bytes ({})", wire.len()))),
        }
    }

    /// Appends the wire form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.scale.to_be_bytes());
        out.extend_from_slice(&self.unscaled.to_signed_bytes_be());
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self { unscaled: value.into(), scale: 0 }
    }
}

/// As Java's `BigDecimal.toString`: plain where the scale is not negative and the number not tiny, else
/// with an exponent.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.unscaled.sign() == Sign::Minus { "-" } else { "" };
        let digits = self.unscaled.magnitude().to_str_radix(10);
        let scale = i64::from(self.scale);
        let length = digits.len() as i64;
        let adjusted = length - 1 - scale;
        if scale == 0 {
            write!(f, "{sign}{digits}")
        } else if scale > 0 && adjusted >= -6 {
            if length > scale {
                let (whole, fraction) = digits.split_at((length - scale) as usize);
                write!(f, "{sign}{whole}.{fraction}")
            } else {
                // At most six zeros: bounded by the exponent above.
                write!(f, "{sign}0.{}{digits}", "0".repeat((scale - length) as usize))
            }
        } else {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            write!(f, "{sign}{first}{point}{rest}E{adjusted:+}")
        }
    }
}

impl FromStr for Decimal {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        parse(text).ok_or_else(|| ValueError::Invalid(format!("unable to make BigDecimal from '{text}'")))
    }
}

fn parse(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let only_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !only_digits(unsigned) || !only_digits(fraction) || unsigned.len() + fraction.len() == 0 {
        return None;
    }
    let unscaled = BigInt::parse_bytes(format!("{whole}{fraction}").as_bytes(), 10)?;
    let scale = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
    Some(Decimal { unscaled, scale: i32::try_from(scale).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_as_java_writes_it() {
        let cases = [
            ("0", "0"),
            ("1.50", "1.50"),
            ("-0.001", "-0.001"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e3", "1E+3"),
            ("12e3", "1.2E+4"),
            ("1E-6", "0.000001"),
            ("1E-7", "1E-7"),
            ("-123e-9", "-1.23E-7"),
            ("+7", "7"),
            ("0.00", "0.00"),
            ("123.456e2", "12345.6"),
            ("1e-2147483647", "1E-2147483647"),
        ];
        for (text, shown) in cases {
            let value: Decimal = text.parse().unwrap();
            assert_eq!(value.to_string(), shown, "{text}");
            let mut wire = Vec::new();
            value.encode(&mut wire);
            assert_eq!(Decimal::decode(&wire).unwrap(), value);
        }
        for text in ["", ".", "-", "1e", "1e99999999999", "abc", "1.-2", "--1", "+-1", "1_000", "0x1"] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }
}
