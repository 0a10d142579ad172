//! From bound values to places: the values of choices, partition keys, token ranges.

use bytes::Bytes;
use starling_cql_lite::collection::{Elements, tuple_fields};
use starling_cql_lite::ordered;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::ValueError;
use starling_ring::Token;
use starling_storage::model::ReadTarget;

use super::errors::invalid;
use super::keys;
use super::names::TableInfo;
use super::operand::{Choice, Operand};
use super::relation::{Demand, End};
use super::term::Term;
use super::values::{Environment, TermValue};

/// Most partitions, and most clustering slices, that the product of a statement's INs may name.
pub(crate) const PRODUCT_MAX: usize = 10_000;

/// What a restriction's values are for; the errors differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// To find keys.
    Key,
    /// To judge rows.
    Filter,
}

/// The value of a term that may be neither null nor unset.
pub(crate) fn required(
    term: &Term,
    environment: &Environment<'_>,
    column: &str,
    reason: Use,
) -> Result<Bytes, CqlError> {
    match (term.evaluate(environment)?, reason) {
        (TermValue::Value(value), _) => Ok(value),
        (TermValue::Null, Use::Key) => Err(invalid(format!("Invalid null value in condition for column {column}"))),
        (TermValue::Unset, Use::Key) => Err(invalid(format!("Invalid unset value for column {column}"))),
        (TermValue::Null, Use::Filter) => Err(invalid(format!("Unsupported null value for column {column}"))),
        (TermValue::Unset, Use::Filter) => Err(invalid(format!("Unsupported unset value for column {column}"))),
    }
}

/// The values of one operand, one for each column.
pub(crate) fn operand(
    info: &TableInfo,
    columns: &[usize],
    operand: &Operand,
    environment: &Environment<'_>,
    reason: Use,
) -> Result<Vec<Bytes>, CqlError> {
    match operand {
        Operand::Terms(terms) => terms
            .iter()
            .zip(columns)
            .map(|(term, &column)| required(term, environment, &info.column(column).name, reason))
            .collect(),
        Operand::Marker(term) => {
            let name = format!("({})", info.names(columns));
            let value = required(term, environment, &name, reason)?;
            tuple(info, columns, &value)
        }
    }
}

fn tuple(info: &TableInfo, columns: &[usize], wire: &Bytes) -> Result<Vec<Bytes>, CqlError> {
    let fields = tuple_fields(wire, columns.len()).map_err(|error| invalid(error.to_string()))?;
    let mut values = Vec::with_capacity(columns.len());
    for (field, &column) in fields.iter().zip(columns) {
        let name = &info.column(column).name;
        let field = field.ok_or_else(|| invalid(format!("Invalid null value in condition for column {name}")))?;
        values.push(wire.slice_ref(field));
    }
    if values.len() != columns.len() {
        return Err(invalid(format!("Expected {} elements in value tuple", columns.len())));
    }
    Ok(values)
}

/// All alternatives of a choice, each one value for each column.
pub(crate) fn alternatives(
    info: &TableInfo,
    columns: &[usize],
    choice: &Choice,
    environment: &Environment<'_>,
    reason: Use,
) -> Result<Vec<Vec<Bytes>>, CqlError> {
    match choice {
        Choice::One(one) => Ok(vec![operand(info, columns, one, environment, reason)?]),
        Choice::Any(any) => any.iter().map(|one| operand(info, columns, one, environment, reason)).collect(),
        Choice::List(term) => {
            let list = match term.evaluate(environment)? {
                TermValue::Value(list) => list,
                TermValue::Null => {
                    return Err(invalid(format!("Invalid null value for column {}", info.names(columns))));
                }
                TermValue::Unset => {
                    return Err(invalid(format!("Invalid unset value for column {}", info.names(columns))));
                }
            };
            Ok(elements(&list)?.into_iter().map(|element| vec![element]).collect())
        }
        Choice::Tuples(term) => {
            let TermValue::Value(list) = term.evaluate(environment)? else {
                return Err(invalid("Invalid null value for IN restriction"));
            };
            let tuples = elements(&list)?;
            tuples.iter().map(|element| tuple(info, columns, element)).collect()
        }
    }
}

fn elements(list: &Bytes) -> Result<Vec<Bytes>, CqlError> {
    let damaged = |error: &dyn std::fmt::Display| invalid(error.to_string());
    let mut elements = Elements::new(list, 1).map_err(|error| damaged(&error))?;
    let mut all = Vec::new();
    while let Some(element) = elements.next_element().map_err(|error| damaged(&error))? {
        all.push(list.slice_ref(element));
    }
    Ok(all)
}

