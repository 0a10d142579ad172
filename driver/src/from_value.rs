//! CQL values as Rust values.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use starling_cql_lite::value::{Decimal, Duration, Value};
use uuid::Uuid;

/// A Rust type that some CQL values can be.
pub trait FromValue: Sized {
    /// The value as this type; None if it is another. Integers of any width go into any that they fit.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

/// Null as None.
impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::List(items) | Value::Set(items) | Value::Tuple(items) | Value::Vector(items) => {
                items.iter().map(T::from_value).collect()
            }
            _ => None,
        }
    }
}

impl<K: FromValue + Ord, V: FromValue> FromValue for BTreeMap<K, V> {
    fn from_value(value: &Value) -> Option<Self> {
        let Value::Map(entries) = value else { return None };
        entries.iter().map(|(key, value)| Some((K::from_value(key)?, V::from_value(value)?))).collect()
    }
}

macro_rules! integers {
    ($($rust:ty),+) => {$(
        impl FromValue for $rust {
            fn from_value(value: &Value) -> Option<Self> {
                value.as_i64().and_then(|value| value.try_into().ok())
            }
        }
    )+};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! variants {
    ($($rust:ty: $variant:ident),+ $(,)?) => {$(
        impl FromValue for $rust {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value.clone()),
                    _ => None,
                }
            }
        }
    )+};
}
variants!(String: Text, Bytes: Blob, bool: Boolean, f32: Float, Uuid: Uuid, IpAddr: Inet, Decimal: Decimal,
    Duration: Duration);

impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Double(value) => Some(*value),
            Value::Float(value) => Some(f64::from(*value)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_what_they_fit() {
        assert_eq!(i64::from_value(&Value::TinyInt(-3)), Some(-3));
        assert_eq!(u8::from_value(&Value::BigInt(256)), None);
        assert_eq!(String::from_value(&Value::Int(1)), None);
        assert_eq!(f64::from_value(&Value::Float(0.5)), Some(0.5));
        assert_eq!(Option::<i32>::from_value(&Value::Null), Some(None));
        assert_eq!(i32::from_value(&Value::Null), None);
        assert_eq!(
            Vec::<String>::from_value(&Value::Set(vec!["a".into(), "b".into()])),
            Some(vec!["a".into(), "b".into()])
        );
        assert_eq!(Vec::<String>::from_value(&Value::List(vec!["a".into(), 1.into()])), None);
        let map = Value::Map(vec![("b".into(), 2.into()), ("a".into(), 1.into())]);
        assert_eq!(BTreeMap::<String, i32>::from_value(&map), Some(BTreeMap::from([("a".into(), 1), ("b".into(), 2)])));
    }
}
