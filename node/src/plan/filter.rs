//! Post-filters: restrictions that only a look at each row can judge.

use bytes::Bytes;
use starling_cql_lite::protocol::error::CqlError;

use super::errors::invalid;
use super::locate::{Use, alternatives, operand, order_bytes};
use super::names::TableInfo;
use super::relation::{Demand, End, Restriction};
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
    Range { lower: Option<(Key, bool)>, upper: Option<(Key, bool)> },
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
        };
        if let Some(&column) = columns.iter().find(|&&column| info.column(column).cql_type.is_multi_cell()) {
            return Err(invalid(format!("Collection column '{}' cannot be restricted", info.column(column).name)));
        }
        Ok(Filter { columns: columns.clone(), test })
    }

    /// Whether a row passes; `value` gives a column's wire bytes in it. Null passes nothing.
    pub fn passes<'a>(&self, info: &TableInfo, value: impl Fn(usize) -> Option<&'a Bytes>) -> Result<bool, CqlError> {
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
        })
    }
}
