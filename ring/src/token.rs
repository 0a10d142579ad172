//! Tokens: positions on the consistent-hash ring.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A Murmur3 token as Cassandra's `Murmur3Partitioner` computes it. `i64::MIN` is never a key's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token(pub i64);

impl Token {
    /// Lower than every key's token: the start of the ring.
    pub const MIN: Token = Token(i64::MIN);
    /// The highest token.
    pub const MAX: Token = Token(i64::MAX);

    /// The token of a partition key in CQL's wire form: the first half of Murmur3 x64_128 with seed 0, in
    /// Cassandra's variant, which sign-extends the bytes of the tail.
    pub fn from_key(key: &[u8]) -> Token {
        match murmur3(key) {
            i64::MIN => Token::MAX,
            hash => Token(hash),
        }
    }

    /// How many steps clockwise lead from this token to `to`; 0 if they are the same.
    pub fn distance_to(self, to: Token) -> u64 {
        to.0.wrapping_sub(self.0).cast_unsigned()
    }

    /// The token `distance` steps clockwise from this one.
    pub fn advanced_by(self, distance: u64) -> Token {
        Token(self.0.wrapping_add(distance.cast_signed()))
    }

    /// Whether this token lies in the ring range from `start` (exclusive) to `end` (inclusive), which may
    /// wrap; a range whose ends are equal is the whole ring.
    pub fn is_within(self, start: Token, end: Token) -> bool {
        if start < end { start < self && self <= end } else { self > start || self <= end }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Token {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Token, Self::Err> {
        text.parse().map(Token)
    }
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

fn mix_k1(k1: u64) -> u64 {
    k1.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix_k2(k2: u64) -> u64 {
    k2.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// Up to eight bytes of the tail, little end first, each sign-extended before it is shifted in.
fn tail_word(bytes: &[u8]) -> u64 {
    let mut word = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        word ^= i64::from(byte.cast_signed()).cast_unsigned() << (8 * i);
    }
    word
}

fn murmur3(key: &[u8]) -> i64 {
    let (mut h1, mut h2) = (0u64, 0u64);
    let (blocks, tail) = key.as_chunks::<16>();
    for block in blocks {
        let word = u128::from_le_bytes(*block);
        h1 ^= mix_k1(word as u64);
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix_k2((word >> 64) as u64);
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (low, high) = tail.split_at(tail.len().min(8));
    h2 ^= mix_k2(tail_word(high));
    h1 ^= mix_k1(tail_word(low));
    h1 ^= key.len() as u64;
    h2 ^= key.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    finish(h1).wrapping_add(finish(h2)).cast_signed()
}
