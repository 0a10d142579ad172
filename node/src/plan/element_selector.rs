//! Elements and slices of collections, and literals of collections and tuples, in select clauses.

use bytes::Bytes;
use starling_cql_lite::collection::{all_elements, encode_list, encode_map};
use starling_cql_lite::ordered;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::ValueError;

use super::errors::invalid;

/// What of a collection is selected; the keys are slots of constants.
#[derive(Clone, Debug)]
pub(crate) enum Pick {
    /// `c[k]`
    Element(usize),
    /// `c[from..to]`
    Slice(Option<usize>, Option<usize>),
}

/// The types of a set's or map's key and of what an element gives.
pub(crate) fn element_types(title: &str, cql_type: &CqlType) -> Result<(CqlType, CqlType), CqlError> {
    match cql_type.unfrozen() {
        CqlType::Set(element) => Ok(((**element).clone(), (**element).clone())),
        CqlType::Map(key, value) => Ok(((**key).clone(), (**value).clone())),
        CqlType::List(_) => {
            Err(invalid(format!("Element selection is only allowed on sets and maps, but {title} is a list")))
        }
        _ => Err(invalid(format!("Invalid element selection: {title} is of type {cql_type} is not a collection"))),
    }
}

/// Picks from a collection in wire form. An empty slice of a collection that is not frozen is null, as the
/// collection itself would be.
pub(crate) fn pick(
    cql_type: &CqlType,
    wire: &[u8],
    pick: &Pick,
    constants: &[Option<Bytes>],
) -> Result<Option<Bytes>, CqlError> {
    let failed = |error: ValueError| invalid(error.to_string());
    let (key_type, per_entry) = match cql_type.unfrozen() {
        CqlType::Set(key) => (&**key, 1),
        CqlType::Map(key, _) => (&**key, 2),
        other => return Err(invalid(format!("{other} is not a set or map"))),
    };
    let constant = |slot: usize| constants.get(slot).and_then(Option::as_ref);
    let elements = all_elements(wire, per_entry).map_err(failed)?;
    let entries = elements.chunks_exact(per_entry).filter_map(|entry| Some((*entry.first()?, *entry.last()?)));
    match pick {
        Pick::Element(slot) => {
            let Some(key) = constant(*slot) else { return Ok(None) };
            let found = entries.into_iter().find(|(own, _)| ordered::compare(key_type, own, key).is_eq());
            Ok(found.map(|(_, value)| Bytes::copy_from_slice(value)))
        }
        Pick::Slice(from, to) => {
            let after = |own: &[u8]| {
                from.is_none_or(|slot| constant(slot).is_some_and(|key| ordered::compare(key_type, own, key).is_ge()))
            };
            let before = |own: &[u8]| {
                to.is_none_or(|slot| constant(slot).is_some_and(|key| ordered::compare(key_type, own, key).is_le()))
            };
            let chosen: Vec<(&[u8], &[u8])> = entries.filter(|(own, _)| after(own) && before(own)).collect();
            if chosen.is_empty() && cql_type.is_multi_cell() {
                return Ok(None);
            }
            let sliced = match per_entry {
                1 => encode_list(&chosen.iter().map(|(key, _)| *key).collect::<Vec<_>>()),
                _ => encode_map(key_type, chosen),
            };
            sliced.map(Some).map_err(failed)
        }
    }
}
