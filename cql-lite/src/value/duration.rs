//! `duration`: months, days and nanoseconds, each kept apart.

use std::fmt;

use super::ValueError;
use crate::vint;

/// A duration. All parts have the same sign or are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Duration {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Nanoseconds.
    pub nanos: i64,
}

impl Duration {
    /// Reads the wire form: three signed vints.
    ///
    /// # Errors
    /// Bytes that are too few or too many, parts out of range or of mixed signs.
    pub fn decode(wire: &[u8]) -> Result<Self, ValueError> {
        if wire.len() < 3 {
            return Err(ValueError::Invalid(format!("Expected at least 3 bytes for a duration ({})", wire.len())));
        }
        let malformed = || ValueError::Invalid("Invalid bytes for a duration".to_owned());
        let (months, rest) = vint::read_signed(wire).ok_or_else(malformed)?;
        let (days, rest) = vint::read_signed(rest).ok_or_else(malformed)?;
        let (nanos, rest) = vint::read_signed(rest).ok_or_else(malformed)?;
        if !rest.is_empty() {
            return Err(malformed());
        }
        let part = |value: i64, name: &str| {
            i32::try_from(value).map_err(|_| {
                ValueError::Invalid(format!("The duration {name} must be a 32 bits integer but was: {value}"))
            })
        };
        let duration = Self { months: part(months, "months")?, days: part(days, "days")?, nanos };
        if duration.has_mixed_signs() {
            return Err(ValueError::Invalid(format!(
                "The duration months, days and nanoseconds must be all of the same sign ({months}, {days}, {nanos})"
            )));
        }
        Ok(duration)
    }

    fn has_mixed_signs(&self) -> bool {
        let positive = self.months > 0 || self.days > 0 || self.nanos > 0;
        let negative = self.months < 0 || self.days < 0 || self.nanos < 0;
        positive && negative
    }

    /// Appends the wire form.
    ///
    /// # Errors
    /// Parts of mixed signs.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        if self.has_mixed_signs() {
            return Err(ValueError::Invalid(
                "The duration months, days and nanoseconds must be all of the same sign".to_owned(),
            ));
        }
        vint::write_signed(out, i64::from(self.months));
        vint::write_signed(out, i64::from(self.days));
        vint::write_signed(out, self.nanos);
        Ok(())
    }
}

/// As CQL writes it: `1y2mo3d4h5m6s7ms8us9ns`; the zero duration is `0s` so that it can be read back.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("0s");
        }
        if self.months < 0 || self.days < 0 || self.nanos < 0 {
            f.write_str("-")?;
        }
        let months = u64::from(self.months.unsigned_abs());
        let mut nanos = self.nanos.unsigned_abs();
        let mut parts = vec![(months / 12, "y"), (months % 12, "mo"), (u64::from(self.days.unsigned_abs()), "d")];
        for (unit, size) in [
            ("h", 3_600_000_000_000),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
            ("us", 1_000),
            ("ns", 1),
        ] {
            parts.push((nanos / size, unit));
            nanos %= size;
        }
        for (amount, unit) in parts {
            if amount > 0 {
                write!(f, "{amount}{unit}")?;
            }
        }
        Ok(())
    }
}
