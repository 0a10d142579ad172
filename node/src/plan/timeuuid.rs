//! Version 1 UUIDs and the dates in them.

use bytes::Bytes;

/// 100 ns ticks from 1582-10-15 to 1970-01-01.
const EPOCH_OFFSET_TICKS: i64 = 0x01B2_1DD2_1381_4000;
const MICROS_PER_MS: i64 = 1000;
const TICKS_PER_US: i64 = 10;
/// Days are counted so that 1970-01-01 is in the middle of the unsigned range.
const DATE_EPOCH: i64 = 1 << 31;
const MS_PER_DAY: i64 = 86_400_000;
/// Lowest and highest clock sequence and node in Cassandra's signed order of bytes.
const LOWEST_TAIL: [u8; 8] = [0x80; 8];
const HIGHEST_TAIL: [u8; 8] = [0x7F; 8];

/// A unique version 1 UUID: the time in microseconds, the rest from random bits.
pub(crate) fn unique(now_us: i64, random: u128) -> Bytes {
    let ticks = now_us.wrapping_mul(TICKS_PER_US).wrapping_add((random >> 64) as i64 & 0x7);
    let mut tail = (random as u64).to_be_bytes();
    // RFC 9562: the variant is 10; a random node has the multicast bit set.
    tail[0] = (tail[0] & 0x3F) | 0x80;
    tail[2] |= 0x01;
    assemble(ticks.wrapping_add(EPOCH_OFFSET_TICKS), tail)
}

/// The lowest timeuuid of a millisecond.
pub(crate) fn lowest(ms: i64) -> Bytes {
    assemble(ticks_of_ms(ms), LOWEST_TAIL)
}

/// The highest timeuuid of a millisecond.
pub(crate) fn highest(ms: i64) -> Bytes {
    let last_tick = ticks_of_ms(ms).wrapping_add(MICROS_PER_MS * TICKS_PER_US - 1);
    assemble(last_tick, HIGHEST_TAIL)
}

/// Milliseconds since 1970 in a timeuuid; `None` if it is not one.
pub(crate) fn ms(uuid: &[u8]) -> Option<i64> {
    let bytes: [u8; 16] = uuid.try_into().ok()?;
    if bytes[6] >> 4 != 1 {
        return None;
    }
    let low = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let middle = u16::from_be_bytes([bytes[4], bytes[5]]);
    let high = u16::from_be_bytes([bytes[6] & 0x0F, bytes[7]]);
    let ticks = (i64::from(high) << 48) | (i64::from(middle) << 32) | i64::from(low);
    Some((ticks - EPOCH_OFFSET_TICKS).div_euclid(MICROS_PER_MS * TICKS_PER_US))
}

/// A random UUID (version 4).
pub(crate) fn random(bits: u128) -> Bytes {
    let mut bytes = bits.to_be_bytes();
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    Bytes::copy_from_slice(&bytes)
}

/// CQL's date of a millisecond since 1970.
pub(crate) fn date_of_ms(ms: i64) -> Option<u32> {
    u32::try_from(ms.div_euclid(MS_PER_DAY).checked_add(DATE_EPOCH)?).ok()
}

/// The first millisecond of a CQL date.
pub(crate) fn ms_of_date(date: u32) -> i64 {
    (i64::from(date) - DATE_EPOCH) * MS_PER_DAY
}

fn ticks_of_ms(ms: i64) -> i64 {
    ms.wrapping_mul(MICROS_PER_MS * TICKS_PER_US).wrapping_add(EPOCH_OFFSET_TICKS)
}

fn assemble(ticks: i64, tail: [u8; 8]) -> Bytes {
    let mut bytes = [0_u8; 16];
    bytes[0..4].copy_from_slice(&(ticks as u32).to_be_bytes());
    bytes[4..6].copy_from_slice(&((ticks >> 32) as u16).to_be_bytes());
    bytes[6..8].copy_from_slice(&((((ticks >> 48) as u16) & 0x0FFF) | 0x1000).to_be_bytes());
    bytes[8..16].copy_from_slice(&tail);
    Bytes::copy_from_slice(&bytes)
}
