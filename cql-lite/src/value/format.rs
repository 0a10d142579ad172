//! Values as text: as a shell shows them, and as literals that CQL reads back.

use std::fmt::{self, Write};

use super::Value;
use crate::calendar;
use crate::types::display::write_identifier;

/// Significant digits that cqlsh shows of a float and a double.
const FLOAT_PRECISION: i32 = 5;
const DOUBLE_PRECISION: i32 = 12;

#[derive(Clone, Copy, PartialEq)]
enum Style {
    /// A cell of its own: text without quotes.
    Cell,
    /// Inside a collection shown in a cell: text with quotes.
    Nested,
    /// CQL that reads back as the same value.
    Literal,
}

impl Value {
    /// The text that cqlsh prints for the value.
    pub fn to_display(&self) -> String {
        self.to_text(Style::Cell)
    }

    /// The value as a CQL literal.
    pub fn to_literal(&self) -> String {
        self.to_text(Style::Literal)
    }

    fn to_text(&self, style: Style) -> String {
        let mut out = String::new();
        // Writing to a String never fails.
        let _ = write(self, style, &mut out);
        out
    }
}

fn write(value: &Value, style: Style, out: &mut String) -> fmt::Result {
    let literal = style == Style::Literal;
    match value {
        Value::Null | Value::Unset => out.write_str("null"),
        Value::Empty => out.write_str(if literal { "''" } else { "" }),
        Value::Text(text) => write_text(text, style, out),
        Value::Blob(bytes) => {
            out.push_str("0x");
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
        }
        Value::Boolean(value) if literal => write!(out, "{value}"),
        Value::Boolean(value) => out.write_str(if *value { "True" } else { "False" }),
        Value::TinyInt(value) => write!(out, "{value}"),
        Value::SmallInt(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::BigInt(value) | Value::Counter(value) => write!(out, "{value}"),
        Value::Varint(value) => write!(out, "{value}"),
        Value::Decimal(value) => write!(out, "{value}"),
        Value::Float(value) => write_float(f64::from(*value), &format!("{value:?}"), FLOAT_PRECISION, literal, out),
        Value::Double(value) => write_float(*value, &format!("{value:?}"), DOUBLE_PRECISION, literal, out),
        Value::Date(days) => quoted(&calendar::format_date(*days), style, out),
        Value::Time(nanos) => quoted(&calendar::format_time(*nanos), style, out),
        Value::Timestamp(millis) => quoted(&calendar::format_timestamp(*millis), style, out),
        Value::Duration(value) => write!(out, "{value}"),
        Value::Uuid(value) => write!(out, "{value}"),
        Value::Inet(address) => quoted(&address.to_string(), style, out),
        Value::List(items) | Value::Vector(items) => write_items(items, style, ['[', ']'], out),
        Value::Set(items) => write_items(items, style, ['{', '}'], out),
        Value::Tuple(items) => write_items(items, style, ['(', ')'], out),
        Value::Map(entries) => write_entries(entries, out, |out, (key, value)| {
            write(key, nested(style), out)?;
            out.push_str(": ");
            write(value, nested(style), out)
        }),
        Value::Udt(fields) => write_entries(fields, out, |out, (name, value)| {
            write_identifier(out, name)?;
            out.push_str(": ");
            write(value, nested(style), out)
        }),
    }
}

fn nested(style: Style) -> Style {
    if style == Style::Literal { Style::Literal } else { Style::Nested }
}

fn quoted(text: &str, style: Style, out: &mut String) -> fmt::Result {
    if style == Style::Cell { out.write_str(text) } else { write!(out, "'{text}'") }
}

fn write_text(text: &str, style: Style, out: &mut String) -> fmt::Result {
    if style == Style::Literal {
        return write!(out, "'{}'", text.replace('\'', "''"));
    }
    let quote = if style == Style::Nested { "'" } else { "" };
    out.push_str(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\'' if style == Style::Nested => out.push_str("''"),
            // A terminal must not be steered by what a row holds.
            c if c.is_control() => write!(out, "\\x{:02x}", u32::from(c))?,
            c => out.push(c),
        }
    }
    out.push_str(quote);
    Ok(())
}

fn write_items(items: &[Value], style: Style, [open, close]: [char; 2], out: &mut String) -> fmt::Result {
    out.push(open);
    for (i, item) in items.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { ", " });
        write(item, nested(style), out)?;
    }
    out.push(close);
    Ok(())
}

fn write_entries<T>(
    entries: &[T],
    out: &mut String,
    mut write: impl FnMut(&mut String, &T) -> fmt::Result,
) -> fmt::Result {
    out.push('{');
    for (i, entry) in entries.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { ", " });
        write(out, entry)?;
    }
    out.push('}');
    Ok(())
}

/// `shortest` is the shortest text that reads back as the same number: the literal.
fn write_float(value: f64, shortest: &str, precision: i32, literal: bool, out: &mut String) -> fmt::Result {
    if value.is_nan() {
        return out.write_str("NaN");
    }
    if value.is_infinite() {
        return out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if literal {
        return out.write_str(shortest);
    }
    // cqlsh counts the digits before the point on top of the precision where no exponent is shown.
    let exponent = if value.abs() > f64::EPSILON { value.abs().log10() as i32 } else { i32::MIN };
    let plain = (-4..precision).contains(&exponent);
    let digits = if plain { precision + exponent + 1 } else { precision };
    // Beyond the digits that the type holds cqlsh shows noise (123456.789000000004): not here.
    let exact = if precision == FLOAT_PRECISION { f32::DIGITS } else { f64::DIGITS };
    if plain && digits > exact as i32 {
        return out.write_str(shortest.strip_suffix(".0").unwrap_or(shortest));
    }
    out.write_str(&general(value, digits))
}

/// C's `%.*g`.
fn general(value: f64, precision: i32) -> String {
    let precision = precision.max(1) as usize;
    if value == 0.0 {
        return if value.is_sign_negative() { "-0".to_owned() } else { "0".to_owned() };
    }
    let scientific = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    trim(&format!("{value:.decimals$}"))
}
