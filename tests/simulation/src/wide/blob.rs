//! Blobs that say what they are: a number, their length, and bytes that follow from the number.

/// The bytes of a number as a CQL literal.
pub fn literal(number: i64, bytes: usize) -> String {
    let mut text = format!("0x{number:016x}{bytes:08x}");
    let filler = format!("{:02x}", filler(number));
    (0..bytes).for_each(|_| text.push_str(&filler));
    text
}

/// The number that bytes are made from; `None`: they are damaged.
pub fn number(bytes: &[u8]) -> Option<i64> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let number = i64::from_be_bytes(*number);
    let is_whole = rest.len() == u32::from_be_bytes(*length) as usize && rest.iter().all(|b| *b == filler(number));
    is_whole.then_some(number)
}

fn filler(number: i64) -> u8 {
    number as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_says_what_it_is_and_whether_it_is_whole() {
        let text = literal(300, 3);
        let digits: Vec<&str> = (2..text.len()).step_by(2).map(|at| &text[at..at + 2]).collect();
        let mut bytes: Vec<u8> = digits.iter().map(|two| u8::from_str_radix(two, 16).unwrap()).collect();
        assert_eq!(number(&bytes), Some(300));
        bytes[13] ^= 1;
        assert_eq!(number(&bytes), None);
        assert_eq!(number(&bytes[..13]), None);
    }
}
