//! Arithmetic on numbers, durations added to dates and timestamps, strings put together: result types and evaluation,
//! as Cassandra's operators document them.

use bigdecimal::Zero;
use bytes::Bytes;
use num_bigint::BigInt;
use starling_cql_lite::ast::ArithmeticOperator;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Duration;

use super::errors::invalid;
use super::function::ms_of;
use super::number::{Number, integer_bytes, is_numeric};
use super::timeuuid;

/// Digits that a decimal quotient is rounded to where it does not end earlier.
const QUOTIENT_DIGITS: u64 = 34;

/// The type of an operation on two values; `None` if there is no such operation.
pub(crate) fn result_type(operator: ArithmeticOperator, left: &CqlType, right: &CqlType) -> Option<CqlType> {
    use ArithmeticOperator as Op;
    match (operator, left, right) {
        (Op::Add | Op::Subtract, CqlType::Timestamp | CqlType::Date, CqlType::Duration) => Some(left.clone()),
        (Op::Add, CqlType::Ascii, CqlType::Ascii) => Some(CqlType::Ascii),
        (Op::Add, CqlType::Ascii | CqlType::Text, CqlType::Ascii | CqlType::Text) => Some(CqlType::Text),
        _ => number_type(left, right),
    }
}

fn number_type(left: &CqlType, right: &CqlType) -> Option<CqlType> {
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

/// What a right operand without a type of its own has to be, where only one can be added to the left one.
pub(crate) fn only_right_type(operator: ArithmeticOperator, left: &CqlType) -> Option<CqlType> {
    let moves_time = matches!(operator, ArithmeticOperator::Add | ArithmeticOperator::Subtract);
    (moves_time && matches!(left, CqlType::Timestamp | CqlType::Date)).then_some(CqlType::Duration)
}

/// An operation that there is not, on operands as they were written.
pub(crate) fn unknown(operator: ArithmeticOperator, left: &str, right: &str) -> CqlError {
    invalid(format!("the '{}' operation is not supported between {left} and {right}", operator.as_str()))
}

/// Zero of a numeric type.
pub(crate) fn zero(cql_type: &CqlType) -> Result<Bytes, CqlError> {
    Number::Integer(0).encode(cql_type)
}

/// The result of an operation on wire values; null if one of them is empty.
///
/// # Errors
/// FunctionFailure for what cannot be computed.
pub(crate) fn evaluate(
    operator: ArithmeticOperator,
    left: (&[u8], &CqlType),
    right: (&[u8], &CqlType),
    result: &CqlType,
) -> Result<Option<Bytes>, CqlError> {
    if left.0.is_empty() || right.0.is_empty() {
        return Ok(None);
    }
    let computed = match result {
        CqlType::Timestamp | CqlType::Date => moved(operator, left, right.0),
        CqlType::Ascii | CqlType::Text => Ok(Bytes::from([left.0, right.0].concat())),
        _ => match (Number::decode(left.1, left.0), Number::decode(right.1, right.0)) {
            (Ok(Some(a)), Ok(Some(b))) => number(operator, a, b, result),
            (Err(error), _) | (_, Err(error)) => Err(error),
            _ => return Ok(None),
        },
    };
    computed.map(Some).map_err(|error| failed(operator, left.1, right.1, &error))
}

fn failed(operator: ArithmeticOperator, left: &CqlType, right: &CqlType, reason: &CqlError) -> CqlError {
    let function = match operator {
        ArithmeticOperator::Add => "_add",
        ArithmeticOperator::Subtract => "_substract",
        ArithmeticOperator::Multiply => "_multiply",
        ArithmeticOperator::Divide => "_divide",
        ArithmeticOperator::Modulo => "_modulo",
    };
    CqlError::FunctionFailure {
        message: format!("the operation '{left} {} {right}' failed: {reason}", operator.as_str()),
        keyspace: "system".to_owned(),
        function: function.to_owned(),
        argument_types: vec![left.to_string(), right.to_string()],
    }
}

/// A timestamp or date, a duration later or earlier.
fn moved(operator: ArithmeticOperator, moment: (&[u8], &CqlType), duration: &[u8]) -> Result<Bytes, CqlError> {
    let duration = Duration::decode(duration).map_err(|error| invalid(error.to_string()))?;
    let out_of_range = || invalid("the result is out of range");
    let is_date = *moment.1 == CqlType::Date;
    if is_date && !duration.has_day_precision() {
        return Err(invalid(format!("The duration must have a day precision. Was: {duration}")));
    }
    if !duration.has_millisecond_precision() {
        return Err(invalid(format!("The duration must have a millisecond precision. Was: {duration}")));
    }
    let signed = if operator == ArithmeticOperator::Subtract { duration.negated() } else { Some(duration) };
    let from_ms = ms_of(moment.1, moment.0)?;
    let ms = signed.and_then(|duration| duration.after_ms(from_ms)).ok_or_else(out_of_range)?;
    if !is_date {
        return Ok(Bytes::copy_from_slice(&ms.to_be_bytes()));
    }
    let date = timeuuid::date_of_ms(ms).ok_or_else(out_of_range)?;
    Ok(Bytes::copy_from_slice(&date.to_be_bytes()))
}

fn number(operator: ArithmeticOperator, a: Number, b: Number, result: &CqlType) -> Result<Bytes, CqlError> {
    let computed = match result {
        CqlType::Float | CqlType::Double => Some(Number::Float(float(operator, a.float(), b.float()))),
        CqlType::Decimal => decimal(operator, &a, &b)?,
        CqlType::Varint => big(operator, a.big()?, b.big()?).map(Number::Big),
        _ => match (a, b) {
            (Number::Integer(a), Number::Integer(b)) => integer(operator, a, b).map(Number::Integer),
            (a, b) => big(operator, a.big()?, b.big()?).map(Number::Big),
        },
    };
    computed.ok_or_else(|| invalid("/ by zero"))?.encode(result)
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
