//! Tokens: positions on the consistent-hash ring.

use serde::{Deserialize, Serialize};

/// A Murmur3 token as Cassandra's `Murmur3Partitioner` computes it. `i64::MIN` is never a key's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token(pub i64);

impl Token {
    /// Lower than every key's token: the start of the ring.
    pub const MIN: Token = Token(i64::MIN);
    /// The highest token.
    pub const MAX: Token = Token(i64::MAX);
}
