//! Values of system tables in CQL wire form.

use std::net::IpAddr;

use bytes::Bytes;
use starling_cql_lite::collection::{encode_map, encode_set};
use starling_cql_lite::types::CqlType;
use uuid::Uuid;

pub fn text(value: &str) -> Bytes {
    Bytes::copy_from_slice(value.as_bytes())
}

pub fn boolean(value: bool) -> Bytes {
    Bytes::from_static(if value { &[1] } else { &[0] })
}

/// Values beyond the range of `int` become its highest.
pub fn int(value: impl TryInto<i32>) -> Bytes {
    Bytes::copy_from_slice(&value.try_into().unwrap_or(i32::MAX).to_be_bytes())
}

/// Positions in keys; -1 for columns that have none.
pub fn position(value: Option<usize>) -> Bytes {
    value.map_or_else(|| int(-1), int)
}

pub fn double(value: f64) -> Bytes {
    Bytes::copy_from_slice(&value.to_be_bytes())
}

pub fn uuid(value: Uuid) -> Bytes {
    Bytes::copy_from_slice(value.as_bytes())
}

pub fn inet(value: IpAddr) -> Bytes {
    match value {
        IpAddr::V4(address) => Bytes::copy_from_slice(&address.octets()),
        IpAddr::V6(address) => Bytes::copy_from_slice(&address.octets()),
    }
}

/// Milliseconds since 1970.
pub fn timestamp(ms: i64) -> Bytes {
    Bytes::copy_from_slice(&ms.to_be_bytes())
}

/// A `set<text>`. Only fails beyond 2^31 elements, which nothing here has.
pub fn text_set(values: impl Iterator<Item = String>) -> Bytes {
    encode_set(&CqlType::Text, values.collect()).unwrap_or_default()
}

/// A `map<text, text>`; see [`text_set`].
pub fn text_map<'a>(entries: impl Iterator<Item = (&'a String, &'a String)>) -> Bytes {
    let entries = entries.map(|(key, value)| (key.as_bytes(), value.as_bytes())).collect();
    encode_map(&CqlType::Text, entries).unwrap_or_default()
}
