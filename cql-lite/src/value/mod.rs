//! Values in memory: what wire bytes mean, for drivers, shells and error messages.

mod decimal;
mod decode;
mod duration;
mod encode;
mod format;
mod json;
mod moment;

use std::net::IpAddr;

use bytes::Bytes;
use num_bigint::BigInt;
use thiserror::Error;
use uuid::Uuid;

use crate::literal::LiteralKind;

pub use decimal::Decimal;
pub use duration::Duration;
pub use moment::FloorError;

/// Why something is not a value of a type.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Bytes or text that do not form a value; worded as Cassandra words it.
    #[error("{0}")]
    Invalid(String),
    /// A literal of a kind that the type does not take.
    #[error("Invalid {kind} constant ({text}) for type {ty}")]
    WrongKind {
        /// Kind of the literal.
        kind: LiteralKind,
        /// The literal as written.
        text: String,
        /// The type, as CQL.
        ty: String,
    },
    /// A value that has no place in the order of its type: duration, counter, the empty value of a
    /// fixed-length type.
    #[error("{0}")]
    Unordered(String),
}

impl ValueError {
    /// The message where the column (or `[limit]` and the like) that the literal was meant for is known:
    /// `Invalid INTEGER constant (5) for "c" of type text`.
    pub fn message_for(&self, column: &str) -> String {
        match self {
            ValueError::WrongKind { kind, text, ty } => {
                format!("Invalid {kind} constant ({text}) for \"{column}\" of type {ty}")
            }
            other => other.to_string(),
        }
    }
}

/// A CQL value. Which variants go with which type: see [`Value::decode`] and [`Value::encode`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// A bound value that leaves the column as it is.
    Unset,
    /// Zero bytes where the type has no such value of its own (Cassandra's "empty" int and the like).
    Empty,
    /// `text`, `ascii`.
    Text(String),
    /// `blob`, custom types.
    Blob(Bytes),
    /// `boolean`.
    Boolean(bool),
    /// `tinyint`.
    TinyInt(i8),
    /// `smallint`.
    SmallInt(i16),
    /// `int`.
    Int(i32),
    /// `bigint`.
    BigInt(i64),
    /// `counter`.
    Counter(i64),
    /// `varint`.
    Varint(BigInt),
    /// `decimal`.
    Decimal(Decimal),
    /// `float`.
    Float(f32),
    /// `double`.
    Double(f64),
    /// `date`: days, 1970-01-01 being 2^31.
    Date(u32),
    /// `time`: nanoseconds since midnight.
    Time(i64),
    /// `timestamp`: milliseconds since 1970.
    Timestamp(i64),
    /// `duration`.
    Duration(Duration),
    /// `uuid`, `timeuuid`.
    Uuid(Uuid),
    /// `inet`.
    Inet(IpAddr),
    /// `list`.
    List(Vec<Value>),
    /// `set`.
    Set(Vec<Value>),
    /// `map`, in the order of its keys.
    Map(Vec<(Value, Value)>),
    /// `tuple`; fields may be null.
    Tuple(Vec<Value>),
    /// A user-defined type: names and values of its fields.
    Udt(Vec<(String, Value)>),
    /// `vector`.
    Vector(Vec<Value>),
}

macro_rules! from {
    ($($from:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Value::$variant(value.into())
            }
        }
    )+};
}
from!(&str => Text, String => Text, bool => Boolean, i8 => TinyInt, i16 => SmallInt, i32 => Int, i64 => BigInt,
    f32 => Float, f64 => Double, Uuid => Uuid, IpAddr => Inet, Bytes => Blob, Vec<u8> => Blob, BigInt => Varint,
    Decimal => Decimal, Duration => Duration);

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}
