//! The primitives: varints, length-prefixed byte strings, and a reader that checks.

use bytes::Bytes;

use super::{FORMAT_VERSION, FormatError};

/// Appends an unsigned varint: seven bits a byte, lowest first, the high bit set on all but the last.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed varint, zigzag coded.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends a length and bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads from encoded bytes; what it returns shares their memory.
pub(crate) struct Reader<'a> {
    source: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a Bytes) -> Self {
        Reader { source, at: 0 }
    }

    /// A reader past the version byte.
    pub(crate) fn versioned(source: &'a Bytes) -> Result<Self, FormatError> {
        let mut reader = Reader::new(source);
        match reader.byte()? {
            FORMAT_VERSION => Ok(reader),
            other => Err(FormatError::Version(other)),
        }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.source.len() - self.at
    }

    pub(crate) fn finish(self) -> Result<(), FormatError> {
        if self.remaining() == 0 { Ok(()) } else { Err(FormatError::Malformed("bytes after the end")) }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, FormatError> {
        let byte = *self.source.get(self.at).ok_or(FormatError::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    /// A byte of which only the bits in `known` may be set.
    pub(crate) fn flags(&mut self, known: u8) -> Result<u8, FormatError> {
        let flags = self.byte()?;
        if flags & !known == 0 { Ok(flags) } else { Err(FormatError::Malformed("unknown flag")) }
    }

    pub(crate) fn varint(&mut self) -> Result<u64, FormatError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(FormatError::Malformed("varint too large"));
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(FormatError::Malformed("varint not in its shortest form"));
                }
                return Ok(value);
            }
        }
        Err(FormatError::Malformed("varint too long"))
    }

    pub(crate) fn varint_u32(&mut self) -> Result<u32, FormatError> {
        u32::try_from(self.varint()?).map_err(|_| FormatError::Malformed("number too large"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, FormatError> {
        let value = self.varint()?;
        Ok(((value >> 1) as i64) ^ -((value & 1) as i64))
    }

    pub(crate) fn token(&mut self) -> Result<i64, FormatError> {
        let mut bytes = [0; 8];
        for slot in &mut bytes {
            *slot = self.byte()?;
        }
        Ok(i64::from_be_bytes(bytes))
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, FormatError> {
        let length = self.count(1)?;
        let end = self.at + length;
        let slice = if length == 0 { Bytes::new() } else { self.source.slice(self.at..end) };
        self.at = end;
        Ok(slice)
    }

    /// A count of things of at least `size_min` bytes each: never more than the rest could hold.
    pub(crate) fn count(&mut self, size_min: usize) -> Result<usize, FormatError> {
        let count = usize::try_from(self.varint()?).map_err(|_| FormatError::Truncated)?;
        if count > self.remaining() / size_min { Err(FormatError::Truncated) } else { Ok(count) }
    }
}

/// Refuses a repeated or descending key.
pub(crate) fn check_ascending<T: PartialOrd>(before: Option<&T>, next: &T) -> Result<(), FormatError> {
    match before {
        Some(before) if before >= next => Err(FormatError::Malformed("keys not ascending")),
        _ => Ok(()),
    }
}
