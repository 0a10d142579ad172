//! The one thing that travels in custom payloads here: a stamp of the cluster's hybrid clock.
//!
//! A request carries the latest stamp that its client was told: what is done for it is later, whichever node does it.
//! The answer carries the latest stamp of the node that answers. Keys that are not known are read over, as Cassandra's
//! own handler does with all of them.

use bytes::{BufMut, BytesMut};

use super::wire::{DecodeError, Reader, put_bytes, put_string};

/// Key of the stamp in a custom payload. Its value has 8 bytes, big-endian: microseconds since 1970.
pub const STAMP_KEY: &str = "starling-stamp";
/// Option of SUPPORTED that says which forms of the stamp a server takes.
pub const STAMP_OPTION: &str = "STARLING_STAMP";
/// The form described here, as that option has it.
pub const STAMP_VERSION: &str = "1";

/// Writes a payload that holds nothing but a stamp.
pub(crate) fn put_stamp(out: &mut BytesMut, stamp: u64) {
    out.put_u16(1);
    put_string(out, STAMP_KEY);
    put_bytes(out, Some(&stamp.to_be_bytes()));
}

/// Reads a payload off the front of the rest; of two stamps the later entry counts, as in any map that is filled so.
pub(crate) fn read_stamp(reader: &mut Reader<'_>) -> Result<Option<u64>, DecodeError> {
    let whole_bytes = reader.rest().len();
    let mut stamp = None;
    for number in 1..=reader.short()? {
        let at = whole_bytes - reader.rest().len();
        let (key, value) = (reader.string()?, reader.bytes()?);
        if key != STAMP_KEY {
            continue;
        }
        let Some(bytes) = value.and_then(|value| <[u8; 8]>::try_from(value).ok()) else {
            let held = value.map_or_else(|| "is null".to_owned(), |value| format!("has {} bytes", value.len()));
            return Err(DecodeError::invalid(format!(
                "Invalid custom payload: entry {number} at byte {at}, '{STAMP_KEY}', {held} where 8 are wanted"
            )));
        };
        stamp = Some(u64::from_be_bytes(bytes));
    }
    Ok(stamp)
}
