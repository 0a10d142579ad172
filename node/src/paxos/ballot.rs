//! Ballots: the order of attempts.

use serde::{Deserialize, Serialize};
use starling_ring::HostId;

/// The number of an attempt. No two attempts have the same: proposer and life are part of it, and within a life each
/// attempt has a round of its own. (Without the life, a proposer that was restarted could use a round again that it had
/// reached before only by outbidding somebody.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ballot {
    /// Counts attempts; compared first.
    pub round: u64,
    /// Who made it.
    pub proposer: HostId,
    /// In which of its lives: the number of the proposer's start.
    pub life: u64,
}

impl Ballot {
    /// The lowest ballot of a proposer whose round is above `round`. `None` once the rounds are used up, which only a
    /// hostile member could bring about.
    pub fn above(round: u64, proposer: HostId, life: u64) -> Option<Ballot> {
        Some(Ballot { round: round.checked_add(1)?, proposer, life })
    }
}
