//! Ballots: the order of attempts.

use serde::{Deserialize, Serialize};
use starling_ring::HostId;

/// The number of an attempt. No two attempts have the same: the proposer is part of it, and each of its attempts has a
/// round of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ballot {
    /// Counts attempts; compared first.
    pub round: u64,
    /// Who made it.
    pub proposer: HostId,
}

impl Ballot {
    /// The lowest ballot of a proposer above `other`, with a round of at least `floor`. `None` once the rounds are used
    /// up, which only a hostile member could bring about.
    pub fn above(other: Option<Ballot>, floor: u64, proposer: HostId) -> Option<Ballot> {
        let round = match other {
            Some(other) => other.round.checked_add(1)?.max(floor),
            None => floor,
        };
        Some(Ballot { round, proposer })
    }
}