/// The partition keys that choices for every component name, in order of their values, each once.
pub(crate) fn partition_keys(
    info: &TableInfo,
    choices: &[Choice],
    environment: &Environment<'_>,
) -> Result<Vec<Bytes>, CqlError> {
    if let Some(components) = single_key(info, choices, environment)? {
        let components: Vec<&[u8]> = components.iter().map(|component| &component[..]).collect();
        return Ok(vec![keys::partition_key(&components)?]);
    }
    let mut products: Vec<Vec<Bytes>> = vec![Vec::new()];
    for (choice, &column) in choices.iter().zip(&info.partition_key) {
        let cql_type = &info.column(column).cql_type;
        let mut values: Vec<(Vec<u8>, Bytes)> = Vec::new();
        for value in alternatives(info, &[column], choice, environment, Use::Key)?.into_iter().flatten() {
            values.push((order_bytes(cql_type, &value)?, value));
        }
        values.sort_unstable();
        values.dedup();
        check_product(products.len(), values.len(), "partition keys")?;
        products = products
            .iter()
            .flat_map(|product| {
                values.iter().map(|(_, value)| [product.as_slice(), std::slice::from_ref(value)].concat())
            })
            .collect();
    }
    products
        .iter()
        .map(|product| {
            let components: Vec<&[u8]> = product.iter().map(|component| &component[..]).collect();
            keys::partition_key(&components)
        })
        .collect()
}

fn single_key(
    info: &TableInfo,
    choices: &[Choice],
    environment: &Environment<'_>,
) -> Result<Option<Vec<Bytes>>, CqlError> {
    let mut components = Vec::with_capacity(choices.len());
    for (choice, &column) in choices.iter().zip(&info.partition_key) {
        let Choice::One(Operand::Terms(terms)) = choice else {
            return Ok(None);
        };
        let Some(term) = terms.first() else { return Ok(None) };
        components.push(required(term, environment, &info.column(column).name, Use::Key)?);
    }
    Ok(Some(components))
}

/// Refuses products of INs that are too large.
pub(crate) fn check_product(left: usize, right: usize, what: &str) -> Result<(), CqlError> {
    let product = left.saturating_mul(right);
    if product > PRODUCT_MAX {
        return Err(invalid(format!("The IN restrictions name {product} {what}, more than {PRODUCT_MAX}")));
    }
    Ok(())
}

/// Bytes that compare as values of a type do; those of durations tell equality alone.
pub(crate) fn order_bytes(cql_type: &CqlType, wire: &[u8]) -> Result<Vec<u8>, CqlError> {
    if wire.is_empty() || matches!(cql_type, CqlType::Duration) {
        return Ok(wire.to_vec());
    }
    let mut bytes = Vec::with_capacity(wire.len());
    match ordered::encode(cql_type, wire, &mut bytes) {
        Ok(()) => Ok(bytes),
        // Something in it has no order, as durations have none.
        Err(ValueError::Unordered(_)) => Ok(wire.to_vec()),
        Err(error) => Err(invalid(error.to_string())),
    }
}

/// The range of tokens that a demand on `token(...)` names; `None`: no token at all.
pub(crate) fn token_range(demand: &Demand, environment: &Environment<'_>) -> Result<Option<ReadTarget>, CqlError> {
    let value = |operand: &Operand| -> Result<i64, CqlError> {
        let Operand::Terms(terms) = operand else {
            return Err(invalid("Invalid token value"));
        };
        let term = terms.first().ok_or_else(|| invalid("Invalid token value"))?;
        let TermValue::Value(bytes) = term.evaluate(environment)? else {
            return Err(invalid("Invalid null token value"));
        };
        let bytes = <[u8; 8]>::try_from(&bytes[..]).map_err(|_| invalid("Invalid empty token value"))?;
        Ok(i64::from_be_bytes(bytes))
    };
    // Exclusive start, inclusive end; i64::MIN is no key's token, and as an upper bound it means the ring's end.
    let (start, end) = match demand {
        Demand::Choice(Choice::One(operand)) => {
            let token = value(operand)?;
            (token.saturating_sub(1), token)
        }
        Demand::Choice(_) | Demand::Contains(_) | Demand::ContainsKey(_) | Demand::Entry { .. } => {
            return Err(invalid("IN is not supported on token()"));
        }
        Demand::Range { lower, upper } => {
            let start = match lower {
                None => i64::MIN,
                Some(End { operand, inclusive: true }) => value(operand)?.saturating_sub(1),
                Some(End { operand, inclusive: false }) => value(operand)?,
            };
            let end = match upper {
                None => i64::MAX,
                Some(End { operand, inclusive }) => match value(operand)? {
                    i64::MIN => i64::MAX,
                    token if *inclusive => token,
                    token => token.saturating_sub(1),
                },
            };
            (start, end)
        }
    };
    Ok((start < end).then_some(ReadTarget::TokenRange { start: Token(start), end: Token(end) }))
}
