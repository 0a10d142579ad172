//! Variable-length integers as in section 3 of the native protocol's specification (`[unsigned vint]`,
//! `[vint]`): the leading one bits of the first byte count the bytes that follow; signed ones are zigzag.

use bytes::BufMut;

/// Writes an unsigned integer in 1 to 9 bytes.
pub(crate) fn write_unsigned(out: &mut impl BufMut, value: u64) {
    let bits = 64 - (value | 1).leading_zeros();
    // Each byte carries seven bits, the ninth eight.
    let extra = ((bits - 1) / 7).min(8);
    let bytes = value.to_be_bytes();
    if extra == 8 {
        out.put_u8(0xFF);
        out.put_slice(&bytes);
        return;
    }
    let start = 7 - extra as usize;
    let marker = !(0xFF_u8 >> extra);
    for (i, byte) in bytes.into_iter().enumerate().skip(start) {
        out.put_u8(if i == start { byte | marker } else { byte });
    }
}

/// Reads an unsigned integer off the front; `None` where the bytes end early.
pub(crate) fn read_unsigned(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let extra = first.leading_ones() as usize;
    let (more, rest) = rest.split_at_checked(extra)?;
    let head = if extra >= 7 { 0 } else { u64::from(first & (0x7F >> extra)) };
    Some((more.iter().fold(head, |value, byte| (value << 8) | u64::from(*byte)), rest))
}

/// Writes a signed integer.
pub(crate) fn write_signed(out: &mut impl BufMut, value: i64) {
    write_unsigned(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Reads a signed integer off the front.
pub(crate) fn read_signed(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (value, rest) = read_unsigned(bytes)?;
    Some(((value >> 1) as i64 ^ -((value & 1) as i64), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sizes_and_round_trips() {
        let cases =
            [(0_u64, 1), (127, 1), (128, 2), (16383, 2), (16384, 3), ((1 << 56) - 1, 8), (1 << 56, 9), (u64::MAX, 9)];
        for (value, size) in cases {
            let mut out = Vec::new();
            write_unsigned(&mut out, value);
            assert_eq!(out.len(), size, "{value}");
            assert_eq!(read_unsigned(&out), Some((value, &[][..])));
        }
        for value in [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_signed(&mut out, value);
            assert_eq!(read_signed(&out), Some((value, &[][..])));
        }
        assert_eq!(read_unsigned(&[0x80]), None);
        assert_eq!(read_unsigned(&[]), None);
    }
}
