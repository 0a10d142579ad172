//! Right-hand sides of relations: single values, tuples, and the alternatives of IN.

use starling_cql_lite::ast::{self, InValues, RelationKind, TermKind};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::errors::invalid;
use super::names::TableInfo;
use super::term::{Term, Terms};
use super::variables::Receiver;
use crate::schema::ColumnKind;

/// One or several values that are compared together: of one column, or of a tuple of columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// One term for each column.
    Terms(Vec<Term>),
    /// A marker for a whole tuple.
    Marker(Term),
}

/// The alternatives of `=` (one) and `IN`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Choice {
    /// `=`
    One(Operand),
    /// `IN (...)`
    Any(Vec<Operand>),
    /// `c IN ?`: a marker for the list, bound to a list of values.
    List(Term),
    /// `(a, b) IN ?`: a marker for the list, bound to a list of tuples.
    Tuples(Term),
}

/// The clustering columns of a tuple, which must be neighbours in their order.
pub(crate) fn tuple_columns(
    info: &TableInfo,
    relation: &RelationKind,
    names: &[ast::Identifier],
) -> Result<(Vec<usize>, Vec<Receiver>), CqlError> {
    let mut indices = Vec::with_capacity(names.len());
    let mut previous = None;
    for name in names {
        let index = info.find(name)?;
        let ColumnKind::Clustering { position, .. } = info.column(index).kind else {
            return Err(invalid(format!(
                "Multi-column relations can only be applied to clustering columns but was applied to: {name}"
            )));
        };
        if indices.contains(&index) {
            return Err(invalid(format!("Column \"{name}\" appeared twice in a relation")));
        }
        if previous.is_some_and(|previous: usize| position != previous + 1) {
            return Err(invalid(format!(
                "Clustering columns must appear in the PRIMARY KEY order in multi-column relations: {relation}"
            )));
        }
        previous = Some(position);
        indices.push(index);
    }
    let receivers = indices.iter().map(|&index| Receiver::column(info, index)).collect();
    Ok((indices, receivers))
}

fn tuple_type(receivers: &[Receiver]) -> CqlType {
    CqlType::Tuple(receivers.iter().map(|receiver| receiver.cql_type.clone()).collect())
}

fn tuple_name(receivers: &[Receiver]) -> String {
    let names: Vec<&str> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    format!("({})", names.join(","))
}

/// The right-hand side of a comparison of tuples.
pub(crate) fn tuple_operand(
    terms: &mut Terms<'_>,
    value: &ast::Term,
    receivers: &[Receiver],
) -> Result<Operand, CqlError> {
    match &value.kind {
        TermKind::Tuple(elements) if elements.len() == receivers.len() => {
            let prepared: Result<Vec<Term>, CqlError> =
                elements.iter().zip(receivers).map(|(element, receiver)| terms.prepare(element, receiver)).collect();
            Ok(Operand::Terms(prepared?))
        }
        TermKind::Tuple(elements) => {
            let (wanted, given) = (receivers.len(), elements.len());
            Err(invalid(format!("Expected {wanted} elements in value tuple, but got {given}: {value}")))
        }
        TermKind::Marker(_) => {
            let receiver = Receiver::new(tuple_name(receivers), tuple_type(receivers));
            Ok(Operand::Marker(terms.prepare(value, &receiver)?))
        }
        _ => Err(invalid(format!("Invalid tuple literal for {}", tuple_name(receivers)))),
    }
}

/// The alternatives of an IN on one column.
pub(crate) fn column_choice(terms: &mut Terms<'_>, values: &InValues, receiver: &Receiver) -> Result<Choice, CqlError> {
    match values {
        InValues::List(list) => {
            let mut any = Vec::with_capacity(list.len());
            for value in list {
                any.push(Operand::Terms(vec![terms.prepare(value, receiver)?]));
            }
            Ok(Choice::Any(any))
        }
        InValues::Marker { marker, .. } => {
            let list = list_marker(terms, marker, &format!("({})", receiver.name), receiver.cql_type.clone())?;
            Ok(Choice::List(list))
        }
    }
}

/// The alternatives of an IN on a tuple of columns, which may be a tuple of one.
pub(crate) fn tuple_choice(
    terms: &mut Terms<'_>,
    values: &InValues,
    receivers: &[Receiver],
) -> Result<Choice, CqlError> {
    match values {
        InValues::List(list) => {
            let mut any = Vec::with_capacity(list.len());
            for value in list {
                any.push(tuple_operand(terms, value, receivers)?);
            }
            Ok(Choice::Any(any))
        }
        InValues::Marker { marker, .. } => {
            let list = list_marker(terms, marker, &tuple_name(receivers), tuple_type(receivers))?;
            Ok(Choice::Tuples(list))
        }
    }
}

fn list_marker(terms: &mut Terms<'_>, marker: &ast::Marker, name: &str, element: CqlType) -> Result<Term, CqlError> {
    let receiver = Receiver::new(format!("in{name}"), CqlType::List(Box::new(element)));
    let index = terms.variables.note(marker, terms.info, &receiver)?;
    Ok(Term::Marker(index, receiver.cql_type))
}
