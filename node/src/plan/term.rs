//! Terms with their types resolved: what a value will be once the markers are bound.

use bytes::Bytes;
use starling_cql_lite::ast::{self, ArithmeticOperator, Constant, ConstantKind, TermKind};
use starling_cql_lite::collection::sort_parts;
use starling_cql_lite::literal::{self, LiteralKind};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::ValueError;

use super::arithmetic;
use super::composite::Composite;
use super::errors::invalid;
use super::function::{self, Function};
use super::names::TableInfo;
use super::values::{BoundValue, Environment, TermValue};
use super::variables::{Receiver, Variables};

/// A prepared term.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Term {
    /// `null`.
    Null,
    /// A literal in wire form.
    Value(Bytes),
    /// A marker: its index and the type its value must have.
    Marker(usize, CqlType),
    /// A call of a scalar function.
    Call(Function, Vec<Term>),
    /// Arithmetic on two operands of one type each, with the type of the result.
    Arithmetic(Box<Operation>),
    /// A collection, tuple or vector with something to bind in it.
    Composite(Box<Composite>),
}

/// An arithmetic operation with typed operands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    /// Which.
    pub operator: ArithmeticOperator,
    /// Left operand and its type.
    pub left: (Term, CqlType),
    /// Right operand and its type.
    pub right: (Term, CqlType),
    /// Type of the result.
    pub result: CqlType,
}

/// Resolves terms of a statement on one table.
pub(crate) struct Terms<'a> {
    /// The table that the statement is about.
    pub info: &'a TableInfo,
    /// Collects the markers.
    pub variables: &'a mut Variables,
}

