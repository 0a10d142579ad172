//! Arithmetic on numbers: result types and evaluation, as Cassandra's operators document them.

use bigdecimal::Zero;
use bytes::Bytes;
use num_bigint::BigInt;
use starling_cql_lite::ast::ArithmeticOperator;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::errors::invalid;
use super::number::{Number, integer_bytes, is_numeric};

/// Digits that a decimal quotient is rounded to where it does not end earlier.
const QUOTIENT_DIGITS: u64 = 34;

/// The type of an operation on two numbers; `None` if there is no such operation.
pub(crate) fn result_type(left: &CqlType, right: &CqlType) -> Option<CqlType> {
    if !is_numeric(left) || !is_numeric(right) {
        return None;
    }
    let either = |wanted: &CqlType| left == wanted || right == wanted;
    let floating = either(&CqlType::Float) || either(&CqlType::Double);
    Some(if either(&CqlType::Decimal) || (either(&CqlType::Varint) && floating) {
        CqlType::Decimal
    } else if either(&CqlType::Varint) {
        CqlType::Varint
    } else if floating {
        let wide = |cql_type| integer_bytes(cql_type) == Some(8);
        if either(&CqlType::Double) || wide(left) || wide(right) { CqlType::Double } else { CqlType::Float }
    } else if integer_bytes(left) >= integer_bytes(right) {
        left.clone()
    } else {
        right.clone()
    })
}

/// Refuses an operation that does not exist or whose result does not go into `result`.
pub(crate) fn check(
    operator: ArithmeticOperator,
    left: &CqlType,
    right: &CqlType,
    result: &CqlType,
) -> Result<(), CqlError> {
    let sign = operator.as_str();
    match result_type(left, right) {
        None => Err(invalid(format!("the operation '{left} {sign} {right}' is not supported"))),
        Some(found) if found == *result => Ok(()),
        Some(found) => Err(invalid(format!(
            "Type error: cannot assign result of '{left} {sign} {right}' (type {found}) to type {result}"
        ))),
    }
}

/// Zero of a numeric type.
pub(crate) fn zero(cql_type: &CqlType) -> Result<Bytes, CqlError> {
    Number::Integer(0).encode(cql_type)
}

/// The result of an operation on wire values.
pub(crate) fn evaluate(
    operator: ArithmeticOperator,
    left: (&[u8], &CqlType),
    right: (&[u8], &CqlType),
    result: &CqlType,
) -> Result<Bytes, CqlError> {
    let (Some(a), Some(b)) = (Number::decode(left.1, left.0)?, Number::decode(right.1, right.0)?) else {
        return Ok(Bytes::new());
    };
    let computed = match result {
        CqlType::Float | CqlType::Double => Some(Number::Float(float(operator, a.float(), b.float()))),
        CqlType::Decimal => decimal(operator, &a, &b)?,
        CqlType::Varint => big(operator, a.big()?, b.big()?).map(Number::Big),
        _ => match (a, b) {
            (Number::Integer(a), Number::Integer(b)) => integer(operator, a, b).map(Number::Integer),
            (a, b) => big(operator, a.big()?, b.big()?).map(Number::Big),
        },
    };
    let failed = || {
        let sign = operator.as_str();
        invalid(format!("The operation '{} {sign} {}' failed: / by zero", left.1, right.1))
    };
    computed.ok_or_else(failed)?.encode(result)
}

fn float(operator: ArithmeticOperator, a: f64, b: f64) -> f64 {
    match operator {
        ArithmeticOperator::Add => a + b,
        ArithmeticOperator::Subtract => a - b,
        ArithmeticOperator::Multiply => a * b,
        ArithmeticOperator::Divide => a / b,
        ArithmeticOperator::Modulo => a % b,
    }
}

fn integer(operator: ArithmeticOperator, a: i64, b: i64) -> Option<i64> {
    Some(match operator {
        ArithmeticOperator::Add => a.wrapping_add(b),
        ArithmeticOperator::Subtract => a.wrapping_sub(b),
        ArithmeticOperator::Multiply => a.wrapping_mul(b),
        ArithmeticOperator::Divide if b != 0 => a.wrapping_div(b),
        ArithmeticOperator::Modulo if b != 0 => a.wrapping_rem(b),
        ArithmeticOperator::Divide | ArithmeticOperator::Modulo => return None,
    })
}

fn big(operator: ArithmeticOperator, a: BigInt, b: BigInt) -> Option<BigInt> {
    Some(match operator {
        ArithmeticOperator::Add => a + b,
        ArithmeticOperator::Subtract => a - b,
        ArithmeticOperator::Multiply => a * b,
        ArithmeticOperator::Divide if !b.is_zero() => a / b,
        ArithmeticOperator::Modulo if !b.is_zero() => a % b,
        ArithmeticOperator::Divide | ArithmeticOperator::Modulo => return None,
    })
}

fn decimal(operator: ArithmeticOperator, a: &Number, b: &Number) -> Result<Option<Number>, CqlError> {
    let (a, b) = (a.decimal()?, b.decimal()?);
    Ok(Some(Number::Decimal(match operator {
        ArithmeticOperator::Add => a + b,
        ArithmeticOperator::Subtract => a - b,
        ArithmeticOperator::Multiply => a * b,
        ArithmeticOperator::Divide if !b.is_zero() => (a / b).with_prec(QUOTIENT_DIGITS).normalized(),
        ArithmeticOperator::Modulo if !b.is_zero() => a % b,
        ArithmeticOperator::Divide | ArithmeticOperator::Modulo => return Ok(None),
    })))
}
