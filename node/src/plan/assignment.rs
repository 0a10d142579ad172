//! What an UPDATE, INSERT or DELETE does to one column.

use starling_cql_lite::ast::{self, AssignmentOperation};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::composite::element_receiver;
use super::errors::invalid;
use super::names::TableInfo;
use super::term::{Term, Terms};
use super::variables::Receiver;

/// A column and what happens to it.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    /// Index of the column.
    pub column: usize,
    /// What happens.
    pub change: Change,
}

/// What happens to a column.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// It gets a value.
    Set(Term),
    /// It is deleted.
    Clear,
    /// Elements are added to a set, entries to a map, elements to the end of a list.
    Add(Term),
    /// Elements are added to the front of a list.
    Prepend(Term),
    /// These elements go out of a set, these keys out of a map, these values out of a list.
    Remove(Term),
    /// An entry of a map, or the element of a list at an index, gets a value.
    SetElement {
        /// The key or index.
        key: Term,
        /// The value.
        value: Term,
    },
    /// An entry of a map, an element of a set, or the element of a list at an index is deleted.
    DeleteElement(Term),
}

impl Assignment {
    /// A column that gets a value.
    pub fn set(column: usize, value: Term) -> Assignment {
        Assignment { column, change: Change::Set(value) }
    }

    /// Whether it depends on what the list holds, which has to be read before.
    pub fn reads_list(&self, info: &TableInfo) -> bool {
        matches!(info.column(self.column).cql_type, CqlType::List(_))
            && matches!(self.change, Change::Remove(_) | Change::SetElement { .. } | Change::DeleteElement(_))
    }

    /// Resolves one assignment of an UPDATE.
    pub fn prepare(
        terms: &mut Terms<'_>,
        column: usize,
        operation: &AssignmentOperation,
    ) -> Result<Assignment, CqlError> {
        let info = terms.info;
        let own = Receiver::column(info, column);
        let name = own.name.clone();
        let change = match operation {
            AssignmentOperation::Set(value) => Change::Set(terms.prepare(value, &own)?),
            AssignmentOperation::Add(value) => {
                check_open_collection(&own, &format!("{name} = {name} + {value}"))?;
                Change::Add(terms.prepare(value, &own)?)
            }
            AssignmentOperation::Subtract(value) => {
                check_open_collection(&own, &format!("{name} = {name} - {value}"))?;
                let what = match &own.cql_type {
                    CqlType::Map(key, _) => Receiver::new(name, CqlType::Set(key.clone())),
                    _ => own,
                };
                Change::Remove(terms.prepare(value, &what)?)
            }
            AssignmentOperation::Prepend(value) => {
                let operation = format!("{name} = {value} + {name}");
                match &own.cql_type {
                    CqlType::List(_) => Change::Prepend(terms.prepare(value, &own)?),
                    CqlType::Frozen(inner) if matches!(**inner, CqlType::List(_)) => {
                        return Err(invalid(format!("Invalid operation ({operation}) for frozen list column {name}")));
                    }
                    _ => return Err(invalid(format!("Invalid operation ({operation}) for non list column {name}"))),
                }
            }
            AssignmentOperation::SetElement { key, value } => {
                let operation = format!("{name}[{key}] = {value}");
                let (keys, values) = element_receivers(&own, |why| {
                    invalid(format!("Invalid operation ({operation}) for {why} column {name}"))
                })?;
                if matches!(own.cql_type, CqlType::Set(_)) {
                    return Err(invalid(format!("Invalid operation ({operation}) for set column {name}")));
                }
                Change::SetElement { key: terms.prepare(key, &keys)?, value: terms.prepare(value, &values)? }
            }
            AssignmentOperation::SetField { field, value } => {
                return Err(invalid(format!("Invalid operation ({name}.{field} = {value}) for non-UDT column {name}")));
            }
        };
        Ok(Assignment { column, change })
    }

    /// Resolves `DELETE c[k]`.
    pub fn prepare_deletion(terms: &mut Terms<'_>, column: usize, key: &ast::Term) -> Result<Assignment, CqlError> {
        let own = Receiver::column(terms.info, column);
        let name = own.name.clone();
        let (keys, _) =
            element_receivers(&own, |why| invalid(format!("Invalid deletion operation for {why} column {name}")))?;
        Ok(Assignment { column, change: Change::DeleteElement(terms.prepare(key, &keys)?) })
    }
}

fn check_open_collection(receiver: &Receiver, operation: &str) -> Result<(), CqlError> {
    let name = &receiver.name;
    match &receiver.cql_type {
        CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..) => Ok(()),
        other if other.is_collection() => {
            Err(invalid(format!("Invalid operation ({operation}) for frozen collection column {name}")))
        }
        _ => Err(invalid(format!("Invalid operation ({operation}) for non counter column {name}"))),
    }
}

/// What receives the key and the value of an element.
fn element_receivers(
    receiver: &Receiver,
    refused: impl Fn(&str) -> CqlError,
) -> Result<(Receiver, Receiver), CqlError> {
    let name = &receiver.name;
    Ok(match &receiver.cql_type {
        CqlType::List(element) => {
            (element_receiver("idx", name, &CqlType::Int), element_receiver("value", name, element))
        }
        CqlType::Set(element) => (element_receiver("value", name, element), element_receiver("value", name, element)),
        CqlType::Map(key, value) => (element_receiver("key", name, key), element_receiver("value", name, value)),
        other if other.is_collection() => return Err(refused("frozen collection")),
        _ => return Err(refused("non collection")),
    })
}