impl Terms<'_> {
    /// A term for a receiver.
    pub fn prepare(&mut self, term: &ast::Term, receiver: &Receiver) -> Result<Term, CqlError> {
        match &term.kind {
            TermKind::Null => Ok(Term::Null),
            TermKind::Constant(constant) => constant_value(constant, receiver).map(Term::Value),
            TermKind::Marker(marker) => {
                let index = self.variables.note(marker, self.info, receiver)?;
                Ok(Term::Marker(index, receiver.cql_type.clone()))
            }
            TermKind::Function(call) => {
                let (function, arguments) = self.call(call, Some(&receiver.cql_type))?;
                check_assignable(&function.returns, receiver, &format!("function system.{}", function.name))?;
                Ok(Term::Call(function, arguments))
            }
            TermKind::TypeHint { type_name, term } => {
                let hinted = parse_type(type_name)?;
                if !assignable(&hinted, &receiver.cql_type) {
                    let Receiver { name, cql_type } = receiver;
                    return Err(invalid(format!("Cannot assign value ({hinted}){term} to {name} of type {cql_type}")));
                }
                self.prepare(term, &Receiver::new(receiver.name.clone(), hinted))
            }
            TermKind::Cast { term, type_name } => {
                let to = parse_type(type_name)?;
                check_assignable(&to, receiver, &format!("function system.cast_as_{to}"))?;
                let from = self.natural_type(term)?.ok_or_else(|| {
                    invalid(format!("Ambiguous call to function system.cast_as_{to}: use type casts to disambiguate"))
                })?;
                let cast = function::cast_function(&from, &to)?;
                let argument = self.prepare(term, &Receiver::new(receiver.name.clone(), from))?;
                Ok(Term::Call(cast, vec![argument]))
            }
            TermKind::Arithmetic { operator, left, right } => self.arithmetic(*operator, left, right, receiver),
            TermKind::Negate(inner) => {
                let zero = Term::Value(arithmetic::zero(&receiver.cql_type)?);
                let inner = self.prepare(inner, receiver)?;
                let side = receiver.cql_type.clone();
                Ok(Term::Arithmetic(Box::new(Operation {
                    operator: ArithmeticOperator::Subtract,
                    left: (zero, side.clone()),
                    right: (inner, side.clone()),
                    result: side,
                })))
            }
            TermKind::Tuple(elements)
                if elements.len() == 1 && !matches!(receiver.cql_type.unfrozen(), CqlType::Tuple(_)) =>
            {
                match elements.first() {
                    Some(only) => self.prepare(only, receiver),
                    None => self.composite(term, receiver),
                }
            }
            TermKind::Tuple(_) | TermKind::List(_) | TermKind::Set(_) | TermKind::Map(_) | TermKind::UserType(_) => {
                self.composite(term, receiver)
            }
        }
    }

    /// A call with the types of its arguments; `wanted` steers functions that could return several types.
    pub fn call(
        &mut self,
        call: &ast::FunctionCall,
        wanted: Option<&CqlType>,
    ) -> Result<(Function, Vec<Term>), CqlError> {
        let mut types = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            types.push(self.natural_type(argument)?);
        }
        let function = function::resolve(&call.name, &types, wanted, self.info)?;
        let mut arguments = Vec::with_capacity(types.len());
        for (position, (argument, cql_type)) in call.arguments.iter().zip(&function.arguments).enumerate() {
            if let TermKind::Constant(constant) = &argument.kind {
                check_argument(constant, &function, position)?;
            }
            let receiver = Receiver::new(format!("arg{position}({})", function.name), cql_type.clone());
            arguments.push(self.prepare(argument, &receiver)?);
        }
        Ok((function, arguments))
    }

    /// The type a term has by itself; `None` where only its receiver tells.
    pub fn natural_type(&mut self, term: &ast::Term) -> Result<Option<CqlType>, CqlError> {
        Ok(match &term.kind {
            TermKind::Constant(constant) => Some(constant_type(constant)),
            TermKind::TypeHint { type_name, .. } | TermKind::Cast { type_name, .. } => Some(parse_type(type_name)?),
            TermKind::Function(call) => {
                let types: Result<Vec<_>, _> = call.arguments.iter().map(|a| self.natural_type(a)).collect();
                Some(function::resolve(&call.name, &types?, None, self.info)?.returns)
            }
            TermKind::Arithmetic { operator, left, right } => {
                match (self.natural_type(left)?, self.natural_type(right)?) {
                    (Some(left), Some(right)) => arithmetic::result_type(*operator, &left, &right),
                    _ => None,
                }
            }
            TermKind::Negate(inner) => self.natural_type(inner)?,
            _ => None,
        })
    }

    fn arithmetic(
        &mut self,
        operator: ArithmeticOperator,
        left: &ast::Term,
        right: &ast::Term,
        receiver: &Receiver,
    ) -> Result<Term, CqlError> {
        // Literals and markers take the type they are meant for; calls and hints have their own.
        let side = |terms: &mut Self, term: &ast::Term, wanted: &CqlType| -> Result<(Term, CqlType), CqlError> {
            let own = match &term.kind {
                TermKind::Function(_) | TermKind::TypeHint { .. } | TermKind::Cast { .. } => {
                    terms.natural_type(term)?
                }
                _ => None,
            };
            let cql_type = own.unwrap_or_else(|| wanted.clone());
            let prepared = terms.prepare(term, &Receiver::new(receiver.name.clone(), cql_type.clone()))?;
            Ok((prepared, cql_type))
        };
        let left_side = side(self, left, &receiver.cql_type)?;
        let duration = arithmetic::only_right_type(operator, &left_side.1);
        let right_side = side(self, right, duration.as_ref().unwrap_or(&receiver.cql_type))?;
        let result = arithmetic::result_type(operator, &left_side.1, &right_side.1)
            .ok_or_else(|| arithmetic::unknown(operator, &left.to_string(), &right.to_string()))?;
        check_assignable(&result, receiver, &format!("operation {}", operator.as_str()))?;
        let (left, right) = (left_side, right_side);
        Ok(Term::Arithmetic(Box::new(Operation { operator, left, right, result })))
    }
}

