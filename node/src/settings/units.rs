//! Settings with units: `10s`, `200ms`, `64MiB`, as cassandra.yaml writes them.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duration {
    /// In milliseconds.
    pub ms: u64,
}

/// An amount of memory or disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// In bytes.
    pub bytes: u64,
}

/// A value whose unit is missing or unknown.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a {what}: write a number and a unit, such as {example}")]
pub struct UnitError {
    text: String,
    what: &'static str,
    example: &'static str,
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, text[digits..].trim_start()))
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        let (size, unit) = UNITS.into_iter().find(|(size, _)| whole(self.ms, *size)).unwrap_or((1, "ms"));
        write!(f, "{}{unit}", self.ms / size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        let (size, unit) = UNITS.into_iter().find(|(size, _)| whole(self.bytes, *size)).unwrap_or((1, "B"));
        write!(f, "{}{unit}", self.bytes / size)
    }
}

fn whole(amount: u64, size: u64) -> bool {
    amount > 0 && amount.is_multiple_of(size)
}

impl FromStr for Duration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError { text: text.into(), what: "duration", example: "200ms, 10s, 5m, 3h or 1d" };
        let (number, unit) = split(text.trim()).ok_or_else(error)?;
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(error()),
        };
        number.checked_mul(factor).map(|ms| Duration { ms }).ok_or_else(error)
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError { text: text.into(), what: "size", example: "512B, 64KiB, 16MiB or 2GiB" };
        let (number, unit) = split(text.trim()).ok_or_else(error)?;
        let factor = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return Err(error()),
        };
        number.checked_mul(factor).map(|bytes| Size { bytes }).ok_or_else(error)
    }
}

struct FromText<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err = UnitError>> Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number with a unit")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_needed_and_overflow_is_refused() {
        assert_eq!("10s".parse(), Ok(Duration { ms: 10_000 }));
        assert_eq!("200 ms".parse(), Ok(Duration { ms: 200 }));
        assert_eq!("64MiB".parse(), Ok(Size { bytes: 64 << 20 }));
        for bad in ["", "10", "s", "10 parsecs", "-1s", "99999999999999999999s", "18446744073709551615d"] {
            assert!(bad.parse::<Duration>().is_err(), "{bad}");
        }
        for text in ["200ms", "7s", "2m", "1h", "1d", "0ms"] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
        }
        for text in ["0B", "512B", "3KiB", "16MiB", "2GiB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert!("18446744073709551615TiB".parse::<Size>().is_err());
    }
}
