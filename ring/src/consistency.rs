//! Consistency levels: their names and codes. How many answers each needs is in `requirement`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// CQL's consistency levels; the discriminants are the native protocol's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u16)]
#[allow(missing_docs)]
pub enum ConsistencyLevel {
    Any = 0x0000,
    One = 0x0001,
    Two = 0x0002,
    Three = 0x0003,
    Quorum = 0x0004,
    All = 0x0005,
    LocalQuorum = 0x0006,
    EachQuorum = 0x0007,
    Serial = 0x0008,
    LocalSerial = 0x0009,
    LocalOne = 0x000A,
}

/// A text that names no consistency level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown consistency level {0:?}")]
pub struct UnknownConsistencyLevel(pub String);

impl ConsistencyLevel {
    /// All levels in order of code.
    pub const ALL_LEVELS: [ConsistencyLevel; 11] = [
        ConsistencyLevel::Any,
        ConsistencyLevel::One,
        ConsistencyLevel::Two,
        ConsistencyLevel::Three,
        ConsistencyLevel::Quorum,
        ConsistencyLevel::All,
        ConsistencyLevel::LocalQuorum,
        ConsistencyLevel::EachQuorum,
        ConsistencyLevel::Serial,
        ConsistencyLevel::LocalSerial,
        ConsistencyLevel::LocalOne,
    ];

    /// The level with this code of the native protocol.
    pub fn from_code(code: u16) -> Option<ConsistencyLevel> {
        ConsistencyLevel::ALL_LEVELS.get(usize::from(code)).copied()
    }

    /// The native protocol's code.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// The name, as in `LOCAL_QUORUM`.
    pub fn name(self) -> &'static str {
        match self {
            ConsistencyLevel::Any => "ANY",
            ConsistencyLevel::One => "ONE",
            ConsistencyLevel::Two => "TWO",
            ConsistencyLevel::Three => "THREE",
            ConsistencyLevel::Quorum => "QUORUM",
            ConsistencyLevel::All => "ALL",
            ConsistencyLevel::LocalQuorum => "LOCAL_QUORUM",
            ConsistencyLevel::EachQuorum => "EACH_QUORUM",
            ConsistencyLevel::Serial => "SERIAL",
            ConsistencyLevel::LocalSerial => "LOCAL_SERIAL",
            ConsistencyLevel::LocalOne => "LOCAL_ONE",
        }
    }

    /// Whether it is a level of lightweight transactions.
    pub fn is_serial(self) -> bool {
        matches!(self, ConsistencyLevel::Serial | ConsistencyLevel::LocalSerial)
    }

    /// Whether only replicas in the coordinator's datacentre count.
    pub fn is_datacenter_local(self) -> bool {
        matches!(self, ConsistencyLevel::LocalOne | ConsistencyLevel::LocalQuorum | ConsistencyLevel::LocalSerial)
    }
}

impl fmt::Display for ConsistencyLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads a name in upper or lower case.
impl FromStr for ConsistencyLevel {
    type Err = UnknownConsistencyLevel;

    fn from_str(text: &str) -> Result<ConsistencyLevel, UnknownConsistencyLevel> {
        ConsistencyLevel::ALL_LEVELS
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownConsistencyLevel(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_go_both_ways() {
        for (code, level) in (0u16..).zip(ConsistencyLevel::ALL_LEVELS) {
            assert_eq!(level.code(), code);
            assert_eq!(ConsistencyLevel::from_code(code), Some(level));
            assert_eq!(level.name().to_lowercase().parse(), Ok(level));
            assert_eq!(level.to_string(), level.name());
        }
        assert_eq!(ConsistencyLevel::from_code(0x000B), None);
        assert!("LOCALQUORUM".parse::<ConsistencyLevel>().is_err());
        assert_eq!(ConsistencyLevel::LocalOne.code(), 10);
    }
}
