//! Values as JSON, as `to_json` gives them.

use std::fmt::Write;

use num_bigint::BigInt;

use super::{Value, ValueError};
use crate::calendar;

impl Value {
    /// The value as JSON. What JSON has no number for (NaN and the infinities) is null.
    ///
    /// # Errors
    /// A text of more than `bytes_max`: keys of maps within keys of maps double their quotes at each level.
    pub fn to_json(&self, bytes_max: usize) -> Result<String, ValueError> {
        let mut out = String::new();
        write(self, &mut out, bytes_max)?;
        Ok(out)
    }
}

/// Longer numbers are refused: their digits take long to find.
const NUMBER_BITS_MAX: u64 = 4096 * 8;

fn check_digits(number: &BigInt) -> Result<(), ValueError> {
    if number.bits() > NUMBER_BITS_MAX {
        return Err(ValueError::Invalid(format!("A number of {} bits is too large for JSON", number.bits())));
    }
    Ok(())
}

fn check(out: &str, bytes_max: usize) -> Result<(), ValueError> {
    if out.len() > bytes_max {
        return Err(ValueError::Invalid(format!("The value takes more than {bytes_max} bytes as JSON")));
    }
    Ok(())
}

/// Writing to a String never fails: its results are dropped.
fn write(value: &Value, out: &mut String, bytes_max: usize) -> Result<(), ValueError> {
    match value {
        Value::Null | Value::Unset => out.push_str("null"),
        Value::Float(value) if !value.is_finite() => out.push_str("null"),
        Value::Double(value) if !value.is_finite() => out.push_str("null"),
        Value::Float(value) => {
            let _ = write!(out, "{value:?}");
        }
        Value::Double(value) => {
            let _ = write!(out, "{value:?}");
        }
        Value::Boolean(value) => {
            let _ = write!(out, "{value}");
        }
        Value::TinyInt(value) => {
            let _ = write!(out, "{value}");
        }
        Value::SmallInt(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Value::BigInt(value) | Value::Counter(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Varint(value) => {
            check_digits(value)?;
            let _ = write!(out, "{value}");
        }
        Value::Decimal(value) => {
            check_digits(&value.unscaled)?;
            let _ = write!(out, "{value}");
        }
        Value::Text(text) => quote(text, out),
        Value::Timestamp(millis) => {
            let text = calendar::format_timestamp(*millis);
            let to_millis = text.strip_suffix("000+0000").unwrap_or(&text);
            let _ = write!(out, "\"{to_millis}Z\"");
        }
        Value::Empty
        | Value::Blob(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::Duration(_)
        | Value::Uuid(_)
        | Value::Inet(_) => quote(&value.to_display(), out),
        Value::List(items) | Value::Set(items) | Value::Tuple(items) | Value::Vector(items) => {
            write_all(items, ['[', ']'], out, |item, out| write(item, out, bytes_max))?;
        }
        Value::Map(entries) => write_all(entries, ['{', '}'], out, |(key, value), out| {
            write_key(key, out, bytes_max)?;
            out.push_str(": ");
            write(value, out, bytes_max)
        })?,
        Value::Udt(fields) => write_all(fields, ['{', '}'], out, |(name, value), out| {
            // A name that is not all lower case has its own quotes inside of JSON's.
            let is_plain = !name.chars().any(char::is_uppercase);
            quote(&if is_plain { name.clone() } else { format!("\"{name}\"") }, out);
            out.push_str(": ");
            write(value, out, bytes_max)
        })?,
    }
    check(out, bytes_max)
}

fn write_all<T>(
    items: &[T],
    [open, close]: [char; 2],
    out: &mut String,
    mut one: impl FnMut(&T, &mut String) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        one(item, out)?;
    }
    out.push(close);
    Ok(())
}

/// Keys of JSON are texts: any other is the text of its JSON.
fn write_key(key: &Value, out: &mut String, bytes_max: usize) -> Result<(), ValueError> {
    let start = out.len();
    write(key, out, bytes_max)?;
    if !out[start..].starts_with('"') {
        let key = out.split_off(start);
        quote(&key, out);
    }
    check(out, bytes_max)
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn each_type_has_its_json() {
        let text = |text: &str| Value::from(text);
        let cases = [
            (text("it's \"x\"\\\n\u{1}ü"), r#""it's \"x\"\\\n\u0001ü""#),
            (Value::Int(-5), "-5"),
            (Value::Boolean(true), "true"),
            (Value::Double(1.5), "1.5"),
            (Value::Float(f32::NAN), "null"),
            (Value::Double(f64::INFINITY), "null"),
            (Value::Blob(Bytes::from_static(&[0, 255])), "\"0x00ff\""),
            (Value::Timestamp(1_430_659_854_234), "\"2015-05-03 13:30:54.234Z\""),
            (Value::Date(1 << 31), "\"1970-01-01\""),
            (Value::Null, "null"),
            (Value::Empty, "\"\""),
            (Value::Set(vec![Value::Int(1), Value::Int(2)]), "[1, 2]"),
            (Value::Tuple(vec![Value::Null, text("a")]), "[null, \"a\"]"),
            (Value::Map(vec![(text("k"), Value::List(vec![])), (text("l"), Value::Null)]), "{\"k\": [], \"l\": null}"),
            (Value::Map(vec![(Value::Int(1), text("a"))]), "{\"1\": \"a\"}"),
            (Value::Map(vec![(Value::List(vec![text("x")]), Value::Int(1))]), r#"{"[\"x\"]": 1}"#),
            (Value::Udt(vec![("a".into(), Value::Int(1)), ("B".into(), Value::Null)]), r#"{"a": 1, "\"B\"": null}"#),
        ];
        for (value, json) in cases {
            assert_eq!(value.to_json(1_000).as_deref(), Ok(json));
        }
    }

    #[test]
    fn quotes_within_quotes_are_bounded() {
        let mut value = Value::from("x");
        for _ in 0..30 {
            value = Value::Map(vec![(value, Value::Int(1))]);
        }
        let error = value.to_json(1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "The value takes more than 1048576 bytes as JSON");
    }
}
