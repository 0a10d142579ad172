//! What lies between tokens.

/// The length in bytes of the white space or comment at the start of `rest`; 0: there is none; `Err`: a comment that
/// does not end.
pub(super) fn skipped_bytes(rest: &[u8]) -> Result<usize, ()> {
    match rest {
        [b' ' | b'\t' | b'\n' | b'\r', ..] => {
            Ok(rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count())
        }
        [b'-', b'-', ..] | [b'/', b'/', ..] => Ok(rest.iter().take_while(|b| !matches!(b, b'\n' | b'\r')).count()),
        [b'/', b'*', inside @ ..] => inside.windows(2).position(|pair| pair == b"*/").map(|at| at + 4).ok_or(()),
        _ => Ok(0),
    }
}
