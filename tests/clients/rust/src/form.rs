//! The script's forms of values, made comparable: two forms of one type are equal if these are.

use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use serde_json::{Value, json};

use crate::kind::Kind;

/// What a value is bound as.
#[derive(Clone, Debug, PartialEq)]
pub enum Bind<T> {
    /// Nothing: the column keeps what it has.
    Unset,
    /// null.
    Null,
    /// A value.
    Value(T),
}

impl<T> Bind<T> {
    /// Reads the form, a value by `make`.
    pub fn read(form: &Value, make: impl FnOnce(&Value) -> Result<T>) -> Result<Bind<T>> {
        if form.is_null() {
            Ok(Bind::Null)
        } else if *form == json!({"unset": true}) {
            Ok(Bind::Unset)
        } else {
            make(form).map(Bind::Value)
        }
    }
}

/// The text of a form.
pub fn text(form: &Value) -> Result<&str> {
    form.as_str().with_context(|| format!("{form} is not a text"))
}

/// The elements of a form.
pub fn elements(form: &Value) -> Result<&Vec<Value>> {
    form.as_array().with_context(|| format!("{form} is not an array"))
}

/// A number, or anything else that is read from its text.
pub fn parse<T: FromStr>(form: &Value) -> Result<T> {
    let text = text(form)?;
    text.parse().ok().with_context(|| format!("`{text}` is not of its type"))
}

/// A pair of a map.
pub fn pair(form: &Value) -> Result<(&Value, &Value)> {
    match elements(form)?.as_slice() {
        [key, value] => Ok((key, value)),
        _ => anyhow::bail!("{form} is not a pair"),
    }
}

/// The bytes of hex digits.
pub fn bytes(form: &Value) -> Result<Vec<u8>> {
    let digits = text(form)?;
    ensure!(digits.len().is_multiple_of(2) && digits.is_ascii(), "`{digits}` is not hex");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(anyhow::Error::from);
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Bytes as hex digits.
pub fn hex(bytes: &[u8]) -> Value {
    Value::String(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The unscaled number and the scale of a decimal.
pub fn decimal(form: &Value) -> Result<(BigInt, i32)> {
    let (unscaled, scale) = parse::<BigDecimal>(form)?.into_bigint_and_exponent();
    Ok((unscaled, i32::try_from(scale)?))
}

/// Months, days and nanoseconds of a duration.
pub fn duration(form: &Value) -> Result<(i32, i32, i64)> {
    match elements(form)?.as_slice() {
        [months, days, nanoseconds] => Ok((parse(months)?, parse(days)?, parse(nanoseconds)?)),
        _ => anyhow::bail!("{form} is not a duration"),
    }
}

/// A float, comparable.
pub fn of_float(value: f32) -> Value {
    of_double(f64::from(value))
}

/// A double, comparable: NaN equals NaN, 0 equals -0.
pub fn of_double(value: f64) -> Value {
    Value::String(if value == 0.0 { "0".into() } else { format!("{value:?}") })
}

/// A decimal, comparable: 1.0 is not 1.00.
pub fn of_decimal(unscaled: &BigInt, scale: i32) -> Value {
    json!([unscaled.to_string(), scale])
}

/// A duration.
pub fn of_duration(months: i32, days: i32, nanoseconds: i64) -> Value {
    json!([months.to_string(), days.to_string(), nanoseconds.to_string()])
}

/// Anything whose text is its form.
pub fn of(value: impl ToString) -> Value {
    Value::String(value.to_string())
}

/// The script's form, comparable with what a driver's values become.
pub fn comparable(kind: &Kind, form: &Value) -> Result<Value> {
    if form.is_null() {
        return Ok(Value::Null);
    }
    let all = |kinds: &mut dyn Iterator<Item = &Kind>| -> Result<Value> {
        let forms = elements(form)?.iter().zip(kinds).map(|(form, kind)| comparable(kind, form));
        forms.collect::<Result<Vec<Value>>>().map(Value::Array)
    };
    match kind {
        Kind::List(element) | Kind::Set(element) | Kind::Vector(element, _) => all(&mut std::iter::repeat(&**element)),
        Kind::Tuple(kinds) => all(&mut kinds.iter()),
        Kind::Map(kinds) => {
            let pairs = elements(form)?.iter().map(|entry| {
                let (key, value) = pair(entry)?;
                Ok(json!([comparable(&kinds.0, key)?, comparable(&kinds.1, value)?]))
            });
            pairs.collect::<Result<Vec<Value>>>().map(Value::Array)
        }
        Kind::Native(name) => Ok(match name.as_str() {
            "float" => of_float(parse(form)?),
            "double" => of_double(parse(form)?),
            "decimal" => {
                let (unscaled, scale) = decimal(form)?;
                of_decimal(&unscaled, scale)
            }
            "inet" => of(parse::<IpAddr>(form)?),
            _ => form.clone(),
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn same(kind: &str, one: Value, other: Value) -> bool {
        let kind = Kind::parse(kind).unwrap();
        comparable(&kind, &one).unwrap() == comparable(&kind, &other).unwrap()
    }

    #[test]
    fn equal_values_are_comparable() {
        assert!(same("double", json!("NaN"), json!("NaN")));
        assert!(same("double", json!("1e1"), json!("10")));
        assert!(same("float", json!("0.1"), json!("0.10000000149")));
        assert!(!same("double", json!("0.1"), json!("0.10000000149")));
        assert!(!same("decimal", json!("1.0"), json!("1.00")));
        assert!(same("inet", json!("0:0::1"), json!("::1")));
        assert!(same("list<float>", json!(["-0"]), json!(["0.0"])));
        assert!(!same("map<text, int>", json!([["a", "1"]]), json!([["a", "2"]])));
        assert_eq!(bytes(&json!("00ff")).unwrap(), [0, 255]);
        assert!(bytes(&json!("0")).is_err() && bytes(&json!("zz")).is_err());
    }
}
