//! What one thread does at one go: ends operations, goes on with their reads, and so forth until all wait for others.

use super::shard::Ended;
use crate::coordinate::Instant;

/// A turn that has taken so many microseconds leaves further reads of this node's own data to other threads. Shorter:
/// gossip and others' requests wait less; longer: fewer reads change threads. 500 to 50,000.
const PATIENCE_US: u64 = 2_000;

/// A turn.
#[derive(Default)]
pub(super) struct Turn {
    /// What has ended in it and is to be gone on with: a loop, so that a read of many local partitions needs no stack.
    pub ended: Vec<Ended>,
    began_us: Option<u64>,
    is_long: bool,
}

impl Turn {
    /// Notes the time.
    pub fn note(&mut self, now: Instant) {
        let began_us = *self.began_us.get_or_insert(now.us);
        self.is_long = now.us.saturating_sub(began_us) > PATIENCE_US;
    }

    /// Whether it has taken long already.
    pub fn is_long(&self) -> bool {
        self.is_long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_long_by_its_own_time() {
        let mut turn = Turn::default();
        let is_long_at = |turn: &mut Turn, us| {
            turn.note(Instant { us });
            turn.is_long()
        };
        assert!(!is_long_at(&mut turn, 1_000_000));
        assert!(!is_long_at(&mut turn, 1_000_000 + PATIENCE_US));
        assert!(is_long_at(&mut turn, 1_000_001 + PATIENCE_US));
    }
}
