//! Post-filters: restrictions that only a look at each row can judge.

use bytes::Bytes;
use starling_cql_lite::collection::all_elements;
use starling_cql_lite::ordered;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::errors::invalid;
use super::locate::{Use, alternatives, operand, order_bytes, required};
use super::names::TableInfo;
use super::relation::{Demand, End, Restriction};
use super::term::Term;
use super::values::Environment;

/// A restriction with its values bound, in bytes that compare as the values do.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    columns: Vec<usize>,
    test: Test,
}

type Key = Vec<Vec<u8>>;

#[derive(Clone, Debug)]
enum Test {
    AnyOf(Vec<Key>),
    Range {
        lower: Option<(Key, bool)>,
        upper: Option<(Key, bool)>,
    },
    /// An element, or the value of a map's entry, is this.
    Contains(Bytes),
    ContainsKey(Bytes),
    Entry {
        key: Bytes,
        value: Bytes,
    },
}

impl Filter {
    /// Binds a restriction.
    pub fn bind(
        info: &TableInfo,
        restriction: &Restriction,
        environment: &Environment<'_>,
    ) -> Result<Filter, CqlError> {
        let columns = &restriction.columns;
        let key = |values: &[Bytes]| -> Result<Key, CqlError> {
            values
                .iter()
                .zip(columns)
                .map(|(value, &column)| order_bytes(&info.column(column).cql_type, value))
                .collect()
        };
        let end = |end: &Option<End>| -> Result<Option<(Key, bool)>, CqlError> {
            let Some(end) = end else { return Ok(None) };
            Ok(Some((key(&operand(info, columns, &end.operand, environment, Use::Filter)?)?, end.inclusive)))
        };
        let test = match &restriction.demand {
            Demand::Choice(choice) => {
                let options = alternatives(info, columns, choice, environment, Use::Filter)?;
                Test::AnyOf(options.iter().map(|values| key(values)).collect::<Result<_, _>>()?)
            }
            Demand::Range { lower, upper } => Test::Range { lower: end(lower)?, upper: end(upper)? },
            Demand::Contains(term) => Test::Contains(inside(info, columns, term, environment)?),
            Demand::ContainsKey(term) => Test::ContainsKey(inside(info, columns, term, environment)?),
            Demand::Entry { key, value } => Test::Entry {
                key: inside(info, columns, key, environment)?,
                value: inside(info, columns, value, environment)?,
            },
        };
        Ok(Filter { columns: columns.clone(), test })
    }

    /// Whether a row passes; `value` gives a column's wire bytes in it. Null passes nothing.
    pub fn passes<'a>(&self, info: &TableInfo, value: impl Fn(usize) -> Option<&'a Bytes>) -> Result<bool, CqlError> {
        if let (Test::Contains(_) | Test::ContainsKey(_) | Test::Entry { .. }, Some(&column)) =
            (&self.test, self.columns.first())
        {
            let Some(wire) = value(column) else { return Ok(false) };
            return self.passes_inside(&info.column(column).cql_type, wire);
        }
        let mut key: Key = Vec::with_capacity(self.columns.len());
        for &column in &self.columns {
            let Some(value) = value(column) else { return Ok(false) };
            key.push(order_bytes(&info.column(column).cql_type, value)?);
        }
        Ok(match &self.test {
            Test::AnyOf(options) => options.contains(&key),
            Test::Range { lower, upper } => {
                // Ends may have fewer columns than the restriction: tuples compare by what both have.
                let above = lower.as_ref().is_none_or(|(end, inclusive)| {
                    let common = key.get(..end.len()).unwrap_or(&key);
                    common > end.as_slice() || (*inclusive && common == end.as_slice())
                });
                let below = upper.as_ref().is_none_or(|(end, inclusive)| {
                    let common = key.get(..end.len()).unwrap_or(&key);
                    common < end.as_slice() || (*inclusive && common == end.as_slice())
                });
                above && below
            }
            Test::Contains(_) | Test::ContainsKey(_) | Test::Entry { .. } => false,
        })
    }

    fn passes_inside(&self, cql_type: &CqlType, wire: &[u8]) -> Result<bool, CqlError> {
        let (key_type, value_type, per_entry) = match cql_type.unfrozen() {
            CqlType::List(element) | CqlType::Set(element) => (element, element, 1),
            CqlType::Map(key, value) => (key, value, 2),
            other => return Err(invalid(format!("{other} is not a collection"))),
        };
        let elements = all_elements(wire, per_entry).map_err(|error| invalid(error.to_string()))?;
        let mut entries = elements.chunks_exact(per_entry).filter_map(|entry| Some((*entry.first()?, *entry.last()?)));
        let is_key = |own: &[u8], wanted: &Bytes| ordered::compare(key_type, own, wanted).is_eq();
        let is_value = |own: &[u8], wanted: &Bytes| ordered::compare(value_type, own, wanted).is_eq();
        Ok(match &self.test {
            Test::Contains(wanted) => entries.any(|(_, value)| is_value(value, wanted)),
            Test::ContainsKey(wanted) => entries.any(|(key, _)| is_key(key, wanted)),
            Test::Entry { key, value } => entries.any(|(own, other)| is_key(own, key) && is_value(other, value)),
            Test::AnyOf(_) | Test::Range { .. } => false,
        })
    }
}

fn inside(info: &TableInfo, columns: &[usize], term: &Term, environment: &Environment<'_>) -> Result<Bytes, CqlError> {
    required(term, environment, &info.names(columns), Use::Filter)
}
