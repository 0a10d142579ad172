//! Selectors evaluated: what a row, or a group of rows, shows of itself.

use bytes::Bytes;
use starling_cql_lite::ast::ArithmeticOperator;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Value;

use super::aggregate::{Accumulator, AggregateKind};
use super::arithmetic;
use super::cell_metadata::CellMetadata;
use super::composite::{self, BUILT_BYTES_MAX, gather};
use super::element_selector::{self, Pick};
use super::errors::invalid;
use super::function::Function;
use super::row::RowValues;
use super::values::Entropy;

/// A selector with names and types resolved.
#[derive(Clone, Debug)]
pub(crate) enum Selector {
    /// A column, by index.
    Column(usize),
    /// `writetime(c)` and its like.
    Metadata(CellMetadata),
    /// An element or a slice of a collection of a type.
    Pick(Box<(Selector, CqlType)>, Pick),
    /// A JSON document of names (as JSON), types and selectors.
    Json(Vec<(String, CqlType, Selector)>),
    /// A collection, tuple or vector made of selectors.
    Composite(CqlType, Vec<Selector>),
    /// One of the terms that are evaluated once per execution.
    Constant(usize),
    /// A scalar function.
    Call(Function, Vec<Selector>),
    /// One of the aggregates.
    Aggregate(usize),
    /// Arithmetic.
    Arithmetic(Box<ArithmeticSelector>),
}

/// Arithmetic on two selectors.
#[derive(Clone, Debug)]
pub(crate) struct ArithmeticSelector {
    /// Which.
    pub operator: ArithmeticOperator,
    /// Left operand and its type.
    pub left: (Selector, CqlType),
    /// Right operand and its type.
    pub right: (Selector, CqlType),
    /// Type of the result.
    pub result: CqlType,
}

/// An aggregate and what it aggregates.
#[derive(Clone, Debug)]
pub(crate) struct Aggregate {
    /// Which.
    pub kind: AggregateKind,
    /// Of what; `None`: of rows.
    pub argument: Option<Selector>,
    /// Type of that.
    pub cql_type: CqlType,
}

impl Aggregate {
    /// An accumulator for it.
    pub fn start(&self) -> Accumulator {
        Accumulator::new(self.kind, &self.cql_type)
    }
}

/// What selectors are evaluated against besides a row.
#[derive(Debug)]
pub(crate) struct Surroundings<'a> {
    /// Values of the constants.
    pub constants: &'a [Option<Bytes>],
    /// Results of the aggregates; empty before they are known.
    pub aggregates: &'a [Option<Bytes>],
    /// Server's time in microseconds since 1970.
    pub now_us: i64,
    /// Randomness.
    pub entropy: &'a Entropy,
}

impl Selector {
    /// Its value for a row.
    pub fn evaluate(&self, row: &RowValues, around: &Surroundings<'_>) -> Result<Option<Bytes>, CqlError> {
        Ok(match self {
            Selector::Column(column) => row.value(*column).cloned(),
            Selector::Metadata(metadata) => metadata.evaluate(row, around.constants)?,
            Selector::Pick(base, pick) => match base.0.evaluate(row, around)? {
                Some(wire) => element_selector::pick(&base.1, &wire, pick, around.constants)?,
                None => None,
            },
            Selector::Json(members) => {
                let mut document = String::from("{");
                for (position, (name, cql_type, selector)) in members.iter().enumerate() {
                    let wire = selector.evaluate(row, around)?;
                    let value = Value::decode(cql_type, wire.as_deref()).map_err(|error| invalid(error.to_string()))?;
                    document.push_str(if position == 0 { "" } else { ", " });
                    document.push_str(name);
                    document.push_str(": ");
                    let left = BUILT_BYTES_MAX.saturating_sub(document.len());
                    document.push_str(&value.to_json(left).map_err(|error| invalid(error.to_string()))?);
                }
                document.push('}');
                Some(Bytes::from(document))
            }
            Selector::Composite(cql_type, elements) => {
                let values = gather(elements.iter().map(|element| element.evaluate(row, around)))?;
                Some(composite::assemble(cql_type, values)?)
            }
            Selector::Constant(slot) => around.constants.get(*slot).cloned().flatten(),
            Selector::Aggregate(slot) => around.aggregates.get(*slot).cloned().flatten(),
            Selector::Call(function, arguments) => {
                let values: Result<Vec<_>, CqlError> =
                    arguments.iter().map(|argument| argument.evaluate(row, around)).collect();
                function.evaluate(&values?, around.now_us, around.entropy)?
            }
            Selector::Arithmetic(operation) => {
                let left = operation.left.0.evaluate(row, around)?;
                let right = operation.right.0.evaluate(row, around)?;
                let (Some(left), Some(right)) = (left, right) else {
                    return Ok(None);
                };
                arithmetic::evaluate(
                    operation.operator,
                    (&left, &operation.left.1),
                    (&right, &operation.right.1),
                    &operation.result,
                )?
            }
        })
    }

    /// Adds the columns that it reads.
    pub fn collect_columns(&self, columns: &mut Vec<usize>) {
        match self {
            Selector::Column(column) => columns.push(*column),
            Selector::Metadata(metadata) => columns.push(metadata.column),
            Selector::Pick(base, _) => base.0.collect_columns(columns),
            Selector::Json(members) => members.iter().for_each(|(_, _, member)| member.collect_columns(columns)),
            Selector::Constant(_) | Selector::Aggregate(_) => {}
            Selector::Call(_, arguments) | Selector::Composite(_, arguments) => {
                for argument in arguments {
                    argument.collect_columns(columns);
                }
            }
            Selector::Arithmetic(operation) => {
                operation.left.0.collect_columns(columns);
                operation.right.0.collect_columns(columns);
            }
        }
    }
}
