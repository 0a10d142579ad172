//! The protocol's notations (section 3 of its specification): reading them off borrowed bytes with every
//! length checked, and appending them to a buffer.

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, BytesMut};
use starling_ring::ConsistencyLevel;
use thiserror::Error;
use uuid::Uuid;

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A length or a notation reaches beyond the end of the body.
    #[error("Not enough bytes in the message: {needed} wanted, {left} left")]
    Truncated {
        /// Bytes wanted.
        needed: usize,
        /// Bytes there.
        left: usize,
    },
    /// Anything else.
    #[error("{0}")]
    Invalid(String),
}

impl DecodeError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        DecodeError::Invalid(message.into())
    }
}

type Result<T> = std::result::Result<T, DecodeError>;

/// Reads notations off the front of a body. All errors are about bytes that end early unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

#[allow(clippy::missing_errors_doc)]
impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many of `count` things of at least `size_bytes` each the rest can hold: a bound for allocations.
    pub fn bounded(&self, count: usize, size_bytes: usize) -> usize {
        count.min(self.rest.len() / size_bytes.max(1))
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(DecodeError::Truncated { needed: length, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::Truncated { needed: N, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// `[byte]`.
    pub fn byte(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// `[short]`.
    pub fn short(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// `[int]`.
    pub fn int(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// `[long]`.
    pub fn long(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// An `[int]` that counts or measures something; a negative one is refused.
    pub fn count(&mut self) -> Result<usize> {
        let count = self.int()?;
        usize::try_from(count).map_err(|_| DecodeError::invalid(format!("Negative count {count} in the message")))
    }

    fn utf8(bytes: &'a [u8]) -> Result<&'a str> {
        std::str::from_utf8(bytes).map_err(|_| DecodeError::invalid("Cannot decode string as UTF8".to_owned()))
    }

    /// `[string]`; refuses what is not UTF-8.
    pub fn string(&mut self) -> Result<&'a str> {
        let length = self.short()?;
        Self::utf8(self.take(usize::from(length))?)
    }

    /// `[long string]`; refuses what is not UTF-8.
    pub fn long_string(&mut self) -> Result<&'a str> {
        let length = self.count()?;
        Self::utf8(self.take(length)?)
    }

    /// `[bytes]`: a negative length is null.
    pub fn bytes(&mut self) -> Result<Option<&'a [u8]>> {
        match usize::try_from(self.int()?) {
            Ok(length) => Ok(Some(self.take(length)?)),
            Err(_) => Ok(None),
        }
    }

    /// `[short bytes]`.
    pub fn short_bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    /// `[string list]`.
    pub fn string_list(&mut self) -> Result<Vec<&'a str>> {
        let count = usize::from(self.short()?);
        let mut list = Vec::with_capacity(self.bounded(count, 2));
        for _ in 0..count {
            list.push(self.string()?);
        }
        Ok(list)
    }

    /// `[string map]`, in the order given.
    pub fn string_map(&mut self) -> Result<Vec<(&'a str, &'a str)>> {
        let count = usize::from(self.short()?);
        let mut map = Vec::with_capacity(self.bounded(count, 4));
        for _ in 0..count {
            map.push((self.string()?, self.string()?));
        }
        Ok(map)
    }

    /// `[uuid]`.
    pub fn uuid(&mut self) -> Result<Uuid> {
        Ok(Uuid::from_bytes(self.array()?))
    }

    /// `[inetaddr]`; refuses lengths other than 4 and 16.
    pub fn inet_address(&mut self) -> Result<IpAddr> {
        match self.byte()? {
            4 => Ok(IpAddr::from(self.array::<4>()?)),
            16 => Ok(IpAddr::from(self.array::<16>()?)),
            length => Err(DecodeError::invalid(format!("Invalid length {length} of an inet address"))),
        }
    }

    /// `[inet]`: address and port.
    pub fn inet(&mut self) -> Result<SocketAddr> {
        let address = self.inet_address()?;
        let port = self.int()?;
        let port = u16::try_from(port).map_err(|_| DecodeError::invalid(format!("Invalid port {port}")))?;
        Ok(SocketAddr::new(address, port))
    }

    /// `[consistency]`; refuses unknown codes.
    pub fn consistency(&mut self) -> Result<ConsistencyLevel> {
        let code = self.short()?;
        ConsistencyLevel::from_code(code)
            .ok_or_else(|| DecodeError::invalid(format!("Unknown code {code} for a consistency level")))
    }
}

/// Appends a `[string]`. Longer than 65,535 bytes it is cut at a character: only messages for people can be.
pub fn put_string(out: &mut BytesMut, text: &str) {
    let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
    out.put_u16(text.len() as u16);
    out.put_slice(text.as_bytes());
}

/// Appends a `[long string]`.
pub fn put_long_string(out: &mut BytesMut, text: &str) {
    put_bytes(out, Some(text.as_bytes()));
}

/// Appends `[bytes]`, null where there are none. What is longer than 2 GiB makes the whole frame too long,
/// which is refused where the frame is finished.
pub fn put_bytes(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => out.put_i32(-1),
        Some(bytes) => {
            out.put_u32(bytes.len() as u32);
            out.put_slice(bytes);
        }
    }
}

/// Appends `[short bytes]`, cut at 65,535 bytes: ids are 16 bytes long.
pub fn put_short_bytes(out: &mut BytesMut, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    out.put_u16(bytes.len() as u16);
    out.put_slice(bytes);
}

/// Appends the `[short]` count of a list and yields what is to be written after it (at most 65,535).
pub(crate) fn put_count<'t, T>(out: &mut BytesMut, items: &'t [T]) -> std::slice::Iter<'t, T> {
    let items = &items[..items.len().min(usize::from(u16::MAX))];
    out.put_u16(items.len() as u16);
    items.iter()
}

/// Appends a `[string list]`.
pub fn put_string_list<T: AsRef<str>>(out: &mut BytesMut, list: &[T]) {
    for text in put_count(out, list) {
        put_string(out, text.as_ref());
    }
}

/// Appends a `[string map]`.
pub fn put_string_map<K: AsRef<str>, V: AsRef<str>>(out: &mut BytesMut, map: &[(K, V)]) {
    for (key, value) in put_count(out, map) {
        put_string(out, key.as_ref());
        put_string(out, value.as_ref());
    }
}

/// Appends an `[inetaddr]`.
pub fn put_inet_address(out: &mut BytesMut, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            out.put_u8(4);
            out.put_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out.put_u8(16);
            out.put_slice(&address.octets());
        }
    }
}

/// Appends an `[inet]`.
pub fn put_inet(out: &mut BytesMut, address: SocketAddr) {
    put_inet_address(out, address.ip());
    out.put_i32(i32::from(address.port()));
}

/// Appends a `[consistency]`.
pub fn put_consistency(out: &mut BytesMut, level: ConsistencyLevel) {
    out.put_u16(level.code());
}
