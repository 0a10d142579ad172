//! Keys: the partition key's wire form, and the composed form of clustering keys.

use bytes::Bytes;
use starling_cql_lite::ordered;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_storage::key::{self, ComponentSpec, KeyComponent};

use super::errors::invalid;
use super::names::TableInfo;
use crate::schema::ColumnKind;

/// The longest partition key and clustering component in bytes; CQL counts them in 16 bits.
pub(crate) const KEY_BYTES_MAX: usize = u16::MAX as usize;
/// What follows each component of a composite partition key: two bytes of length before, one zero after.
const COMPOSITE_OVERHEAD_BYTES: usize = 3;

/// The wire form of a partition key: one component as it is, several with lengths and end marks.
pub(crate) fn partition_key(components: &[&[u8]]) -> Result<Bytes, CqlError> {
    if let [only] = components {
        if only.is_empty() {
            return Err(invalid("Key may not be empty"));
        }
        check_length(only.len())?;
        return Ok(Bytes::copy_from_slice(only));
    }
    let length = components.iter().map(|component| component.len() + COMPOSITE_OVERHEAD_BYTES).sum();
    check_length(length)?;
    let mut out = Vec::with_capacity(length);
    for component in components {
        // Checked above: the whole is shorter than 2^16.
        out.extend_from_slice(&(component.len() as u16).to_be_bytes());
        out.extend_from_slice(component);
        out.push(0);
    }
    Ok(Bytes::from(out))
}

fn check_length(length: usize) -> Result<(), CqlError> {
    if length > KEY_BYTES_MAX {
        return Err(invalid(format!("Key length of {length} is longer than maximum of {KEY_BYTES_MAX}")));
    }
    Ok(())
}

/// The components of a partition key; `None` if it is not the key of a table with `count` of them.
pub(crate) fn split_partition_key(key: &Bytes, count: usize) -> Option<Vec<Bytes>> {
    if count == 1 {
        return Some(vec![key.clone()]);
    }
    let mut components = Vec::with_capacity(count);
    let mut at = 0_usize;
    for _ in 0..count {
        let length = usize::from(u16::from_be_bytes(key.get(at..at + 2)?.try_into().ok()?));
        let start = at + 2;
        key.get(start..start + length + 1)?;
        components.push(key.slice(start..start + length));
        at = start + length + 1;
    }
    (at == key.len()).then_some(components)
}

/// How the clustering columns of a table are composed.
#[derive(Clone, Debug)]
pub(crate) struct ClusteringLayout {
    columns: Vec<(CqlType, bool)>,
    specs: Vec<ComponentSpec>,
}

impl ClusteringLayout {
    /// The layout of a table.
    pub fn new(info: &TableInfo) -> ClusteringLayout {
        let columns: Vec<(CqlType, bool)> = info
            .clustering
            .iter()
            .map(|&index| {
                let column = info.column(index);
                let reversed = matches!(column.kind, ColumnKind::Clustering { reversed: true, .. });
                (column.cql_type.clone(), reversed)
            })
            .collect();
        let specs = columns
            .iter()
            .map(|(cql_type, reversed)| ComponentSpec { fixed_length: cql_type.fixed_length(), reversed: *reversed })
            .collect();
        ClusteringLayout { columns, specs }
    }

    /// Number of clustering columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether a clustering column is in descending order.
    pub fn is_reversed(&self, position: usize) -> bool {
        self.columns.get(position).is_some_and(|column| column.1)
    }

    /// The composed form of one component; components of a key are these one after the other.
    pub fn component(&self, position: usize, wire: &[u8]) -> Result<Vec<u8>, CqlError> {
        let Some((cql_type, reversed)) = self.columns.get(position) else {
            return Err(invalid(format!("No clustering column at position {position}")));
        };
        if wire.len() > KEY_BYTES_MAX {
            return Err(invalid(format!(
                "The sum of all clustering columns is too long ({} > {KEY_BYTES_MAX})",
                wire.len()
            )));
        }
        let mut bytes = Vec::with_capacity(wire.len() + 1);
        // The empty value has no ordered form of its own: its component is empty and comes first.
        if !wire.is_empty() {
            ordered::encode(cql_type, wire, &mut bytes).map_err(|error| invalid(error.to_string()))?;
        }
        let fixed_length = cql_type.fixed_length();
        Ok(key::compose(&[KeyComponent { bytes: &bytes, fixed_length, reversed: *reversed }]))
    }

    /// The wire values of a composed clustering key.
    pub fn decode(&self, composed: &[u8]) -> Result<Vec<Bytes>, CqlError> {
        let damaged = |error: &dyn std::fmt::Display| CqlError::Server(format!("damaged clustering key: {error}"));
        let components = key::decompose(&self.specs, composed).map_err(|error| damaged(&error))?;
        components
            .iter()
            .zip(&self.columns)
            .map(|(component, (cql_type, _))| {
                if component.is_empty() {
                    return Ok(Bytes::new());
                }
                ordered::decode(cql_type, component).map(Bytes::from).map_err(|error| damaged(&error))
            })
            .collect()
    }
}
