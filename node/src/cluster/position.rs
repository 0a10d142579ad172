//! Where in the log something is: a generation and an epoch.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A life of the log: 1 from its founding, one more with every forced recovery. The lower half of the bits is drawn at
/// random, so that two recoveries that know nothing of each other never share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generation(u64);

impl Generation {
    /// The generation that a cluster is founded with.
    pub const FIRST: Generation = Generation(1 << 32);

    /// The next one. `None` after four thousand millions of them.
    pub fn next(self, random: u64) -> Option<Generation> {
        let number = self.number().checked_add(1)?;
        Some(Generation((u64::from(number) << 32) | (random & u64::from(u32::MAX))))
    }

    /// As people count them, from 1.
    pub fn number(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// An entry's place in the log. Later is greater; all of a later generation come after all of an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogPosition {
    /// The log's life.
    pub generation: Generation,
    /// Number of the entry, from 1; goes on counting over generations.
    pub epoch: u64,
}

impl LogPosition {
    /// Before every entry: of a node that has none.
    pub const ZERO: LogPosition = LogPosition { generation: Generation(0), epoch: 0 };

    /// The founding entry.
    pub const FIRST: LogPosition = LogPosition { generation: Generation::FIRST, epoch: 1 };

    /// The next entry of the same generation.
    pub fn next(self) -> LogPosition {
        LogPosition { epoch: self.epoch.saturating_add(1), ..self }
    }

    /// As gossip carries it, and as it is part of keys: bytes compare as positions do.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.generation.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.epoch.to_be_bytes());
        bytes
    }

    /// What [`LogPosition::to_bytes`] gave; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<LogPosition> {
        let bytes: [u8; 16] = bytes.try_into().ok()?;
        let (generation, epoch) = bytes.split_at(8);
        let number = |half: &[u8]| half.try_into().ok().map(u64::from_be_bytes);
        Some(LogPosition { generation: Generation(number(generation)?), epoch: number(epoch)? })
    }
}

/// `generation.epoch`, as in `1.42`.
impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation, self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_the_bytes() {
        let second = Generation::FIRST.next(u64::MAX).unwrap_or_default();
        let positions = [
            LogPosition::ZERO,
            LogPosition::FIRST,
            LogPosition::FIRST.next(),
            LogPosition { generation: second, epoch: 1 },
            LogPosition { generation: second, epoch: 300 },
        ];
        assert!(positions.is_sorted());
        assert!(positions.map(LogPosition::to_bytes).is_sorted());
        for position in positions {
            assert_eq!(LogPosition::from_bytes(&position.to_bytes()), Some(position));
        }
        assert_eq!(positions[4].to_string(), "2.300");
        assert_eq!(LogPosition::from_bytes(&[0; 15]), None);
    }
}
