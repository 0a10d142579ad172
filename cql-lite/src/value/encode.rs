//! Values to wire bytes.

use std::net::IpAddr;

use bytes::Bytes;
use num_bigint::BigInt;

use super::{Decimal, Value, ValueError};
use crate::collection;
use crate::types::CqlType;

impl Value {
    /// Wire bytes of the value as the given type; `None` for null. Integers of any width go with any
    /// integer type that they fit, since a driver's user seldom cares which.
    ///
    /// # Errors
    /// A value that does not go with the type, or [`Value::Unset`], which has no wire bytes.
    pub fn encode(&self, ty: &CqlType) -> Result<Option<Bytes>, ValueError> {
        match self {
            Value::Null => Ok(None),
            Value::Blob(bytes) if matches!(ty.unfrozen(), CqlType::Blob | CqlType::Custom(_)) => {
                Ok(Some(bytes.clone()))
            }
            _ => self.encode_present(ty.unfrozen()).map(Some),
        }
    }

    fn mismatch(&self, ty: &CqlType) -> ValueError {
        ValueError::Invalid(format!("{} is not a value of type {ty}", self.to_literal()))
    }

    fn encode_element(&self, ty: &CqlType) -> Result<Bytes, ValueError> {
        self.encode(ty)?.ok_or_else(|| ValueError::Invalid("null is not supported inside collections".to_owned()))
    }

    fn encode_present(&self, ty: &CqlType) -> Result<Bytes, ValueError> {
        use CqlType as T;
        match (self, ty) {
            (Value::List(items), T::List(element)) => collection::encode_list(&encode_all(items, element)?),
            (Value::Set(items) | Value::List(items), T::Set(element)) => {
                collection::encode_set(element, encode_all(items, element)?)
            }
            (Value::Map(entries), T::Map(key, value)) => {
                let entries = entries.iter().map(|(k, v)| Ok((k.encode_element(key)?, v.encode_element(value)?)));
                collection::encode_map(key, entries.collect::<Result<_, ValueError>>()?)
            }
            (Value::Tuple(items), T::Tuple(types)) if items.len() == types.len() => {
                let fields = items.iter().zip(types).map(|(item, ty)| item.encode(ty));
                collection::encode_tuple(&fields.collect::<Result<Vec<_>, _>>()?)
            }
            (Value::Udt(values), T::Udt { fields, .. }) => {
                if let Some((unknown, _)) = values.iter().find(|(n, _)| !fields.iter().any(|(name, _)| name == n)) {
                    return Err(ValueError::Invalid(format!("Unknown field '{unknown}' in value of type {ty}")));
                }
                let fields = fields.iter().map(|(name, ty)| {
                    let value = values.iter().find(|(n, _)| n == name);
                    value.map_or(Ok(None), |(_, value)| value.encode(ty))
                });
                collection::encode_tuple(&fields.collect::<Result<Vec<_>, _>>()?)
            }
            (Value::Vector(items) | Value::List(items), T::Vector(element, dimension)) => {
                if items.len() != usize::from(*dimension) {
                    return Err(self.mismatch(ty));
                }
                collection::encode_vector(element, &encode_all(items, element)?)
            }
            _ => {
                let mut out = Vec::new();
                self.encode_scalar(ty, &mut out)?;
                ty.validate(&out)?;
                Ok(out.into())
            }
        }
    }

    fn encode_scalar(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<(), ValueError> {
        use CqlType as T;
        match (self, ty) {
            (Value::Empty, _) => {}
            (Value::Text(text), T::Text | T::Ascii) => out.extend_from_slice(text.as_bytes()),
            (Value::Blob(bytes), T::Blob | T::Custom(_)) => out.extend_from_slice(bytes),
            (Value::Boolean(value), T::Boolean) => out.push(u8::from(*value)),
            (Value::Float(value), T::Float) => out.extend_from_slice(&value.to_be_bytes()),
            (Value::Float(value), T::Double) => out.extend_from_slice(&f64::from(*value).to_be_bytes()),
            (Value::Double(value), T::Double) => out.extend_from_slice(&value.to_be_bytes()),
            (Value::Date(value), T::Date) => out.extend_from_slice(&value.to_be_bytes()),
            (Value::Time(value), T::Time) | (Value::Timestamp(value), T::Timestamp) => {
                out.extend_from_slice(&value.to_be_bytes());
            }
            (Value::Uuid(value), T::Uuid | T::TimeUuid) => out.extend_from_slice(value.as_bytes()),
            (Value::Inet(IpAddr::V4(address)), T::Inet) => out.extend_from_slice(&address.octets()),
            (Value::Inet(IpAddr::V6(address)), T::Inet) => out.extend_from_slice(&address.octets()),
            (Value::Varint(value), T::Varint) => out.extend_from_slice(&value.to_signed_bytes_be()),
            (Value::Decimal(value), T::Decimal) => value.encode(out),
            (Value::Duration(value), T::Duration) => value.encode(out)?,
            _ => {
                let integer = self.as_i64().ok_or_else(|| self.mismatch(ty))?;
                put_integer(integer, ty, out).ok_or_else(|| self.mismatch(ty))?;
            }
        }
        Ok(())
    }

    /// The value of an integer type other than varint.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::TinyInt(value) => Some(i64::from(*value)),
            Value::SmallInt(value) => Some(i64::from(*value)),
            Value::Int(value) => Some(i64::from(*value)),
            Value::BigInt(value) | Value::Counter(value) => Some(*value),
            _ => None,
        }
    }
}

fn encode_all(items: &[Value], element: &CqlType) -> Result<Vec<Bytes>, ValueError> {
    items.iter().map(|item| item.encode_element(element)).collect()
}

/// `None` where the type is not for integers or too narrow.
fn put_integer(value: i64, ty: &CqlType, out: &mut Vec<u8>) -> Option<()> {
    match ty {
        CqlType::TinyInt => out.extend_from_slice(&i8::try_from(value).ok()?.to_be_bytes()),
        CqlType::SmallInt => out.extend_from_slice(&i16::try_from(value).ok()?.to_be_bytes()),
        CqlType::Int => out.extend_from_slice(&i32::try_from(value).ok()?.to_be_bytes()),
        CqlType::BigInt | CqlType::Counter => out.extend_from_slice(&value.to_be_bytes()),
        CqlType::Varint => out.extend_from_slice(&BigInt::from(value).to_signed_bytes_be()),
        CqlType::Decimal => Decimal::from(value).encode(out),
        _ => return None,
    }
    Some(())
}