impl Term {
    /// Its value with the markers bound.
    pub fn evaluate(&self, environment: &Environment<'_>) -> Result<TermValue, CqlError> {
        match self {
            Term::Null => Ok(TermValue::Null),
            Term::Value(value) => Ok(TermValue::Value(value.clone())),
            Term::Marker(index, cql_type) => match environment.values.get(*index) {
                Some(BoundValue::Value(value)) => {
                    let failed = |error: ValueError| invalid(error.to_string());
                    cql_type.validate(value).map_err(failed)?;
                    if cql_type.has_sorted_parts() {
                        return Ok(TermValue::Value(sort_parts(cql_type, value).map_err(failed)?));
                    }
                    Ok(TermValue::Value(value.clone()))
                }
                Some(BoundValue::Null) => Ok(TermValue::Null),
                Some(BoundValue::Unset) => Ok(TermValue::Unset),
                None => Err(invalid(format!("No value for bind marker {index}"))),
            },
            Term::Call(function, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(argument.evaluate_optional(environment)?);
                }
                let value = function.evaluate(&values, environment.now_us, environment.entropy)?;
                Ok(value.map_or(TermValue::Null, TermValue::Value))
            }
            Term::Arithmetic(operation) => {
                let left = operation.left.0.evaluate_optional(environment)?;
                let right = operation.right.0.evaluate_optional(environment)?;
                let (Some(left), Some(right)) = (left, right) else {
                    return Ok(TermValue::Null);
                };
                let value = arithmetic::evaluate(
                    operation.operator,
                    (&left, &operation.left.1),
                    (&right, &operation.right.1),
                    &operation.result,
                )?;
                Ok(value.map_or(TermValue::Null, TermValue::Value))
            }
            Term::Composite(composite) => composite.evaluate(environment).map(TermValue::Value),
        }
    }

    /// Its value where "not set" means nothing.
    pub fn evaluate_optional(&self, environment: &Environment<'_>) -> Result<Option<Bytes>, CqlError> {
        match self.evaluate(environment)? {
            TermValue::Value(value) => Ok(Some(value)),
            TermValue::Null => Ok(None),
            TermValue::Unset => Err(invalid("Invalid unset value for argument in call to function")),
        }
    }
}

/// A literal in the wire form of its receiver.
pub(crate) fn constant_value(constant: &Constant, receiver: &Receiver) -> Result<Bytes, CqlError> {
    literal::literal_to_wire(literal_kind(constant.kind), &constant.text, &receiver.cql_type)
        .map_err(|error| invalid(error.message_for(&receiver.name)))
}

pub(crate) fn literal_kind(kind: ConstantKind) -> LiteralKind {
    match kind {
        ConstantKind::String => LiteralKind::String,
        ConstantKind::Integer => LiteralKind::Integer,
        ConstantKind::Float => LiteralKind::Float,
        ConstantKind::Boolean => LiteralKind::Boolean,
        ConstantKind::Uuid => LiteralKind::Uuid,
        ConstantKind::Blob => LiteralKind::Hex,
        ConstantKind::Duration => LiteralKind::Duration,
    }
}

/// Refuses a literal of a kind that a function does not take.
pub(crate) fn check_argument(constant: &Constant, function: &Function, position: usize) -> Result<(), CqlError> {
    match function.arguments.get(position) {
        Some(wanted) if !literal_kind(constant.kind).is_assignable_to(wanted) => {
            let quote = if constant.kind == ConstantKind::String { "'" } else { "" };
            Err(function.wrong_argument(&format!("{quote}{}{quote}", constant.text), position))
        }
        _ => Ok(()),
    }
}

/// The type of a literal that nothing else decides.
pub(crate) fn constant_type(constant: &Constant) -> CqlType {
    literal_kind(constant.kind).preferred_type(&constant.text)
}

/// A type name that a cast or hint gives.
pub(crate) fn parse_type(name: &ast::TypeName) -> Result<CqlType, CqlError> {
    CqlType::parse(&name.to_string()).map_err(|error| invalid(error.to_string()))
}

/// Whether a value of one type may go where another is wanted.
pub(crate) fn assignable(from: &CqlType, to: &CqlType) -> bool {
    let (from, to) = (from.unfrozen(), to.unfrozen());
    from.is_same_unfrozen(to)
        || matches!(
            (from, to),
            (CqlType::Ascii, CqlType::Text) | (CqlType::TimeUuid, CqlType::Uuid) | (_, CqlType::Blob)
        ) && !matches!(from, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_, _))
}

fn check_assignable(from: &CqlType, receiver: &Receiver, what: &str) -> Result<(), CqlError> {
    if assignable(from, &receiver.cql_type) {
        return Ok(());
    }
    Err(invalid(format!(
        "Type error: cannot assign result of {what} (type {from}) to {} (type {})",
        receiver.name, receiver.cql_type
    )))
}
