//! Aggregate functions: count, min, max, sum, avg.

use bigdecimal::BigDecimal;
use bytes::Bytes;
use num_bigint::BigInt;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::errors::invalid;
use super::locate::order_bytes;
use super::number::{Number, is_numeric};

/// Digits that an average of decimals is rounded to.
const AVERAGE_DIGITS: u64 = 34;

/// Which aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AggregateKind {
    /// Rows, or values that are not null.
    Count,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The sum; whole numbers wrap around.
    Sum,
    /// The mean; whole numbers are cut.
    Avg,
}

impl AggregateKind {
    /// The aggregate of a name in lower case.
    pub fn named(name: &str) -> Option<AggregateKind> {
        Some(match name {
            "count" => AggregateKind::Count,
            "min" => AggregateKind::Min,
            "max" => AggregateKind::Max,
            "sum" => AggregateKind::Sum,
            "avg" => AggregateKind::Avg,
            _ => return None,
        })
    }

    /// The type of its result for values of a type.
    pub fn result_type(self, name: &str, argument: &CqlType) -> Result<CqlType, CqlError> {
        match self {
            AggregateKind::Count => Ok(CqlType::BigInt),
            AggregateKind::Min | AggregateKind::Max if argument.is_comparable() => Ok(argument.clone()),
            AggregateKind::Sum | AggregateKind::Avg if is_numeric(argument) => Ok(argument.clone()),
            _ => Err(invalid(format!(
                "Invalid call to function {name}, none of its type signatures match (known type signatures: none for \
                 {argument})"
            ))),
        }
    }
}

/// An aggregate on its way.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    kind: AggregateKind,
    cql_type: CqlType,
    count: i64,
    best: Option<(Vec<u8>, Bytes)>,
    sum: Sum,
}

#[derive(Clone, Debug)]
enum Sum {
    Integer(i128),
    Big(BigInt),
    Float(f64),
    Decimal(BigDecimal),
}

impl Accumulator {
    /// Nothing seen yet.
    pub fn new(kind: AggregateKind, cql_type: &CqlType) -> Accumulator {
        let sum = match cql_type {
            CqlType::Varint => Sum::Big(BigInt::from(0)),
            CqlType::Float | CqlType::Double => Sum::Float(0.0),
            CqlType::Decimal => Sum::Decimal(BigDecimal::from(0)),
            _ => Sum::Integer(0),
        };
        Accumulator { kind, cql_type: cql_type.clone(), count: 0, best: None, sum }
    }

    /// Takes the value of one row; null is passed over.
    pub fn add(&mut self, value: Option<&Bytes>) -> Result<(), CqlError> {
        let Some(value) = value else { return Ok(()) };
        match self.kind {
            AggregateKind::Count => self.count += 1,
            AggregateKind::Min | AggregateKind::Max => {
                let key = order_bytes(&self.cql_type, value)?;
                let better = self.best.as_ref().is_none_or(|(best, _)| match self.kind {
                    AggregateKind::Min => key < *best,
                    _ => key > *best,
                });
                if better {
                    self.best = Some((key, value.clone()));
                }
            }
            AggregateKind::Sum | AggregateKind::Avg => {
                let Some(number) = Number::decode(&self.cql_type, value)? else {
                    return Ok(());
                };
                self.count += 1;
                match (&mut self.sum, number) {
                    (Sum::Integer(sum), Number::Integer(value)) => *sum = sum.wrapping_add(i128::from(value)),
                    (Sum::Big(sum), number) => *sum += number.big()?,
                    (Sum::Float(sum), number) => *sum += number.float(),
                    (Sum::Decimal(sum), number) => *sum += number.decimal()?,
                    (Sum::Integer(sum), number) => *sum = sum.wrapping_add(number.float() as i128),
                }
            }
        }
        Ok(())
    }

    /// The result.
    pub fn finish(self) -> Result<Option<Bytes>, CqlError> {
        match self.kind {
            AggregateKind::Count => Ok(Some(Bytes::copy_from_slice(&self.count.to_be_bytes()))),
            AggregateKind::Min | AggregateKind::Max => Ok(self.best.map(|(_, value)| value)),
            AggregateKind::Sum | AggregateKind::Avg => {
                let divisor = if self.kind == AggregateKind::Avg { self.count.max(1) } else { 1 };
                let number = match self.sum {
                    Sum::Integer(sum) => Number::Big(BigInt::from(sum / i128::from(divisor))),
                    Sum::Big(sum) => Number::Big(sum / divisor),
                    Sum::Float(sum) => Number::Float(sum / divisor as f64),
                    Sum::Decimal(sum) if divisor == 1 => Number::Decimal(sum),
                    Sum::Decimal(sum) => {
                        let mean = (sum / BigDecimal::from(divisor)).with_prec(AVERAGE_DIGITS);
                        Number::Decimal(mean.normalized())
                    }
                };
                number.encode(&self.cql_type).map(Some)
            }
        }
    }
}
