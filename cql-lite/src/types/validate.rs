//! Which bytes are a value of a type: Cassandra's own checks, with its wording.

use super::CqlType;
use crate::collection::{Elements, tuple_fields, vector_elements};
use crate::value::{Duration, ValueError};

impl CqlType {
    /// Checks that wire bytes form a value of this type. Zero bytes are the "empty value" that Cassandra
    /// allows for most scalar types.
    ///
    /// # Errors
    /// [`ValueError::Invalid`] with Cassandra's wording.
    pub fn validate(&self, wire: &[u8]) -> Result<(), ValueError> {
        use CqlType as T;
        let length = wire.len();
        let check = |ok: bool, wanted: &str| {
            if ok { Ok(()) } else { Err(ValueError::Invalid(format!("Expected {wanted} ({length})"))) }
        };
        match self.unfrozen() {
            T::Blob | T::Varint | T::Custom(_) => Ok(()),
            T::Ascii => match wire.iter().find(|b| **b >= 128) {
                Some(byte) => Err(ValueError::Invalid(format!("Invalid byte for ascii: {}", *byte as i8))),
                None => Ok(()),
            },
            T::Text => match std::str::from_utf8(wire) {
                Ok(_) => Ok(()),
                Err(_) => Err(ValueError::Invalid("String didn't validate.".to_owned())),
            },
            T::Boolean => check(length <= 1, "1 or 0 byte value"),
            T::TinyInt => check(length == 1, "1 byte for a tinyint"),
            T::SmallInt => check(length == 2, "2 bytes for a smallint"),
            T::Int => check(matches!(length, 0 | 4), "4 or 0 byte int"),
            T::BigInt | T::Counter => check(matches!(length, 0 | 8), "8 or 0 byte long"),
            T::Timestamp => check(matches!(length, 0 | 8), "8 or 0 byte long for date"),
            T::Float => check(matches!(length, 0 | 4), "4 or 0 byte value for a float"),
            T::Double => check(matches!(length, 0 | 8), "8 or 0 byte value for a double"),
            T::Decimal => check(length == 0 || length >= 4, "0 or at least 4 bytes"),
            T::Date => check(length == 4, "4 byte long for date"),
            T::Time => validate_time(wire),
            T::Uuid => validate_uuid_length(length),
            T::TimeUuid => {
                validate_uuid_length(length)?;
                match wire.get(6) {
                    Some(byte) if byte & 0xF0 != 0x10 => {
                        Err(ValueError::Invalid("Invalid version for TimeUUID type.".to_owned()))
                    }
                    _ => Ok(()),
                }
            }
            T::Inet => match length {
                0 | 4 | 16 => Ok(()),
                _ => Err(ValueError::Invalid(format!("Expected 4 or 16 byte inetaddress; got {length}"))),
            },
            T::Duration => Duration::decode(wire).map(|_| ()),
            composite => validate_composite(composite, wire),
        }
    }
}

fn validate_composite(ty: &CqlType, wire: &[u8]) -> Result<(), ValueError> {
    match ty {
        CqlType::List(element) | CqlType::Set(element) => {
            let mut elements = Elements::new(wire, 1)?;
            while let Some(item) = elements.next_element()? {
                element.validate(item)?;
            }
            elements.finish()
        }
        CqlType::Map(key, value) => {
            let mut elements = Elements::new(wire, 2)?;
            while let Some(item) = elements.next_element()? {
                key.validate(item)?;
                if let Some(item) = elements.next_element()? {
                    value.validate(item)?;
                }
            }
            elements.finish()
        }
        CqlType::Tuple(types) => validate_fields(types.iter(), types.len(), wire, "tuple"),
        CqlType::Udt { name, fields, .. } => validate_fields(fields.iter().map(|(_, ty)| ty), fields.len(), wire, name),
        CqlType::Vector(element, dimension) => {
            for item in vector_elements(element, *dimension, wire)? {
                element.validate(item)?;
            }
            Ok(())
        }
        scalar => Err(ValueError::Invalid(format!("{scalar} is not made of other types"))),
    }
}

fn validate_time(wire: &[u8]) -> Result<(), ValueError> {
    let Ok(bytes) = <[u8; 8]>::try_from(wire) else {
        return Err(ValueError::Invalid(format!("Expected 8 byte long for time ({})", wire.len())));
    };
    let nanos = i64::from_be_bytes(bytes);
    if (0..crate::calendar::NANOS_PER_DAY).contains(&nanos) {
        Ok(())
    } else {
        Err(ValueError::Invalid(format!("Input long out of bounds: {nanos}")))
    }
}

fn validate_uuid_length(length: usize) -> Result<(), ValueError> {
    if matches!(length, 0 | 16) {
        Ok(())
    } else {
        Err(ValueError::Invalid(format!("UUID should be 16 or 0 bytes ({length})")))
    }
}

fn validate_fields<'t>(
    types: impl Iterator<Item = &'t CqlType>,
    count: usize,
    wire: &[u8],
    name: &str,
) -> Result<(), ValueError> {
    let fields = tuple_fields(wire, count).map_err(|e| ValueError::Invalid(format!("{e} in {name}")))?;
    for (ty, field) in types.zip(fields) {
        if let Some(bytes) = field {
            ty.validate(bytes)?;
        }
    }
    Ok(())
}
