//! `writetime`, `maxwritetime` and `ttl`: of a column, of an element, or of a slice of a collection.

use bytes::Bytes;
use starling_cql_lite::ast::{self, SelectorKind};
use starling_cql_lite::collection::encode_list_with_nulls;
use starling_cql_lite::ordered;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::composite::element_receiver;
use super::elements::Part;
use super::errors::invalid;
use super::row::RowValues;
use super::term::{Term, Terms};
use crate::schema::ColumnKind;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetadataKind {
    /// `writetime`: microseconds.
    WriteTime,
    /// `maxwritetime`: the latest of all elements.
    MaxWriteTime,
    /// `ttl`: seconds left.
    Ttl,
}

impl MetadataKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            MetadataKind::WriteTime => "writetime",
            MetadataKind::MaxWriteTime => "maxwritetime",
            MetadataKind::Ttl => "ttl",
        }
    }

    fn scalar_type(self) -> CqlType {
        if self == MetadataKind::Ttl { CqlType::Int } else { CqlType::BigInt }
    }

    fn value(self, timestamp_us: i64, ttl_s: Option<u32>) -> Option<Bytes> {
        match self {
            // At most 20 years, so it fits CQL's int.
            MetadataKind::Ttl => {
                ttl_s.map(|ttl_s| Bytes::copy_from_slice(&i32::try_from(ttl_s).unwrap_or(i32::MAX).to_be_bytes()))
            }
            _ => Some(Bytes::copy_from_slice(&timestamp_us.to_be_bytes())),
        }
    }
}

/// Which part of a column is asked about; keys are among the select clause's constants.
#[derive(Clone, Debug)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// One element.
    Element(usize),
    /// The elements between two keys, both included.
    Slice(Option<usize>, Option<usize>),
}

/// One use of them.
#[derive(Clone, Debug)]
pub(crate) struct CellMetadata {
    kind: MetadataKind,
    /// Index of the column.
    pub column: usize,
    extent: Extent,
    /// Type of the elements' keys; `None` where the column is one cell.
    key_type: Option<CqlType>,
}

/// A resolved use, its type and its title.
pub(crate) type Resolved = (CellMetadata, CqlType, String);

impl CellMetadata {
    /// Resolves a use; `constant` keeps a term among the select clause's constants.
    pub fn prepare(
        terms: &mut Terms<'_>,
        kind: MetadataKind,
        inner: &ast::Selector,
        mut constant: impl FnMut(Term) -> usize,
    ) -> Result<Resolved, CqlError> {
        let base = match &inner.kind {
            SelectorKind::Element { base, .. } | SelectorKind::Slice { base, .. } => base,
            _ => inner,
        };
        let (function, SelectorKind::Column(name)) = (kind.name(), &base.kind) else {
            return Err(invalid(format!("Cannot use selection function {} on nested elements", kind.name())));
        };
        let info = terms.info;
        let index = info.find(name)?;
        let column = info.column(index);
        if matches!(column.kind, ColumnKind::PartitionKey(_) | ColumnKind::Clustering { .. }) {
            return Err(invalid(format!(
                "Cannot use selection function {function} on PRIMARY KEY part {}",
                column.name
            )));
        }
        let is_open = column.cql_type.is_multi_cell();
        let key_type = match column.cql_type.unfrozen() {
            CqlType::Set(key) | CqlType::Map(key, _) => Some((**key).clone()),
            _ => None,
        };
        let mut title = column.name.clone();
        let mut key = |terms: &mut Terms<'_>, term: &ast::Term| -> Result<usize, CqlError> {
            let key_type = key_type.as_ref().ok_or_else(|| {
                invalid(format!("Element selection is only allowed on sets and maps, but {} is neither", column.name))
            })?;
            Ok(constant(terms.prepare(term, &element_receiver("key", &column.name, key_type))?))
        };
        let extent = match &inner.kind {
            SelectorKind::Element { key: element, .. } => {
                title = format!("{title}[{element}]");
                Extent::Element(key(terms, element)?)
            }
            SelectorKind::Slice { from, to, .. } => {
                let text = |term: &Option<Box<ast::Term>>| term.as_ref().map(ToString::to_string).unwrap_or_default();
                title = format!("{title}[{}..{}]", text(from), text(to));
                let mut bound = |terms: &mut Terms<'_>, term: &Option<Box<ast::Term>>| {
                    term.as_ref().map(|term| key(terms, term)).transpose()
                };
                Extent::Slice(bound(terms, from)?, bound(terms, to)?)
            }
            _ => Extent::Whole,
        };
        let several = is_open && kind != MetadataKind::MaxWriteTime && !matches!(extent, Extent::Element(_));
        let scalar = kind.scalar_type();
        let cql_type = if several { CqlType::List(Box::new(scalar)) } else { scalar };
        let metadata = CellMetadata { kind, column: index, extent, key_type: key_type.filter(|_| is_open) };
        Ok((metadata, cql_type, format!("{function}({title})")))
    }

    /// Its value for a row.
    pub fn evaluate(&self, row: &RowValues, constants: &[Option<Bytes>]) -> Result<Option<Bytes>, CqlError> {
        let Some(cell) = row.cell(self.column) else {
            return Ok(None);
        };
        let Some(parts) = &cell.parts else {
            return Ok(self.kind.value(cell.timestamp_us, cell.ttl_s).filter(|_| self.has_any(constants)));
        };
        let chosen: Vec<&Part> = parts.iter().filter(|part| self.covers(part, constants)).collect();
        if let Extent::Element(_) = self.extent {
            return Ok(chosen.first().and_then(|part| self.kind.value(part.timestamp_us, part.ttl_s)));
        }
        if self.kind == MetadataKind::MaxWriteTime {
            return Ok(chosen.iter().map(|part| part.timestamp_us).max().and_then(|max| self.kind.value(max, None)));
        }
        if chosen.is_empty() {
            return Ok(None);
        }
        let values: Vec<Option<Bytes>> =
            chosen.iter().map(|part| self.kind.value(part.timestamp_us, part.ttl_s)).collect();
        encode_list_with_nulls(&values).map(Some).map_err(|error| invalid(error.to_string()))
    }

    /// A frozen collection is one cell, whichever of its elements are asked about.
    fn has_any(&self, constants: &[Option<Bytes>]) -> bool {
        match self.extent {
            Extent::Element(slot) => constants.get(slot).is_some_and(Option::is_some),
            _ => true,
        }
    }

    fn covers(&self, part: &Part, constants: &[Option<Bytes>]) -> bool {
        let Some(key_type) = &self.key_type else {
            return true;
        };
        let constant = |slot: usize| constants.get(slot).and_then(Option::as_ref);
        let compare = |key: &Bytes| ordered::compare(key_type, &part.key, key);
        match &self.extent {
            Extent::Whole => true,
            Extent::Element(slot) => constant(*slot).is_some_and(|key| compare(key).is_eq()),
            Extent::Slice(from, to) => {
                from.is_none_or(|slot| constant(slot).is_some_and(|key| compare(key).is_ge()))
                    && to.is_none_or(|slot| constant(slot).is_some_and(|key| compare(key).is_le()))
            }
        }
    }
}
