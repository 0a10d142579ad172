//! The shapes of numbers, blobs, UUIDs and durations. Each function looks at the start of `rest`.

use super::TokenKind;

fn digits(rest: &[u8], from: usize) -> usize {
    rest.get(from..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count()
}

fn is_word_byte(byte: Option<&u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// The length of a UUID: 8-4-4-4-12 hexadecimal digits.
pub(super) fn uuid_bytes(rest: &[u8]) -> Option<usize> {
    let candidate = rest.get(..36)?;
    let fits = candidate.iter().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (fits && !is_word_byte(rest.get(36))).then_some(36)
}

/// The length of a blob: `0x` and hexadecimal digits.
pub(super) fn hex_bytes(rest: &[u8]) -> Option<usize> {
    let [b'0', b'x' | b'X', inside @ ..] = rest else {
        return None;
    };
    Some(2 + inside.iter().take_while(|b| b.is_ascii_hexdigit()).count())
}

/// The kind and length of an unsigned number that starts with a digit. `1..2` is an integer before a range.
pub(super) fn number(rest: &[u8]) -> (TokenKind, usize) {
    let mut length = digits(rest, 0);
    let mut kind = TokenKind::Integer;
    if rest.get(length) == Some(&b'.') && (rest.get(length + 1) != Some(&b'.') || rest.get(length + 2) == Some(&b'.')) {
        kind = TokenKind::Float;
        length += 1;
        length += digits(rest, length);
    }
    if matches!(rest.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(rest, length + 1 + sign);
        if exponent > 0 {
            kind = TokenKind::Float;
            length += 1 + sign + exponent;
        }
    }
    (kind, length)
}

/// The length of a duration of numbers with units: `1y2mo3w4d5h6m7s8ms9us10ns`, in any case.
pub(super) fn duration_bytes(rest: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        let count = digits(rest, length);
        if count == 0 {
            break;
        }
        let Some(unit) = unit_bytes(rest.get(length + count..)?) else {
            break;
        };
        length += count + unit;
    }
    (length > 0).then_some(length)
}

fn unit_bytes(rest: &[u8]) -> Option<usize> {
    const UNITS: [&[u8]; 11] = [b"mo", b"ms", b"us", b"ns", "\u{b5}s".as_bytes(), b"y", b"w", b"d", b"h", b"m", b"s"];
    UNITS
        .iter()
        .find(|unit| rest.get(..unit.len()).is_some_and(|head| head.eq_ignore_ascii_case(unit)))
        .map(|unit| unit.len())
}

/// The length of an ISO 8601 duration: `P1Y2M3DT4H5M6S`, `P2W` or `P0001-02-03T04:05:06`.
pub(super) fn iso_duration_bytes(rest: &[u8]) -> Option<usize> {
    if rest.first() != Some(&b'P') {
        return None;
    }
    if let Some(length) = iso_alternative_bytes(rest) {
        return Some(length);
    }
    let weeks = digits(rest, 1);
    if weeks > 0 && rest.get(1 + weeks) == Some(&b'W') {
        return Some(weeks + 2);
    }
    let date_end = designated_bytes(rest, 1, b"YMD");
    let mut end = date_end;
    if rest.get(date_end) == Some(&b'T') {
        let time_end = designated_bytes(rest, date_end + 1, b"HMS");
        if time_end > date_end + 1 {
            end = time_end;
        }
    }
    (end > 1).then_some(end)
}

/// Passes numbers followed by designators, each at most once and in order; gives the offset after them.
fn designated_bytes(rest: &[u8], mut offset: usize, designators: &[u8]) -> usize {
    for designator in designators {
        let count = digits(rest, offset);
        if count > 0 && rest.get(offset + count) == Some(designator) {
            offset += count + 1;
        }
    }
    offset
}

fn iso_alternative_bytes(rest: &[u8]) -> Option<usize> {
    const PATTERN: &[u8] = b"Pdddd-dd-ddTdd:dd:dd";
    let candidate = rest.get(..PATTERN.len())?;
    let fits = candidate.iter().zip(PATTERN).all(|(byte, pattern)| match pattern {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    });
    fits.then_some(PATTERN.len())
}
