//! Collections as cells: each element is a cell of its own, whose path orders it among the others.
//!
//! The path of a set's element or a map's key is its ordered encoding; the path of a list's element is a
//! position that grows with time for what is appended and falls with time for what is prepended, so that
//! coordinators that know nothing of each other agree on one order.

use bytes::Bytes;
use starling_cql_lite::collection::{all_elements, encode_list, encode_map, encode_set};
use starling_cql_lite::ordered;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_planted::{Bug, is_planted};
use starling_storage::live::LiveCell;
use starling_storage::model::{Cell, CellContent};

use super::errors::invalid;
use super::keys::KEY_BYTES_MAX;
use super::values::Environment;

/// One live element of a collection.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Element of a set, key of a map, wire form; path of a list's element.
    pub key: Bytes,
    /// Value in a list or map.
    pub value: Bytes,
    /// Write timestamp in microseconds.
    pub timestamp_us: i64,
    /// Seconds left to live.
    pub ttl_s: Option<u32>,
}

/// The path of a set's element or a map's key.
pub(crate) fn path(cql_type: &CqlType, key: &[u8], what: &str) -> Result<Bytes, CqlError> {
    if key.len() > KEY_BYTES_MAX {
        return Err(invalid(format!(
            "{what} is too long. {what}s are limited to {KEY_BYTES_MAX} bytes but {} bytes were provided",
            key.len()
        )));
    }
    let mut ordered = Vec::with_capacity(key.len());
    // The empty value comes first, and nothing else has an empty path.
    if !key.is_empty() {
        ordered::encode(cql_type, key, &mut ordered).map_err(|error| invalid(error.to_string()))?;
    }
    Ok(Bytes::from(ordered))
}

fn key_of(cql_type: &CqlType, path: &[u8]) -> Result<Bytes, CqlError> {
    if path.is_empty() {
        return Ok(Bytes::new());
    }
    let damaged = |error| CqlError::Server(format!("damaged element of a collection: {error}"));
    ordered::decode(cql_type, path).map(Bytes::from).map_err(damaged)
}

/// The elements of a column's live cells.
pub(crate) fn parts<'a>(cql_type: &CqlType, cells: impl Iterator<Item = LiveCell<'a>>) -> Result<Vec<Part>, CqlError> {
    cells
        .map(|cell| {
            let path = cell.path.map(|path| &path[..]).unwrap_or_default();
            let key = match cql_type {
                CqlType::Set(key) | CqlType::Map(key, _) => key_of(key, path)?,
                _ => Bytes::copy_from_slice(path),
            };
            let (timestamp_us, ttl_s) = (cell.timestamp_us, cell.ttl_s);
            Ok(Part { key, value: cell.value.clone(), timestamp_us, ttl_s })
        })
        .collect()
}

/// The cells of a collection that is made up here, not written by anybody.
pub(crate) fn made_up_cells(cql_type: &CqlType, wire: &Bytes, timestamp_us: i64) -> Result<Vec<Cell>, CqlError> {
    let (key, per_entry) = match cql_type {
        CqlType::Set(key) => (Some(key), 1),
        CqlType::Map(key, _) => (Some(key), 2),
        _ => (None, 1),
    };
    let elements = all_elements(wire, per_entry).map_err(|error| invalid(error.to_string()))?;
    let mut cells = Vec::with_capacity(elements.len() / per_entry);
    for (number, entry) in elements.chunks_exact(per_entry).enumerate() {
        let (Some(first), Some(last)) = (entry.first(), entry.last()) else { continue };
        let path = match key {
            Some(key) => path(key, first, "Key")?,
            None => Bytes::copy_from_slice(&(number as u64).to_be_bytes()),
        };
        let value = if matches!(cql_type, CqlType::Set(_)) { Bytes::new() } else { wire.slice_ref(last) };
        cells.push(Cell { path: Some(path), timestamp_us, content: CellContent::Live { value, expiry: None } });
    }
    cells.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(cells)
}

/// The wire form of a collection of these elements.
pub(crate) fn assemble(cql_type: &CqlType, parts: &[Part]) -> Result<Bytes, CqlError> {
    match cql_type {
        CqlType::Set(element) => encode_set(element, parts.iter().map(|part| &part.key).collect()),
        CqlType::Map(key, _) => encode_map(key, parts.iter().map(|part| (&part.key, &part.value)).collect()),
        _ => encode_list(&parts.iter().map(|part| &part.value).collect::<Vec<_>>()),
    }
    .map_err(|error| invalid(error.to_string()))
}

/// The positions of `count` elements appended together, ascending.
pub(crate) fn positions_after(environment: &Environment<'_>, count: usize) -> Vec<Bytes> {
    (0..count).map(|_| position(environment, environment.position_us, environment.entropy.sequence())).collect()
}

/// The positions of `count` elements prepended together, ascending.
pub(crate) fn positions_before(environment: &Environment<'_>, count: usize) -> Vec<Bytes> {
    let mirrored_us = environment.position_us.saturating_neg();
    let mut positions: Vec<Bytes> =
        (0..count).map(|_| position(environment, mirrored_us, u32::MAX - environment.entropy.sequence())).collect();
    positions.reverse();
    positions
}

/// Time, bits that tell requests of one microsecond apart, and the number within the request.
fn position(environment: &Environment<'_>, time_us: i64, number: u32) -> Bytes {
    let (time_us, own_tag) = if is_planted(Bug::SharedListPositions) {
        (time_us - time_us.rem_euclid(10_000), 0)
    } else {
        (time_us, environment.entropy.tag())
    };
    let mut position = [0; 16];
    let (time, rest) = position.split_at_mut(8);
    time.copy_from_slice(&((time_us as u64) ^ (1 << 63)).to_be_bytes());
    let (tag, sequence) = rest.split_at_mut(4);
    tag.copy_from_slice(&own_tag.to_be_bytes());
    sequence.copy_from_slice(&number.to_be_bytes());
    Bytes::copy_from_slice(&position)
}
